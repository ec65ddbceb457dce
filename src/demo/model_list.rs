//! The models of one vendor.

use super::vendor_error::VendorError;

/// A model for embeddings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Embedder {
    /// Its name.
    pub model: &'static str,
    /// Numbers in one vector, if the request does not set fewer.
    pub dimensions: u32,
    /// USD per million tokens.
    pub input_usd_per_1m: f64,
}

/// The models of a vendor, and its name.
#[derive(Debug, Clone, Copy)]
pub struct ModelList {
    /// The vendor's name.
    pub owner: &'static str,
    /// The chat model.
    pub model: &'static str,
    /// The embedding model.
    pub embedder: Option<&'static Embedder>,
    /// Unix seconds of the models' release.
    pub created: u64,
}

impl ModelList {
    /// The names of all models.
    pub fn models(&self) -> impl Iterator<Item = &'static str> {
        let embedder = self.embedder.map(|embedder| embedder.model);
        std::iter::once(self.model).chain(embedder)
    }

    /// Finds a model by its name.
    pub fn named(&self, name: &str) -> Result<&'static str, VendorError> {
        let mut models = self.models();
        models
            .find(|model| *model == name)
            .ok_or_else(|| VendorError::UnknownModel(name.to_owned()))
    }
}

//! The models of one vendor.

use super::vendor_error::VendorError;

/// A model that makes vectors of texts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Embedder {
    /// Its name.
    pub model: &'static str,
    /// Numbers in one vector, where a request does not want fewer.
    pub dimensions: u32,
    /// USD per million tokens.
    pub input_usd_per_1m: f64,
}

/// What a vendor has.
#[derive(Debug, Clone, Copy)]
pub struct ModelList {
    /// The vendor's name.
    pub owner: &'static str,
    /// The model that speaks.
    pub model: &'static str,
    /// The model that makes vectors.
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

    /// The model of this name, or the refusal.
    pub fn named(&self, name: &str) -> Result<&'static str, VendorError> {
        let mut models = self.models();
        models
            .find(|model| *model == name)
            .ok_or_else(|| VendorError::UnknownModel(name.to_owned()))
    }
}

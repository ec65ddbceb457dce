//! The kinds of requests that a vendor serves.

/// What a request wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VendorRoute {
    /// An answer of the model.
    Chat,
    /// The same, where a vendor has two forms for it and this is the second.
    Response,
    /// Vectors of texts.
    Embed,
    /// The size of a request, in tokens.
    Count,
    /// What the vendor has: models, or what else it tells for nothing. Used as a probe.
    Listing,
}

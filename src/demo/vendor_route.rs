//! The kinds of requests that a vendor serves.

/// The kind of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VendorRoute {
    /// A chat response.
    Chat,
    /// A chat response in the vendor's second format, if it has two.
    Response,
    /// Embeddings.
    Embed,
    /// The token count of a request.
    Count,
    /// Models, or other data that costs nothing. Used as a probe.
    Listing,
}

//! A failure as a client reads it.

/// A failure as a client reads it, in OpenAI's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorBody {
    /// HTTP status of the response.
    pub status: u16,
    /// OpenAI's `type`.
    pub kind: String,
    /// Error code, in OpenAI's terms.
    pub code: Option<String>,
    /// The rejected field of the request.
    pub param: Option<String>,
    /// Sentence for the client.
    pub message: String,
}

//! A failure as a client reads it.

/// A failure as clients are told of it, in OpenAI's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorBody {
    pub status: u16,
    /// OpenAI's `type`.
    pub kind: String,
    pub code: Option<String>,
    /// The member at fault.
    pub param: Option<String>,
    pub message: String,
}

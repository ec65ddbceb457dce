//! What is asked for again and again while it is looked at.

/// Rows of a list that is asked for while somebody looks at it.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing<T> {
    /// Newest first.
    pub rows: Vec<T>,
    /// The row under the cursor.
    pub at: usize,
    /// Whether an answer has come at all.
    pub is_known: bool,
    /// Why the last answer was none.
    pub error: Option<String>,
    /// Somebody was asked and has not answered.
    pub asked: bool,
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            at: 0,
            is_known: false,
            error: None,
            asked: false,
        }
    }
}

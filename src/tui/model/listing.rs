//! A list that is refreshed while it is on the screen.

/// A list that is refreshed while it is on the screen.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing<T> {
    /// Newest first.
    pub rows: Vec<T>,
    /// The row under the cursor.
    pub at: usize,
    /// A reply has arrived.
    pub is_known: bool,
    /// The error of the latest request.
    pub error: Option<String>,
    /// A request is under way.
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

impl<T> Listing<T> {
    /// Takes in the reply to a request: rows, or an error.
    pub fn receive(&mut self, reply: Result<Vec<T>, String>) {
        self.asked = false;
        match reply {
            Ok(rows) => {
                self.rows = rows;
                self.is_known = true;
                self.error = None;
            }
            Err(error) => self.error = Some(error),
        }
    }
}

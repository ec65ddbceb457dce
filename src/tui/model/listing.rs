//! A list that is refreshed while it is on the screen.

use std::time::Duration;

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
    /// Time of the latest reply, since the start of the dashboard.
    pub answered_at: Option<Duration>,
}

impl<T> Listing<T> {
    /// Returns whether it is time to ask for it: nothing is under way, and the latest reply is older
    /// than `age`.
    pub fn is_due(&self, now: Duration, age: Duration) -> bool {
        let is_old = |at: Duration| now.saturating_sub(at) >= age;
        !self.asked && self.answered_at.is_none_or(is_old)
    }
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            at: 0,
            is_known: false,
            error: None,
            asked: false,
            answered_at: None,
        }
    }
}

impl<T> Listing<T> {
    /// Takes in the reply to a request: rows, or an error. `now` is the time since the start of the
    /// dashboard.
    pub fn receive(&mut self, reply: Result<Vec<T>, String>, now: Duration) {
        self.asked = false;
        self.answered_at = Some(now);
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

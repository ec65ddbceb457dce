//! The window of the past on the screen.

use crate::contract::{Status, Window};
use std::sync::Arc;

/// Windows begin and end with full minutes.
pub const STEP_S: u64 = 60;

/// A window of the past that was asked for, and what is shown of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownPast {
    /// End of the window that was asked for last, Unix seconds.
    pub until: u64,
    /// Its length.
    pub window: Window,
    /// The latest window that arrived; an earlier one stays until the next is there.
    pub status: Option<Arc<Status>>,
    /// A request is under way.
    pub asked: bool,
}

impl ShownPast {
    /// Start of the window, Unix seconds.
    pub fn from(&self) -> u64 {
        self.until.saturating_sub(self.window.seconds())
    }
}

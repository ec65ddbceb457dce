//! What only the process knows of itself.

use std::borrow::Cow;

/// What the engine does not know.
#[derive(Debug, Clone, Default)]
pub struct ProcessFacts {
    /// Losses since the start, by queue.
    pub dropped: Vec<(Cow<'static, str>, u64)>,
    /// The store; `None` if there is none.
    pub store: Option<StoreFacts>,
}

/// How the store does.
#[derive(Debug, Clone, Copy, Default)]
pub struct StoreFacts {
    /// 0: rows are written within seconds, 1: they wait, 2: the last write failed.
    pub state: u8,
    /// Rows that wait.
    pub queued: u64,
    /// Rows written since the start.
    pub written: u64,
}

//! What a journal of a new process continues.

use super::record::RollUpRow;

/// What the store holds already.
#[derive(Debug, Default)]
pub struct JournalStart {
    /// Sums of clients in buckets that are not over yet.
    pub(super) clients: Vec<RollUpRow>,
    /// Number of the newest revision; 0 without one.
    pub(super) revision: u64,
}

use crate::contract::Status;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Updates that wait for a watcher, which needs only the newest.
pub(super) const UPDATE_QUEUE: usize = 4;

/// What a watcher of an instance receives.
#[derive(Debug, Clone)]
pub enum Update {
    /// The newest status; it replaces all earlier ones.
    Status(Arc<Status>),
    /// The instance does not answer, for this reason; the watcher reconnects by itself.
    Disconnected(String),
}

/// Sends an update, or drops it where the watcher is behind: the next one replaces it.
pub(super) fn send_latest(updates: &mpsc::Sender<Update>, update: Update) {
    let _dropped_where_full = updates.try_send(update);
}

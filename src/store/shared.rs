//! What handle and writer share.

use super::audit_chain::AuditChain;
use super::database::Database;
use super::error::StoreError;
use super::figures::Figures;
use super::options::StoreOptions;
use super::queue::RecordQueue;
use super::record::LedgerRow;
use super::sequence::Sequence;
use std::sync::Mutex;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Rows of the ledger, and where to say that they are written.
pub(super) type LedgerWrite = (Vec<LedgerRow>, oneshot::Sender<Result<(), StoreError>>);

/// What handle and writer share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: StoreOptions,
    pub(super) database: Database,
    pub(super) queue: RecordQueue,
    pub(super) figures: Figures,
    pub(super) closing: CancellationToken,
    /// True once the database was reached.
    pub(super) opened: watch::Sender<bool>,
    pub(super) ledger: mpsc::Sender<LedgerWrite>,
    pub(super) sequence: Sequence,
    pub(super) epoch: u64,
    pub(super) audit: Mutex<AuditChain>,
    pub(super) writer: Mutex<Option<JoinHandle<()>>>,
}

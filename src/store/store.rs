//! The handle of the store.

use super::audit_chain::AuditChain;
use super::database::{Backend, Database};
use super::error::StoreError;
use super::figures::Figures;
use super::options::StoreOptions;
use super::queue::RecordQueue;
use super::record::{LedgerRow, Record};
use super::schema;
use super::sequence::Sequence;
use super::shared::Shared;
use super::status::{StoreState, StoreStatus};
use super::writer::StoreWriter;
use crate::clock;
use crate::domain::UnixTime;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

/// Writes of the ledger that may wait.
const LEDGER_QUEUE: usize = 256;

/// Handle to the store; cheap to clone. One that is off takes everything and keeps nothing.
#[derive(Debug, Clone, Default)]
pub struct Store {
    shared: Option<Arc<Shared>>,
}

impl Store {
    /// A store that keeps nothing.
    pub fn off() -> Self {
        Self::default()
    }

    /// Opens a store and brings its schema to this version. A server that cannot be reached is tried
    /// again and again in the background; a file must open at once.
    pub async fn open(options: StoreOptions) -> Result<Self, StoreError> {
        if options.is_off() {
            return Ok(Self::off());
        }
        let now = clock::now();
        let database = Database::new(&options)?;
        let (connection, failure) = match open_now(&database, now).await {
            Ok(connection) => (Some(connection), None),
            Err(error) if database.backend() == Backend::Postgres && error.is_transient() => {
                (None, Some(error))
            }
            Err(error) => return Err(error),
        };
        let (ledger, ledger_writes) = mpsc::channel(LEDGER_QUEUE);
        let shared = Arc::new(Shared {
            options,
            database,
            queue: RecordQueue::default(),
            figures: Figures::starting(now),
            closing: CancellationToken::new(),
            opened: watch::channel(connection.is_some()).0,
            ledger,
            sequence: Sequence::starting(now),
            epoch: now.micros(),
            audit: Mutex::default(),
            writer: Mutex::default(),
        });
        if let Some(error) = failure {
            shared.figures.fail(error.to_string(), now);
        }
        let writer = StoreWriter::new(Arc::clone(&shared), ledger_writes, connection);
        let task = tokio::spawn(writer.run());
        *shared.writer.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        Ok(Self {
            shared: Some(shared),
        })
    }

    /// Queues a record. Never waits: where too many wait, the oldest is dropped and counted.
    pub fn record(&self, record: Record) {
        if let Some(shared) = &self.shared {
            shared.queue.push(record);
        }
    }

    /// Writes rows of the ledger ahead of everything else; returns once they are safe.
    pub async fn write_ledger(&self, rows: Vec<LedgerRow>) -> Result<(), StoreError> {
        let shared = self.shared()?;
        let (reply, written) = oneshot::channel();
        let queued = shared.ledger.send((rows, reply)).await;
        queued.map_err(|_| StoreError::Closed)?;
        written.await.map_err(|_| StoreError::Closed)?
    }

    /// The next number for a row.
    pub fn next_sequence(&self) -> u64 {
        let shared = self.shared.as_ref();
        shared.map_or(0, |shared| shared.sequence.next())
    }

    /// Start of this process in microseconds; names its rows of the ledger.
    pub fn epoch(&self) -> u64 {
        self.shared.as_ref().map_or(0, |shared| shared.epoch)
    }

    /// Name of this instance in the rows.
    pub fn instance(&self) -> &str {
        let shared = self.shared.as_ref();
        shared.map_or("", |shared| &shared.options.instance)
    }

    /// Address for people; empty for a store that is off.
    pub fn shown(&self) -> String {
        let shared = self.shared.as_ref();
        shared.map_or_else(String::new, |shared| shared.options.shown())
    }

    /// Returns true if there is a store.
    pub fn is_on(&self) -> bool {
        self.shared.is_some()
    }

    /// Returns true until the database was reached for the first time.
    pub fn is_away(&self) -> bool {
        let shared = self.shared.as_ref();
        shared.is_some_and(|shared| !*shared.opened.borrow())
    }

    /// Waits until the database was reached for the first time.
    pub async fn opened(&self) -> Result<(), StoreError> {
        let mut opened = self.shared()?.opened.subscribe();
        let opened = opened.wait_for(|opened| *opened).await;
        opened.map(drop).map_err(|_| StoreError::Closed)
    }

    /// State and figures.
    pub fn status(&self) -> StoreStatus {
        let Some(shared) = &self.shared else {
            return StoreStatus::default();
        };
        let condition = shared.figures.condition();
        let dropped_kinds = shared.queue.dropped();
        StoreStatus {
            state: condition.state,
            since: condition.since,
            queued: shared.queue.len() as u64,
            written: shared.figures.written(),
            dropped: dropped_kinds.values().sum(),
            dropped_kinds,
            last_error: condition.last_error,
        }
    }

    /// Waits until all that was queued before is written; for tests and stops.
    pub async fn flush(&self) {
        while self.is_on() && self.status().queued > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// Writes what still waits, for some seconds, and ends.
    pub async fn close(&self) {
        let Some(shared) = &self.shared else { return };
        shared.queue.close();
        shared.closing.cancel();
        let task = shared
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(task) = task {
            // A writer that panicked has nothing more to write.
            let _ = task.await;
        }
        let left = shared.queue.len();
        if left > 0 {
            let state = StoreState::Failing.as_str();
            tracing::warn!("the store is {state}: {left} rows were not written");
        }
    }

    /// The end of the audit log; `None` for a store that is off.
    pub(super) fn audit_chain(&self) -> Option<&Mutex<AuditChain>> {
        self.shared.as_deref().map(|shared| &shared.audit)
    }

    /// Returns true if one more entry of the audit log may wait for the writer.
    pub(super) fn has_audit_room(&self, is_selection: bool) -> bool {
        let shared = self.shared.as_ref();
        shared.is_none_or(|shared| shared.queue.has_audit_room(is_selection))
    }

    /// Counts an entry of the audit log that could not wait.
    pub(super) fn count_dropped_audit(&self) {
        if let Some(shared) = &self.shared {
            shared.queue.count_dropped("audit");
        }
    }

    /// The database, for what reads.
    pub(super) fn database(&self) -> Result<&Database, StoreError> {
        self.shared().map(|shared| &shared.database)
    }

    fn shared(&self) -> Result<&Arc<Shared>, StoreError> {
        self.shared.as_ref().ok_or(StoreError::Closed)
    }
}

async fn open_now(
    database: &Database,
    now: UnixTime,
) -> Result<super::database::Connection, StoreError> {
    let mut connection = database.connect().await?;
    schema::migrate(&mut connection, now).await?;
    Ok(connection)
}

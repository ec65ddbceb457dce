//! The one task that writes. It takes what waits, at most 2,000 rows in one transaction, and tries
//! again until the database has it; meanwhile the queue drops its oldest.

use super::batch;
use super::database::Connection;
use super::error::StoreError;
use super::partitions::KnownDays;
use super::queue::MAX_ROWS;
use super::record::{LedgerRow, Record};
use super::retention::Retention;
use super::schema;
use super::shared::{LedgerWrite, Shared};
use super::status::StoreState;
use crate::clock;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

/// Rows of one transaction.
const BATCH_ROWS: usize = 2_000;
/// Time between two transactions, which lets rows gather.
const BATCH_INTERVAL: Duration = Duration::from_millis(200);
/// First and longest wait after a failure.
const FIRST_RETRY: Duration = Duration::from_millis(250);
const LONGEST_RETRY: Duration = Duration::from_secs(5);
/// How long a stop waits for what still has to be written.
const FLUSH_TIME: Duration = Duration::from_secs(5);

/// The task that writes.
#[derive(Debug)]
pub(super) struct StoreWriter {
    shared: Arc<Shared>,
    ledger: mpsc::Receiver<LedgerWrite>,
    connection: Option<Connection>,
    days: KnownDays,
    retention: Retention,
    retry: Duration,
    /// Time of the next transaction.
    next: Instant,
}

impl StoreWriter {
    pub(super) fn new(
        shared: Arc<Shared>,
        ledger: mpsc::Receiver<LedgerWrite>,
        connection: Option<Connection>,
    ) -> Self {
        let retention = Retention::new(&shared.options);
        Self {
            shared,
            ledger,
            connection,
            days: KnownDays::default(),
            retention,
            retry: FIRST_RETRY,
            next: Instant::now(),
        }
    }

    /// Writes until the store is closed, then what still waits.
    pub(super) async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        loop {
            tokio::select! {
                biased;
                () = shared.closing.cancelled() => break,
                Some(write) = self.ledger.recv() => self.write_ledger(write).await,
                () = gathered(&shared, self.next) => self.write_waiting().await,
                () = sleep_until(self.retention.next()) => self.maintain().await,
            }
        }
        let end = Instant::now() + FLUSH_TIME;
        while let Ok(write) = self.ledger.try_recv() {
            self.write_ledger(write).await;
        }
        while shared.queue.len() > 0 && Instant::now() < end {
            self.write_waiting().await;
        }
        if let Some(connection) = self.connection {
            connection.close().await;
        }
        shared.database.close().await;
    }

    async fn write_ledger(&mut self, (rows, reply): LedgerWrite) {
        let result = self.try_ledger(&rows).await;
        if let Err(error) = &result {
            self.connection = None;
            self.failed(error);
        }
        // The caller may not wait any more.
        let _ = reply.send(result);
    }

    async fn try_ledger(&mut self, rows: &[LedgerRow]) -> Result<(), StoreError> {
        self.connect().await?;
        let connection = self.connection.as_mut().ok_or(StoreError::Closed)?;
        batch::write_ledger(connection, rows, &self.shared.options.instance).await
    }

    async fn write_waiting(&mut self) {
        let records = self.shared.queue.take(BATCH_ROWS);
        match self.try_write(&records).await {
            Ok(()) => self.succeeded(records.len()),
            Err(error) if error.is_about_data() => {
                self.connection = None;
                self.write_one_by_one(records).await;
            }
            Err(error) => {
                self.connection = None;
                self.shared.queue.put_back(records);
                self.failed(&error);
                tokio::select! {
                    () = sleep(self.retry) => {}
                    () = self.shared.closing.cancelled() => sleep(FIRST_RETRY).await,
                }
                self.retry = (self.retry * 2).min(LONGEST_RETRY);
            }
        }
        self.next = Instant::now() + BATCH_INTERVAL;
    }

    async fn try_write(&mut self, records: &[Record]) -> Result<(), StoreError> {
        self.connect().await?;
        let connection = self.connection.as_mut().ok_or(StoreError::Closed)?;
        let instance = &self.shared.options.instance;
        batch::write(connection, &mut self.days, records, instance).await
    }

    /// One row that the database refuses must not keep all others out.
    async fn write_one_by_one(&mut self, records: Vec<Record>) {
        let mut written = 0;
        let mut records = records.into_iter();
        while let Some(record) = records.next() {
            match self.try_write(std::slice::from_ref(&record)).await {
                Ok(()) => written += 1,
                Err(error) if error.is_about_data() => {
                    self.connection = None;
                    self.shared.queue.count_dropped(record.kind());
                    let table = record.kind();
                    tracing::warn!("the store lost a row of {table}: {error}");
                }
                Err(error) => {
                    self.connection = None;
                    self.failed(&error);
                    let rest = std::iter::once(record).chain(records).collect();
                    self.shared.queue.put_back(rest);
                    return;
                }
            }
        }
        self.succeeded(written);
    }

    async fn maintain(&mut self) {
        let now = clock::now();
        let result = match self.connect().await {
            Ok(()) => match self.connection.as_mut() {
                Some(connection) => self.retention.step(connection, now).await,
                None => Ok(()),
            },
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            self.connection = None;
            self.retention.postpone();
            self.failed(&error);
        }
    }

    async fn connect(&mut self) -> Result<(), StoreError> {
        if self.connection.is_none() {
            let mut connection = self.shared.database.connect().await?;
            schema::migrate(&mut connection, clock::now()).await?;
            self.days.clear();
            self.connection = Some(connection);
            self.shared.opened.send_replace(true);
        }
        Ok(())
    }

    fn succeeded(&mut self, rows: usize) {
        self.retry = FIRST_RETRY;
        self.shared.figures.add_written(rows);
        self.shared.queue.done();
        let is_behind = self.shared.queue.len() > MAX_ROWS / 4;
        let state = if is_behind {
            StoreState::Behind
        } else {
            StoreState::Ok
        };
        self.shared.figures.enter(state, clock::now());
    }

    fn failed(&self, error: &StoreError) {
        let text = error.to_string();
        if self.shared.figures.fail(text, clock::now()) {
            tracing::warn!("the store does not write: {error}; trying again");
        }
    }
}

/// Waits until a row waits and the time of the next transaction has come.
async fn gathered(shared: &Shared, next: Instant) {
    shared.queue.wait().await;
    sleep_until(next).await;
}

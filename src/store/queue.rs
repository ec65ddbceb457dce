//! Rows that wait for the writer: bounded in number and in memory. What is full drops its oldest,
//! and counts it by kind.

use super::record::Record;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Rows that may wait.
pub(super) const MAX_ROWS: usize = 65_536;
/// Bytes that they may take.
const MAX_BYTES: usize = 64 << 20;

/// Rows that wait for the writer.
#[derive(Debug, Default)]
pub(super) struct RecordQueue {
    waiting: Mutex<Waiting>,
    added: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    records: VecDeque<Record>,
    bytes: usize,
    /// Rows that the writer took and has not written yet.
    taken: usize,
    dropped: BTreeMap<&'static str, u64>,
    is_closed: bool,
}

impl RecordQueue {
    /// Adds a row; never waits.
    pub(super) fn push(&self, record: Record) {
        let mut waiting = self.lock();
        if waiting.is_closed {
            *waiting.dropped.entry(record.kind()).or_default() += 1;
            return;
        }
        waiting.add(record);
        // The writer sleeps between two batches; only the first row of a batch must wake it.
        let is_first = waiting.records.len() == 1;
        drop(waiting);
        if is_first {
            self.added.notify_one();
        }
    }

    /// Waits until a row waits.
    pub(super) async fn wait(&self) {
        loop {
            let added = self.added.notified();
            if !self.lock().records.is_empty() {
                return;
            }
            added.await;
        }
    }

    /// Takes the oldest rows.
    pub(super) fn take(&self, most: usize) -> Vec<Record> {
        let mut waiting = self.lock();
        let count = waiting.records.len().min(most);
        let taken: Vec<Record> = waiting.records.drain(..count).collect();
        let bytes: usize = taken.iter().map(Record::bytes).sum();
        waiting.bytes = waiting.bytes.saturating_sub(bytes);
        waiting.taken = taken.len();
        taken
    }

    /// Says that what was taken is written, or lost.
    pub(super) fn done(&self) {
        self.lock().taken = 0;
    }

    /// Puts rows back in front of all others, as far as there is room.
    pub(super) fn put_back(&self, records: Vec<Record>) {
        let mut waiting = self.lock();
        let newer = std::mem::take(&mut waiting.records);
        waiting.bytes = 0;
        waiting.taken = 0;
        for record in records.into_iter().chain(newer) {
            waiting.add(record);
        }
    }

    /// Accepts no more rows.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
    }

    /// Counts rows that were lost after they had left the queue.
    pub(super) fn count_dropped(&self, kind: &'static str) {
        *self.lock().dropped.entry(kind).or_default() += 1;
    }

    /// Rows that are not written yet.
    pub(super) fn len(&self) -> usize {
        let waiting = self.lock();
        waiting.records.len() + waiting.taken
    }

    pub(super) fn dropped(&self) -> BTreeMap<&'static str, u64> {
        self.lock().dropped.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn add(&mut self, record: Record) {
        self.bytes += record.bytes();
        self.records.push_back(record);
        while self.records.len() > MAX_ROWS || self.bytes > MAX_BYTES {
            let Some(oldest) = self.records.pop_front() else {
                return;
            };
            self.bytes = self.bytes.saturating_sub(oldest.bytes());
            *self.dropped.entry(oldest.kind()).or_default() += 1;
        }
    }
}

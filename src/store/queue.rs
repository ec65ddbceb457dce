//! Rows that wait for the writer: bounded in number and in memory. What is full drops its oldest,
//! and counts it by kind. Entries of the audit log go ahead of all others within a bound of their
//! own: none of them is dropped once it is here.

use super::record::Record;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Rows that may wait.
pub(super) const MAX_ROWS: usize = 65_536;
/// Bytes that they may take.
const MAX_BYTES: usize = 64 << 20;

/// Entries of the audit log that may wait, and bytes that they may take. Those of selections get half
/// of it, so that changes always find room.
const MAX_AUDIT_ROWS: usize = 20_000;
const MAX_AUDIT_BYTES: usize = 16 << 20;

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
    audit: VecDeque<Record>,
    audit_bytes: usize,
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
        let is_first = waiting.len() == 1;
        drop(waiting);
        if is_first {
            self.added.notify_one();
        }
    }

    /// Waits until a row waits.
    pub(super) async fn wait(&self) {
        loop {
            let added = self.added.notified();
            if self.lock().len() > 0 {
                return;
            }
            added.await;
        }
    }

    /// Takes the oldest rows, those of the audit log first.
    pub(super) fn take(&self, most: usize) -> Vec<Record> {
        let mut waiting = self.lock();
        let count = waiting.audit.len().min(most);
        let mut taken: Vec<Record> = waiting.audit.drain(..count).collect();
        waiting.audit_bytes = waiting.audit_bytes.saturating_sub(bytes(&taken));
        let count = waiting.records.len().min(most - count);
        let others: Vec<Record> = waiting.records.drain(..count).collect();
        waiting.bytes = waiting.bytes.saturating_sub(bytes(&others));
        taken.extend(others);
        waiting.taken = taken.len();
        taken
    }

    /// Returns true if one more entry of the audit log may wait.
    pub(super) fn has_audit_room(&self, is_selection: bool) -> bool {
        let part = if is_selection { 2 } else { 1 };
        let waiting = self.lock();
        waiting.audit.len() < MAX_AUDIT_ROWS / part && waiting.audit_bytes < MAX_AUDIT_BYTES / part
    }

    /// Says that what was taken is written, or lost.
    pub(super) fn done(&self) {
        self.lock().taken = 0;
    }

    /// Puts rows back in front of all others, as far as there is room.
    pub(super) fn put_back(&self, records: Vec<Record>) {
        let mut waiting = self.lock();
        let audit = std::mem::take(&mut waiting.audit);
        let newer = std::mem::take(&mut waiting.records);
        waiting.bytes = 0;
        waiting.audit_bytes = 0;
        waiting.taken = 0;
        for record in records.into_iter().chain(audit).chain(newer) {
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
        waiting.len() + waiting.taken
    }

    pub(super) fn dropped(&self) -> BTreeMap<&'static str, u64> {
        self.lock().dropped.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn len(&self) -> usize {
        self.audit.len() + self.records.len()
    }

    fn add(&mut self, record: Record) {
        if matches!(record, Record::Audit(_)) {
            self.audit_bytes += record.bytes();
            self.audit.push_back(record);
            return;
        }
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

fn bytes(records: &[Record]) -> usize {
    records.iter().map(Record::bytes).sum()
}

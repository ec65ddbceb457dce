//! The audit log: who did or tried what, each entry bound to the one before it by a hash.
//!
//! `hash = SHA-256(previous hash, newline, JSON array of all other columns)`, in hexadecimal digits. A
//! row that is changed, removed from the middle or put in between breaks the chain of its instance.

use super::audit_chain::{AuditChain, AuditEntry};
use super::database::Row;
use super::error::StoreError;
use super::record::{AuditRow, Record};
use super::store::Store;
use crate::clock;
use crate::domain::UnixTime;
use aws_lc_rs::digest::{SHA256, digest};
use std::fmt::Write as _;
use std::sync::PoisonError;

/// Entries that wait until the end of the chain is read; more are counted as dropped.
const MAX_WAITING: usize = 1_000;
/// Rows that are read at once.
const PAGE: u64 = 5_000;
/// Longest text of a field, in bytes.
const MAX_TEXT: usize = 8_192;
const COLUMNS: &str = "seq, at, actor, origin, action, subject, outcome, reason, before, after, \
                       previous, hash";

/// Result of a check of one instance's chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditCheck {
    /// Name of the instance.
    pub instance: String,
    /// Number of entries.
    pub entries: u64,
    /// Number of the first entry that does not fit, and why; `None` if all fit.
    pub broken: Option<(u64, &'static str)>,
    /// Hash of the last entry: kept elsewhere, it proves later that nothing was cut off.
    pub last_hash: String,
}

impl Store {
    /// Adds an entry. Never waits for the database.
    pub fn audit(&self, entry: AuditEntry) {
        let Some(chain) = self.audit_chain() else {
            return;
        };
        let now = clock::now();
        let mut chain = chain.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *chain {
            AuditChain::Unknown(waiting) if waiting.len() < MAX_WAITING => {
                waiting.push((entry, now));
            }
            AuditChain::Unknown(_) => self.count_dropped_audit(),
            AuditChain::At(previous) => self.append(previous, entry, now),
        }
    }

    /// Reads the end of the chain, and adds what waits for it.
    pub(super) async fn continue_audit(&self) -> Result<(), StoreError> {
        let sql = "SELECT hash FROM audit WHERE instance = $1 ORDER BY seq DESC LIMIT 1";
        let rows = self
            .database()?
            .fetch(sql, vec![self.instance().into()])
            .await?;
        let mut previous = rows
            .first()
            .map_or(Ok(String::new()), |row| row.string(0))?;
        let Some(chain) = self.audit_chain() else {
            return Ok(());
        };
        let mut chain = chain.lock().unwrap_or_else(PoisonError::into_inner);
        if let AuditChain::Unknown(waiting) = &mut *chain {
            for (entry, at) in std::mem::take(waiting) {
                self.append(&mut previous, entry, at);
            }
            *chain = AuditChain::At(previous);
        }
        Ok(())
    }

    /// Adds an entry after the one with the hash `previous`, under the lock of the chain: the order of
    /// numbers is the order of the chain.
    fn append(&self, previous: &mut String, entry: AuditEntry, at: UnixTime) {
        let mut row = AuditRow {
            sequence: self.next_sequence(),
            at,
            actor: shortened(entry.actor),
            origin: shortened(entry.origin),
            action: entry.action.to_owned(),
            subject: shortened(entry.subject),
            outcome: if entry.is_done { "ok" } else { "refused" }.to_owned(),
            reason: shortened(entry.reason),
            before: shortened(entry.before),
            after: shortened(entry.after),
            previous: std::mem::take(previous),
            hash: String::new(),
        };
        row.hash = hash(self.instance(), &row);
        previous.clone_from(&row.hash);
        self.record(Record::Audit(Box::new(row)));
    }

    /// Newest entries of all instances since a time, newest first; `before` continues behind an entry:
    /// its time in microseconds, its instance and its number.
    pub async fn newest_audit(
        &self,
        since: UnixTime,
        before: Option<(u64, &str, u64)>,
        limit: u64,
    ) -> Result<Vec<(String, AuditRow)>, StoreError> {
        let mut values = vec![since.micros().into()];
        let mut sql = format!("SELECT {COLUMNS}, instance FROM audit WHERE at >= $1");
        if let Some((at, instance, sequence)) = before {
            values.extend([at.into(), instance.into(), sequence.into()]);
            sql.push_str(" AND at <= $2 AND (at, instance, seq) < ($2, $3, $4)");
        }
        values.push(limit.into());
        let limit = values.len();
        // Writing into a text cannot fail.
        let _ = write!(
            sql,
            " ORDER BY at DESC, instance DESC, seq DESC LIMIT ${limit}"
        );
        let rows = self.database()?.fetch(&sql, values).await?;
        rows.iter()
            .map(|row| Ok((row.string(12)?, audit_row(row)?)))
            .collect()
    }

    /// Checks the chain of every instance. The oldest entry is taken as it is: retention removes from
    /// that end.
    pub async fn check_audit(&self) -> Result<Vec<AuditCheck>, StoreError> {
        let sql = "SELECT DISTINCT instance FROM audit ORDER BY instance";
        let rows = self.database()?.fetch(sql, Vec::new()).await?;
        let mut checks = Vec::new();
        for row in rows {
            checks.push(self.check_chain(row.string(0)?).await?);
        }
        Ok(checks)
    }

    async fn check_chain(&self, instance: String) -> Result<AuditCheck, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM audit WHERE instance = $1 AND seq > $2 ORDER BY seq LIMIT $3"
        );
        let mut check = AuditCheck {
            instance,
            entries: 0,
            broken: None,
            last_hash: String::new(),
        };
        let mut last = 0;
        loop {
            let values = vec![check.instance.as_str().into(), last.into(), PAGE.into()];
            let rows = self.database()?.fetch(&sql, values).await?;
            if rows.is_empty() {
                return Ok(check);
            }
            for row in &rows {
                let row = audit_row(row)?;
                last = row.sequence;
                check.add(&row);
            }
        }
    }
}

impl AuditCheck {
    fn add(&mut self, row: &AuditRow) {
        let follows = self.entries == 0 || row.previous == self.last_hash;
        let is_intact = row.hash == hash(&self.instance, row);
        self.entries += 1;
        self.last_hash.clone_from(&row.hash);
        if self.broken.is_none() {
            self.broken = match (is_intact, follows) {
                (false, _) => Some((row.sequence, "its content does not fit its hash")),
                (true, false) => Some((row.sequence, "the entry before it is missing or changed")),
                (true, true) => None,
            };
        }
    }
}

/// Hash of a row, from all its other columns.
fn hash(instance: &str, row: &AuditRow) -> String {
    let content = serde_json::json!([
        instance,
        row.sequence,
        row.at.micros(),
        row.actor,
        row.origin,
        row.action,
        row.subject,
        row.outcome,
        row.reason,
        row.before,
        row.after,
    ]);
    let text = format!("{}\n{content}", row.previous);
    let mut hexadecimal = String::with_capacity(64);
    for byte in digest(&SHA256, text.as_bytes()).as_ref() {
        // Writing into a text cannot fail.
        let _ = write!(hexadecimal, "{byte:02x}");
    }
    hexadecimal
}

fn shortened(mut text: String) -> String {
    if text.len() > MAX_TEXT {
        let end = (0..=MAX_TEXT).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
        text.push('…');
    }
    // PostgreSQL stores no text with this character.
    text.replace('\0', "\u{fffd}")
}

fn audit_row(row: &Row) -> Result<AuditRow, StoreError> {
    Ok(AuditRow {
        sequence: row.count(0)?,
        at: UnixTime::from_micros(row.count(1)?),
        actor: row.string(2)?,
        origin: row.string(3)?,
        action: row.string(4)?,
        subject: row.string(5)?,
        outcome: row.string(6)?,
        reason: row.string(7)?,
        before: row.string(8)?,
        after: row.string(9)?,
        previous: row.string(10)?,
        hash: row.string(11)?,
    })
}

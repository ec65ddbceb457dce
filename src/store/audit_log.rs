//! Reads the audit log and checks its chains.
//!
//! `hash = SHA-256(previous hash, newline, JSON array of all other columns)`, in hexadecimal digits. A
//! row that is changed, removed from the middle or put in between breaks the chain of its instance.
//! The first row fits the empty text or, where older ones have expired, the last of these: see
//! [`super::audit_expiry`].

use super::audit_expiry::{ExpiredEntries, expired_entries};
use super::database::{Database, Row};
use super::error::StoreError;
use super::options::StoreOptions;
use super::record::AuditRow;
use super::schema;
use super::store::Store;
use crate::domain::{UnixTime, hexadecimal};
use aws_lc_rs::digest::{SHA256, digest};
use std::fmt::Write as _;

/// Rows that are read at once.
const PAGE: u64 = 5_000;
const COLUMNS: &str = "seq, at, actor, origin, action, subject, outcome, reason, before, after, \
                       previous, hash";

/// The audit log of a database, to be read.
#[derive(Debug)]
pub struct AuditLog {
    database: Database,
}

/// Which entries are read.
#[derive(Debug, Clone, Default)]
pub struct AuditRange {
    /// Only those from this time on.
    pub since: Option<UnixTime>,
    /// Only those before this time.
    pub until: Option<UnixTime>,
    /// Where they begin, and their order.
    pub from: AuditPlace,
    /// Most entries.
    pub limit: u64,
}

/// Where a list of entries begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AuditPlace {
    /// With the newest, newest first.
    #[default]
    Newest,
    /// Behind an entry, newest first.
    Before(AuditKey),
    /// Behind an entry, oldest first; the key of no entry begins with the oldest.
    After(AuditKey),
}

/// Place of an entry among all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditKey {
    /// Time in microseconds.
    pub at: u64,
    /// Instance that wrote it.
    pub instance: String,
    /// Number.
    pub sequence: u64,
}

/// Result of a check of one instance's chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditCheck {
    /// Name of the instance.
    pub instance: String,
    /// Number of entries.
    pub entries: u64,
    /// Number of the newest entry that expired.
    pub expired_up_to: Option<u64>,
    /// Number of the first entry that does not fit, and why; `None` if all fit.
    pub broken: Option<(u64, &'static str)>,
    /// Hash of the last entry: kept elsewhere, it proves later that nothing was cut off.
    pub last_hash: String,
}

impl Store {
    /// The audit log of the store.
    pub fn audit_log(&self) -> Result<AuditLog, StoreError> {
        let database = self.database()?.clone();
        Ok(AuditLog { database })
    }
}

impl AuditLog {
    /// The audit log of a database that exists, for a process without a store.
    ///
    /// # Errors
    ///
    /// There is no such database, it cannot be reached, or another version wrote it.
    pub async fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        let database = Database::existing(options)?;
        let mut connection = database.connect().await?;
        let found = schema::version(&mut connection).await;
        connection.close().await;
        let (found, known) = (found?, schema::newest());
        if found > known {
            return Err(StoreError::Newer { found, known });
        }
        if found < known {
            return Err(StoreError::Older { found, known });
        }
        Ok(Self { database })
    }

    /// Entries of all instances, with the name of the instance.
    pub async fn entries(&self, range: &AuditRange) -> Result<Vec<(String, AuditRow)>, StoreError> {
        let mut values = vec![
            range.since.unwrap_or_default().micros().into(),
            range
                .until
                .map_or(i64::MAX.cast_unsigned(), UnixTime::micros)
                .into(),
        ];
        let mut sql = format!("SELECT {COLUMNS}, instance FROM audit WHERE at >= $1 AND at < $2");
        let (key, sign, order) = match &range.from {
            AuditPlace::Newest => (None, "<", "DESC"),
            AuditPlace::Before(key) => (Some(key), "<", "DESC"),
            AuditPlace::After(key) => (Some(key), ">", "ASC"),
        };
        if let Some(key) = key {
            let instance = key.instance.as_str();
            values.extend([key.at.into(), instance.into(), key.sequence.into()]);
            // Writing into a text cannot fail.
            let _ = write!(
                sql,
                " AND at {sign}= $3 AND (at, instance, seq) {sign} ($3, $4, $5)"
            );
        }
        values.push(range.limit.into());
        let limit = values.len();
        let _ = write!(
            sql,
            " ORDER BY at {order}, instance {order}, seq {order} LIMIT ${limit}"
        );
        let rows = self.database.fetch(&sql, values).await?;
        rows.iter()
            .map(|row| Ok((row.string(12)?, audit_row(row)?)))
            .collect()
    }

    /// Checks the chain of every instance.
    pub async fn check(&self) -> Result<Vec<AuditCheck>, StoreError> {
        let sql = "SELECT DISTINCT instance FROM audit ORDER BY instance";
        let rows = self.database.fetch(sql, Vec::new()).await?;
        let mut checks = Vec::new();
        for row in rows {
            checks.push(self.check_chain(row.string(0)?).await?);
        }
        Ok(checks)
    }

    async fn check_chain(&self, instance: String) -> Result<AuditCheck, StoreError> {
        let mut page = self.chain_page(&instance, 0).await?;
        // After the first rows: what expires meanwhile is passed over.
        let expired = expired_entries(&self.database, &instance).await?;
        let mut check = AuditCheck::beginning(instance, expired);
        while let Some(last) = page.last() {
            let last = last.sequence;
            for row in &page {
                check.add(row);
            }
            page = self.chain_page(&check.instance, last).await?;
        }
        Ok(check)
    }

    async fn chain_page(&self, instance: &str, after: u64) -> Result<Vec<AuditRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM audit WHERE instance = $1 AND seq > $2 ORDER BY seq LIMIT $3"
        );
        let values = vec![instance.into(), after.into(), PAGE.into()];
        let rows = self.database.fetch(&sql, values).await?;
        rows.iter().map(audit_row).collect()
    }
}

impl AuditCheck {
    fn beginning(instance: String, expired: Option<ExpiredEntries>) -> Self {
        Self {
            instance,
            entries: 0,
            expired_up_to: expired.as_ref().map(|expired| expired.up_to),
            broken: None,
            last_hash: expired.map(|expired| expired.last_hash).unwrap_or_default(),
        }
    }

    fn add(&mut self, row: &AuditRow) {
        if self
            .expired_up_to
            .is_some_and(|up_to| row.sequence <= up_to)
        {
            return;
        }
        let follows = row.previous == self.last_hash;
        let is_intact = row.hash == entry_hash(&self.instance, row);
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
pub(super) fn entry_hash(instance: &str, row: &AuditRow) -> String {
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
    hexadecimal(digest(&SHA256, text.as_bytes()).as_ref())
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

//! Deletes what is older than it is kept: partitions on PostgreSQL, and elsewhere a few rows at a
//! time, so that the writer never waits long.

use super::audit_expiry;
use super::database::{Backend, Connection};
use super::error::StoreError;
use super::options::StoreOptions;
use super::partitions::{self, DAY_US, ROW_TABLES};
use crate::domain::UnixTime;
use std::time::Duration;
use tokio::time::Instant;

/// Rows of one deletion.
const STEP_ROWS: u64 = 1_000;
/// Time between two deletions while there is more to delete.
const STEP_INTERVAL: Duration = Duration::from_millis(100);
/// Time between two rounds.
const ROUND_INTERVAL: Duration = Duration::from_mins(10);
/// The same for a store in memory, which holds a number of rows.
const MEMORY_INTERVAL: Duration = Duration::from_secs(10);
/// Rows that a store in memory keeps of each table.
const MEMORY_ROWS: u64 = 20_000;
/// How long sums of a quarter of a minute are kept.
const FINE_SECONDS: u64 = 3_600;

/// What to delete next.
#[derive(Debug)]
pub(super) struct Retention {
    rows_days: u64,
    rollup_days: u64,
    audit_days: u64,
    is_memory: bool,
    next: Instant,
    /// Place of the next table in this round.
    place: usize,
}

impl Retention {
    pub(super) fn new(options: &StoreOptions) -> Self {
        Self {
            rows_days: u64::from(options.rows_days),
            rollup_days: u64::from(options.rollup_days),
            audit_days: u64::from(options.audit_days),
            is_memory: options.url.expose() == "memory:",
            next: Instant::now() + MEMORY_INTERVAL,
            place: 0,
        }
    }

    /// Time of the next step.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// Waits until the next round, after a failure.
    pub(super) fn postpone(&mut self) {
        self.next = Instant::now() + MEMORY_INTERVAL;
    }

    /// Deletes a few rows or one partition.
    pub(super) async fn step(
        &mut self,
        connection: &mut Connection,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        if self.place == 0 {
            partitions::create_ahead(connection, now).await?;
        }
        let has_more = match ROW_TABLES.get(self.place) {
            Some(table) => self.delete_rows(connection, table, now).await?,
            None if self.place == ROW_TABLES.len() => self.delete_sums(connection, now).await?,
            None => self.delete_audit(connection, now).await?,
        };
        self.next = Instant::now() + STEP_INTERVAL;
        if !has_more {
            self.place += 1;
        }
        if self.place > ROW_TABLES.len() + 1 {
            self.place = 0;
            let interval = if self.is_memory {
                MEMORY_INTERVAL
            } else {
                ROUND_INTERVAL
            };
            self.next = Instant::now() + interval;
        }
        Ok(())
    }

    /// Returns true if there may be more to delete.
    async fn delete_rows(
        &self,
        connection: &mut Connection,
        table: &str,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let oldest_day = partitions::day(now).saturating_sub(self.rows_days);
        if connection.backend() == Backend::Postgres {
            let partitions = partitions::list(connection, table).await?;
            let old = partitions.into_iter().find(|(_, day)| *day < oldest_day);
            let Some((name, _)) = old else {
                return Ok(false);
            };
            // Who reads the table for long must not make all writers wait behind this.
            connection.begin().await?;
            connection
                .run("SET LOCAL lock_timeout = '2s'", Vec::new())
                .await?;
            connection
                .run(&format!("DROP TABLE IF EXISTS {name}"), Vec::new())
                .await?;
            connection.commit().await?;
            return Ok(true);
        }
        let mut before = oldest_day * DAY_US;
        if self.is_memory {
            before = before.max(oldest_in_memory(connection, table).await?);
        }
        let sql = format!(
            "DELETE FROM {table} WHERE rowid IN \
             (SELECT rowid FROM {table} WHERE at < $1 ORDER BY at LIMIT {STEP_ROWS})"
        );
        let deleted = connection.run(&sql, vec![before.into()]).await?;
        Ok(deleted >= STEP_ROWS)
    }

    async fn delete_audit(
        &self,
        connection: &mut Connection,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let mut before = partitions::day(now).saturating_sub(self.audit_days) * DAY_US;
        if self.is_memory {
            before = before.max(oldest_in_memory(connection, "audit").await?);
        }
        audit_expiry::remove_old(connection, UnixTime::from_micros(before), now).await
    }

    /// Deletes old sums: those of a quarter of a minute after an hour, those of minutes with the rows
    /// they are made of, those of hours last.
    async fn delete_sums(
        &self,
        connection: &mut Connection,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let now_s = now.unix_seconds();
        let mut has_more = false;
        for (width, kept) in [
            (15_u64, FINE_SECONDS),
            (60, self.rows_days.max(2) * 86_400),
            (3_600, self.rollup_days * 86_400),
            (86_400, self.rollup_days * 86_400),
        ] {
            let before = now_s.saturating_sub(kept);
            let values = vec![width.into(), before.into()];
            let key = "width_s, start_s, instance, scope, provider, model, client, tag";
            let sql = format!(
                "DELETE FROM roll_ups WHERE ({key}) IN (SELECT {key} FROM roll_ups \
                 WHERE width_s = $1 AND start_s < $2 LIMIT {STEP_ROWS})"
            );
            has_more |= connection.run(&sql, values).await? >= STEP_ROWS;
        }
        Ok(has_more)
    }
}

/// Time of the oldest row that a store in memory keeps.
async fn oldest_in_memory(connection: &mut Connection, table: &str) -> Result<u64, StoreError> {
    let sql = format!("SELECT at FROM {table} ORDER BY at DESC LIMIT 1 OFFSET $1");
    let rows = connection.fetch(&sql, vec![MEMORY_ROWS.into()]).await?;
    rows.first().map_or(Ok(0), |row| row.count(0))
}

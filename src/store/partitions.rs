//! Partitions of the tables of rows by UTC day. SQLite has none; there rows are found by their time.

use super::database::{Backend, Connection};
use super::error::StoreError;
use crate::domain::UnixTime;
use std::collections::BTreeSet;

/// Tables of rows, which are kept for days.
pub(super) const ROW_TABLES: [&str; 3] = ["attempts", "requests", "events"];
/// Days ahead for which partitions are made.
const DAYS_AHEAD: u64 = 2;
const DAY_S: u64 = 86_400;
/// Microseconds of a day.
pub(super) const DAY_US: u64 = DAY_S * 1_000_000;

/// Number of the UTC day.
pub(super) fn day(at: UnixTime) -> u64 {
    at.unix_seconds() / DAY_S
}

/// Makes the partitions of today and of the next days.
pub(super) async fn create_ahead(
    connection: &mut Connection,
    now: UnixTime,
) -> Result<(), StoreError> {
    for day in day(now)..=day(now) + DAYS_AHEAD {
        create(connection, day).await?;
    }
    Ok(())
}

/// Makes the partitions of a day, where they are missing.
async fn create(connection: &mut Connection, day: u64) -> Result<(), StoreError> {
    if connection.backend() == Backend::Sqlite {
        return Ok(());
    }
    for table in ROW_TABLES {
        let (from, to) = (day * DAY_US, (day + 1) * DAY_US);
        let sql = format!(
            "CREATE TABLE IF NOT EXISTS {table}_{day} PARTITION OF {table} \
             FOR VALUES FROM ({from}) TO ({to})"
        );
        connection.run(&sql, Vec::new()).await?;
    }
    Ok(())
}

/// Days whose partitions one writer has made sure of.
#[derive(Debug, Default)]
pub(super) struct KnownDays(BTreeSet<u64>);

impl KnownDays {
    /// Makes the partitions of the days of these rows.
    pub(super) async fn ensure(
        &mut self,
        connection: &mut Connection,
        times: impl Iterator<Item = UnixTime>,
    ) -> Result<(), StoreError> {
        if connection.backend() == Backend::Sqlite {
            return Ok(());
        }
        let days: BTreeSet<u64> = times.map(day).collect();
        for day in days {
            if !self.0.contains(&day) {
                create(connection, day).await?;
                self.0.insert(day);
            }
        }
        Ok(())
    }

    /// Forgets all, so that they are made sure of again.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// Partitions of a table with their days, oldest first.
pub(super) async fn list(
    connection: &mut Connection,
    table: &str,
) -> Result<Vec<(String, u64)>, StoreError> {
    if connection.backend() == Backend::Sqlite {
        return Ok(Vec::new());
    }
    let sql = "SELECT CAST(child.relname AS TEXT) FROM pg_inherits \
               JOIN pg_class AS child ON child.oid = inhrelid \
               JOIN pg_class AS parent ON parent.oid = inhparent WHERE parent.relname = $1";
    let rows = connection.fetch(sql, vec![table.into()]).await?;
    let mut partitions = Vec::new();
    for row in rows {
        let name = row.string(0)?;
        let day = name.rsplit_once('_').and_then(|(_, day)| day.parse().ok());
        if let Some(day) = day {
            partitions.push((name, day));
        }
    }
    partitions.sort_by_key(|(_, day)| *day);
    Ok(partitions)
}

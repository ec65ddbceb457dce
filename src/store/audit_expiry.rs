//! Removes old entries of the audit log from the beginning of each chain, and notes the last one, so
//! that the rest can still be checked. The newest entry of a chain always stays.

use super::database::{Backend, Connection, Database};
use super::error::StoreError;
use super::tables::STATE;
use crate::domain::UnixTime;

/// Name of the state of an instance that holds the last entry that expired.
const EXPIRED: &str = "audit_expired";
/// The lock of the one process that removes entries on a server; without it there is no row.
const LOCK: &str = "SELECT 1 FROM (SELECT pg_try_advisory_xact_lock(418112561517) AS held) AS lock \
                    WHERE held";
/// Rows of one deletion.
const STEP_ROWS: u64 = 1_000;

/// The end of what expired of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ExpiredEntries {
    /// Number of its last entry.
    pub(super) up_to: u64,
    /// Hash of that entry.
    pub(super) last_hash: String,
}

/// What expired of the chain of an instance; `None` if nothing has.
pub(super) async fn expired_entries(
    database: &Database,
    instance: &str,
) -> Result<Option<ExpiredEntries>, StoreError> {
    let sql = "SELECT json FROM state WHERE instance = $1 AND name = $2";
    let values = vec![instance.into(), EXPIRED.into()];
    let rows = database.fetch(sql, values).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let json = row.string(0)?;
    match serde_json::from_str::<(u64, String)>(&json) {
        Ok((up_to, last_hash)) => Ok(Some(ExpiredEntries { up_to, last_hash })),
        Err(_) => Err(StoreError::Invalid {
            table: "state",
            column: "json",
            value: json,
        }),
    }
}

/// Removes a few entries of before a time, of every instance; returns true if there may be more.
pub(super) async fn remove_old(
    connection: &mut Connection,
    before: UnixTime,
    now: UnixTime,
) -> Result<bool, StoreError> {
    let sql = "SELECT DISTINCT instance FROM audit WHERE at < $1";
    let rows = connection.fetch(sql, vec![before.micros().into()]).await?;
    let mut has_more = false;
    for row in rows {
        has_more |= remove_of(connection, &row.string(0)?, before, now).await?;
    }
    Ok(has_more)
}

/// In one transaction: the entries, and the note of the last of them.
async fn remove_of(
    connection: &mut Connection,
    instance: &str,
    before: UnixTime,
    now: UnixTime,
) -> Result<bool, StoreError> {
    connection.begin().await?;
    if connection.backend() == Backend::Postgres
        && connection.fetch(LOCK, Vec::new()).await?.is_empty()
    {
        connection.commit().await?;
        return Ok(false);
    }
    let sql = "SELECT seq, hash FROM audit WHERE instance = $1 AND seq < coalesce(\
               (SELECT min(seq) FROM audit WHERE instance = $1 AND at >= $2), \
               (SELECT max(seq) FROM audit WHERE instance = $1)) ORDER BY seq LIMIT $3";
    let values = vec![instance.into(), before.micros().into(), STEP_ROWS.into()];
    let rows = connection.fetch(sql, values).await?;
    if let Some(last) = rows.last() {
        let (up_to, hash) = (last.count(0)?, last.string(1)?);
        let sql = "DELETE FROM audit WHERE instance = $1 AND seq <= $2";
        let values = vec![instance.into(), up_to.into()];
        connection.run(sql, values).await?;
        let json = serde_json::json!([up_to, hash]).to_string();
        let row = vec![
            instance.into(),
            EXPIRED.into(),
            json.as_str().into(),
            now.micros().into(),
        ];
        STATE.insert(connection, vec![row]).await?;
    }
    connection.commit().await?;
    Ok(rows.len() as u64 >= STEP_ROWS)
}

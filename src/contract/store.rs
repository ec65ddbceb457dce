//! What `aibal-tui store` prints.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a database holds, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseReport {
    /// Address, without user and password.
    pub url: String,
    /// `SQLite` or `PostgreSQL`.
    pub database: String,
    /// True without problems.
    pub is_whole: bool,
    /// Version of the schema; 0 before the first migration.
    pub version: u64,
    /// Version that this program would migrate it to.
    pub newest_version: u64,
    /// One sentence for each damage.
    pub problems: Vec<String>,
    /// Size in bytes.
    pub bytes: u64,
    /// Time of the oldest attempt, request or event; `null` without any.
    pub oldest_row: Option<String>,
    /// What each table holds.
    pub tables: Vec<TableReport>,
}

/// What a table holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TableReport {
    /// Name.
    pub name: String,
    /// Number of rows.
    pub rows: u64,
    /// Number of UTC days that the rows are of.
    pub days: u64,
    /// Number of partitions, one for each day, where the table has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partitions: Option<u64>,
    /// Time of the oldest row; `null` without rows.
    pub oldest: Option<String>,
    /// Time of the newest row; `null` without rows.
    pub newest: Option<String>,
}

/// Result of a migration.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MigrationReport {
    /// Address, without user and password.
    pub url: String,
    /// Version before.
    pub from: u64,
    /// Version now.
    pub to: u64,
}

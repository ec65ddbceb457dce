//! What outlives the process: rows, sums, events, spending, in SQLite or PostgreSQL.
//!
//! [`Store::record`] never waits. One task writes, many rows in one transaction; a slow, locked, full
//! or dead database only lets its queue grow, which is bounded and counts what it drops.

mod attempts;
mod audit;
mod audit_chain;
mod audit_expiry;
mod audit_log;
mod audit_sample;
mod batch;
mod change_journal;
mod check;
mod client_sums;
mod columns;
mod database;
mod effect_shape;
mod error;
mod explanation;
mod figures;
mod held_changes;
mod histogram_text;
mod history;
mod journal;
mod journal_start;
mod options;
mod partitions;
mod queue;
mod read;
mod record;
mod requests;
mod retention;
mod revisions;
mod roll_ups;
mod saved_alerts;
mod schema;
mod selection_audit;
mod sequence;
mod shared;
mod status;
#[expect(clippy::module_inception, reason = "the handle of the module")]
mod store;
mod summed_roll_ups;
mod tables;
mod tokens;
mod writer;

pub use audit_chain::AuditEntry;
pub use audit_log::{AuditCheck, AuditKey, AuditLog, AuditPlace, AuditRange};
pub use audit_sample::AuditSample;
pub use check::{DatabaseCheck, TableCheck, check_database, migrate_database};
pub use database::Backend;
pub use error::StoreError;
pub use explanation::{Explanation, NamedTargets, StoredExplanation, read_explanation};
pub use history::{StoredHistory, stored_decision};
pub use journal::Journal;
pub use journal_start::JournalStart;
pub use options::StoreOptions;
pub use record::{
    AlertRow, AttemptRow, AuditRow, EventRow, LearningColumns, LedgerRow, Record, RequestRow,
    RevisionRow, RollUpKey, RollUpRow,
};
pub use requests::{RequestFilter, TroubleFilter};
pub use roll_ups::RollUpFilter;
pub use status::{StoreState, StoreStatus};
pub use store::Store;
pub use summed_roll_ups::SumBy;
pub use tokens::{MAX_TOKENS, StoredToken, StoredTokens, TokenChange, read_tokens};

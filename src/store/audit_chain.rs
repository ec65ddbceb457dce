//! Entries of the audit log, and the end of its chain in this process.

use crate::domain::UnixTime;

/// What one actor did or tried.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditEntry {
    /// Name of the token, or `local`.
    pub actor: String,
    /// Address, or `local`.
    pub origin: String,
    /// What was done, such as `weights.set`.
    pub action: &'static str,
    /// To what, such as the name of a provider.
    pub subject: String,
    /// True if it was done.
    pub is_done: bool,
    /// Why, as the actor said, or why it was refused.
    pub reason: String,
    /// State before, as JSON; empty if unknown.
    pub before: String,
    /// State after, or what was asked for, as JSON.
    pub after: String,
}

/// The end of the chain of this process.
#[derive(Debug)]
pub(super) enum AuditChain {
    /// The last hash is not read yet.
    Unknown(Vec<(AuditEntry, UnixTime)>),
    /// The last hash is known.
    At(ChainEnd),
}

/// The last entry of a chain.
#[derive(Debug, Default)]
pub(super) struct ChainEnd {
    /// Its hash; empty before the first entry.
    pub(super) hash: String,
    /// Entries since then that found no room.
    pub(super) lost: u64,
}

impl Default for AuditChain {
    fn default() -> Self {
        Self::Unknown(Vec::new())
    }
}

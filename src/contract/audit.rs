use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Entries of the audit log, newest first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditList {
    /// Entries.
    pub entries: Vec<AuditReport>,
    /// Pass it as `before` to read older entries or, in a list with the oldest first, as `after` to read
    /// newer ones; none if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One entry of the audit log.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditReport {
    /// Name of the instance that wrote it.
    pub instance: String,
    /// Number; rises with every entry of an instance.
    pub number: u64,
    /// Time, RFC 3339.
    pub at: String,
    /// Name of the token, `local`, or `unknown`.
    pub actor: String,
    /// Address, `unix socket`, or `local`; empty for a selection.
    pub origin: String,
    /// What was done, such as `weights.set`.
    pub action: String,
    /// To what.
    pub subject: String,
    /// `ok` or `refused`.
    pub outcome: String,
    /// Why, as the actor said, or why it was refused.
    pub reason: String,
    /// Settings before, as JSON text; empty where there are none.
    pub before: String,
    /// Settings after, or what was asked for, as JSON text.
    pub after: String,
    /// Hash of the entry before it.
    pub previous: String,
    /// SHA-256 over the previous hash and all else.
    pub hash: String,
}

/// Result of a check of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditCheckReport {
    /// True if every chain is intact.
    pub is_intact: bool,
    /// One chain for each instance.
    pub chains: Vec<AuditChainReport>,
}

/// The chain of one instance.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditChainReport {
    /// Name of the instance.
    pub instance: String,
    /// Number of entries.
    pub entries: u64,
    /// Number of the newest entry that was removed because of its age; the first one left follows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expired_up_to: Option<u64>,
    /// Number of the first entry that does not fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken_at: Option<u64>,
    /// Why it does not fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Hash of the last entry. Kept elsewhere, it shows later whether the end was cut off.
    pub last_hash: String,
}

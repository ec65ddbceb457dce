//! What a key store holds, without the keys: the answer of `aibal-tui keys list --json`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The secrets of a key store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyListing {
    /// Path of the store.
    pub file: String,
    /// Its secrets, by name.
    pub keys: Vec<ListedKey>,
}

/// One secret of a key store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListedKey {
    /// Name of the secret.
    pub name: String,
    /// Counts from 1, one more for each new value.
    pub version: u64,
    /// When this version was stored, as RFC 3339.
    pub created: String,
}

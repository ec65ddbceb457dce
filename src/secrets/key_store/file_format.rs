//! The JSON of a key store.

use super::error::KeyStoreError;
use serde::{Deserialize, Serialize};

/// The mark of the format.
const FORMAT: &str = "aibal-tui key store";
/// The version of the format that is read and written.
const VERSION: u64 = 1;

/// The content of a file.
#[derive(Debug)]
pub(super) struct StoreFile {
    pub wrapping: WrappingRecord,
    pub keys: Vec<KeyRecord>,
}

/// How the data key is encrypted.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrappingRecord {
    pub method: String,
    pub derivation: String,
    pub memory_kib: u32,
    pub passes: u32,
    pub lanes: u32,
    pub salt: String,
    pub nonce: String,
    pub sealed: String,
}

/// One secret.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyRecord {
    pub name: String,
    pub version: u64,
    pub created: String,
    pub nonce: String,
    pub sealed: String,
}

/// What every version has.
#[derive(Deserialize)]
struct Header {
    format: String,
    version: u64,
}

/// Version 1.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: String,
    version: u64,
    data_key: WrappingRecord,
    secrets: Vec<KeyRecord>,
}

impl StoreFile {
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyStoreError> {
        let other = |error: serde_json::Error| {
            // The text of the error may quote the file.
            let (line, column) = (error.line(), error.column());
            KeyStoreError::NotAStore(format!("line {line}, column {column} is not as expected"))
        };
        let header: Header = serde_json::from_slice(bytes).map_err(other)?;
        if header.format != FORMAT {
            let text = format!("\"format\" must be {FORMAT:?}");
            return Err(KeyStoreError::NotAStore(text));
        }
        if header.version != VERSION {
            return Err(KeyStoreError::NewerVersion(header.version));
        }
        let document: Document = serde_json::from_slice(bytes).map_err(other)?;
        Ok(Self {
            wrapping: document.data_key,
            keys: document.secrets,
        })
    }

    pub fn into_text(self) -> Result<String, KeyStoreError> {
        let document = Document {
            format: FORMAT.to_owned(),
            version: VERSION,
            data_key: self.wrapping,
            secrets: self.keys,
        };
        let text = serde_json::to_string_pretty(&document);
        let text = text.map_err(|error| KeyStoreError::NotAStore(error.to_string()))?;
        Ok(text + "\n")
    }
}

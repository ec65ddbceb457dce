//! An encrypted file of secrets.
//!
//! Each secret is encrypted with a random data key; the data key is encrypted with a key that is derived
//! from a passphrase, a file or what a command prints. So another passphrase means another encryption of
//! the data key only. Encryption is AES-256-GCM, which also binds each secret to its name and version.

mod cipher;
mod derivation;
mod error;
mod file_format;

pub use cipher::DataKey;
pub use derivation::Derivation;
pub use error::KeyStoreError;

use super::secret::Secret;
use cipher::{Sealed, open, seal};
use file_format::{KeyRecord, StoreFile, WrappingRecord};
use std::fmt;
use zeroize::Zeroizing;

/// Longest name of a secret.
const MAX_NAME: usize = 64;
/// Most secrets of one store.
const MAX_KEYS: usize = 1_000;
/// Bytes of the largest secret.
const MAX_SECRET: usize = 64 * 1024;

/// What opens a store: a passphrase, or the content of a file. Wiped from memory on drop.
#[derive(Clone)]
pub struct UnlockMaterial(Zeroizing<Vec<u8>>);

impl UnlockMaterial {
    /// The bytes without surrounding white space; `None` if the rest is empty.
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        let bytes = Zeroizing::new(bytes);
        let trimmed = bytes.trim_ascii();
        (!trimmed.is_empty()).then(|| Self(Zeroizing::new(trimmed.to_vec())))
    }

    /// The number of bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never true: there is at least one byte.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl PartialEq for UnlockMaterial {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl fmt::Debug for UnlockMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnlockMaterial(****)")
    }
}

/// How the data key is encrypted.
#[derive(Debug, Clone, PartialEq)]
struct Wrapping {
    /// Word for what opens it: `passphrase`, `file`, `credential` or `command`.
    method: String,
    derivation: Derivation,
    sealed: Sealed,
}

/// One secret, encrypted.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredKey {
    /// Unique in its store.
    pub name: String,
    /// Counts from 1, one more for each new value.
    pub version: u64,
    /// When this version was stored, as RFC 3339.
    pub created: String,
    sealed: Sealed,
}

/// An encrypted file of secrets.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyStore {
    wrapping: Wrapping,
    keys: Vec<StoredKey>,
}

impl KeyStore {
    /// Makes an empty store with a random data key.
    pub fn create(
        method: &str,
        material: &UnlockMaterial,
        derivation: Derivation,
    ) -> Result<(Self, DataKey), KeyStoreError> {
        let data_key = DataKey::random()?;
        let wrapping = wrap(&data_key, method, material, derivation)?;
        let keys = Vec::new();
        Ok((Self { wrapping, keys }, data_key))
    }

    /// Reads a store.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyStoreError> {
        let StoreFile { wrapping, keys } = StoreFile::parse(bytes)?;
        if keys.len() > MAX_KEYS {
            return Err(KeyStoreError::TooMany);
        }
        let keys = keys.into_iter().map(|key| {
            check_name(&key.name)?;
            Ok(StoredKey {
                sealed: Sealed::parse(&key.nonce, &key.sealed)?,
                name: key.name,
                version: key.version,
                created: key.created,
            })
        });
        Ok(Self {
            wrapping: Wrapping {
                derivation: Derivation::parse(&wrapping)?,
                sealed: Sealed::parse(&wrapping.nonce, &wrapping.sealed)?,
                method: wrapping.method,
            },
            keys: keys.collect::<Result<_, KeyStoreError>>()?,
        })
    }

    /// The content of its file.
    pub fn to_text(&self) -> Result<String, KeyStoreError> {
        let keys = self.keys.iter().map(|key| {
            let (nonce, sealed) = key.sealed.to_text();
            KeyRecord {
                name: key.name.clone(),
                version: key.version,
                created: key.created.clone(),
                nonce,
                sealed,
            }
        });
        let (nonce, sealed) = self.wrapping.sealed.to_text();
        let wrapping = WrappingRecord {
            method: self.wrapping.method.clone(),
            nonce,
            sealed,
            ..self.wrapping.derivation.record()
        };
        let keys = keys.collect();
        StoreFile { wrapping, keys }.into_text()
    }

    /// Word for what opens it: `passphrase`, `file`, `credential` or `command`.
    pub fn method(&self) -> &str {
        &self.wrapping.method
    }

    /// Whether the data key of `other` is encrypted in the same way, so that one opens both.
    pub fn is_wrapped_as(&self, other: &Self) -> bool {
        self.wrapping == other.wrapping
    }

    /// Decrypts the data key. Takes a part of a second and 64 MiB, on purpose.
    pub fn unlock(&self, material: &UnlockMaterial) -> Result<DataKey, KeyStoreError> {
        let Wrapping {
            method,
            derivation,
            sealed,
        } = &self.wrapping;
        let key = derivation.derive(&material.0)?;
        let bytes = open(&key, &wrapping_label(method, derivation), sealed)
            .ok_or(KeyStoreError::WrongMaterial)?;
        DataKey::from_bytes(&bytes).ok_or(KeyStoreError::WrongMaterial)
    }

    /// Encrypts the data key anew; what opened the store before does not open it any more.
    pub fn rewrap(
        &mut self,
        data_key: &DataKey,
        method: &str,
        material: &UnlockMaterial,
        derivation: Derivation,
    ) -> Result<(), KeyStoreError> {
        self.wrapping = wrap(data_key, method, material, derivation)?;
        Ok(())
    }

    /// The secrets, by name; without their values.
    pub fn keys(&self) -> &[StoredKey] {
        &self.keys
    }

    /// The entry of a name.
    pub fn key(&self, name: &str) -> Option<&StoredKey> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// Decrypts a secret; `None` where there is none of that name.
    pub fn secret(&self, data_key: &DataKey, name: &str) -> Result<Option<Secret>, KeyStoreError> {
        let Some(key) = self.key(name) else {
            return Ok(None);
        };
        let bytes = open(data_key, &key_label(key), &key.sealed);
        let damaged = || KeyStoreError::Damaged(name.to_owned());
        let bytes = bytes.ok_or_else(damaged)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| damaged())?;
        Secret::new(text).map(Some).ok_or_else(damaged)
    }

    /// Stores a secret as a new version of its name, and returns the version. `created` is the present
    /// time as RFC 3339.
    pub fn set(
        &mut self,
        data_key: &DataKey,
        (name, created): (&str, String),
        secret: &Secret,
    ) -> Result<u64, KeyStoreError> {
        check_name(name)?;
        let text = secret.expose();
        if text.len() > MAX_SECRET {
            return Err(KeyStoreError::TooLong);
        }
        let version = self.key(name).map_or(0, |key| key.version) + 1;
        let mut key = StoredKey {
            name: name.to_owned(),
            version,
            created,
            sealed: Sealed::default(),
        };
        key.sealed = seal(data_key, &key_label(&key), text.as_bytes())?;
        if version == 1 && self.keys.len() >= MAX_KEYS {
            return Err(KeyStoreError::TooMany);
        }
        self.keys.retain(|known| known.name != name);
        self.keys.push(key);
        self.keys.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(version)
    }

    /// Removes a secret; false where there is none of that name.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.keys.len();
        self.keys.retain(|key| key.name != name);
        self.keys.len() < before
    }
}

fn wrap(
    data_key: &DataKey,
    method: &str,
    material: &UnlockMaterial,
    derivation: Derivation,
) -> Result<Wrapping, KeyStoreError> {
    let key = derivation.derive(&material.0)?;
    let label = wrapping_label(method, &derivation);
    Ok(Wrapping {
        method: method.to_owned(),
        sealed: seal(&key, &label, data_key.bytes())?,
        derivation,
    })
}

/// What the encryption of the data key is bound to.
fn wrapping_label(method: &str, derivation: &Derivation) -> String {
    format!(
        "aibal-tui key store 1\0data key\0{method}\0{}",
        derivation.label()
    )
}

/// What the encryption of a secret is bound to.
fn key_label(key: &StoredKey) -> String {
    let StoredKey {
        name,
        version,
        created,
        ..
    } = key;
    format!("aibal-tui key store 1\0secret\0{name}\0{version}\0{created}")
}

/// Checks the name of a secret: letters, digits, `.`, `-` and `_`.
fn check_name(name: &str) -> Result<(), KeyStoreError> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(is_allowed) {
        let shown: String = name.chars().take(MAX_NAME).collect();
        return Err(KeyStoreError::WrongName(shown));
    }
    Ok(())
}

#[cfg(test)]
mod tests;

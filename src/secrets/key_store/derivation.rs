//! The key that a passphrase or a file stands for, by Argon2id.

use super::cipher::{DataKey, KEY_BYTES};
use super::error::KeyStoreError;
use super::file_format::WrappingRecord;
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::rand;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::ops::RangeInclusive;
use zeroize::Zeroizing;

/// The name of the only derivation.
const ARGON2ID: &str = "argon2id";
/// The second of the two choices that RFC 9106 recommends.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 4;
const SALT_BYTES: usize = 16;
/// What is accepted: a file from elsewhere must not take all memory or time.
const MEMORY_RANGE: RangeInclusive<u32> = 8 * 1024..=256 * 1024;
const PASSES_RANGE: RangeInclusive<u32> = 1..=10;
const LANES_RANGE: RangeInclusive<u32> = 1..=8;

/// Parameters of Argon2id, with their salt.
#[derive(Debug, Clone, PartialEq)]
pub struct Derivation {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: Vec<u8>,
}

impl Derivation {
    /// The parameters of new stores: 64 MiB, 3 passes, 4 lanes, a random salt.
    pub fn recommended() -> Result<Self, KeyStoreError> {
        let mut salt = vec![0; SALT_BYTES];
        rand::fill(&mut salt).map_err(|_| KeyStoreError::NoRandomNumbers)?;
        Ok(Self {
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt,
        })
    }

    /// The quickest parameters that are accepted.
    #[cfg(test)]
    pub(super) fn quick() -> Self {
        Self {
            memory_kib: *MEMORY_RANGE.start(),
            passes: 1,
            lanes: 1,
            salt: vec![7; SALT_BYTES],
        }
    }

    pub(super) fn parse(record: &WrappingRecord) -> Result<Self, KeyStoreError> {
        if record.derivation != ARGON2ID {
            let text = "its derivation must be argon2id".to_owned();
            return Err(KeyStoreError::NotAStore(text));
        }
        let salt = BASE64_STANDARD.decode(&record.salt).unwrap_or_default();
        if salt.len() != SALT_BYTES {
            let text = "its salt must be 16 bytes as base64".to_owned();
            return Err(KeyStoreError::NotAStore(text));
        }
        let read = Self {
            memory_kib: record.memory_kib,
            passes: record.passes,
            lanes: record.lanes,
            salt,
        };
        let is_accepted = MEMORY_RANGE.contains(&read.memory_kib)
            && PASSES_RANGE.contains(&read.passes)
            && LANES_RANGE.contains(&read.lanes);
        if is_accepted {
            Ok(read)
        } else {
            let (memory, passes, lanes) = (read.memory_kib, read.passes, read.lanes);
            let text = format!("{memory} KiB, {passes} passes and {lanes} lanes");
            Err(KeyStoreError::ExcessiveDerivation(text))
        }
    }

    /// The record of a file, without what is encrypted.
    pub(super) fn record(&self) -> WrappingRecord {
        WrappingRecord {
            method: String::new(),
            derivation: ARGON2ID.to_owned(),
            memory_kib: self.memory_kib,
            passes: self.passes,
            lanes: self.lanes,
            salt: BASE64_STANDARD.encode(&self.salt),
            nonce: String::new(),
            sealed: String::new(),
        }
    }

    /// The parameters as the encryption is bound to them.
    pub(super) fn label(&self) -> String {
        let (memory, passes, lanes) = (self.memory_kib, self.passes, self.lanes);
        format!("{ARGON2ID}\0{memory}\0{passes}\0{lanes}")
    }

    pub(super) fn derive(&self, material: &[u8]) -> Result<DataKey, KeyStoreError> {
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(KEY_BYTES));
        let params = params.map_err(|_| KeyStoreError::NoMemory)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        argon2
            .hash_password_into(material, &self.salt, &mut *key)
            .map_err(|_| KeyStoreError::NoMemory)?;
        DataKey::from_bytes(&*key).ok_or(KeyStoreError::NoMemory)
    }
}

//! Encryption with AES-256-GCM.

use super::error::KeyStoreError;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::rand;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::fmt;
use zeroize::Zeroizing;

/// Bytes of a key.
pub(super) const KEY_BYTES: usize = 32;

/// A key of 256 bits. Wiped from memory on drop.
#[derive(Clone)]
pub struct DataKey(Zeroizing<[u8; KEY_BYTES]>);

impl DataKey {
    pub(super) fn random() -> Result<Self, KeyStoreError> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        rand::fill(&mut *bytes).map_err(|_| KeyStoreError::NoRandomNumbers)?;
        Ok(Self(bytes))
    }

    /// `None` unless there are 32 bytes.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &*self.0
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(****)")
    }
}

/// Encrypted bytes with their nonce.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Sealed {
    nonce: [u8; NONCE_LEN],
    bytes: Vec<u8>,
}

impl Sealed {
    /// Nonce and bytes as base64.
    pub fn to_text(&self) -> (String, String) {
        let encode = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
        (encode(&self.nonce), encode(&self.bytes))
    }

    pub fn parse(nonce: &str, bytes: &str) -> Result<Self, KeyStoreError> {
        let wrong = |what: &str| KeyStoreError::NotAStore(format!("a {what} is not base64"));
        let nonce = BASE64_STANDARD.decode(nonce).ok();
        let nonce = nonce.and_then(|nonce| nonce.try_into().ok());
        Ok(Self {
            nonce: nonce.ok_or_else(|| wrong("nonce of 12 bytes"))?,
            bytes: BASE64_STANDARD
                .decode(bytes)
                .map_err(|_| wrong("sealed value"))?,
        })
    }
}

/// Encrypts `plain` and binds it to a label.
pub(super) fn seal(key: &DataKey, label: &str, plain: &[u8]) -> Result<Sealed, KeyStoreError> {
    let cipher = RandomizedNonceKey::new(&AES_256_GCM, key.bytes());
    let cipher = cipher.map_err(|_| KeyStoreError::NoRandomNumbers)?;
    // With room for the tag: growing would leave a copy of the plain text behind.
    let mut bytes = Vec::with_capacity(plain.len() + AES_256_GCM.tag_len());
    bytes.extend_from_slice(plain);
    let nonce = cipher.seal_in_place_append_tag(Aad::from(label), &mut bytes);
    let nonce = nonce.map_err(|_| KeyStoreError::NoRandomNumbers)?;
    Ok(Sealed {
        nonce: *nonce.as_ref(),
        bytes,
    })
}

/// Decrypts; `None` where key or label are others, or the bytes were changed.
pub(super) fn open(key: &DataKey, label: &str, sealed: &Sealed) -> Option<Zeroizing<Vec<u8>>> {
    let cipher = RandomizedNonceKey::new(&AES_256_GCM, key.bytes()).ok()?;
    let mut bytes = Zeroizing::new(sealed.bytes.clone());
    let nonce = Nonce::assume_unique_for_key(sealed.nonce);
    let length = cipher
        .open_in_place(nonce, Aad::from(label), &mut bytes)
        .ok()?
        .len();
    bytes.truncate(length);
    Some(bytes)
}

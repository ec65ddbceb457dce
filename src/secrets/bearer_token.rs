//! New tokens for clients.

use super::secret::Secret;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use std::fmt::Write;

/// Says to people and to scanners of leaked secrets what it is.
const PREFIX: &str = "aibal_";
/// 192 bits cannot be guessed.
const BYTES: usize = 24;

/// A new token: its secret, which is shown once, and the hash that is kept.
#[derive(Debug)]
pub struct BearerToken {
    /// What its holder sends.
    pub secret: Secret,
    /// The hash of it.
    pub sha256: [u8; 32],
}

impl BearerToken {
    /// Makes a token of random bytes; `None` if the system has none to give.
    pub fn generate() -> Option<Self> {
        let mut bytes = [0; BYTES];
        SystemRandom::new().fill(&mut bytes).ok()?;
        let mut text = String::from(PREFIX);
        for byte in bytes {
            let _ = write!(text, "{byte:02x}");
        }
        let sha256 = digest(&SHA256, text.as_bytes()).as_ref().try_into().ok()?;
        let secret = Secret::from(text.as_str());
        Some(Self { secret, sha256 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_tokens_differ_and_are_not_printed() {
        let [a, b] = [(); 2].map(|()| BearerToken::generate().unwrap());
        assert_ne!(a.secret, b.secret);
        assert_ne!(a.sha256, b.sha256);
        assert_eq!(a.secret.expose().len(), PREFIX.len() + 2 * BYTES);
        assert!(!format!("{a:?}").contains(a.secret.expose()));
    }
}

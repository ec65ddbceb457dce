//! A text that never prints.

use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use zeroize::Zeroizing;

/// Shown instead of a secret.
pub const MASK: &str = "****";

/// A key or token. Its memory is wiped on drop.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// The text without surrounding white space, which pasting and `echo` leave behind; `None` if the
    /// rest is empty.
    pub fn new(text: &str) -> Option<Self> {
        let secret = Self::from(text);
        (!secret.expose().is_empty()).then_some(secret)
    }

    /// The same from bytes, which are wiped; `None` also if they are not UTF-8.
    pub fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        let bytes = Zeroizing::new(bytes);
        std::str::from_utf8(&bytes).ok().and_then(Self::new)
    }

    /// A text as it is, which may be empty, such as an argument of a command.
    pub(super) fn verbatim(text: &str) -> Self {
        Self(SecretString::from(text))
    }

    /// The text, for a header or comparison that needs it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// A text that is known not to be empty, without surrounding white space.
impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(SecretString::from(text.trim()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({MASK})")
    }
}

/// Equality of two configured secrets, to find keys that a reload changes. The time depends on the texts:
/// for a token from outside compare hashes in constant time instead.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints() {
        let secret = Secret::new("sk-test-1234").expect("a secret");

        assert_eq!(format!("{secret:?}"), "Secret(****)");
    }

    #[test]
    fn surrounding_white_space_is_removed() {
        let secret = Secret::new("  sk-1\n").expect("a secret");

        assert_eq!(secret.expose(), "sk-1");
        assert_eq!(Secret::new(" \n"), None);
    }

    #[test]
    fn bytes_that_are_no_text_are_no_secret() {
        assert_eq!(Secret::from_bytes(vec![b's', 0xff]), None);
        assert_eq!(Secret::from_bytes(b"sk-1\n".to_vec()), Secret::new("sk-1"));
    }
}

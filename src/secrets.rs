//! Secrets and references to them. A key never reaches a log, an error, a file of ours or the screen.
//!
//! [`Secret`] has no `Display` and no serde; its `Debug` is `Secret(****)`. Only [`Secret::expose`]
//! returns the text, so that every use can be found by its name.

use secrecy::{ExposeSecret, SecretString};
use std::fmt;

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

/// A reference to a secret, as written in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// `env:NAME`, or the value of `api_key_env`.
    Variable(String),
    /// `file:PATH`: the whole file, without surrounding white space.
    File(String),
    /// `keystore:NAME`.
    Keystore(String),
    /// The secret itself.
    Literal(Secret),
}

impl SecretRef {
    /// Parses `env:NAME`, `file:PATH`, `keystore:NAME` or a literal; `None` if the text is empty.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let named = |prefix: &str| text.strip_prefix(prefix).map(|name| name.trim().to_owned());
        match (named("env:"), named("file:"), named("keystore:")) {
            (Some(name), _, _) => (!name.is_empty()).then_some(Self::Variable(name)),
            (_, Some(path), _) => (!path.is_empty()).then_some(Self::File(path)),
            (_, _, Some(name)) => (!name.is_empty()).then_some(Self::Keystore(name)),
            _ => Secret::new(text).map(Self::Literal),
        }
    }

    /// The reference as it may be shown: names in full, literals masked.
    pub fn masked(&self) -> String {
        match self {
            Self::Variable(name) => format!("env:{name}"),
            Self::File(path) => format!("file:{path}"),
            Self::Keystore(name) => format!("keystore:{name}"),
            Self::Literal(_) => MASK.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints() {
        let secret = Secret::new("sk-test-1234").expect("a secret");

        let printed = format!(
            "{secret:?} {:?}",
            SecretRef::parse("sk-test-1234").map(|reference| reference.masked())
        );

        assert_eq!(printed, "Secret(****) Some(\"****\")");
    }

    #[test]
    fn surrounding_white_space_is_removed() {
        let secret = Secret::new("  sk-1\n").expect("a secret");

        assert_eq!(secret.expose(), "sk-1");
        assert_eq!(Secret::new(" \n"), None);
    }

    #[test]
    fn references_are_recognised_by_their_prefix() {
        let parsed = |text| SecretRef::parse(text);

        assert_eq!(
            parsed("env:A_KEY"),
            Some(SecretRef::Variable("A_KEY".to_owned()))
        );
        assert_eq!(
            parsed("file:/run/k"),
            Some(SecretRef::File("/run/k".to_owned()))
        );
        assert_eq!(
            parsed("keystore:a"),
            Some(SecretRef::Keystore("a".to_owned()))
        );
        assert_eq!(parsed("sk-1"), Secret::new("sk-1").map(SecretRef::Literal));
        assert_eq!(parsed("keystore:"), None);
    }
}

//! Secrets and where they are kept: a key never reaches a log, an error, a file of ours or a screen.
//!
//! [`Secret`] has no `Display` and no serde; its `Debug` is `Secret(****)`. The one way to the text is
//! [`Secret::expose`], so that every use can be found by its name.

use secrecy::{ExposeSecret, SecretString};
use std::fmt;

/// What stands in the place of a secret wherever a person looks.
pub const MASK: &str = "****";

/// A key or token. Wiped from memory when dropped.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes the text without the white space around it, which pasting and `echo` leave behind;
    /// `None` where nothing else is there.
    pub fn new(text: &str) -> Option<Self> {
        let secret = Self::of(text);
        (!secret.expose().is_empty()).then_some(secret)
    }

    /// The same for a text that is known not to be empty.
    pub fn of(text: &str) -> Self {
        Self(SecretString::from(text.trim()))
    }

    /// The text itself, for the one header or comparison that needs it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({MASK})")
    }
}

/// So that a reload can tell whether a key was exchanged. Both sides are ours: for the token of a
/// stranger compare hashes in constant time instead.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

/// Where a secret is, as the configuration writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// `env:NAME`, or the value of `api_key_env`.
    Variable(String),
    /// `file:PATH`: the whole file, without the white space around it.
    File(String),
    /// `keystore:NAME`.
    Keystore(String),
    /// The secret itself.
    Literal(Secret),
}

impl SecretRef {
    /// Reads `env:NAME`, `file:PATH`, `keystore:NAME` or a literal; `None` where nothing is given.
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

    /// The reference as it may be shown: a name is told, a literal is masked.
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
    fn white_space_around_a_secret_is_no_part_of_it() {
        let secret = Secret::new("  sk-1\n").expect("a secret");

        assert_eq!(secret.expose(), "sk-1");
        assert_eq!(Secret::new(" \n"), None);
    }

    #[test]
    fn references_are_told_by_their_prefix() {
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

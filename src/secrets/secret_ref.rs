//! References to secrets, as the configuration writes them.

use super::secret::{MASK, Secret};

/// A reference to a secret, as written in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// `env:NAME`, or the value of `api_key_env`.
    Variable(String),
    /// `file:PATH`: the whole file, without surrounding white space.
    File(String),
    /// `command:PROGRAM ARGUMENTS`: what the program prints.
    Command(Secret),
    /// `credential:NAME`: a file of that name in the folder that systemd makes for a service.
    Credential(String),
    /// `keystore:NAME`.
    Keystore(String),
    /// The secret itself.
    Literal(Secret),
}

impl SecretRef {
    /// Parses a reference with one of the prefixes, or a literal; `None` if the text or what follows the
    /// prefix is empty.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let Some((prefix, name)) = text.split_once(':') else {
            return Secret::new(text).map(Self::Literal);
        };
        let make: fn(String) -> Self = match prefix {
            "env" => Self::Variable,
            "file" => Self::File,
            "command" => return Secret::new(name).map(Self::Command),
            "credential" => Self::Credential,
            "keystore" => Self::Keystore,
            _ => return Secret::new(text).map(Self::Literal),
        };
        let name = name.trim();
        (!name.is_empty()).then(|| make(name.to_owned()))
    }

    /// The reference as it may be shown: names in full, of a command only its program, literals masked.
    pub fn masked(&self) -> String {
        match self {
            Self::Variable(name) => format!("env:{name}"),
            Self::File(path) => format!("file:{path}"),
            Self::Command(line) => {
                // Arguments may be passwords.
                let mut words = line.expose().split_whitespace();
                let program = words.next().unwrap_or_default();
                let rest = words.next().map_or("", |_| " ****");
                format!("command:{program}{rest}")
            }
            Self::Credential(name) => format!("credential:{name}"),
            Self::Keystore(name) => format!("keystore:{name}"),
            Self::Literal(_) => MASK.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_recognised_by_their_prefix() {
        let parsed = |text| SecretRef::parse(text);
        let owned = str::to_owned;

        assert_eq!(
            parsed("env:A_KEY"),
            Some(SecretRef::Variable(owned("A_KEY")))
        );
        assert_eq!(
            parsed("file:/run/k"),
            Some(SecretRef::File(owned("/run/k")))
        );
        assert_eq!(parsed("keystore: a"), Some(SecretRef::Keystore(owned("a"))));
        assert_eq!(
            parsed("credential:openai"),
            Some(SecretRef::Credential(owned("openai")))
        );
        assert_eq!(
            parsed("command: pass show openai"),
            Secret::new("pass show openai").map(SecretRef::Command)
        );
        for literal in ["sk-1", "sk:1", "envy:1"] {
            assert_eq!(
                parsed(literal),
                Secret::new(literal).map(SecretRef::Literal)
            );
        }
        for empty in ["", "keystore:", "command: ", "credential:"] {
            assert_eq!(parsed(empty), None);
        }
    }

    #[test]
    fn literals_and_arguments_of_commands_are_masked() {
        let masked = |text| SecretRef::parse(text).map(|reference| reference.masked());

        assert_eq!(masked("sk-test-1234").as_deref(), Some("****"));
        assert_eq!(
            masked("command:vault read -token=s.12").as_deref(),
            Some("command:vault ****")
        );
        assert_eq!(masked("command:show").as_deref(), Some("command:show"));
        assert_eq!(masked("env:A").as_deref(), Some("env:A"));
    }
}

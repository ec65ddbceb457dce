//! Aliases for tool names that this protocol does not accept.

use std::collections::BTreeMap;

/// Longest name that every version of the protocol accepts.
const MAX_NAME_CHARS: usize = 64;

/// The client's tool names and their aliases, both ways.
#[derive(Debug, Default)]
pub(super) struct ToolNames {
    aliases: BTreeMap<String, String>,
    originals: BTreeMap<String, String>,
    /// The gateway's own tool, whose input is the response's text.
    answer: Option<String>,
}

impl ToolNames {
    /// Returns the alias of a name: always the same one, and never the same for two names.
    pub fn alias(&mut self, name: &str) -> String {
        if let Some(alias) = self.aliases.get(name) {
            return alias.clone();
        }
        let alias = self.free(name);
        self.aliases.insert(name.to_owned(), alias.clone());
        self.originals.insert(alias.clone(), name.to_owned());
        alias
    }

    /// Names the tool that carries the response's text.
    pub fn alias_answer(&mut self, name: &str) -> String {
        let alias = self.free(name);
        self.answer = Some(alias.clone());
        alias
    }

    /// Returns the client's name for an alias.
    pub fn original<'n>(&'n self, alias: &'n str) -> &'n str {
        self.originals.get(alias).map_or(alias, String::as_str)
    }

    pub fn is_answer(&self, alias: &str) -> bool {
        self.answer.as_deref() == Some(alias)
    }

    fn free(&self, name: &str) -> String {
        let plain = plain(name);
        let numbered = (2..).map(|number: u32| {
            let end = format!("_{number}");
            let length = plain.len().min(MAX_NAME_CHARS - end.len());
            format!("{}{end}", &plain[..length])
        });
        let mut names = std::iter::once(plain.clone()).chain(numbered);
        names
            .find(|name| !self.originals.contains_key(name))
            .unwrap_or(plain)
    }
}

/// Replaces characters that are not allowed by underscores.
fn plain(name: &str) -> String {
    let allowed = |c: char| if is_allowed(c) { c } else { '_' };
    let plain: String = name.chars().map(allowed).take(MAX_NAME_CHARS).collect();
    if plain.is_empty() {
        "_".to_owned()
    } else {
        plain
    }
}

/// Replaces characters of a call's id that are not allowed.
pub(super) fn plain_id(id: &str) -> String {
    let allowed = |c: char| if is_allowed(c) { c } else { '_' };
    id.chars().map(allowed).collect()
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_its_own_and_comes_back() {
        let mut names = ToolNames::default();
        let long = "x".repeat(100);
        let given = [
            "tide.level",
            "tide_level",
            "tide level",
            "é",
            "",
            &long,
            "plain-1",
        ];
        let alias: Vec<String> = given.iter().map(|name| names.alias(name)).collect();

        assert_eq!(alias[..3], ["tide_level", "tide_level_2", "tide_level_3"]);
        assert_eq!(alias[6], "plain-1");
        for (name, alias) in given.iter().zip(&alias) {
            assert!((1..=MAX_NAME_CHARS).contains(&alias.len()) && alias.chars().all(is_allowed));
            assert_eq!(names.original(alias), *name);
            assert_eq!(names.alias(name), *alias);
        }
    }
}

//! The models that a client may use.

use super::client_terms::{GroupDefinition, TokenDefinition};
use super::glob::matches_glob;
use std::sync::Arc;

/// Patterns of a token and of its group: a name must fit one of each. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedModels(Arc<[Vec<String>]>);

impl AllowedModels {
    /// Returns the patterns of lists; `None` without any, when all models are allowed.
    pub fn new(lists: impl IntoIterator<Item = Vec<String>>) -> Option<Self> {
        let lists: Vec<Vec<String>> = lists.into_iter().collect();
        (!lists.is_empty()).then(|| Self(lists.into()))
    }

    /// Returns the patterns that hold for a token.
    pub fn of(token: &TokenDefinition, groups: &[GroupDefinition]) -> Option<Self> {
        let group = token.terms.group.as_ref();
        let group = group.and_then(|name| groups.iter().find(|it| it.terms.name == *name));
        let lists = [&token.models, group.map_or(&None, |group| &group.models)];
        Self::new(lists.into_iter().flatten().cloned())
    }

    /// Returns true if a name fits.
    pub fn allows(&self, name: &str) -> bool {
        let fits = |patterns: &Vec<String>| patterns.iter().any(|it| matches_glob(it, name));
        self.0.iter().all(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_must_fit_a_pattern_of_each_list() {
        let list = |patterns: &[&str]| patterns.iter().map(ToString::to_string).collect();
        let both = AllowedModels::new([list(&["gpt-*", "o3"]), list(&["*-mini", "o3"])]).unwrap();
        for (name, allowed) in [
            ("gpt-5-mini", true),
            ("o3", true),
            ("gpt-5", false),
            ("x-mini", false),
        ] {
            assert_eq!(both.allows(name), allowed, "{name}");
        }
        assert_eq!(AllowedModels::new([]), None);
    }
}

//! What is asked of the figures in the store, and the answers that are repeated.

use super::answer_cache::AnswerCache;
use super::error::ApiError;
use crate::contract::{Performance, Problem};
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What a report covers.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PerformanceFilter {
    /// The last 1..=8760 hours.
    pub hours: u32,
    /// Only this provider.
    pub provider: Option<String>,
    /// Only this model.
    pub model: Option<String>,
    /// Only this client's token.
    pub token: Option<String>,
    /// Only the tokens of this group.
    pub group: Option<String>,
    /// Only this tag.
    pub tag: Option<String>,
    /// Width of the steps of a course, in seconds.
    pub step: Option<u64>,
}

/// Names of the tokens of each group.
pub type TokenGroups = BTreeMap<String, Vec<String>>;

/// What figures from the store need besides it.
#[derive(Debug, Default)]
pub(super) struct StoredFigures {
    /// Of the tokens of the configuration.
    groups: ArcSwap<TokenGroups>,
    /// Of the tokens of the store.
    stored_groups: ArcSwap<TokenGroups>,
    pub(super) answers: AnswerCache<PerformanceFilter, Performance>,
}

impl StoredFigures {
    pub(super) fn configure(&self, groups: TokenGroups, cache_time: Duration) {
        self.groups.store(Arc::new(groups));
        self.answers.set_cache_time(cache_time);
        self.answers.clear();
    }

    pub(super) fn set_stored_groups(&self, groups: TokenGroups) {
        self.stored_groups.store(Arc::new(groups));
        self.answers.clear();
    }

    pub(super) fn tokens_of(&self, group: &str) -> Result<Vec<String>, ApiError> {
        let all = [self.groups.load(), self.stored_groups.load()];
        let names = all.iter().filter_map(|groups| groups.get(group)).flatten();
        let mut names: Vec<String> = names.cloned().collect();
        names.sort();
        names.dedup();
        if names.is_empty() {
            let shown: String = group.chars().take(100).collect();
            return Err(Problem::new(404, format!("no token has the group {shown:?}")).into());
        }
        Ok(names)
    }
}

impl PerformanceFilter {
    pub(super) fn is_filtered(&self) -> bool {
        let names = [
            &self.provider,
            &self.model,
            &self.token,
            &self.group,
            &self.tag,
        ];
        names.into_iter().any(Option::is_some)
    }
}

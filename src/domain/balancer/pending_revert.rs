//! Changes that revert, and the values to go back to.

use super::target_state::ProviderState;
use crate::domain::index::ProviderIdx;
use crate::domain::units::UnixTime;
use crate::domain::weights::{WeightOverride, Weights};
use std::collections::BTreeMap;

/// What goes back, and when.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PendingRevert {
    /// Weights to go back to, where some are on trial.
    pub weights: Option<Weights>,
    /// By place in the catalogue.
    pub providers: BTreeMap<ProviderIdx, SavedSettings>,
    pub until: UnixTime,
}

/// What a provider goes back to; nothing for a setting that is not on trial.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct SavedSettings {
    pub enabled: Option<bool>,
    pub draining: Option<bool>,
    pub priority: Option<u8>,
    pub max_concurrent: Option<ConcurrencyLimit>,
    pub weights: Option<WeightOverride>,
    /// Something else was changed for good meanwhile, and is saved when the trial is over: until
    /// then it cannot be told from what is on trial.
    pub persist_after_revert: bool,
}

/// How many requests at once, where that is limited.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ConcurrencyLimit(Option<u32>);

impl SavedSettings {
    pub fn has_pending(&self) -> bool {
        self.enabled.is_some()
            || self.draining.is_some()
            || self.priority.is_some()
            || self.max_concurrent.is_some()
            || self.weights.is_some()
    }

    /// Everything that can be tried, as it is.
    pub fn of(record: &ProviderState) -> Self {
        Self {
            enabled: Some(record.enabled),
            draining: Some(record.draining),
            priority: Some(record.priority),
            max_concurrent: Some(ConcurrencyLimit(record.max_concurrent)),
            weights: Some(record.weights),
            persist_after_revert: false,
        }
    }

    /// Back to all of it, told in the words of a change.
    pub fn restore(&self, record: &mut ProviderState) -> Vec<String> {
        let mut what = Vec::new();
        let mut switch = |from: &mut bool, to: Option<bool>, words: [&str; 2]| {
            if let Some(to) = to.filter(|to| to != from) {
                *from = to;
                what.push(words[usize::from(to)].to_owned());
            }
        };
        switch(&mut record.enabled, self.enabled, ["disabled", "enabled"]);
        let drained = ["drained no more", "draining"];
        switch(&mut record.draining, self.draining, drained);
        if let Some(to) = self.priority.filter(|to| *to != record.priority) {
            what.push(format!("priority {}→{to}", record.priority));
            record.priority = to;
        }
        if let Some(ConcurrencyLimit(to)) = self.max_concurrent
            && to != record.max_concurrent
        {
            let said = |limit: Option<u32>| {
                limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string())
            };
            let from = said(record.max_concurrent);
            what.push(format!("max concurrent {from}→{}", said(to)));
            record.max_concurrent = to;
        }
        if let Some(to) = self.weights.filter(|to| *to != record.weights) {
            record.weights = to;
            what.push("own weights".to_owned());
        }
        what
    }
}

/// What stood before a change of a provider.
pub(super) struct PreviousSettings(pub SavedSettings);

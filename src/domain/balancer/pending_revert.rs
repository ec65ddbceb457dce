//! Pending changes, and the values that a revert restores.

use super::target_state::ProviderState;
use crate::domain::global_settings::GlobalSettings;
use crate::domain::index::ProviderIdx;
use crate::domain::units::UnixTime;
use crate::domain::weights::{WeightOverride, Weights};
use std::collections::BTreeMap;

/// Values to restore, and the time of the revert.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PendingRevert {
    /// Weights to restore; `None` if no change of weights is pending.
    pub weights: Option<Weights>,
    /// Settings of the whole instance to restore; `None` if no change of them is pending.
    pub settings: Option<GlobalSettings>,
    /// Settings of providers to restore.
    pub providers: BTreeMap<ProviderIdx, SavedSettings>,
    pub until: UnixTime,
}

/// Settings of a provider to restore; `None` for a setting without a pending change.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct SavedSettings {
    pub enabled: Option<bool>,
    pub draining: Option<bool>,
    pub priority: Option<u8>,
    pub max_concurrent: Option<ConcurrencyLimit>,
    pub weights: Option<WeightOverride>,
    /// True if another setting was changed permanently meanwhile. It is persisted after the revert,
    /// because a provider's settings are saved as a whole.
    pub persist_after_revert: bool,
}

/// Maximum number of concurrent requests; `None` without a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ConcurrencyLimit(pub Option<u32>);

impl SavedSettings {
    pub fn has_pending(&self) -> bool {
        self.enabled.is_some()
            || self.draining.is_some()
            || self.priority.is_some()
            || self.max_concurrent.is_some()
            || self.weights.is_some()
    }

    /// Copies the current settings of a provider.
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

    /// Restores the saved settings and describes the changed values.
    pub fn restore(&self, record: &mut ProviderState) -> Vec<String> {
        let mut what = Vec::new();
        let mut switch = |from: &mut bool, to: Option<bool>, words: [&str; 2]| {
            if let Some(to) = to.filter(|to| to != from) {
                *from = to;
                what.push(words[usize::from(to)].to_owned());
            }
        };
        switch(&mut record.enabled, self.enabled, ["disabled", "enabled"]);
        let draining = ["no longer draining", "draining"];
        switch(&mut record.draining, self.draining, draining);
        if let Some(to) = self.priority.filter(|to| *to != record.priority) {
            what.push(format!("priority {}→{to}", record.priority));
            record.priority = to;
        }
        if let Some(ConcurrencyLimit(to)) = self.max_concurrent
            && to != record.max_concurrent
        {
            let format_limit = |limit: Option<u32>| {
                limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string())
            };
            let from = format_limit(record.max_concurrent);
            what.push(format!("max concurrent {from}→{}", format_limit(to)));
            record.max_concurrent = to;
        }
        if let Some(to) = self.weights.filter(|to| *to != record.weights) {
            record.weights = to;
            what.push("own weights".to_owned());
        }
        what
    }
}

/// Settings of a provider before a change.
pub(super) struct PreviousSettings(pub SavedSettings);

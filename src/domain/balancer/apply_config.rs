//! Applies a reloaded configuration. Providers and targets keep their indices and statistics;
//! settings that an operator changed at runtime stay unless the configuration changed them too.

use super::key_state::KeyStates;
use super::target_state::{ProviderState, TargetState};
use super::{BalancerState, REMOVED_REASON};
use crate::domain::command::{CommandError, CommandReply};
use crate::domain::config_update::{ConfigUpdate, EndpointChange, ProviderSetting};
use crate::domain::event::Effect;
use crate::domain::index::{ProviderIdx, TargetIdx};
use crate::domain::target::Catalogue;
use crate::domain::units::UnixTime;
use crate::domain::weights::{Objective, Weights};
use std::sync::Arc;

/// Maximum number of changes listed in a revision; the rest is counted.
const MAX_LISTED_CHANGES: usize = 12;

impl BalancerState {
    pub(super) fn reconfigure(
        &mut self,
        next: ConfigUpdate,
        now: UnixTime,
    ) -> Result<(CommandReply, Vec<Effect>), CommandError> {
        let fits = next.catalogue.continues(&self.catalogue);
        let weights = self.configured_weights(&next).validated()?;
        if !fits {
            return Err(CommandError::ConfigOutdated);
        }
        let before = std::mem::replace(&mut self.weights, weights);
        if !next.objectives.is_empty() {
            // The pending change was made on top of weights that no longer hold.
            self.cancel_weights_revert();
        }
        let settings = self.configured_settings(&next);
        self.tuning = next.tuning;
        let mut limits = next.allowances;
        // Requests reserve meanwhile, so a limit that stays must not take another value in between.
        limits.budget.set_shared(settings.budget);
        self.set_limits(&limits);
        self.put_global_settings(settings);
        let previous = std::mem::replace(&mut self.catalogue, Arc::new(next.catalogue));
        self.add_entries(&previous, now);
        for (at, setting) in next.settings {
            self.set(at, setting);
            self.cancel_setting_revert(at, setting);
        }
        for (at, change) in next.renewals {
            self.apply_endpoint_change(at, change, now);
        }
        self.fit_keys();
        self.refresh_states(now);
        let mut effects = Vec::new();
        if !next.changes.is_empty() {
            let what = summarize(&next.changes);
            effects.push(self.revise(what, next.who, next.reason, before, now));
        }
        self.warn(now, &mut effects);
        Ok((CommandReply::Reconfigured(self.revision), effects))
    }

    /// Returns the current weights with those that the configuration changed. The three objectives
    /// share 100 points, so a change of one replaces all three.
    fn configured_weights(&self, next: &ConfigUpdate) -> Weights {
        let changed = |objective| next.objectives.contains(&objective);
        let shares = [Objective::Cost, Objective::Latency, Objective::Reliability];
        let mut weights = self.weights;
        if shares.into_iter().any(changed) {
            weights.cost = next.weights.cost;
            weights.latency = next.weights.latency;
            weights.reliability = next.weights.reliability;
        }
        if changed(Objective::Load) {
            weights.load = next.weights.load;
        }
        if changed(Objective::Priority) {
            weights.priority = next.weights.priority;
        }
        weights
    }

    /// Adds state for new entries, and keeps the state of known ones.
    fn add_entries(&mut self, previous: &Catalogue, now: UnixTime) {
        let catalogue = Arc::clone(&self.catalogue);
        for (at, spec) in ProviderIdx::enumerate(&catalogue.providers) {
            let Some(record) = self.providers.get_mut(at.get()) else {
                self.providers.push(ProviderState::new(spec, now));
                continue;
            };
            record.rates = spec.rates;
            let retired = |catalogue: &Catalogue| catalogue.retired.providers.contains(&at);
            record.off = if retired(&catalogue) {
                Some(REMOVED_REASON.into())
            } else {
                spec.off.clone()
            };
            if retired(previous) && !retired(&catalogue) {
                record.configure(spec);
                record.draining = false;
                record.drains_until = None;
            }
            if retired(&catalogue) {
                self.forget_provider_revert(at);
            }
        }
        for spec in catalogue.targets.iter().skip(self.targets.len()) {
            let keys = &catalogue.providers[spec.provider].keys;
            self.targets.push(TargetState::new(keys));
        }
        self.window.grow(catalogue.targets.len());
        self.counters.add_labels(&catalogue);
        self.pin
            .take_if(|(pinned, _)| catalogue.retired.providers.contains(pinned));
    }

    /// Gives every target the configured number of keys; those whose number changed begin anew.
    fn fit_keys(&mut self) {
        for (target, spec) in TargetIdx::enumerate(&self.catalogue.targets) {
            let keys = &self.catalogue.providers[spec.provider].keys;
            if !self.targets[target].keys.fits(keys) {
                self.targets[target].keys = KeyStates::new(keys);
            }
        }
    }

    fn set(&mut self, at: ProviderIdx, setting: ProviderSetting) {
        let (Some(record), Some(spec)) = (
            self.providers.get_mut(at.get()),
            self.catalogue.providers.get(at.get()),
        ) else {
            return;
        };
        match setting {
            ProviderSetting::Enabled => record.enabled = spec.enabled,
            ProviderSetting::Priority => record.priority = spec.priority,
            ProviderSetting::MaxConcurrent => record.max_concurrent = spec.max_concurrent,
            ProviderSetting::Weights => record.weights = spec.weights,
        }
    }

    fn apply_endpoint_change(&mut self, at: ProviderIdx, change: EndpointChange, now: UnixTime) {
        if change == EndpointChange::Address
            && let Some(provider) = self.providers.get_mut(at.get())
        {
            provider.on_endpoint_change();
        }
        for (target, spec) in TargetIdx::enumerate(&self.catalogue.targets) {
            if spec.provider != at {
                continue;
            }
            match change {
                EndpointChange::Key => self.targets[target].on_key_change(now),
                EndpointChange::Address => {
                    self.targets[target].on_endpoint_change(now);
                    self.recording.forget(target);
                    self.window.forget(target);
                }
            }
        }
    }
}

fn summarize(changes: &[String]) -> String {
    let text = changes[..changes.len().min(MAX_LISTED_CHANGES)].join(", ");
    match changes.len().checked_sub(MAX_LISTED_CHANGES) {
        None | Some(0) => text,
        Some(more) => format!("{text} and {more} more"),
    }
}

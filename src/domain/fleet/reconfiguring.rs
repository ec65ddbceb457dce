//! What a configuration that was read again changes. Everybody keeps their place and what was
//! learnt of them; what an operator changed while running stays where the configuration does not
//! speak of it.

use super::members::{ProviderRecord, TargetRecord};
use super::{Fleet, REMOVED};
use crate::domain::command::{Answer, Refusal};
use crate::domain::event::Effect;
use crate::domain::reconfiguration::{ProviderSetting, Reconfiguration, Renewal};
use crate::domain::target::Catalogue;
use crate::domain::units::Moment;
use crate::domain::weights::{Objective, Weights};
use std::sync::Arc;

/// So many changes stand in a record; the rest is counted.
const CHANGES_TOLD: usize = 12;

impl Fleet {
    pub(super) fn reconfigure(
        &mut self,
        next: Reconfiguration,
        now: Moment,
    ) -> Result<(Answer, Vec<Effect>), Refusal> {
        let fits = next.catalogue.continues(&self.catalogue);
        let weights = self.configured_weights(&next).checked()?;
        if !fits {
            return Err(Refusal::Overtaken);
        }
        let before = std::mem::replace(&mut self.weights, weights);
        if !next.objectives.is_empty() {
            // What was tried was tried against other weights than are wished for now.
            self.settle_weights();
        }
        self.strategy = next.strategy;
        self.tuning = next.tuning;
        self.allow(&next.allowances);
        let earlier = std::mem::replace(&mut self.catalogue, Arc::new(next.catalogue));
        self.welcome(&earlier, now);
        for (at, setting) in next.settings {
            self.set(at, setting);
            self.settle_setting(at, setting);
        }
        for (at, renewal) in next.renewals {
            self.renew(at, renewal, now);
        }
        self.refresh_states(now);
        let mut effects = Vec::new();
        if !next.changes.is_empty() {
            let what = told(&next.changes);
            effects.push(self.revise(what, next.who, next.reason, before, now));
        }
        self.warn(now, &mut effects);
        Ok((Answer::Reconfigured(self.revision), effects))
    }

    /// The weights in force with what the configuration changed of them. The three that share 100
    /// points come together.
    fn configured_weights(&self, next: &Reconfiguration) -> Weights {
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

    /// Records for whoever is new or back, and none that was theirs is lost.
    fn welcome(&mut self, earlier: &Catalogue, now: Moment) {
        let catalogue = Arc::clone(&self.catalogue);
        for (at, spec) in catalogue.providers.iter().enumerate() {
            let Some(record) = self.providers.get_mut(at) else {
                self.providers.push(ProviderRecord::new(spec, now));
                continue;
            };
            record.rates = spec.rates;
            let retired = |catalogue: &Catalogue| catalogue.retired.providers.contains(&at);
            record.off = if retired(&catalogue) {
                Some(REMOVED.into())
            } else {
                spec.off.clone()
            };
            if retired(earlier) && !retired(&catalogue) {
                record.configure(spec);
                record.draining = false;
            }
            if retired(&catalogue) {
                self.leave_trial(at);
            }
        }
        self.targets
            .resize_with(catalogue.targets.len(), TargetRecord::new);
        self.window.grow(catalogue.targets.len());
        self.pin
            .take_if(|(pinned, _)| catalogue.retired.providers.contains(pinned));
    }

    fn set(&mut self, at: usize, setting: ProviderSetting) {
        let (Some(record), Some(spec)) =
            (self.providers.get_mut(at), self.catalogue.providers.get(at))
        else {
            return;
        };
        match setting {
            ProviderSetting::Enabled => record.enabled = spec.enabled,
            ProviderSetting::Priority => record.priority = spec.priority,
            ProviderSetting::MaxConcurrent => record.max_concurrent = spec.max_concurrent,
            ProviderSetting::Weights => record.weights = spec.weights,
        }
    }

    fn renew(&mut self, at: usize, renewal: Renewal, now: Moment) {
        if renewal == Renewal::Address
            && let Some(provider) = self.providers.get_mut(at)
        {
            provider.renew();
        }
        for (target, spec) in self.catalogue.targets.iter().enumerate() {
            if spec.provider != at {
                continue;
            }
            match renewal {
                Renewal::Key => self.targets[target].rekey(now),
                Renewal::Address => {
                    self.targets[target].renew(now);
                    self.window.forget(target);
                }
            }
        }
    }
}

fn told(changes: &[String]) -> String {
    let text = changes[..changes.len().min(CHANGES_TOLD)].join(", ");
    match changes.len().checked_sub(CHANGES_TOLD) {
        None | Some(0) => text,
        Some(more) => format!("{text} and {more} more"),
    }
}

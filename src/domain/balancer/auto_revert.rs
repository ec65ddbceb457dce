//! Changes on trial: what was in force before them, and when it comes back unless they are kept.
//! There is one trial at a time. A change on trial on top of another joins it, and it all ends
//! together, counted from the latest; what is changed for good meanwhile takes part no more.

use super::BalancerState;
use super::commands::difference;
use super::pending_revert::{PendingRevert, PreviousSettings, SavedSettings};
use crate::domain::command::{CommandError, CommandReply, ProviderPatch};
use crate::domain::config_update::ProviderSetting;
use crate::domain::event::{Effect, EventKind};
use crate::domain::index::ProviderIdx;
use crate::domain::units::UnixTime;
use crate::domain::weights::Weights;
use std::collections::BTreeMap;
use std::time::Duration;

impl BalancerState {
    /// Until when a trial of weights lasts.
    pub(super) fn weights_revert_at(&self) -> Option<UnixTime> {
        let trial = self.on_trial.as_ref();
        trial
            .filter(|trial| trial.weights.is_some())
            .map(|trial| trial.until)
    }

    /// Until when a trial of a provider's settings lasts.
    pub(super) fn provider_reverts_at(&self, at: ProviderIdx) -> Option<UnixTime> {
        let trial = self.on_trial.as_ref()?;
        let home = trial.providers.get(&at)?;
        home.has_pending().then_some(trial.until)
    }

    /// Weights were changed: on trial for so long, or for good.
    pub(super) fn schedule_weights_revert(
        &mut self,
        before: Weights,
        after: Option<Duration>,
        now: UnixTime,
    ) {
        match after {
            // A change on top of one that is on trial goes back to where that one started.
            Some(after) => {
                let trial = self.pending_revert(now.plus(after));
                trial.weights.get_or_insert(before);
            }
            None => self.cancel_weights_revert(),
        }
    }

    /// Weights are on trial no more.
    pub(super) fn cancel_weights_revert(&mut self) {
        if let Some(trial) = &mut self.on_trial {
            trial.weights = None;
        }
        self.drop_empty_revert();
    }

    pub(super) fn before(&self, at: ProviderIdx) -> PreviousSettings {
        PreviousSettings(SavedSettings::of(&self.providers[at]))
    }

    /// A provider was changed: what the patch names is on trial for so long, or holds for good. The
    /// effect is asked for where something is to be saved.
    pub(super) fn schedule_provider_revert(
        &mut self,
        at: ProviderIdx,
        PreviousSettings(before): PreviousSettings,
        patch: &ProviderPatch,
        now: UnixTime,
    ) -> Option<Effect> {
        let after = patch.revert_after.filter(|_| patch.has_setting());
        let tries = after.map(|after| now.plus(after));
        if let Some(until) = tries {
            self.pending_revert(until).providers.entry(at).or_default();
        }
        let Some(home) = self
            .on_trial
            .as_mut()
            .and_then(|trial| trial.providers.get_mut(&at))
        else {
            return Some(Effect::PersistProvider(at));
        };
        let is_trial = tries.is_some();
        decide(
            patch.enabled.is_some(),
            is_trial,
            &mut home.enabled,
            before.enabled,
        );
        decide(
            patch.draining.is_some(),
            is_trial,
            &mut home.draining,
            before.draining,
        );
        decide(
            patch.priority.is_some(),
            is_trial,
            &mut home.priority,
            before.priority,
        );
        decide(
            patch.max_concurrent.is_some(),
            is_trial,
            &mut home.max_concurrent,
            before.max_concurrent,
        );
        decide(
            patch.weights.is_some(),
            is_trial,
            &mut home.weights,
            before.weights,
        );
        let is_over = !home.has_pending();
        home.persist_after_revert |= !is_trial;
        let is_owed = home.persist_after_revert;
        if is_over {
            self.forget_provider_revert(at);
        }
        (is_over && is_owed).then_some(Effect::PersistProvider(at))
    }

    /// The configuration speaks of a setting: it is on trial no more.
    pub(super) fn cancel_setting_revert(&mut self, at: ProviderIdx, setting: ProviderSetting) {
        let Some(trial) = &mut self.on_trial else {
            return;
        };
        let Some(home) = trial.providers.get_mut(&at) else {
            return;
        };
        match setting {
            ProviderSetting::Enabled => home.enabled = None,
            ProviderSetting::Priority => home.priority = None,
            ProviderSetting::MaxConcurrent => home.max_concurrent = None,
            ProviderSetting::Weights => home.weights = None,
        }
        if !home.has_pending() && !home.persist_after_revert {
            self.forget_provider_revert(at);
        }
    }

    /// A provider takes part in the trial no more.
    pub(super) fn forget_provider_revert(&mut self, at: ProviderIdx) {
        if let Some(trial) = &mut self.on_trial {
            trial.providers.remove(&at);
        }
        self.drop_empty_revert();
    }

    /// Everything on trial holds for good.
    pub(super) fn confirm_changes(
        &mut self,
        who: &str,
        now: UnixTime,
    ) -> Result<(CommandReply, Vec<Effect>), CommandError> {
        let trial = self.on_trial.take().ok_or(CommandError::NothingToConfirm)?;
        let what = if trial.providers.is_empty() {
            "weights that were"
        } else {
            "changes that were"
        };
        let text = format!("{who} keeps the {what} on trial");
        let mut effects = vec![self.emit(EventKind::Change, false, None, text, now)];
        effects.extend(trial.weights.map(|_| Effect::PersistWeights(self.weights)));
        effects.extend(
            trial
                .providers
                .keys()
                .map(|&at| Effect::PersistProvider(at)),
        );
        Ok((self.weights(now), effects))
    }

    /// Reverts changes that were not confirmed in time.
    pub(super) fn revert_expired(&mut self, now: UnixTime, effects: &mut Vec<Effect>) {
        let Some(trial) = self.on_trial.take_if(|trial| now >= trial.until) else {
            return;
        };
        let before = self.weights;
        let mut what = Vec::new();
        if let Some(home) = trial.weights {
            self.weights = home;
            what.push(difference(before, home));
        }
        for (&at, home) in &trial.providers {
            let words = home.restore(&mut self.providers[at]);
            if !words.is_empty() {
                what.push(format!("{}: {}", self.providers[at].name, words.join(", ")));
            }
        }
        if !what.is_empty() {
            let reason = Some("nobody kept the change on trial".to_owned());
            let who = "aibal-tui".to_owned();
            effects.push(self.revise(what.join("; "), who, reason, before, now));
        }
        let owed = trial
            .providers
            .iter()
            .filter(|(_, home)| home.persist_after_revert);
        effects.extend(owed.map(|(&at, _)| Effect::PersistProvider(at)));
    }

    /// The trial that there is, or a new one, to end then.
    fn pending_revert(&mut self, until: UnixTime) -> &mut PendingRevert {
        let trial = self.on_trial.get_or_insert_with(|| PendingRevert {
            weights: None,
            providers: BTreeMap::new(),
            until,
        });
        trial.until = until;
        trial
    }

    fn drop_empty_revert(&mut self) {
        self.on_trial
            .take_if(|trial| trial.weights.is_none() && trial.providers.is_empty());
    }
}

/// Of one setting: on trial it goes back to where it was first, for good it goes back nowhere.
fn decide<T>(is_named: bool, is_trial: bool, home: &mut Option<T>, before: Option<T>) {
    if !is_named {
        return;
    }
    if is_trial {
        if home.is_none() {
            *home = before;
        }
    } else {
        *home = None;
    }
}

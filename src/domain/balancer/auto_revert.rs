//! Temporary changes, which revert unless they are confirmed in time.
//! All pending changes revert together; a further temporary change restarts the time. A setting
//! that is changed permanently meanwhile does not revert.

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
    /// Returns the time of the revert of weights, if one is pending.
    pub(super) fn weights_revert_at(&self) -> Option<UnixTime> {
        let pending = self.pending_revert.as_ref();
        pending
            .filter(|pending| pending.weights.is_some())
            .map(|pending| pending.until)
    }

    /// Returns the time of the revert of a provider's settings, if one is pending.
    pub(super) fn provider_reverts_at(&self, at: ProviderIdx) -> Option<UnixTime> {
        let pending = self.pending_revert.as_ref()?;
        let saved = pending.providers.get(&at)?;
        saved.has_pending().then_some(pending.until)
    }

    /// Schedules a revert to `before` after the time `after`, or makes the change permanent.
    pub(super) fn schedule_weights_revert(
        &mut self,
        before: Weights,
        after: Option<Duration>,
        now: UnixTime,
    ) {
        match after {
            // On top of a pending change, the revert goes back to the values before the first.
            Some(after) => {
                let pending = self.extend_pending_revert(now.plus(after));
                pending.weights.get_or_insert(before);
            }
            None => self.cancel_weights_revert(),
        }
    }

    /// Cancels the pending revert of weights.
    pub(super) fn cancel_weights_revert(&mut self) {
        if let Some(pending) = &mut self.pending_revert {
            pending.weights = None;
        }
        self.drop_empty_revert();
    }

    /// Returns the settings of a provider before a change.
    pub(super) fn before(&self, at: ProviderIdx) -> PreviousSettings {
        PreviousSettings(SavedSettings::of(&self.providers[at]))
    }

    /// Schedules a revert of the settings that the patch names, or makes them permanent. Returns
    /// an effect if settings must be persisted.
    pub(super) fn schedule_provider_revert(
        &mut self,
        at: ProviderIdx,
        PreviousSettings(before): PreviousSettings,
        patch: &ProviderPatch,
        now: UnixTime,
    ) -> Option<Effect> {
        let after = patch.revert_after.filter(|_| patch.has_setting());
        let until = after.map(|after| now.plus(after));
        if let Some(until) = until {
            self.extend_pending_revert(until)
                .providers
                .entry(at)
                .or_default();
        }
        let Some(saved) = self
            .pending_revert
            .as_mut()
            .and_then(|pending| pending.providers.get_mut(&at))
        else {
            return Some(Effect::PersistProvider(at));
        };
        let reverts = until.is_some();
        set_revert_value(
            patch.enabled.is_some(),
            reverts,
            &mut saved.enabled,
            before.enabled,
        );
        set_revert_value(
            patch.draining.is_some() || patch.drain_for.is_some(),
            reverts && patch.drain_for.is_none(),
            &mut saved.draining,
            before.draining,
        );
        set_revert_value(
            patch.priority.is_some(),
            reverts,
            &mut saved.priority,
            before.priority,
        );
        set_revert_value(
            patch.max_concurrent.is_some(),
            reverts,
            &mut saved.max_concurrent,
            before.max_concurrent,
        );
        set_revert_value(
            patch.weights.is_some(),
            reverts,
            &mut saved.weights,
            before.weights,
        );
        let has_ended = !saved.has_pending();
        saved.persist_after_revert |= !reverts;
        let must_persist = saved.persist_after_revert;
        if has_ended {
            self.forget_provider_revert(at);
        }
        (has_ended && must_persist).then_some(Effect::PersistProvider(at))
    }

    /// Cancels the pending revert of a setting that the configuration changed.
    pub(super) fn cancel_setting_revert(&mut self, at: ProviderIdx, setting: ProviderSetting) {
        let Some(pending) = &mut self.pending_revert else {
            return;
        };
        let Some(saved) = pending.providers.get_mut(&at) else {
            return;
        };
        match setting {
            ProviderSetting::Enabled => saved.enabled = None,
            ProviderSetting::Priority => saved.priority = None,
            ProviderSetting::MaxConcurrent => saved.max_concurrent = None,
            ProviderSetting::Weights => saved.weights = None,
        }
        if !saved.has_pending() && !saved.persist_after_revert {
            self.forget_provider_revert(at);
        }
    }

    /// Cancels the pending reverts of a provider.
    pub(super) fn forget_provider_revert(&mut self, at: ProviderIdx) {
        if let Some(pending) = &mut self.pending_revert {
            pending.providers.remove(&at);
        }
        self.drop_empty_revert();
    }

    /// Makes all pending changes permanent.
    pub(super) fn confirm_changes(
        &mut self,
        who: &str,
        now: UnixTime,
    ) -> Result<(CommandReply, Vec<Effect>), CommandError> {
        let pending = self
            .pending_revert
            .take()
            .ok_or(CommandError::NothingToConfirm)?;
        let what = if pending.providers.is_empty() && pending.settings.is_none() {
            "weights"
        } else {
            "changes"
        };
        let text = format!("{who} confirmed the pending {what}");
        let mut effects = vec![self.emit(EventKind::Change, false, None, text, now)];
        effects.extend(
            pending
                .weights
                .map(|_| Effect::PersistWeights(self.weights)),
        );
        let settings = pending.settings.map(|_| self.global_settings());
        effects.extend(settings.map(Effect::PersistSettings));
        effects.extend(
            pending
                .providers
                .keys()
                .map(|&at| Effect::PersistProvider(at)),
        );
        Ok((self.weights(now), effects))
    }

    /// Reverts changes that were not confirmed in time.
    pub(super) fn revert_expired(&mut self, now: UnixTime, effects: &mut Vec<Effect>) {
        let Some(pending) = self.pending_revert.take_if(|pending| now >= pending.until) else {
            return;
        };
        let before = self.weights;
        let mut what = Vec::new();
        if let Some(saved) = pending.weights {
            self.weights = saved;
            what.push(difference(before, saved));
        }
        if let Some(saved) = pending.settings {
            what.push(self.global_settings().difference(&saved));
            self.put_global_settings(saved);
        }
        for (&at, saved) in &pending.providers {
            let words = saved.restore(&mut self.providers[at]);
            if !words.is_empty() {
                what.push(format!("{}: {}", self.providers[at].name, words.join(", ")));
            }
        }
        if !what.is_empty() {
            let reason = Some("the change was not confirmed in time".to_owned());
            let who = "aibal-tui".to_owned();
            effects.push(self.revise(what.join("; "), who, reason, before, now));
        }
        let to_persist = pending
            .providers
            .iter()
            .filter(|(_, saved)| saved.persist_after_revert);
        effects.extend(to_persist.map(|(&at, _)| Effect::PersistProvider(at)));
    }

    /// Returns the pending revert, created if there is none, with the new time.
    pub(super) fn extend_pending_revert(&mut self, until: UnixTime) -> &mut PendingRevert {
        let pending = self.pending_revert.get_or_insert_with(|| PendingRevert {
            weights: None,
            settings: None,
            providers: BTreeMap::new(),
            until,
        });
        pending.until = until;
        pending
    }

    pub(super) fn drop_empty_revert(&mut self) {
        self.pending_revert.take_if(|pending| {
            let is_empty = pending.weights.is_none() && pending.settings.is_none();
            is_empty && pending.providers.is_empty()
        });
    }
}

/// Sets the value that a revert restores: the first one for a temporary change, `None` for a
/// permanent one.
fn set_revert_value<T>(is_named: bool, reverts: bool, saved: &mut Option<T>, before: Option<T>) {
    if !is_named {
        return;
    }
    if reverts {
        if saved.is_none() {
            *saved = before;
        }
    } else {
        *saved = None;
    }
}

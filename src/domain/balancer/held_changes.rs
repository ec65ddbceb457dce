//! Reads the changes that no configuration file holds, and makes them again in a new process.

use super::commands::difference;
use super::pending_revert::{ConcurrencyLimit, PendingRevert, SavedSettings};
use super::target_state::ProviderState;
use super::{BalancerState, MAX_REVISIONS};
use crate::domain::event::{Effect, EventKind, Revision};
use crate::domain::held_changes::{
    HeldChanges, PendingChange, PendingChanges, PendingProviderChanges,
};
use crate::domain::index::ProviderIdx;
use crate::domain::units::UnixTime;
use std::collections::BTreeMap;
use std::sync::Arc;

impl BalancerState {
    /// Takes over the revisions of earlier processes, oldest first, and the changes that no file holds.
    /// Revisions that this process made meanwhile follow them. What the configuration changed while no
    /// process ran is a revision too.
    pub fn restore_changes(
        &mut self,
        revisions: Vec<Revision>,
        held: Option<&HeldChanges>,
        now: UnixTime,
    ) -> Vec<Effect> {
        let last = revisions.last().map(|last| (last.number, last.after));
        if let Some((number, _)) = last {
            let own = std::mem::take(&mut self.revisions);
            self.revisions = revisions.into();
            for mut revision in own {
                revision.number += number.saturating_sub(1);
                self.revisions.push_back(revision);
            }
            while self.revisions.len() > MAX_REVISIONS {
                self.revisions.pop_front();
            }
            self.revision += number.saturating_sub(1);
        }
        let made_none = self.revisions.back().map(|last| last.number) == last.map(|last| last.0);
        let mut effects = held.map_or_else(Vec::new, |held| self.restore_held_changes(held, now));
        let after = self.revisions.back().map(|last| last.after);
        if let Some(before) = after.filter(|after| made_none && *after != self.weights) {
            let what = difference(before, self.weights);
            let reason = Some("changed while stopped".to_owned());
            effects.push(self.revise(what, "configuration".to_owned(), reason, before, now));
        }
        effects
    }

    /// Returns the changes that no configuration file holds.
    pub fn held_changes(&self) -> HeldChanges {
        let name = |at: ProviderIdx| Arc::clone(&self.providers[at].name);
        let active = || self.catalogue.active_providers().map(|(at, _)| at);
        HeldChanges {
            draining: active()
                .filter(|&at| self.providers[at].draining)
                .map(name)
                .collect(),
            drain_ends: active()
                .filter_map(|at| Some((name(at), self.providers[at].drain_end()?)))
                .collect(),
            pin: self.pin.map(|(at, until)| (name(at), until)),
            pending: self.pending_revert.as_ref().map(|pending| PendingChanges {
                until: pending.until,
                weights: pending.weights.map(|before| PendingChange {
                    before,
                    after: self.weights,
                }),
                settings: pending.settings.map(|before| PendingChange {
                    before,
                    after: self.global_settings(),
                }),
                providers: pending
                    .providers
                    .iter()
                    .map(|(&at, saved)| pending_settings(&self.providers[at], saved))
                    .collect(),
            }),
        }
    }

    /// Makes the changes of an earlier process again. One whose time has passed stays reverted, and a
    /// value that the configuration changed meanwhile stays as the configuration has it; events say so.
    pub(super) fn restore_held_changes(
        &mut self,
        held: &HeldChanges,
        now: UnixTime,
    ) -> Vec<Effect> {
        let mut effects = Vec::new();
        for name in &held.draining {
            if let Some(at) = self.catalogue.provider(name) {
                self.providers[at].draining = true;
            }
        }
        for (name, until) in &held.drain_ends {
            if let Some(at) = self.catalogue.provider(name) {
                self.providers[at].drains_until = Some(*until);
            }
        }
        self.end_drains(now, &mut effects);
        if let Some((name, until)) = &held.pin {
            match self.catalogue.provider(name) {
                Some(at) if now < *until => self.pin = Some((at, *until)),
                at => {
                    let text = "no longer pinned: the pin expired while stopped".to_owned();
                    effects.push(self.emit(EventKind::Change, false, at, text, now));
                }
            }
        }
        if let Some(pending) = &held.pending {
            if now < pending.until {
                self.restore_pending(pending, now, &mut effects);
            } else {
                self.revert_missed(pending, now, &mut effects);
            }
        }
        self.refresh_states(now);
        effects
    }

    fn restore_pending(
        &mut self,
        pending: &PendingChanges,
        now: UnixTime,
        effects: &mut Vec<Effect>,
    ) {
        let mut revert = PendingRevert {
            weights: None,
            settings: None,
            providers: BTreeMap::new(),
            until: pending.until,
        };
        if let Some(PendingChange { before, after }) = pending.weights {
            if self.weights == before {
                self.weights = after;
                revert.weights = Some(before);
            } else {
                let text = "the configuration changed weights that were to revert; it holds";
                effects.push(self.emit(EventKind::Change, false, None, text.to_owned(), now));
            }
        }
        if let Some(PendingChange { before, after }) = pending.settings {
            if self.global_settings() == before {
                self.put_global_settings(after);
                revert.settings = Some(before);
            } else {
                let text = "the configuration changed settings that were to revert; it holds";
                effects.push(self.emit(EventKind::Change, false, None, text.to_owned(), now));
            }
        }
        for changes in &pending.providers {
            let Some(at) = self.catalogue.provider(&changes.name) else {
                continue;
            };
            let saved = apply_settings(&mut self.providers[at], changes);
            if saved.has_pending() {
                revert.providers.insert(at, saved);
            }
        }
        self.pending_revert = Some(revert);
        self.drop_empty_revert();
    }

    /// Records a revert whose time passed while no process ran: the configuration has the old values.
    fn revert_missed(
        &mut self,
        pending: &PendingChanges,
        now: UnixTime,
        effects: &mut Vec<Effect>,
    ) {
        let mut what = Vec::new();
        let mut before = self.weights;
        if let Some(weights) = pending.weights.filter(|it| it.before == self.weights) {
            what.push(difference(weights.after, weights.before));
            before = weights.after;
        }
        if let Some(settings) = pending.settings {
            what.push(settings.after.difference(&settings.before));
        }
        for changes in &pending.providers {
            if let Some(at) = self.catalogue.provider(&changes.name) {
                // A drain has no place in the configuration.
                if let Some(draining) = changes.draining {
                    self.providers[at].draining = draining.before;
                }
                what.push(format!("{}: settings", changes.name));
            }
        }
        if !what.is_empty() {
            let reason =
                Some("the change was not confirmed in time; its time passed while stopped");
            effects.push(self.revise(
                what.join("; "),
                "aibal-tui".to_owned(),
                reason.map(str::to_owned),
                before,
                now,
            ));
        }
    }
}

fn pending_settings(provider: &ProviderState, saved: &SavedSettings) -> PendingProviderChanges {
    PendingProviderChanges {
        name: Arc::clone(&provider.name),
        enabled: change(saved.enabled, provider.enabled),
        draining: change(saved.draining, provider.draining),
        priority: change(saved.priority, provider.priority),
        max_concurrent: change(
            saved.max_concurrent.map(|limit| limit.0),
            provider.max_concurrent,
        ),
        weights: change(saved.weights, provider.weights),
    }
}

fn change<T>(before: Option<T>, after: T) -> Option<PendingChange<T>> {
    before.map(|before| PendingChange { before, after })
}

/// Makes the changes again, except where the configuration changed the value; returns the values to
/// revert to.
fn apply_settings(provider: &mut ProviderState, changes: &PendingProviderChanges) -> SavedSettings {
    SavedSettings {
        enabled: apply(&mut provider.enabled, changes.enabled),
        // No configuration holds a drain, so the value before need not be the present one.
        draining: changes.draining.map(|change| {
            provider.draining = change.after;
            change.before
        }),
        priority: apply(&mut provider.priority, changes.priority),
        max_concurrent: apply(&mut provider.max_concurrent, changes.max_concurrent)
            .map(ConcurrencyLimit),
        weights: apply(&mut provider.weights, changes.weights),
        persist_after_revert: false,
    }
}

fn apply<T: PartialEq>(value: &mut T, change: Option<PendingChange<T>>) -> Option<T> {
    let change = change.filter(|change| *value == change.before)?;
    *value = change.after;
    Some(change.before)
}

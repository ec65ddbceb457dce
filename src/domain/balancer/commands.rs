//! Execution of commands. A refused command changes nothing.

use super::patch::{ValidatedPatch, checked_patch};
use super::target_state::{ExternalLoad, ProviderState};
use super::{BalancerState, MAX_REVISIONS, push_bounded};
use crate::domain::command::{
    Command, CommandError, CommandReply, ExternalLoadAction, ProviderPatch, WeightsPatch,
};
use crate::domain::event::{Effect, EventKind, Revision};
use crate::domain::index::{ProviderIdx, TargetIdx};
use crate::domain::units::UnixTime;
use crate::domain::weights::Weights;
use std::sync::Arc;
use std::time::Duration;

/// External load that is never decremented expires after this time.
const EXTERNAL_LOAD_TTL: Duration = Duration::from_mins(10);
/// Maximum external load of one provider; beyond it the oldest entry is released.
const MAX_EXTERNAL_LOAD: usize = 10_000;
/// Maximum external load of one provider that one token with the role client counts.
const MAX_TOKEN_LOAD: usize = 64;

impl BalancerState {
    /// Executes a command.
    ///
    /// # Errors
    /// Returns the reason of a refusal; the state is then unchanged.
    pub fn execute(
        &mut self,
        command: Command,
        now: UnixTime,
    ) -> Result<(CommandReply, Vec<Effect>), CommandError> {
        match command {
            Command::SetWeights(patch) => self.set_weights(patch, now),
            Command::ChangeSettings(patch) => self.change_settings(patch, now),
            Command::ConfirmWeights { who } => self.confirm_changes(&who, now),
            Command::Rollback { number, who } => self.roll_back(number, who, now),
            Command::ChangeProvider { name, patch, who } => {
                self.change_provider(&name, &patch, who, now)
            }
            Command::AdjustExternalLoad {
                provider,
                model,
                action,
                holder,
                is_capped,
            } => {
                let place = (&*provider, model.as_deref());
                self.adjust_external_load(place, action, (holder, is_capped), now)
            }
            Command::Reconfigure(next) => self.reconfigure(*next, now),
            Command::SetStoredTokens(tokens) => {
                self.set_stored_tokens(tokens);
                Ok((CommandReply::StoredTokensSet, Vec::new()))
            }
        }
    }

    /// Returns the current weights with their warnings.
    pub fn weights(&self, now: UnixTime) -> CommandReply {
        let warnings = self.warnings(now);
        CommandReply::Weights {
            weights: self.weights,
            revision: self.revision,
            reverts_at: self.weights_revert_at(),
            warnings: warnings.into_iter().map(|(_, text)| text).collect(),
        }
    }

    fn set_weights(
        &mut self,
        patch: WeightsPatch,
        now: UnixTime,
    ) -> Result<(CommandReply, Vec<Effect>), CommandError> {
        self.check_revision(patch.drafted_on)?;
        let before = self.weights;
        let after = Weights {
            cost: patch.cost.unwrap_or(before.cost),
            latency: patch.latency.unwrap_or(before.latency),
            reliability: patch.reliability.unwrap_or(before.reliability),
            load: patch.load.unwrap_or(before.load),
            priority: patch.priority.unwrap_or(before.priority),
        }
        .validated()?;
        self.schedule_weights_revert(before, patch.revert_after, now);
        self.weights = after;
        let what = difference(before, after);
        let mut effects = vec![self.revise(what, patch.who, patch.reason, before, now)];
        if patch.revert_after.is_none() {
            effects.push(Effect::PersistWeights(after));
        }
        self.warn(now, &mut effects);
        Ok((self.weights(now), effects))
    }

    fn roll_back(
        &mut self,
        number: u64,
        who: String,
        now: UnixTime,
    ) -> Result<(CommandReply, Vec<Effect>), CommandError> {
        let weights_after =
            |revision: &Revision| (revision.number == number).then_some(revision.after);
        // The revision before the oldest kept one is known from its `before`.
        let before = self
            .revisions
            .front()
            .map_or((self.revision, self.weights), |oldest| {
                (oldest.number - 1, oldest.before)
            });
        let weights = self.revisions.iter().find_map(weights_after);
        let weights = weights.or_else(|| (before.0 == number).then_some(before.1));
        let weights = weights.ok_or(CommandError::UnknownRevision {
            number,
            oldest: before.0,
        })?;
        let patch = WeightsPatch {
            cost: Some(weights.cost),
            latency: Some(weights.latency),
            reliability: Some(weights.reliability),
            load: Some(weights.load),
            priority: Some(weights.priority),
            reason: Some(format!("back to revision {number}")),
            who,
            ..WeightsPatch::default()
        };
        self.set_weights(patch, now)
    }

    fn change_provider(
        &mut self,
        name: &str,
        patch: &ProviderPatch,
        who: String,
        now: UnixTime,
    ) -> Result<(CommandReply, Vec<Effect>), CommandError> {
        let at = self.find_provider(name)?;
        let changed = checked_patch(patch)?;
        self.check_revision(patch.drafted_on)?;
        let had_pending_revert = self.provider_reverts_at(at).is_some();
        let before = self.before(at);
        let mut what = set(&mut self.providers[at], patch, &changed);
        self.providers[at].set_drain_end(patch, now, &mut what);
        let saved = self.schedule_provider_revert(at, before, patch, now);
        if let Some(pin) = patch.pin {
            self.pin(at, pin, now, &mut what);
        }
        if patch.reset {
            self.reset(at, now, &mut what);
        }
        self.refresh_states(now);
        let mut effects = Vec::new();
        if !what.is_empty() {
            let what = format!("{name}: {}", what.join(", "));
            effects.push(self.revise(what, who, None, self.weights, now));
        }
        // A pending value may be confirmed without a change of the value.
        if !effects.is_empty() || had_pending_revert {
            effects.extend(saved);
        }
        let answer = CommandReply::Provider {
            place: at,
            revision: self.revision,
            reverts_at: self.provider_reverts_at(at),
        };
        Ok((answer, effects))
    }

    fn adjust_external_load(
        &mut self,
        (provider, model): (&str, Option<&str>),
        action: ExternalLoadAction,
        (holder, is_capped): (Arc<str>, bool),
        now: UnixTime,
    ) -> Result<(CommandReply, Vec<Effect>), CommandError> {
        let at = self.find_provider(provider)?;
        let target = match model {
            Some(model) => Some(self.find_target(at, provider, model)?),
            None => None,
        };
        match action {
            ExternalLoadAction::Increment => {
                if is_capped {
                    self.check_external_load(at, target, &holder)?;
                }
                if self.providers[at].external_load.len() >= MAX_EXTERNAL_LOAD {
                    self.release_oldest(at);
                }
                let record = &mut self.providers[at];
                record.external_load.push_back(ExternalLoad {
                    until: now.plus(EXTERNAL_LOAD_TTL),
                    target,
                    holder,
                });
                record.load_counters.try_acquire(None);
                if let Some(target) = target {
                    self.targets[target].load_counters.try_acquire(None);
                }
            }
            ExternalLoadAction::Decrement => {
                // Load that was added without a model may be removed under any model.
                let loads = &self.providers[at].external_load;
                let counted = |fits: &dyn Fn(Option<TargetIdx>) -> bool| {
                    let is_own = |load: &ExternalLoad| !is_capped || load.holder == holder;
                    let mut loads = loads.iter();
                    loads.position(|load| is_own(load) && fits(load.target))
                };
                let same = counted(&|of| target.is_none() || of == target)
                    .or_else(|| counted(&|of| of.is_none()));
                if let Some(index) = same {
                    self.release(at, index);
                }
            }
        }
        Ok((
            CommandReply::InFlight(self.providers[at].load_counters.in_flight()),
            Vec::new(),
        ))
    }

    /// Rejects a request of a token that counts as many as it may: half of what the provider or the
    /// model takes at once, so that no token can close it for the others.
    fn check_external_load(
        &self,
        at: ProviderIdx,
        target: Option<TargetIdx>,
        holder: &Arc<str>,
    ) -> Result<(), CommandError> {
        let record = &self.providers[at];
        let own = || {
            record
                .external_load
                .iter()
                .filter(|load| load.holder == *holder)
        };
        let half = |most: Option<u32>| {
            let half = most.map_or(usize::MAX, |most| most as usize / 2);
            half.clamp(1, MAX_TOKEN_LOAD)
        };
        let check = |count: usize, limit: usize| {
            if count < limit {
                return Ok(());
            }
            Err(CommandError::ExternalLoadLimit {
                holder: Arc::clone(holder),
                provider: record.name.to_string(),
                limit,
            })
        };
        check(own().count(), half(record.max_concurrent))?;
        let Some(target) = target else { return Ok(()) };
        let of_target = own().filter(|load| load.target == Some(target)).count();
        check(
            of_target,
            half(self.catalogue.targets[target].max_concurrent),
        )
    }

    /// Releases expired external load.
    pub(super) fn expire_external_load(&mut self, now: UnixTime) {
        for at in ProviderIdx::all(self.providers.len()) {
            let has_expired = |load: &ExternalLoad| now >= load.until;
            while self.providers[at]
                .external_load
                .front()
                .is_some_and(has_expired)
            {
                self.release_oldest(at);
            }
        }
    }

    /// Releases the oldest external load of a provider.
    fn release_oldest(&mut self, at: ProviderIdx) {
        self.release(at, 0);
    }

    fn release(&mut self, at: ProviderIdx, index: usize) {
        let record = &mut self.providers[at];
        if let Some(load) = record.external_load.remove(index) {
            record.load_counters.release();
            if let Some(target) = load.target {
                self.targets[target].load_counters.release();
            }
        }
    }

    pub(super) fn check_revision(&self, base_revision: Option<u64>) -> Result<(), CommandError> {
        let Some(base_revision) = base_revision.filter(|&base| base != self.revision) else {
            return Ok(());
        };
        let newest = self.revisions.back();
        Err(CommandError::Stale {
            drafted_on: base_revision,
            revision: self.revision,
            who: newest.map_or_else(|| "aibal-tui".to_owned(), |revision| revision.who.clone()),
            what: newest.map_or_else(
                || "nothing since its start".to_owned(),
                |revision| revision.what.clone(),
            ),
        })
    }

    /// Appends a revision and returns its event.
    pub(super) fn revise(
        &mut self,
        what: String,
        who: String,
        reason: Option<String>,
        before: Weights,
        now: UnixTime,
    ) -> Effect {
        self.revision += 1;
        let because = reason
            .as_ref()
            .map(|reason| format!(" \"{reason}\""))
            .unwrap_or_default();
        let text = format!(
            "rev {}→{} {who}: {what}{because}",
            self.revision - 1,
            self.revision
        );
        self.cut_effects(now);
        let effect = Some(self.begun_effect(now));
        let revision = Revision {
            number: self.revision,
            at: now,
            who,
            reason,
            what,
            before,
            after: self.weights,
            effect,
        };
        push_bounded(&mut self.revisions, revision, MAX_REVISIONS);
        self.emit(EventKind::Change, false, None, text, now)
    }

    fn find_provider(&self, name: &str) -> Result<ProviderIdx, CommandError> {
        self.catalogue
            .provider(name)
            .ok_or_else(|| CommandError::UnknownProvider {
                name: name.to_owned(),
                known: self
                    .catalogue
                    .active_providers()
                    .map(|(_, provider)| provider.name.to_string())
                    .collect(),
            })
    }

    fn find_target(
        &self,
        at: ProviderIdx,
        provider: &str,
        model: &str,
    ) -> Result<TargetIdx, CommandError> {
        self.catalogue.target(provider, model).ok_or_else(|| {
            let models = self.targets_of(at).into_iter();
            CommandError::UnknownModel {
                provider: provider.to_owned(),
                model: model.to_owned(),
                known: models
                    .map(|target| self.catalogue.targets[target].id.model.to_string())
                    .collect(),
            }
        })
    }
}

/// Applies a patch to a provider and describes the changed values.
fn set(record: &mut ProviderState, patch: &ProviderPatch, changed: &ValidatedPatch) -> Vec<String> {
    let mut what = Vec::new();
    if let Some(enabled) = patch.enabled.filter(|&enabled| enabled != record.enabled) {
        record.enabled = enabled;
        what.push(if enabled {
            "enabled".to_owned()
        } else {
            "disabled".to_owned()
        });
    }
    if let Some(draining) = patch
        .draining
        .filter(|&draining| draining != record.draining)
    {
        record.draining = draining;
        what.push(if draining {
            "draining".to_owned()
        } else {
            "no longer draining".to_owned()
        });
    }
    if let Some(priority) = changed
        .priority
        .filter(|&priority| priority != record.priority)
    {
        what.push(format!("priority {}→{priority}", record.priority));
        record.priority = priority;
    }
    if let Some(limit) = changed
        .max_concurrent
        .filter(|&limit| Some(limit) != record.max_concurrent)
    {
        let old = record
            .max_concurrent
            .map_or_else(|| "none".to_owned(), |limit| limit.to_string());
        what.push(format!("max concurrent {old}→{limit}"));
        record.max_concurrent = Some(limit);
    }
    if let Some(weights) = patch.weights.filter(|weights| *weights != record.weights) {
        record.weights = weights;
        what.push("own weights".to_owned());
    }
    what
}

/// Describes a change of weights, for example `cost 30→50, latency 40→20`.
pub(super) fn difference(before: Weights, after: Weights) -> String {
    let pairs = [
        ("cost", before.cost, after.cost),
        ("latency", before.latency, after.latency),
        ("reliability", before.reliability, after.reliability),
        ("load", before.load, after.load),
        ("priority", before.priority, after.priority),
    ];
    let changed = pairs.iter().filter(|(_, old, new)| old != new);
    let text: Vec<String> = changed
        .map(|(name, old, new)| format!("{name} {old}→{new}"))
        .collect();
    if text.is_empty() {
        "weights unchanged".to_owned()
    } else {
        text.join(", ")
    }
}

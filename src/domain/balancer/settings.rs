//! Changes of strategy, budgets and breakers at run time.

use super::BalancerState;
use crate::domain::circuit_breaker::BreakerSettings;
use crate::domain::command::{CommandError, CommandReply, NewBudget, SettingsPatch};
use crate::domain::config_update::ConfigUpdate;
use crate::domain::event::Effect;
use crate::domain::global_settings::GlobalSettings;
use crate::domain::units::UnixTime;
use std::sync::Arc;

impl BalancerState {
    /// Returns strategy, budgets and breakers in force.
    pub fn global_settings(&self) -> GlobalSettings {
        GlobalSettings {
            strategy: self.strategy,
            budget: self.budgets.shared(),
            breaker: self.breaker,
        }
    }

    /// Returns the settings in force, with the time at which unconfirmed ones revert.
    pub fn settings(&self) -> CommandReply {
        let pending = self.pending_revert.as_ref();
        let pending = pending.filter(|pending| pending.settings.is_some());
        CommandReply::Settings {
            settings: self.global_settings(),
            revision: self.revision,
            reverts_at: pending.map(|pending| pending.until),
        }
    }

    pub(super) fn put_global_settings(&mut self, settings: GlobalSettings) {
        self.strategy = settings.strategy;
        self.breaker = settings.breaker;
        self.budget_config.set_shared(settings.budget);
        self.budgets = Arc::new(self.budgets.with_shared(settings.budget));
    }

    pub(super) fn change_settings(
        &mut self,
        patch: SettingsPatch,
        now: UnixTime,
    ) -> Result<(CommandReply, Vec<Effect>), CommandError> {
        self.check_revision(patch.drafted_on)?;
        let before = self.global_settings();
        let after = patched(before, &patch)?;
        let mut effects = Vec::new();
        match patch.revert_after {
            // On top of a pending change, the revert goes back to the values before the first.
            Some(time) => {
                let pending = self.extend_pending_revert(now.plus(time));
                pending.settings.get_or_insert(before);
            }
            None => effects.push(Effect::PersistSettings(self.keep_settings(after, &patch)?)),
        }
        self.put_global_settings(after);
        let what = before.difference(&after);
        if !what.is_empty() {
            effects.push(self.revise(what, patch.who, patch.reason, self.weights, now));
        }
        self.warn(now, &mut effects);
        Ok((self.settings(), effects))
    }

    /// Returns the settings that outlive pending reverts, after a permanent change: a setting that it
    /// names does not revert.
    fn keep_settings(
        &mut self,
        after: GlobalSettings,
        patch: &SettingsPatch,
    ) -> Result<GlobalSettings, CommandError> {
        let Some(pending) = &mut self.pending_revert else {
            return Ok(after);
        };
        let Some(saved) = pending.settings else {
            return Ok(after);
        };
        let kept = patched(saved, patch)?;
        pending.settings = (kept != after).then_some(kept);
        self.drop_empty_revert();
        Ok(kept)
    }

    /// Returns the settings in force with those that the configuration changed, which then do not revert.
    pub(super) fn configured_settings(&mut self, next: &ConfigUpdate) -> GlobalSettings {
        let configured = GlobalSettings {
            strategy: next.strategy,
            budget: next.allowances.budget.shared(),
            breaker: next.allowances.breaker,
        };
        let mut settings = self.global_settings();
        let pending = self.pending_revert.as_mut();
        let mut saved = pending.and_then(|pending| pending.settings.as_mut());
        for setting in &next.global_settings {
            settings.take(*setting, &configured);
            if let Some(saved) = &mut saved {
                saved.take(*setting, &configured);
            }
        }
        if saved.is_some_and(|saved| *saved == settings)
            && let Some(pending) = &mut self.pending_revert
        {
            pending.settings = None;
        }
        self.drop_empty_revert();
        settings
    }
}

/// Returns the settings with the values of a patch.
///
/// # Errors
///
/// A value is out of range.
pub(super) fn patched(
    mut settings: GlobalSettings,
    patch: &SettingsPatch,
) -> Result<GlobalSettings, CommandError> {
    settings.strategy = patch.strategy.unwrap_or(settings.strategy);
    let budget = &mut settings.budget;
    budget.per_day = patch.per_day.map_or(budget.per_day, |NewBudget(to)| to);
    budget.per_month = patch.per_month.map_or(budget.per_month, |NewBudget(to)| to);
    budget.on_limit = patch.on_limit.unwrap_or(budget.on_limit);
    if let Some(failures) = patch.breaker_failures {
        let whole = u8::try_from(failures).ok();
        let whole = whole.filter(|it| (1..=BreakerSettings::MAX_FAILURES).contains(it));
        settings.breaker.failures = whole.ok_or(CommandError::Field {
            field: "breaker.failures",
            value: failures as f64,
            expected: "a whole number from 1 to 20",
        })?;
    }
    if let Some(seconds) = patch.breaker_max_open_s {
        let whole = u16::try_from(seconds).ok();
        let whole = whole.filter(|it| (1..=BreakerSettings::MAX_OPEN_S).contains(it));
        settings.breaker.max_open_s = whole.ok_or(CommandError::Field {
            field: "breaker.maxOpenSeconds",
            value: seconds as f64,
            expected: "a whole number of seconds from 1 to 600",
        })?;
    }
    Ok(settings)
}

//! One event for each trouble of a provider. It begins with the first failed request or state, and is
//! updated in place, so that an outage is one line with its start, its duration and its effect.

use super::BalancerState;
use crate::domain::event::{Effect, Event, EventKind};
use crate::domain::health_state::HealthState;
use crate::domain::index::ProviderIdx;
use crate::domain::observation::{Outcome, RequestEnd, RequestOutcome};
use crate::domain::trouble::{QUIET, Trouble};
use crate::domain::units::UnixTime;
use std::sync::Arc;

impl BalancerState {
    /// Begins, updates and ends the troubles by the states of the providers.
    pub(super) fn follow_troubles(&mut self, now: UnixTime, effects: &mut Vec<Effect>) {
        for provider in ProviderIdx::all(self.providers.len()) {
            let record = &self.providers[provider];
            let state = Some(record.health.state).filter(|state| state.needs_attention());
            let known = record.trouble.as_ref();
            match state {
                Some(state) if known.and_then(|it| it.state) != Some(state) => {
                    self.worsen(provider, state, now, effects);
                }
                None if known.is_some_and(|it| it.summary.until.is_none()) => {
                    self.recover(provider, now, effects);
                }
                Some(_) | None => {}
            }
        }
    }

    /// Returns the trouble of a provider, which begins now if it has none.
    fn open_trouble(&mut self, provider: ProviderIdx, now: UnixTime) -> &mut Trouble {
        let slot = &mut self.providers[provider].trouble;
        *slot = slot.take().filter(|trouble| trouble.goes_on(now));
        slot.get_or_insert_with(|| Trouble::new(now))
    }

    /// Notes that a breaker opened or that probes failed: what is told of it is part of the trouble.
    pub(super) fn begin_trouble(&mut self, provider: ProviderIdx, now: UnixTime) {
        if self.is_fork {
            return;
        }
        let trouble = self.open_trouble(provider, now);
        trouble.last = now;
        trouble.summary.until = None;
        self.show_trouble(provider);
    }

    fn worsen(
        &mut self,
        provider: ProviderIdx,
        state: HealthState,
        now: UnixTime,
        effects: &mut Vec<Effect>,
    ) {
        let record = &self.providers[provider];
        let cause = match state {
            HealthState::Down => record.probe_detail.clone(),
            HealthState::Open | HealthState::HalfOpen => record.last_failure.clone(),
            _ => record.health.why.clone(),
        };
        let is_news = self.open_trouble(provider, now).enter(state, cause);
        let event = self.show_trouble(provider);
        if is_news {
            effects.extend(event.map(Effect::Emit));
        }
    }

    /// Ends a trouble whose provider is healthy; single failures end after a time without one.
    fn recover(&mut self, provider: ProviderIdx, now: UnixTime, effects: &mut Vec<Effect>) {
        let Some(trouble) = &mut self.providers[provider].trouble else {
            return;
        };
        let was_state = trouble.state.take().is_some();
        if !was_state && now.since(trouble.last) < QUIET {
            return;
        }
        let is_told = trouble.summary.worst.is_some();
        trouble.summary.until = Some(if was_state { now } else { trouble.last });
        let event = self.show_trouble(provider);
        if is_told {
            effects.extend(event.map(Effect::Emit));
        }
    }

    /// Counts a request that failed at some provider, whether another one saved it or not. Returns
    /// false if no provider is to blame.
    pub(super) fn blame(&mut self, end: &RequestEnd, now: UnixTime) -> bool {
        let is_saved = match end.outcome {
            RequestOutcome::Ok if end.attempts > 1 => true,
            RequestOutcome::Error(failure) if !failure.is_client_error() => false,
            _ => return false,
        };
        let Some(decision) = self.decisions.get(end.decision) else {
            return false;
        };
        let failed = decision.attempts.iter().filter(|attempt| {
            matches!(attempt.outcome, Outcome::Failed(failure) if !failure.is_client_error())
        });
        let targets = &self.catalogue.targets;
        let mut providers: Vec<ProviderIdx> = failed
            .filter_map(|attempt| Some(targets.get(attempt.target.get())?.provider))
            .collect();
        providers.sort_unstable();
        providers.dedup();
        for &provider in &providers {
            let trouble = self.open_trouble(provider, now);
            trouble.last = now;
            trouble.summary.saved += u64::from(is_saved);
            trouble.summary.lost += u64::from(!is_saved);
            self.show_trouble(provider);
        }
        !providers.is_empty()
    }

    /// Puts the event of a trouble into the list, in the place of its last version; returns it.
    fn show_trouble(&mut self, provider: ProviderIdx) -> Option<Event> {
        let record = &mut self.providers[provider];
        let trouble = record.trouble.as_mut()?;
        let is_kept = |number: &u64| self.events.iter().any(|kept| kept.id == *number);
        let number = trouble.event.filter(is_kept);
        let id = number.unwrap_or_else(|| {
            self.next_event += 1;
            self.next_event - 1
        });
        trouble.event = Some(id);
        let event = Event {
            id,
            at: trouble.summary.since,
            kind: EventKind::Trouble,
            bad: trouble.summary.until.is_none() && trouble.state.is_some(),
            provider: Some(Arc::clone(&record.name)),
            text: trouble.text(),
            alert: None,
            trouble: Some(trouble.summary),
        };
        self.keep(event.clone());
        Some(event)
    }
}

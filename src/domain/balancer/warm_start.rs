//! A warm start: the attempts of an earlier process are observed again, each at its own time. So all
//! estimates, breakers and cooldowns are what they would be now, faded by the time since.

use super::BalancerState;
use crate::domain::counters::Counters;
use crate::domain::observation::{AttemptEnd, FirstToken, Outcome};
use crate::domain::units::UnixTime;
use std::time::Duration;

/// Time between two updates of what depends on time only.
const STEP: Duration = Duration::from_secs(1);

/// What happens again.
enum Past<'a> {
    FirstToken(&'a AttemptEnd),
    End(&'a AttemptEnd),
}

impl BalancerState {
    /// Observes attempts of an earlier process again. They are counted nowhere, and nothing is told of
    /// them: history, counters and events have them already.
    pub fn warm_start(&mut self, attempts: &[AttemptEnd], now: UnixTime) {
        let (events, next_event) = (std::mem::take(&mut self.events), self.next_event);
        let mut scratch = Counters::default();
        scratch.add_labels(&self.catalogue);
        let counters = std::mem::replace(&mut self.counters, scratch);
        let mut effects = Vec::new();
        let mut stepped = UnixTime::default();
        for (at, past) in in_order(attempts) {
            let (Past::FirstToken(end) | Past::End(end)) = past;
            if at > now || end.target.get() >= self.targets.len() || self.is_of_unknown_key(end) {
                continue;
            }
            if at.since(stepped) >= STEP {
                stepped = at;
                self.half_open_breakers(at, &mut effects);
                self.peers = self.usual_speed(at);
            }
            match past {
                Past::FirstToken(end) => self.first_token_came(&first_token(end), at, &mut effects),
                Past::End(end) => self.attempt_ended(end, at, &mut effects),
            }
            effects.clear();
        }
        (self.events, self.next_event, self.counters) = (events, next_event, counters);
        for provider in &mut self.providers {
            provider.trouble = None;
        }
        self.half_open_breakers(now, &mut effects);
        self.peers = self.usual_speed(now);
        self.refresh_states(now);
    }

    /// Returns true if one of several keys failed and it is not known which: that says nothing of the
    /// target and must not exclude it.
    fn is_of_unknown_key(&self, end: &AttemptEnd) -> bool {
        let provider = self.catalogue.targets[end.target].provider;
        let keys = &self.catalogue.providers[provider].keys;
        let Outcome::Failed(failure) = end.outcome else {
            return false;
        };
        let is_known = keys.keys.is_empty() || end.ticket.key.is_some();
        !is_known && failure.is_of_key(keys.shares_quota)
    }
}

/// First contents and ends by time.
fn in_order(attempts: &[AttemptEnd]) -> Vec<(UnixTime, Past<'_>)> {
    let mut past = Vec::with_capacity(2 * attempts.len());
    for end in attempts {
        let first = end.first_token.filter(|_| end.streamed);
        if let Some(Ok(wait)) = first.map(Duration::try_from_secs_f64) {
            past.push((end.started.plus(wait).min(end.ended), Past::FirstToken(end)));
        }
        past.push((end.ended, Past::End(end)));
    }
    past.sort_by_key(|(at, _)| *at);
    past
}

fn first_token(end: &AttemptEnd) -> FirstToken {
    FirstToken {
        target: end.target,
        ticket: end.ticket,
        seconds: end.first_token.unwrap_or_default(),
        trial: end.trial,
        limits: end.limits,
    }
}

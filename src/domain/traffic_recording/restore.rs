//! The traffic of an earlier process, put in front of that of this one.

use super::{
    MAX_ATTEMPTS, MAX_REQUESTS, MEMORY, RecordedAttempt, RecordedRequest, TrafficRecording,
};
use crate::domain::decision_record::DecisionRecord;
use crate::domain::observation::{AttemptEnd, RequestOutcome};
use crate::domain::units::UnixTime;
use std::sync::Arc;

/// What an earlier process recorded.
#[derive(Debug, Clone, Copy)]
pub struct PastTraffic<'p> {
    /// Its latest requests, in the order of their ends.
    pub decisions: &'p [DecisionRecord],
    /// Its latest attempts, in the order of their ends.
    pub attempts: &'p [AttemptEnd],
    /// True if it had more requests than these.
    pub is_cut: bool,
}

impl TrafficRecording {
    /// Adds the traffic of an earlier process that came before that of this one. Its requests move up
    /// to the first one of this process, or to `now`: without a process no request could come, so that
    /// time is no silence. Attempts keep their times, because they age.
    pub fn restore(&mut self, past: &PastTraffic<'_>, now: UnixTime) {
        let first = self.requests.front().map_or(now, |first| first.at);
        let from = now.minus(MEMORY);
        let mut requests: Vec<RecordedRequest> = past
            .decisions
            .iter()
            .filter_map(|decision| self.past_request(decision))
            .filter(|request| (from..first).contains(&request.at))
            .collect();
        requests.sort_by_key(|request| request.at);
        let room = MAX_REQUESTS.saturating_sub(self.requests.len());
        requests.drain(..requests.len().saturating_sub(room));
        let Some(last) = requests.last() else { return };
        let pause = first.since(last.at);
        self.is_cut = past.is_cut;
        for place in self.running.values_mut() {
            *place += requests.len() as u64;
        }
        for mut request in requests.into_iter().rev() {
            request.at = request.at.plus(pause);
            self.requests.push_front(request);
        }
        for end in past.attempts.iter().rev() {
            let ring = self.ring(end.target);
            if (from..first).contains(&end.ended) && ring.len() < MAX_ATTEMPTS {
                ring.push_front(RecordedAttempt::of(end));
            }
        }
    }

    /// The request of a decision; `None` if its first selection is not known.
    fn past_request(&mut self, decision: &DecisionRecord) -> Option<RecordedRequest> {
        let round = decision.rounds.iter().find(|round| round.attempt == 1)?;
        let terms = Arc::clone(round.terms.as_ref()?);
        let end = decision.end.as_ref();
        let used = end.filter(|end| end.outcome == RequestOutcome::Ok);
        let used = used.and_then(|end| end.usage);
        Some(RecordedRequest {
            at: round.at,
            decision: decision.id,
            class: round.class,
            input: round.input,
            output: used.map_or(round.output * terms.choices, |used| {
                used.usage.output as f64
            }),
            is_measured: used.is_some(),
            terms: self.shared(&terms),
        })
    }
}

//! Latency observations from ended attempts.

use super::BalancerState;
use super::latency_estimator::WholeAnswer;
use crate::domain::index::TargetIdx;
use crate::domain::lease::AttemptStart;
use crate::domain::observation::AttemptEnd;
use crate::domain::units::UnixTime;

/// Minimum output tokens of a stream for an observation of the time per token.
const MIN_TOKENS_FOR_PACE: f64 = 8.0;

impl BalancerState {
    /// Records the response length and the latency of a success.
    pub(super) fn record_latency(&mut self, end: &AttemptEnd, now: UnixTime) {
        let tokens = end.usage.map(|measured| measured.usage.output as f64);
        let expected = self.outputs.expected(end.ticket.class, now);
        self.prompt.add(end.ticket.prompt, now);
        if let Some(tokens) = tokens {
            self.output.add(tokens, now);
            self.outputs.observe(end.ticket.class, tokens, now);
        }
        if end.streamed {
            self.record_stream_prompt(end, now);
            self.record_token_pace(end, now);
        } else {
            self.record_whole(end, tokens, expected, now);
        }
    }

    /// Records the duration of an abandoned attempt as a lower bound of its latency.
    pub(super) fn record_timeout(&mut self, end: &AttemptEnd, now: UnixTime) {
        if end.had_first_token() {
            self.record_token_pace(end, now);
        } else {
            self.record_first_token(end.target, end.ticket, end.seconds(), now);
        }
    }

    /// Records the seconds to the first token of a stream, or of a wait without one.
    pub(super) fn record_first_token(
        &mut self,
        target: TargetIdx,
        start: AttemptStart,
        seconds: f64,
        now: UnixTime,
    ) {
        let peers = self.peers;
        let record = &mut self.targets[target];
        record
            .latency
            .observe_first_token(seconds, start.uncached_prompt(), peers, now);
        if self.tuning.hedge.is_some() {
            record.spread.add(seconds, start.expected_first_token, now);
        }
    }

    fn record_whole(
        &mut self,
        end: &AttemptEnd,
        tokens: Option<f64>,
        expected_tokens: f64,
        now: UnixTime,
    ) {
        let peers = self.peers;
        let answer = WholeAnswer {
            seconds: end.seconds(),
            tokens,
            expected_tokens,
            prompt: counted_prompt(end),
            estimated_prompt: end.ticket.uncached_prompt(),
            load: end.ticket.load,
        };
        self.targets[end.target]
            .latency
            .observe_whole(&answer, peers, now);
    }

    fn record_stream_prompt(&mut self, end: &AttemptEnd, now: UnixTime) {
        let Some(first_token) = end.first_token else {
            return;
        };
        let peers = self.peers;
        let prompt = (counted_prompt(end), end.ticket.uncached_prompt());
        self.targets[end.target]
            .latency
            .observe_stream_prompt(first_token, prompt, peers, now);
    }

    /// Records the seconds per output token of a stream after its first token.
    fn record_token_pace(&mut self, end: &AttemptEnd, now: UnixTime) {
        let tokens = end.usage.map(|measured| measured.usage.output as f64);
        let (Some(tokens), Some(first_token)) = (tokens, end.first_token) else {
            return;
        };
        if tokens < MIN_TOKENS_FOR_PACE {
            return;
        }
        let per_token = (end.seconds() - first_token).max(0.0) / tokens;
        self.targets[end.target]
            .latency
            .observe_token_pace(per_token, end.ticket.load, now);
    }
}

/// Returns the prompt tokens that the provider counted and did not read from its cache.
fn counted_prompt(end: &AttemptEnd) -> Option<f64> {
    let usage = end.usage?.usage;
    (usage.input > 0).then(|| usage.input.saturating_sub(usage.cached) as f64)
}

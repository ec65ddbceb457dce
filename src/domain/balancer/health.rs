//! Assesses the health of providers and models, for display, alerts and uptime.

use super::BalancerState;
use crate::domain::circuit_breaker::BreakerState;
use crate::domain::failure::Failure;
use crate::domain::health_state::{Health, HealthState};
use crate::domain::index::{ProviderIdx, TargetIdx};
use crate::domain::score::Estimate;
use crate::domain::timeline::{BucketCounts, BucketRange};
use crate::domain::units::UnixTime;
use std::time::Duration;

/// Seconds after which a half-open model without requests says nothing of its provider.
const UNUSED_S: f64 = 60.0;
/// Buckets of the last minute.
const LAST_MINUTE: BucketRange = BucketRange {
    width: 1,
    columns: 60,
};
/// Failure rate above which a provider is shown as failing, and the attempts of the last minute that
/// it takes: with fewer a single failure would be a large part.
const FAILING_RATE: f64 = 0.10;
const FAILING_SAMPLES: u64 = 10;
/// Rate limit responses of the last minute from which a provider is shown as limited, and how long
/// that is held after the last time there were so many.
const LIMITED_RESPONSES: u64 = 3;
const LIMITED_HOLD: Duration = Duration::from_mins(1);
/// Shortest wait for quota in seconds that is shown: less is usual near a limit.
const SHOWN_QUOTA_WAIT_S: f64 = 2.0;

impl BalancerState {
    /// Updates the health of every provider.
    pub(super) fn refresh_states(&mut self, now: UnixTime) {
        let estimates = self.estimates(now);
        let usual = self.usual_request(now);
        for provider in ProviderIdx::all(self.providers.len()) {
            let targets = self.targets_of(provider);
            self.hold_rate_limits(provider, &targets, now);
            let health = self.assess_health(provider, &targets, &estimates, usual, now);
            self.providers[provider].enter(health, now);
        }
    }

    /// Notes how long a provider counts as limited because of its responses.
    fn hold_rate_limits(&mut self, provider: ProviderIdx, targets: &[TargetIdx], now: UnixTime) {
        let last = self.providers[provider].rate_limited_at;
        let is_recent = last.is_some_and(|last| now.since(last) < LIMITED_HOLD);
        if is_recent && self.rate_limit_responses(targets, now) >= LIMITED_RESPONSES {
            self.providers[provider].limited_until = Some(now.plus(LIMITED_HOLD));
        }
    }

    /// Returns the rate limit responses of some targets in the last minute.
    fn rate_limit_responses(&self, targets: &[TargetIdx], now: UnixTime) -> u64 {
        let code = Failure::RateLimit(None).as_str();
        let limited = |counts: &BucketCounts| {
            let known = counts.failures.iter().find(|(known, _)| *known == code);
            known.map_or(0, |(_, count)| *count)
        };
        self.last_minute(targets, now, limited)
    }

    fn last_minute(
        &self,
        targets: &[TargetIdx],
        now: UnixTime,
        count: impl Fn(&BucketCounts) -> u64,
    ) -> u64 {
        let mut sum = 0;
        for &at in targets {
            let history = &self.targets[at].history;
            history.visit(LAST_MINUTE, now, |_, counts| sum += count(counts));
        }
        sum
    }

    /// Returns true if a breaker is half-open and no request comes to its target, so that its state
    /// says nothing of its provider.
    pub(super) fn is_idle(&self, at: TargetIdx, now: UnixTime) -> bool {
        self.breaker_state(at) == BreakerState::HalfOpen
            && self.last_minute(&[at], now, BucketCounts::all) == 0
    }

    /// Returns the targets by which a provider is judged: those that requests come to, or with none
    /// of them those whose breaker became half-open a short time ago.
    fn judged(&self, targets: &[TargetIdx], now: UnixTime) -> Vec<TargetIdx> {
        let all = || targets.iter().copied();
        let used: Vec<TargetIdx> = all().filter(|&at| !self.is_idle(at, now)).collect();
        if used.is_empty() {
            let is_unused = |at: TargetIdx| self.targets[at].breaker.is_unused(UNUSED_S, now);
            return all().filter(|&at| !is_unused(at)).collect();
        }
        used
    }

    /// Returns the health of a provider over some of its targets. The most severe state wins; `usual`
    /// holds the prompt and output tokens of a typical request.
    pub(super) fn assess_health(
        &self,
        provider: ProviderIdx,
        targets: &[TargetIdx],
        estimates: &[Estimate],
        usual: (f64, f64),
        now: UnixTime,
    ) -> Health {
        let record = &self.providers[provider];
        if let Some(why) = record.off_reason() {
            return Health::new(HealthState::Off, &*why);
        }
        if record.draining {
            let running = record.load_counters.in_flight();
            let text = format!("{running} requests still run");
            return Health::new(HealthState::Draining, text);
        }
        if record.down {
            let text = format!("probes fail: {}", record.probe_detail);
            return Health::new(HealthState::Down, text);
        }
        let judged = self.judged(targets, now);
        if judged.is_empty() && !targets.is_empty() {
            let text = "idle: the next request is a trial";
            return Health::new(HealthState::Unknown, text);
        }
        self.assess_breakers(&judged, now)
            .or_else(|| self.assess_limits(&judged, usual, now))
            .or_else(|| self.assess_failures(&judged, estimates, now))
            .or_else(|| {
                let text = self.limited_lately(provider, targets, now)?;
                Some(Health {
                    is_usable: true,
                    ..Health::new(HealthState::Limited, text)
                })
            })
            .unwrap_or_else(|| self.assess_latency(&judged, estimates))
    }

    /// Returns the health if no breaker is closed.
    fn assess_breakers(&self, targets: &[TargetIdx], now: UnixTime) -> Option<Health> {
        let states: Vec<BreakerState> = targets.iter().map(|&at| self.breaker_state(at)).collect();
        if targets.is_empty() || states.contains(&BreakerState::Closed) {
            return None;
        }
        if states.contains(&BreakerState::HalfOpen) {
            return Some(Health::new(HealthState::HalfOpen, "trial requests only"));
        }
        let until = states.iter().filter_map(|state| match state {
            BreakerState::Open(until) => Some(until.seconds_since(now)),
            _ => None,
        });
        let soonest = until.fold(f64::INFINITY, f64::min);
        let provider = self.catalogue.targets[*targets.first()?].provider;
        let cause = &self.providers[provider].last_failure;
        let mut text = format!("breaker open for {soonest:.0} s more");
        if cause.starts_with(Failure::Disconnected.as_str()) {
            text = format!("{text}; {cause}");
        }
        Some(Health::new(HealthState::Open, text))
    }

    /// Returns the health if no target may be asked now, because of what the provider said.
    fn assess_limits(
        &self,
        targets: &[TargetIdx],
        usual: (f64, f64),
        now: UnixTime,
    ) -> Option<Health> {
        let blocks: Vec<_> = targets
            .iter()
            .map(|&at| self.targets[at].cooldown_at(now))
            .collect();
        if !blocks.is_empty() && blocks.iter().all(Option::is_some) {
            let soonest = blocks.iter().flatten().min_by_key(|(until, _)| *until);
            let text = soonest.map(|(until, failure)| {
                let (word, seconds) = (failure.as_str(), until.seconds_since(now));
                format!("{word}, asked to wait {seconds:.0} s more")
            });
            return Some(Health::new(HealthState::Limited, text.unwrap_or_default()));
        }
        let seconds = self.quota_wait(targets, usual, now)?.ceil();
        let text = format!("its rate limit headers leave nothing for {seconds:.0} s more");
        Some(Health::new(HealthState::Limited, text))
    }

    /// Returns the seconds until the first of some targets has quota for a typical request, by the
    /// headers of its provider or after its cooldown; `None` if one has it now, or nearly.
    fn quota_wait(
        &self,
        targets: &[TargetIdx],
        (prompt, output): (f64, f64),
        now: UnixTime,
    ) -> Option<f64> {
        let wait = |&at: &TargetIdx| self.targets[at].wait(prompt + output, now);
        let soonest = targets.iter().map(wait).min_by(f64::total_cmp);
        soonest.filter(|seconds| *seconds >= SHOWN_QUOTA_WAIT_S)
    }

    /// Returns the health if some target is out, or fails often.
    fn assess_failures(
        &self,
        targets: &[TargetIdx],
        estimates: &[Estimate],
        now: UnixTime,
    ) -> Option<Health> {
        let in_doubt = |&&at: &&TargetIdx| self.breaker_state(at) != BreakerState::Closed;
        if let Some(&at) = targets.iter().find(in_doubt) {
            let model = &self.catalogue.targets[at].id.model;
            let text = format!("the breaker of {model} is not closed");
            return Some(Health::new(HealthState::Failing, text));
        }
        let failing = |&&at: &&TargetIdx| {
            estimates[at].failure > FAILING_RATE
                && !self.targets[at].has_recovered(now)
                && self.last_minute(&[at], now, BucketCounts::rate_base) >= FAILING_SAMPLES
        };
        let &at = targets.iter().find(failing)?;
        let percent = estimates[at].failure * 100.0;
        let text = format!("{percent:.0} % of the latest attempts failed");
        Some(Health::new(HealthState::Failing, text))
    }

    fn assess_latency(&self, targets: &[TargetIdx], estimates: &[Estimate]) -> Health {
        if !targets.iter().any(|&at| estimates[at].measured) {
            return Health::new(HealthState::Unknown, "nothing measured lately");
        }
        let slow = |at: &TargetIdx| self.targets[*at].brownout.text();
        match targets.iter().find_map(slow) {
            Some(text) => Health::new(HealthState::Slow, text),
            None => Health::new(HealthState::Ok, ""),
        }
    }

    /// Says how often requests were limited, if that was often and lately.
    fn limited_lately(
        &self,
        provider: ProviderIdx,
        targets: &[TargetIdx],
        now: UnixTime,
    ) -> Option<String> {
        let until = self.providers[provider].limited_until;
        until.filter(|until| now < *until)?;
        let responses = self.rate_limit_responses(targets, now);
        if responses > 0 {
            return Some(format!("{responses} responses 429 in 60 s"));
        }
        // It holds for the provider, not for models that were not limited.
        let is_whole = targets.len() == self.targets_of(provider).len();
        is_whole.then(|| "responses 429 until a minute ago".to_owned())
    }
}

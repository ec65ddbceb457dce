//! What a learnt target does with an attempt in one run.

use super::learnt_target::LearntTarget;
use super::load_curve::UnseenLoad;
use super::luck::{normal, position};
use crate::domain::failure::Failure;
use crate::domain::ids::KeyIdx;
use crate::domain::random::SplitMix64;
use crate::domain::units::UnixTime;
use crate::domain::upstream_quota::{BucketTerms, UpstreamLimit, UpstreamLimits};
use std::time::Duration;

/// Seconds of a failure of a target that never failed.
const FAILURE_S: f64 = 0.5;
/// Seconds of a 429, or of the refusal of a key.
const REFUSAL_S: f64 = 0.1;
/// Bounds of the delay that a 429 asks for, in seconds.
const RETRY_AFTER_S: (f64, f64) = (1.0, 60.0);
/// Load over the highest seen one from which an attempt counts as beyond it.
const UNSEEN_FACTOR: f64 = 1.1;

/// A token bucket at one time.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    terms: BucketTerms,
    at: UnixTime,
}

impl Bucket {
    fn refill(&mut self, now: UnixTime) {
        let passed = now.seconds_since(self.at);
        let BucketTerms { limit, refill, .. } = self.terms;
        self.terms.level = (self.terms.level + refill * passed).min(limit);
        self.at = now;
    }

    /// Returns the seconds until `needed` is left.
    fn wait(&self, needed: f64) -> f64 {
        let BucketTerms {
            limit,
            refill,
            level,
        } = self.terms;
        let missing = needed.min(limit) - level;
        if missing <= 0.0 {
            0.0
        } else {
            (missing / refill.max(1e-6)).min(RETRY_AFTER_S.1)
        }
    }

    fn limit(&self) -> UpstreamLimit {
        let BucketTerms {
            limit,
            refill,
            level,
        } = self.terms;
        UpstreamLimit {
            limit,
            remaining: level.max(0.0),
            reset: (refill > 0.0).then(|| (limit - level) / refill),
        }
    }
}

/// What becomes of an attempt, in seconds from its start.
#[derive(Debug, Clone, Copy)]
pub enum SimulatedFate {
    /// A response, if its client waits so long.
    Answered { first_token: f64, seconds: f64 },
    /// A failure.
    Failed { failure: Failure, seconds: f64 },
}

/// A target in one run.
#[derive(Debug)]
pub struct SimulatedTarget<'l> {
    pub learnt: &'l LearntTarget,
    /// Level of its latency in this run.
    level: f64,
    law: UnseenLoad,
    pub in_flight: u32,
    /// Of each key with rate limits of its own, or of the target.
    buckets: Vec<[Option<Bucket>; 2]>,
}

impl<'l> SimulatedTarget<'l> {
    pub fn new(
        learnt: &'l LearntTarget,
        law: UnseenLoad,
        random: &mut SplitMix64,
        now: UnixTime,
    ) -> Self {
        let bucket = |terms: BucketTerms| Bucket { terms, at: now };
        Self {
            learnt,
            level: (normal(random) * learnt.level_spread).exp(),
            law,
            in_flight: 0,
            buckets: learnt
                .limits
                .iter()
                .map(|limits| limits.map(|terms| terms.map(bucket)))
                .collect(),
        }
    }

    /// Returns true if an attempt would begin at a load that was never seen.
    pub fn is_unseen(&self) -> bool {
        let attempts = 1.0 + f64::from(self.in_flight);
        attempts > UNSEEN_FACTOR * self.learnt.curve.seen + 1.0
    }

    /// The rate limits that an attempt with a key counts against.
    fn buckets(&mut self, key: Option<KeyIdx>) -> &mut [Option<Bucket>] {
        let place = key
            .map_or(0, KeyIdx::get)
            .min(self.buckets.len().max(1) - 1);
        self.buckets
            .get_mut(place)
            .map_or(&mut [], |it| &mut it[..])
    }

    /// Takes an attempt up; it is in flight until the caller counts it out.
    pub fn attempt(
        &mut self,
        (input, output): (f64, f64),
        key: Option<KeyIdx>,
        random: &mut SplitMix64,
        now: UnixTime,
    ) -> SimulatedFate {
        let attempts = 1.0 + f64::from(self.in_flight);
        self.in_flight += 1;
        let denial = key.and_then(|key| *self.learnt.denials.get(key.get())?);
        if let Some(failure) = denial {
            let seconds = REFUSAL_S;
            return SimulatedFate::Failed { failure, seconds };
        }
        let needed = [1.0, input + output];
        let mut wait = 0.0_f64;
        for (bucket, needed) in self.buckets(key).iter_mut().zip(needed) {
            if let Some(bucket) = bucket {
                bucket.refill(now);
                wait = wait.max(bucket.wait(needed));
            }
        }
        if wait > 0.0 {
            let seconds = wait.ceil().clamp(RETRY_AFTER_S.0, RETRY_AFTER_S.1);
            return SimulatedFate::Failed {
                failure: Failure::RateLimit(Some(Duration::from_secs_f64(seconds))),
                seconds: REFUSAL_S,
            };
        }
        for (bucket, needed) in self.buckets(key).iter_mut().zip(needed) {
            if let Some(bucket) = bucket {
                bucket.terms.level -= needed;
            }
        }
        if random.next_f64() < self.learnt.failure {
            let failures = &self.learnt.failures;
            let (failure, seconds) = if failures.is_empty() {
                (Failure::Server, FAILURE_S)
            } else {
                failures[position(random, failures.len())]
            };
            return SimulatedFate::Failed { failure, seconds };
        }
        let responses = &self.learnt.responses;
        let (first, rest) = if responses.is_empty() {
            (FAILURE_S, 0.0)
        } else {
            responses[position(random, responses.len())]
        };
        let factor = self.level * self.learnt.curve.at_unseen(attempts, self.law);
        SimulatedFate::Answered {
            first_token: first * factor,
            seconds: (first + rest * output) * factor,
        }
    }

    /// Returns the limits that its next response to an attempt with a key states.
    pub fn stated_limits(&mut self, key: Option<KeyIdx>) -> UpstreamLimits {
        if !self.learnt.states_limits {
            return UpstreamLimits::default();
        }
        let mut limits = self
            .buckets(key)
            .iter()
            .map(|it| Some(it.as_ref()?.limit()));
        UpstreamLimits {
            requests: limits.next().flatten(),
            tokens: limits.next().flatten(),
        }
    }
}

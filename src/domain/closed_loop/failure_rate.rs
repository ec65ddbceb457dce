//! Probability that an attempt fails, from the recorded ones.

use crate::domain::failure::Failure;
use crate::domain::traffic_recording::{AttemptResult, RecordedAttempt};
use crate::domain::units::UnixTime;

/// Prior: 2 %, with the weight of two attempts.
const PRIOR: (f64, f64) = (0.04, 2.0);
/// Seconds of the recent attempts, and the standard errors that show a change.
const RECENT_S: f64 = 60.0;
const CHANGE_ERRORS: f64 = 3.0;
/// Number of recent failures that show a change to the worse: one may be chance.
const MIN_RECENT_FAILURES: f64 = 3.0;
/// Smallest rates in the tests for chance.
const MIN_RATE: f64 = 0.005;
const MIN_CHAIN_RATE: f64 = 0.02;
/// Probability of a chain of failures below which it is an outage.
const CHAIN_CHANCE: f64 = 0.01;
const MIN_CHAIN: i32 = 3;
/// Number of latest failures that a run draws from.
const KEPT_FAILURES: usize = 30;
/// Least weight of a failure in a chain.
const MIN_CHAIN_WEIGHT: f64 = 0.5;

/// Returns the probability; `attempts` are in the order of their ends.
pub fn failure_rate(attempts: &[RecordedAttempt], is_breaker_closed: bool, now: UnixTime) -> f64 {
    let durations = whole_durations(attempts);
    let (mut all, mut recent) = ((0.0, 0.0), (0.0, 0.0));
    let mut chain = 0_i32;
    for attempt in attempts {
        let (failed, weight) = match attempt.result {
            AttemptResult::Answered => (0.0, 1.0),
            AttemptResult::Failed(failure) => (1.0, evidence(attempt, failure, &durations)),
            AttemptResult::Limited | AttemptResult::Inconclusive => continue,
        };
        if failed == 0.0 {
            chain = 0;
        } else if weight >= MIN_CHAIN_WEIGHT {
            chain += 1;
        }
        all = (all.0 + failed * weight, all.1 + weight);
        if now.seconds_since(attempt.ended) <= RECENT_S {
            recent = (recent.0 + failed * weight, recent.1 + weight);
        }
    }
    let rate = |(failed, n): (f64, f64)| (failed + PRIOR.0) / (n + PRIOR.1);
    let mut p = rate(all);
    let latest = rate(recent);
    let error = (p.max(MIN_RATE) * (1.0 - p) / recent.1.max(1.0)).sqrt();
    let is_shown = latest < p || recent.0 >= MIN_RECENT_FAILURES;
    if (latest - p).abs() > CHANGE_ERRORS * error && is_shown && recent.1 > 0.0 {
        p = latest;
    }
    let is_no_chance = chain >= MIN_CHAIN && p.max(MIN_CHAIN_RATE).powi(chain) < CHAIN_CHANCE;
    if (chain >= 1 && !is_breaker_closed) || is_no_chance {
        p = p.max((f64::from(chain) + 0.5) / (f64::from(chain) + 1.0));
    }
    p
}

/// Returns the seconds of the whole responses in ascending order.
fn whole_durations(attempts: &[RecordedAttempt]) -> Vec<f64> {
    let whole =
        |attempt: &&RecordedAttempt| attempt.result == AttemptResult::Answered && !attempt.streamed;
    let mut durations: Vec<f64> = attempts.iter().filter(whole).map(|it| it.seconds).collect();
    durations.sort_by(f64::total_cmp);
    durations
}

/// Returns how far a failure tells of the target, 0..1. A whole response that was not awaited says as
/// much as there are faster ones; an attempt after others got little time, and for a request that
/// takes long.
fn evidence(attempt: &RecordedAttempt, failure: Failure, durations: &[f64]) -> f64 {
    if attempt.streamed || failure != Failure::Timeout || durations.is_empty() {
        return 1.0;
    }
    let faster = durations.partition_point(|seconds| *seconds < attempt.seconds);
    let part = faster as f64 / durations.len() as f64;
    if attempt.is_first { part } else { part.powi(3) }
}

/// Returns the latest failures with their seconds.
pub fn latest_failures(attempts: &[RecordedAttempt]) -> Vec<(Failure, f64)> {
    let failures = attempts
        .iter()
        .rev()
        .filter_map(|attempt| match attempt.result {
            AttemptResult::Failed(failure) => Some((failure, attempt.seconds)),
            _ => None,
        });
    failures.take(KEPT_FAILURES).collect()
}

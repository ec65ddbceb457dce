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

/// Returns the probability; `attempts` are in the order of their ends.
pub fn failure_rate(attempts: &[RecordedAttempt], is_breaker_closed: bool, now: UnixTime) -> f64 {
    let (mut all, mut recent) = ((0.0, 0.0), (0.0, 0.0));
    let mut chain = 0_i32;
    for attempt in attempts {
        let failed = match attempt.result {
            AttemptResult::Answered => 0.0,
            AttemptResult::Failed(_) => 1.0,
            AttemptResult::Limited | AttemptResult::Inconclusive => continue,
        };
        chain = if failed > 0.0 { chain + 1 } else { 0 };
        all = (all.0 + failed, all.1 + 1.0);
        if now.seconds_since(attempt.ended) <= RECENT_S {
            recent = (recent.0 + failed, recent.1 + 1.0);
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

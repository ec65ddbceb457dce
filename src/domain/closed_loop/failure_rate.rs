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
/// Least weight of what counts as a failure of its own.
const MIN_CHAIN_WEIGHT: f64 = 0.5;

/// Steps in which the rate and the weights of the timeouts settle.
const STEPS: usize = 12;

/// Returns the probability; `attempts` are in the order of their ends. `slow` is by attempt the
/// probability that a good answer would have taken longer than it did: a timeout counts as a failure as
/// far as slowness does not explain it, for a run cuts slow answers itself.
pub fn failure_rate(
    attempts: &[RecordedAttempt],
    slow: &[f64],
    is_breaker_closed: bool,
    now: UnixTime,
) -> (f64, Vec<(Failure, f64)>) {
    let mut counts = counted(attempts, slow, PRIOR.0 / PRIOR.1, now);
    for _ in 1..STEPS {
        counts = counted(attempts, slow, rate(counts.all), now);
    }
    let Counts { recent, chain, .. } = counts;
    let mut p = rate(counts.all);
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
    let skipped = counts.failures.len().saturating_sub(KEPT_FAILURES);
    (p, counts.failures.split_off(skipped))
}

/// What the attempts come to.
struct Counts {
    /// Failures and attempts.
    all: (f64, f64),
    /// The same of the last minute.
    recent: (f64, f64),
    /// Failures at the end.
    chain: i32,
    /// Failures with their seconds.
    failures: Vec<(Failure, f64)>,
}

fn rate((failed, n): (f64, f64)) -> f64 {
    (failed + PRIOR.0) / (n + PRIOR.1)
}

/// Counts the attempts, with what is known of the rate so far.
fn counted(attempts: &[RecordedAttempt], slow: &[f64], rate: f64, now: UnixTime) -> Counts {
    let mut counts = Counts {
        all: (0.0, 0.0),
        recent: (0.0, 0.0),
        chain: 0,
        failures: Vec::new(),
    };
    for (attempt, slow) in attempts.iter().zip(slow) {
        let failed = match attempt.result {
            AttemptResult::Answered => 0.0,
            AttemptResult::Failed(failure) => {
                let weight = rate / (rate + slow);
                if weight >= MIN_CHAIN_WEIGHT {
                    counts.failures.push((failure, attempt.seconds));
                }
                weight
            }
            AttemptResult::Limited | AttemptResult::Inconclusive => continue,
        };
        if attempt.result == AttemptResult::Answered {
            counts.chain = 0;
        } else if failed >= MIN_CHAIN_WEIGHT {
            counts.chain += 1;
        }
        counts.all = (counts.all.0 + failed, counts.all.1 + 1.0);
        if now.seconds_since(attempt.ended) <= RECENT_S {
            counts.recent = (counts.recent.0 + failed, counts.recent.1 + 1.0);
        }
    }
    counts
}

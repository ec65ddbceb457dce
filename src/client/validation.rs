//! Changes as wishes to the engine: what no instance could grant is refused here, by name.

use crate::contract::{Problem, ProviderChange, WeightsChange};
use crate::domain::{ProviderPatch, WeightOverride, WeightsPatch};
use std::time::Duration;

/// The longest trial, in seconds: a year.
const MAX_REVERT_AFTER_S: u64 = 31_536_000;
/// The longest pin of a provider, in seconds: a day.
const MAX_PIN_S: u64 = 86_400;

pub(super) fn weights(change: WeightsChange, who: &str) -> Result<WeightsPatch, Problem> {
    let WeightsChange {
        cost,
        latency,
        reliability,
        load,
        priority,
        revision,
        reason,
        revert_after_seconds,
    } = change;
    let objectives = [cost, latency, reliability, load, priority];
    if objectives.iter().all(Option::is_none) {
        let detail = "the change names none of cost, latency, reliability, load, priority";
        return Err(Problem::new(422, detail));
    }
    Ok(WeightsPatch {
        cost,
        latency,
        reliability,
        load,
        priority,
        drafted_on: revision,
        reason,
        revert_after: trial(revert_after_seconds)?,
        who: who.to_owned(),
    })
}

pub(super) fn provider(change: &ProviderChange) -> Result<ProviderPatch, Problem> {
    if let Some(seconds) = change.pin_seconds.filter(|seconds| *seconds > MAX_PIN_S) {
        let expected = format!("a whole number from 0 to {MAX_PIN_S}");
        return Err(Problem::field("pinSeconds", seconds, &expected));
    }
    let patch = ProviderPatch {
        enabled: change.enabled,
        draining: change.draining,
        priority: change.priority,
        max_concurrent: change.max_concurrent,
        weights: change.weights.map(WeightOverride::from),
        pin: change.pin_seconds.map(Duration::from_secs),
        reset: change.reset_breaker == Some(true),
        drafted_on: change.revision,
        revert_after: trial(change.revert_after_seconds)?,
    };
    if let Some(seconds) = change.revert_after_seconds
        && !patch.has_setting()
    {
        let expected = "beside one of enabled, draining, priority, maxConcurrent, weights";
        return Err(Problem::field("revertAfterSeconds", seconds, expected));
    }
    Ok(patch)
}

/// How long a change is on trial, where it is.
fn trial(seconds: Option<u64>) -> Result<Option<Duration>, Problem> {
    if let Some(seconds) = seconds.filter(|s| !(1..=MAX_REVERT_AFTER_S).contains(s)) {
        let expected = format!("a whole number from 1 to {MAX_REVERT_AFTER_S}");
        return Err(Problem::field("revertAfterSeconds", seconds, &expected));
    }
    Ok(seconds.map(Duration::from_secs))
}

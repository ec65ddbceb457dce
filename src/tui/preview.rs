//! What a draft would do, estimated from the factors of this moment: `score = Σ w·f / Σ w`, odds
//! `exp((S − S_best) / temperature)` with `S = Σ w·f / 100`, as the balancer's strategies have it;
//! `adaptive` takes off what its guard holds back.

use super::draft::Draft;
use crate::contract::{Factors, ProviderStatus, State, Status, WeightPoints};

/// As in the balancer: for `adaptive`, and for `weighted`.
const TEMPERATURE: f64 = 0.010;
const SOFT_TEMPERATURE: f64 = 0.05;
/// A risk up to here costs nothing beyond its weight.
const GUARD_FREE: f64 = 0.20;

/// One provider's part in the preview, in the order of the status.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlook {
    /// 0..1; nothing where it cannot be scored.
    pub score: Option<f64>,
    /// 0..1; 0 where it may not serve now.
    pub share: f64,
}

/// Scores and shares as they are.
pub fn present(status: &Status) -> Vec<Outlook> {
    outlook(status, &status.weights, &|_| None)
}

/// Scores and shares under a draft of weights and priorities.
pub fn drafted(status: &Status, draft: &Draft) -> Vec<Outlook> {
    outlook(status, &draft.weights(), &|name| draft.priority(name))
}

/// The part of the traffic that goes elsewhere, 0..1.
pub fn moved(now: &[Outlook], then: &[Outlook]) -> f64 {
    now.iter()
        .zip(then)
        .map(|(now, then)| (then.share - now.share).max(0.0))
        .sum()
}

fn outlook(
    status: &Status,
    weights: &WeightPoints,
    priority: &dyn Fn(&str) -> Option<u8>,
) -> Vec<Outlook> {
    let is_adaptive = status.strategy == "adaptive";
    let temperature = if is_adaptive {
        TEMPERATURE
    } else {
        SOFT_TEMPERATURE
    };
    let guard = |factors: &Factors| {
        let risk = 1.0 - factors.reliability;
        if is_adaptive {
            (risk - GUARD_FREE).max(0.0)
        } else {
            0.0
        }
    };
    let factors = |provider: &ProviderStatus| {
        let mut factors = provider.factors?;
        if let Some(points) = priority(&provider.performance.provider) {
            factors.priority = f64::from(points) / 100.0;
        }
        Some(factors)
    };
    let scored: Vec<(Option<f64>, bool)> = status
        .providers
        .iter()
        .map(|provider| {
            let factors = factors(provider);
            let points = factors.map(|factors| points(weights, &factors) - guard(&factors));
            (points, may_serve(provider))
        })
        .collect();
    let best = scored
        .iter()
        .filter(|(_, serves)| *serves)
        .filter_map(|(points, _)| *points);
    let best = best.fold(f64::NEG_INFINITY, f64::max);
    let odds = |&(points, serves): &(Option<f64>, bool)| match points {
        Some(points) if serves => ((points - best) / temperature).exp(),
        _ => 0.0,
    };
    let sum: f64 = scored.iter().map(odds).sum();
    let total = total(weights);
    scored
        .iter()
        .map(|part| Outlook {
            score: part.0.map(|points| (points * 100.0 / total).max(0.0)),
            share: if sum > 0.0 { odds(part) / sum } else { 0.0 },
        })
        .collect()
}

/// Whether requests go there at all, so that weights and priorities can move them.
pub fn may_serve(provider: &ProviderStatus) -> bool {
    matches!(
        provider.performance.state,
        State::Ok | State::Slow | State::Failing | State::Unknown
    )
}

fn points(weights: &WeightPoints, factors: &Factors) -> f64 {
    (weights.cost * factors.cost
        + weights.latency * factors.latency
        + weights.reliability * factors.reliability
        + weights.load * factors.load
        + weights.priority * factors.priority)
        / 100.0
}

fn total(weights: &WeightPoints) -> f64 {
    weights.cost + weights.latency + weights.reliability + weights.load + weights.priority
}

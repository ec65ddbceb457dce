//! What a draft would do, estimated from the factors of this moment: `score = Σ w·f / Σ w`, odds
//! `exp((S − S_best) / temperature)` with `S = Σ w·f / 100`, as the balancer's strategies have it;
//! `adaptive` takes off what its guard holds back.

use super::draft::{Draft, InForce, overriding};
use crate::contract::{Factors, ProviderStatus, State, Status, WeightOverride, WeightPoints};

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

/// What is supposed of one provider: its priority where another one is, and its own weights.
type Supposed = (Option<u8>, Option<WeightOverride>);

/// Scores and shares as they are.
pub fn present(status: &Status) -> Vec<Outlook> {
    outlook(status, &status.weights, &|provider| {
        (None, provider.weights)
    })
}

/// Scores and shares under a draft.
pub fn drafted(status: &Status, draft: &Draft) -> Vec<Outlook> {
    outlook(status, &draft.weights(), &|provider| {
        let name = &provider.performance.provider;
        (draft.priority(name), own(provider, draft))
    })
}

/// The own weights of a provider under a draft.
pub fn own(provider: &ProviderStatus, draft: &Draft) -> Option<WeightOverride> {
    let name = &provider.performance.provider;
    if draft.moves_own(name) {
        draft.own(name, &InForce::default()).map(overriding)
    } else {
        provider.weights
    }
}

/// The weights that hold for a provider: what is not its own comes from the global ones, and cost,
/// latency and reliability are brought back to 100 points.
pub fn effective(weights: &WeightPoints, own: Option<&WeightOverride>) -> WeightPoints {
    let Some(own) = own else { return *weights };
    let raw = [
        own.cost.unwrap_or(weights.cost),
        own.latency.unwrap_or(weights.latency),
        own.reliability.unwrap_or(weights.reliability),
    ];
    let sum: f64 = raw.iter().sum();
    if sum <= 0.0 {
        return *weights;
    }
    let [cost, latency, reliability] = raw.map(|points| points * 100.0 / sum);
    WeightPoints {
        cost,
        latency,
        reliability,
        ..*weights
    }
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
    supposed: &dyn Fn(&ProviderStatus) -> Supposed,
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
    // Points, and what they are points of.
    let scored: Vec<(Option<f64>, f64)> = status
        .providers
        .iter()
        .map(|provider| {
            let (priority, own) = supposed(provider);
            let weights = effective(weights, own.as_ref());
            let points = provider.factors.map(|mut factors| {
                if let Some(points) = priority {
                    factors.priority = f64::from(points) / 100.0;
                }
                points(&weights, &factors) - guard(&factors)
            });
            (points, total(&weights))
        })
        .collect();
    let serving = |at: usize| may_serve(&status.providers[at]);
    let all = scored.iter().enumerate();
    let best = all
        .clone()
        .filter(|(at, _)| serving(*at))
        .filter_map(|(_, (points, _))| *points)
        .fold(f64::NEG_INFINITY, f64::max);
    let odds = |(at, (points, _)): (usize, &(Option<f64>, f64))| match points {
        Some(points) if serving(at) => ((points - best) / temperature).exp(),
        _ => 0.0,
    };
    let sum: f64 = all.clone().map(odds).sum();
    all.map(|part| Outlook {
        score: part.1.0.map(|points| (points * 100.0 / part.1.1).max(0.0)),
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

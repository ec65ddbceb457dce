//! What a draft would do to the next requests. The instance itself says so, by the code that
//! balances; its answer is carried over to the shares of this moment. Until it is there, an
//! estimate from the factors stands in: shares change by `exp(ΔS / temperature)`, where
//! `S = Σ w·f / 100`, for whatever else goes into the odds is the same before and after.

use super::draft::{CurrentSettings, Draft, effective, overriding};
use super::what_if::WhatIfResult;
use crate::contract::{Factors, HealthState, ProviderStatus, Status, WeightOverride, WeightPoints};

/// As in the balancer: for `adaptive`, and for `weighted`.
const TEMPERATURE: f64 = 0.010;
const SOFT_TEMPERATURE: f64 = 0.05;
/// That far behind the best, `adaptive` sends nothing.
const OUT_OF_SIGHT: f64 = 0.15;
/// A risk up to here costs nothing beyond its weight.
const GUARD_FREE: f64 = 0.20;
/// A share that is all there is.
const ALL: f64 = 0.999;

/// One provider's part in the preview, in the order of the status.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProviderPreview {
    /// 0..1; nothing where it cannot be scored.
    pub score: Option<f64>,
    /// 0..1; 0 where it may not serve now.
    pub share: f64,
}

/// What is supposed of one provider: its priority where another one is, and its own weights.
type PreviewSettings = (Option<u8>, Option<WeightOverride>);

/// Scores and shares as they are, and as every other screen shows them.
pub fn present(status: &Status) -> Vec<ProviderPreview> {
    let outlook = |provider: &ProviderStatus| ProviderPreview {
        score: provider.score,
        share: provider.share,
    };
    status.providers.iter().map(outlook).collect()
}

/// Scores and shares under a draft: as the instance foresees them where its answer about this
/// draft is there, else as they are estimated.
pub fn previewed(
    status: &Status,
    draft: &Draft,
    known: Option<&WhatIfResult>,
) -> Vec<ProviderPreview> {
    let known = known.filter(|prediction| prediction.is_about(draft));
    known
        .and_then(|prediction| carried_over(status, prediction))
        .unwrap_or_else(|| drafted(status, draft))
}

/// The instance's answer on top of the shares of this moment, which load has moved since; nothing
/// where it does not know all providers.
fn carried_over(status: &Status, prediction: &WhatIfResult) -> Option<Vec<ProviderPreview>> {
    let answered = &prediction.report.providers;
    let mut all = Vec::with_capacity(status.providers.len());
    for provider in &status.providers {
        let name = &provider.performance.provider;
        let outlook = answered.iter().find(|it| it.provider == *name)?;
        let share = if outlook.now.share > 0.0 {
            provider.share * outlook.then.share / outlook.now.share
        } else {
            outlook.then.share
        };
        all.push(ProviderPreview {
            score: outlook.then.score,
            share,
        });
    }
    normalize(&mut all);
    Some(all)
}

/// Why no weight and no priority changes who is chosen now; nothing where they do.
pub fn insensitivity(status: &Status) -> Option<String> {
    let is_weighed = matches!(status.strategy.as_str(), "adaptive" | "best" | "weighted");
    if !is_weighed {
        return Some(format!(
            "the strategy {} does not use weights",
            status.strategy
        ));
    }
    let pinned = status
        .providers
        .iter()
        .find(|provider| provider.pinned_until.is_some() && provider.share > ALL)?;
    Some(format!(
        "all goes to {} while it is pinned",
        pinned.performance.provider
    ))
}

/// Scores and shares under a draft, estimated.
pub fn drafted(status: &Status, draft: &Draft) -> Vec<ProviderPreview> {
    let mut outlook = present(status);
    if !draft.is_changed() {
        return outlook;
    }
    let now = appraised(status, &status.weights, &|provider| {
        (None, provider.weights)
    });
    let then = appraised(status, &draft.weights(), &|provider| {
        let name = &provider.performance.provider;
        (draft.priority(name), own(provider, draft))
    });
    for (outlook, then) in outlook.iter_mut().zip(&then) {
        outlook.score = then.map(|(points, total)| (points * 100.0 / total).max(0.0));
    }
    if insensitivity(status).is_none() {
        let points = |all: &[Option<(f64, f64)>]| all.iter().map(|it| Some((*it)?.0)).collect();
        let (now, then): (Vec<_>, Vec<_>) = (points(&now), points(&then));
        move_shares(status, &now, &then, &mut outlook);
    }
    outlook
}

/// What each is worth now and then, as what it would have of the traffic.
fn move_shares(
    status: &Status,
    now: &[Option<f64>],
    then: &[Option<f64>],
    outlook: &mut [ProviderPreview],
) {
    let serving = |at: usize| {
        let provider = &status.providers[at];
        may_serve(provider) || provider.share > 0.0
    };
    let served = |worth: &[Option<f64>]| {
        let all = worth.iter().enumerate().filter(|(at, _)| serving(*at));
        all.filter_map(|(_, points)| *points)
            .fold(f64::NEG_INFINITY, f64::max)
    };
    let best = served(then);
    let is_adaptive = status.strategy == "adaptive";
    let temperature = if is_adaptive {
        TEMPERATURE
    } else {
        SOFT_TEMPERATURE
    };
    // Whoever has no share yet would have one like that of the largest, as far as its worth goes.
    let largest = (0..outlook.len())
        .filter(|&at| serving(at) && now[at].is_some() && outlook[at].share > 0.0)
        .max_by(|&a, &b| outlook[a].share.total_cmp(&outlook[b].share));
    let (base, share) = largest.map_or((best, 1.0), |at| {
        (now[at].unwrap_or(best), outlook[at].share)
    });
    let mut taken = false;
    for (at, outlook) in outlook.iter_mut().enumerate() {
        let Some(points) = then[at].filter(|_| serving(at)) else {
            outlook.share = 0.0;
            continue;
        };
        let behind = best - points;
        let change = |from: f64| ((points - from) / temperature).exp();
        outlook.share = match status.strategy.as_str() {
            // Of equals the first.
            "best" => f64::from(u8::from(
                behind <= 0.0 && !std::mem::replace(&mut taken, true),
            )),
            "adaptive" if behind >= OUT_OF_SIGHT => 0.0,
            _ if outlook.share > 0.0 => outlook.share * change(now[at].unwrap_or(points)),
            _ => share * change(base),
        };
    }
    normalize(outlook);
}

fn normalize(all: &mut [ProviderPreview]) {
    let sum: f64 = all.iter().map(|outlook| outlook.share).sum();
    if sum > 0.0 && sum.is_finite() {
        for outlook in all {
            outlook.share /= sum;
        }
    }
}

/// The own weights of a provider under a draft.
pub fn own(provider: &ProviderStatus, draft: &Draft) -> Option<WeightOverride> {
    let name = &provider.performance.provider;
    if draft.moves_own(name) {
        draft.own(name, &CurrentSettings::default()).map(overriding)
    } else {
        provider.weights
    }
}

/// The part of the traffic that goes elsewhere, 0..1.
pub fn moved(now: &[ProviderPreview], then: &[ProviderPreview]) -> f64 {
    now.iter()
        .zip(then)
        .map(|(now, then)| (then.share - now.share).max(0.0))
        .sum()
}

/// The points of each, less what the guard of `adaptive` holds back, and what they are points of.
fn appraised(
    status: &Status,
    weights: &WeightPoints,
    supposed: &dyn Fn(&ProviderStatus) -> PreviewSettings,
) -> Vec<Option<(f64, f64)>> {
    let is_adaptive = status.strategy == "adaptive";
    let guard = |factors: &Factors| {
        let risk = 1.0 - factors.reliability;
        if is_adaptive {
            (risk - GUARD_FREE).max(0.0)
        } else {
            0.0
        }
    };
    let appraise = |provider: &ProviderStatus| {
        let (priority, own) = supposed(provider);
        let weights = effective(weights, own.as_ref());
        let mut factors = provider.factors?;
        if let Some(points) = priority {
            factors.priority = f64::from(points) / 100.0;
        }
        let points = points(&weights, &factors) - guard(&factors);
        Some((points, total(&weights)))
    };
    status.providers.iter().map(appraise).collect()
}

/// Whether requests go there at all, so that weights and priorities can move them.
pub fn may_serve(provider: &ProviderStatus) -> bool {
    matches!(
        provider.performance.state,
        HealthState::Ok | HealthState::Slow | HealthState::Failing | HealthState::Unknown
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

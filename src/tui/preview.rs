//! The effect of a draft. The instance forecasts it: recorded requests run through a copy of the
//! balancer under both settings, and both sides of the preview are figures of these runs. With too
//! little traffic for that, its selection probabilities of the next requests are applied to the current
//! shares. Until an answer arrives, an estimate from the factors is shown: shares change by
//! `exp(ΔS / temperature)` with `S = Σ w·f / 100`; every other term of the selection probability is the
//! same before and after.

use super::draft::{CurrentSettings, Draft, effective, overriding};
use super::what_if::WhatIfResult;
use crate::contract::{
    CapacityReport, ClosedLoopReport, Factors, ProviderStatus, Status, TargetWhatIfReport,
    WeightOverride, WeightPoints, WhatIfReport, WhatIfTotalsReport,
};

/// The temperatures of the balancer, for `adaptive` and for `weighted`.
const TEMPERATURE: f64 = 0.010;
const SOFT_TEMPERATURE: f64 = 0.05;
/// `adaptive` sends nothing to a provider whose score is this far behind the best.
const MAX_SCORE_GAP: f64 = 0.15;
/// Risk up to here is not penalised beyond its weight.
const PENALTY_FREE_RISK: f64 = 0.20;
/// A share from here on counts as all traffic.
const WHOLE_SHARE: f64 = 0.999;

/// The preview of one provider, in the order of the status.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ProviderPreview {
    /// 0..1; `None` without a score.
    pub score: Option<f64>,
    /// Share of the runs, or odds of the next requests, 0..1; 0 while it may not serve.
    pub share: f64,
    /// Range of the share over several runs.
    pub range: Option<[f64; 2]>,
    /// What it can take, where one model of it is forecast.
    pub capacity: Option<CapacityReport>,
    /// Whether it would get more than it was ever seen with, or is hardly measured.
    pub is_extrapolated: bool,
}

/// What a preview is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreviewBasis {
    /// Runs of recorded requests.
    ClosedLoop,
    /// The balancer's selection probabilities of the next requests.
    NextRequests,
    /// The factors on the screen.
    Estimate,
}

/// Shares and scores of all providers, under the settings in force and under a draft.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    pub now: Vec<ProviderPreview>,
    pub then: Vec<ProviderPreview>,
    pub basis: PreviewBasis,
}

/// The assumed settings of one provider: its priority, if drafted, and its own weights.
type PreviewSettings = (Option<u8>, Option<WeightOverride>);

/// The preview of a draft, by the best that is known of it.
pub fn preview(status: &Status, draft: &Draft, known: Option<&WhatIfResult>) -> Preview {
    let known = known.filter(|prediction| draft.is_changed() && prediction.is_about(draft));
    if let Some((now, then)) = known.and_then(|prediction| simulated(status, &prediction.report)) {
        return Preview {
            now,
            then,
            basis: PreviewBasis::ClosedLoop,
        };
    }
    let (then, basis) = match known.and_then(|prediction| carried_over(status, prediction)) {
        Some(then) => (then, PreviewBasis::NextRequests),
        None => (drafted(status, draft), PreviewBasis::Estimate),
    };
    Preview {
        now: present(status),
        then,
        basis,
    }
}

/// Both sides by the closed loop; `None` where it had too little traffic.
fn simulated(
    status: &Status,
    report: &WhatIfReport,
) -> Option<(Vec<ProviderPreview>, Vec<ProviderPreview>)> {
    let has_run = |it: &&ClosedLoopReport| !it.too_little_traffic && it.runs > 0;
    report.closed_loop.as_deref().filter(has_run)?;
    let sides = |provider: &ProviderStatus| {
        let name = &provider.performance.provider;
        let of = |it: &&TargetWhatIfReport| it.provider == *name;
        let targets: Vec<_> = report.targets.iter().filter(of).collect();
        let scores = report.providers.iter().find(|it| it.provider == *name);
        let now = targets.iter().map(|it| &it.now);
        let then = targets.iter().map(|it| &it.then);
        let now = ProviderPreview {
            score: provider.score,
            ..summed(now)
        };
        let then = ProviderPreview {
            score: scores.and_then(|it| it.then.score),
            is_extrapolated: targets.iter().any(|it| it.extrapolated),
            ..summed(then)
        };
        (now, then)
    };
    Some(status.providers.iter().map(sides).unzip())
}

/// The figures of several targets together. The range of a sum is at most the sum of the ranges.
fn summed<'t>(targets: impl Iterator<Item = &'t WhatIfTotalsReport>) -> ProviderPreview {
    let mut sum = ProviderPreview::default();
    for (before, target) in targets.enumerate() {
        sum.share += target.share;
        sum.range = target.share_range.map(|[low, high]| {
            let [before_low, before_high] = sum.range.unwrap_or_default();
            [before_low + low, (before_high + high).min(1.0)]
        });
        sum.capacity = target.capacity.filter(|_| before == 0);
    }
    sum
}

/// The current scores and odds.
pub fn present(status: &Status) -> Vec<ProviderPreview> {
    let preview = |provider: &ProviderStatus| ProviderPreview {
        score: provider.score,
        share: provider.odds,
        ..ProviderPreview::default()
    };
    status.providers.iter().map(preview).collect()
}

/// Applies the instance's forecast to the current shares, which load has moved since; `None` if it
/// does not cover all providers.
fn carried_over(status: &Status, prediction: &WhatIfResult) -> Option<Vec<ProviderPreview>> {
    let answered = &prediction.report.providers;
    let mut all = Vec::with_capacity(status.providers.len());
    for provider in &status.providers {
        let name = &provider.performance.provider;
        let preview = answered.iter().find(|it| it.provider == *name)?;
        let share = if preview.now.share > 0.0 {
            provider.odds * preview.then.share / preview.now.share
        } else {
            preview.then.share
        };
        all.push(ProviderPreview {
            score: preview.then.score,
            share,
            ..ProviderPreview::default()
        });
    }
    normalize(&mut all);
    Some(all)
}

/// The reason why weights and priorities have no effect now, if they have none.
pub fn insensitivity(status: &Status, draft: &Draft) -> Option<String> {
    let uses_weights = matches!(status.strategy.as_str(), "adaptive" | "best" | "weighted");
    let moves_settings = draft.moved_settings().next().is_some();
    if !uses_weights && !moves_settings {
        return Some(format!(
            "the strategy {} does not use weights",
            status.strategy
        ));
    }
    let pinned = status
        .providers
        .iter()
        .find(|provider| provider.pinned_until.is_some() && provider.odds > WHOLE_SHARE)?;
    Some(format!(
        "all goes to {} while it is pinned",
        pinned.performance.provider
    ))
}

/// Estimated scores and shares under a draft.
pub fn drafted(status: &Status, draft: &Draft) -> Vec<ProviderPreview> {
    let mut preview = present(status);
    if !draft.is_changed() {
        return preview;
    }
    let now = utilities(status, &status.weights, &|provider| {
        (None, provider.weights)
    });
    let then = utilities(status, &draft.weights(), &|provider| {
        let name = &provider.performance.provider;
        (draft.priority(name), own(provider, draft))
    });
    for (preview, then) in preview.iter_mut().zip(&then) {
        preview.score = then.map(|(points, total)| (points * 100.0 / total).max(0.0));
    }
    if insensitivity(status, draft).is_none() {
        let points = |all: &[Option<(f64, f64)>]| all.iter().map(|it| Some((*it)?.0)).collect();
        let (now, then): (Vec<_>, Vec<_>) = (points(&now), points(&then));
        move_shares(status, &now, &then, &mut preview);
    }
    preview
}

/// Moves the shares by the change of the utilities.
fn move_shares(
    status: &Status,
    now: &[Option<f64>],
    then: &[Option<f64>],
    preview: &mut [ProviderPreview],
) {
    let serving = |at: usize| {
        let provider = &status.providers[at];
        provider.may_serve() || provider.odds > 0.0
    };
    let served = |utilities: &[Option<f64>]| {
        let all = utilities.iter().enumerate().filter(|(at, _)| serving(*at));
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
    // A provider without a share starts from the largest share, scaled by its utility.
    let largest = (0..preview.len())
        .filter(|&at| serving(at) && now[at].is_some() && preview[at].share > 0.0)
        .max_by(|&a, &b| preview[a].share.total_cmp(&preview[b].share));
    let (base, share) = largest.map_or((best, 1.0), |at| {
        (now[at].unwrap_or(best), preview[at].share)
    });
    let mut is_taken = false;
    for (at, preview) in preview.iter_mut().enumerate() {
        let Some(points) = then[at].filter(|_| serving(at)) else {
            preview.share = 0.0;
            continue;
        };
        let behind = best - points;
        let change = |from: f64| ((points - from) / temperature).exp();
        preview.share = match status.strategy.as_str() {
            // The first of equals.
            "best" => f64::from(u8::from(
                behind <= 0.0 && !std::mem::replace(&mut is_taken, true),
            )),
            "adaptive" if behind >= MAX_SCORE_GAP => 0.0,
            _ if preview.share > 0.0 => preview.share * change(now[at].unwrap_or(points)),
            _ => share * change(base),
        };
    }
    normalize(preview);
}

fn normalize(all: &mut [ProviderPreview]) {
    let sum: f64 = all.iter().map(|preview| preview.share).sum();
    if sum > 0.0 && sum.is_finite() {
        for preview in all {
            preview.share /= sum;
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

/// The part of the traffic that moves to another provider, 0..1.
pub fn moved(now: &[ProviderPreview], then: &[ProviderPreview]) -> f64 {
    now.iter()
        .zip(then)
        .map(|(now, then)| (then.share - now.share).max(0.0))
        .sum()
}

/// The points of each provider, less the risk penalty of `adaptive`, and the sum of its weights.
fn utilities(
    status: &Status,
    weights: &WeightPoints,
    settings: &dyn Fn(&ProviderStatus) -> PreviewSettings,
) -> Vec<Option<(f64, f64)>> {
    let is_adaptive = status.strategy == "adaptive";
    let penalty = |factors: &Factors| {
        let risk = 1.0 - factors.reliability;
        if is_adaptive {
            (risk - PENALTY_FREE_RISK).max(0.0)
        } else {
            0.0
        }
    };
    let utility = |provider: &ProviderStatus| {
        let (priority, own) = settings(provider);
        let weights = effective(weights, own.as_ref());
        let mut factors = provider.factors?;
        if let Some(points) = priority {
            factors.priority = f64::from(points) / 100.0;
        }
        let points = points(&weights, &factors) - penalty(&factors);
        Some((points, total(&weights)))
    };
    status.providers.iter().map(utility).collect()
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

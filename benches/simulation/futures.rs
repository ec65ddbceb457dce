//! Forecasts against what becomes true: the balancer runs for a quarter of an hour, a draft is
//! forecast and applied, and several futures show what it comes to.

use super::run::{Change, Changed, run_changed};
use super::scenario::Scenario;
use aibal_tui::domain::{
    ClosedLoopForecast, ForecastEffort, ProviderPatch, RunLimits, SettingsDraft, TrafficData,
    Weights, forecast,
};

/// When the draft applies, and how long it is watched.
pub const CHANGE_AT: f64 = 900.0;
pub const WATCHED: f64 = 300.0;
/// Time limits and attempts, as the world has them.
pub const LIMITS: RunLimits = RunLimits {
    first_token_s: 10.0,
    response_s: 30.0,
    max_retries: 2,
};

/// What became true in one future, or what is predicted.
#[derive(Debug, Clone)]
pub struct Truth {
    /// Share of the attempts by vendor, 0..1.
    pub shares: Vec<f64>,
    pub usd_per_1k: f64,
    /// Seconds.
    pub p95: f64,
}

/// A draft with its name.
pub struct NamedDraft {
    pub name: &'static str,
    pub draft: SettingsDraft,
}

fn weighted(name: &'static str, (cost, latency, reliability): (f64, f64, f64)) -> NamedDraft {
    let weights = Weights {
        cost,
        latency,
        reliability,
        ..Weights::default()
    };
    NamedDraft {
        name,
        draft: SettingsDraft {
            weights: Some(weights),
            ..SettingsDraft::default()
        },
    }
}

fn patched(name: &'static str, provider: usize, patch: ProviderPatch) -> NamedDraft {
    NamedDraft {
        name,
        draft: SettingsDraft {
            providers: [(provider.into(), patch)].into(),
            ..SettingsDraft::default()
        },
    }
}

/// Nothing, seven other weightings and priorities, and a drain of `largest`.
pub fn drafts(largest: usize) -> Vec<NamedDraft> {
    let more = ProviderPatch {
        priority: Some(70.0),
        ..ProviderPatch::default()
    };
    let drain = ProviderPatch {
        draining: Some(true),
        ..ProviderPatch::default()
    };
    vec![
        NamedDraft {
            name: "unchanged",
            draft: SettingsDraft::default(),
        },
        weighted("35/37/28", (35.0, 37.0, 28.0)),
        weighted("25/50/25", (25.0, 50.0, 25.0)),
        weighted("15/70/15", (15.0, 70.0, 15.0)),
        weighted("70/15/15", (70.0, 15.0, 15.0)),
        weighted("60/20/20", (60.0, 20.0, 20.0)),
        weighted("20/20/60", (20.0, 20.0, 60.0)),
        patched("xai +20", super::vendor::XAI, more),
        patched("drain", largest, drain),
    ]
}

/// Plays one future of a draft.
pub fn future(scenario: &Scenario, seed: u64, draft: &SettingsDraft, future: u64) -> Changed {
    let change = Change {
        at: CHANGE_AT,
        draft: draft.clone(),
        future: seed * 100 + future,
    };
    run_changed(scenario, Weights::default(), seed, &change)
}

/// What one future came to.
pub fn truth(scenario: &Scenario, played: &Changed) -> Truth {
    let mut counts = vec![0.0; scenario.vendors.len()];
    let (mut usd, mut answered, mut latencies) = (0.0, 0.0_f64, Vec::new());
    for (outcome, tried) in played.outcomes.iter().zip(&played.tried) {
        if outcome.request.at < CHANGE_AT {
            continue;
        }
        for &vendor in tried {
            counts[vendor] += 1.0;
        }
        if !outcome.failed {
            usd += outcome.usd;
            answered += 1.0;
            latencies.push(outcome.latency);
        }
    }
    latencies.sort_by(f64::total_cmp);
    let all: f64 = counts.iter().sum();
    Truth {
        shares: counts.iter().map(|count| count / all).collect(),
        usd_per_1k: usd / answered * 1e3,
        p95: latencies[latencies.len() * 95 / 100],
    }
}

/// The mean of several futures.
pub fn mean(truths: &[Truth]) -> Truth {
    let n = truths.len() as f64;
    let vendors = truths[0].shares.len();
    let share = |vendor: usize| truths.iter().map(|it| it.shares[vendor]).sum::<f64>() / n;
    Truth {
        shares: (0..vendors).map(share).collect(),
        usd_per_1k: truths.iter().map(|it| it.usd_per_1k).sum::<f64>() / n,
        p95: truths.iter().map(|it| it.p95).sum::<f64>() / n,
    }
}

/// Forecasts a draft from what was known at the change.
pub fn predict(
    data: &TrafficData,
    draft: &SettingsDraft,
    effort: ForecastEffort,
) -> ClosedLoopForecast {
    forecast(data, draft, LIMITS, (effort, 7)).expect("the draft is valid")
}

/// Predicted shares by vendor; 0 for those that get nothing.
pub fn predicted_shares(predicted: &ClosedLoopForecast, vendors: usize) -> Vec<(f64, f64, f64)> {
    let mut shares = vec![(0.0, 0.0, 0.0); vendors];
    for target in &predicted.targets {
        let share = target.then.share;
        shares[target.target.get()] = (share.value, share.low, share.high);
    }
    shares
}

/// Mean difference of shares, in points.
pub fn error(predicted: &[(f64, f64, f64)], truth: &Truth) -> f64 {
    let differences = predicted
        .iter()
        .zip(&truth.shares)
        .map(|((share, ..), real)| (share - real).abs());
    100.0 * differences.sum::<f64>() / truth.shares.len() as f64
}

/// The world of a forecast: a scenario of these requests per second that ends when the draft was
/// watched long enough.
pub fn watched(mut scenario: Scenario, rate: f64) -> Scenario {
    scenario.rate = rate;
    (scenario.length, scenario.day) = (CHANGE_AT + WATCHED, 0.0);
    scenario
}

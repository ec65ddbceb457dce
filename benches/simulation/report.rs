//! What a run came to.

use super::oracle::dearest;
use super::run::Outcome;
use super::scenario::Scenario;
use aibal_tui::domain::Weights;

/// The figures of one run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Figures {
    /// Mean loss per client request, times 1000.
    pub loss: f64,
    /// Client failures per 10 000.
    pub failures: f64,
    /// 429s per 1000 client requests.
    pub refusals: f64,
}

/// Loss of one request: `w_c·C + w_l·T + w_r·F`; cost against the dearest prices, latency against
/// 2 s + 30 ms a token and at most twice that, and whether the first attempt or all failed.
pub fn loss(scenario: &Scenario, outcome: &Outcome, weights: &Weights) -> f64 {
    let request = &outcome.request;
    let shape = (request.input, request.output, 0.0);
    let cost = outcome.usd / dearest(scenario, request, shape);
    let reference = 2.0 + 0.030 * request.output;
    let slowness = if outcome.failed {
        2.0
    } else {
        (outcome.latency / reference).min(2.0)
    };
    let failed = f64::from(u8::from(outcome.failed || outcome.first_failed));
    (weights.cost * cost + weights.latency * slowness + weights.reliability * failed) / 100.0
}

pub fn figures(scenario: &Scenario, outcomes: &[Outcome], weights: &Weights) -> Figures {
    let n = outcomes.len() as f64;
    let losses: f64 = outcomes
        .iter()
        .map(|outcome| loss(scenario, outcome, weights))
        .sum();
    let failures = outcomes.iter().filter(|outcome| outcome.failed).count() as f64;
    let refusals: u32 = outcomes.iter().map(|outcome| outcome.refusals).sum();
    Figures {
        loss: losses / n * 1e3,
        failures: failures / n * 1e4,
        refusals: f64::from(refusals) / n * 1e3,
    }
}

/// Part of the first attempts between two moments that went to a vendor.
pub fn share(outcomes: &[Outcome], vendor: usize, from: f64, until: f64) -> f64 {
    let within = outcomes
        .iter()
        .filter(|outcome| (from..until).contains(&outcome.request.at));
    let (mut all, mut its) = (0.0, 0.0);
    for outcome in within {
        all += 1.0;
        its += f64::from(u8::from(outcome.first == Some(vendor)));
    }
    if all > 0.0 { its / all } else { 0.0 }
}

/// A former share is that of so many seconds before.
const SETTLED: f64 = 300.0;
/// Width of the windows in which a share is looked for, in seconds.
const WINDOW: f64 = 5.0;

/// Seconds from the beginning of trouble until a twentieth of the former share is left, and from
/// its end until four fifths of it are back; nothing where that never happened.
pub fn diversion(scenario: &Scenario, outcomes: &[Outcome]) -> (Option<f64>, Option<f64>) {
    let (vendor, from, until) = scenario.trouble();
    let before = share(outcomes, vendor, from - SETTLED.min(from / 2.0), from);
    let seconds = |count: f64| (0..).map(f64::from).take_while(move |at| *at < count);
    let away = seconds(until - from)
        .find(|at| share(outcomes, vendor, from + at, from + at + WINDOW) <= 0.05 * before);
    // Windows as long as it takes to see a share, for it comes back little by little.
    let back = seconds(scenario.length - until - 20.0)
        .find(|at| share(outcomes, vendor, until + at, until + at + 20.0) >= 0.8 * before);
    (away, back)
}

/// The standard deviation of a vendor's share over windows of 30 s, in points; the largest of all.
pub fn oscillation(scenario: &Scenario, outcomes: &[Outcome]) -> f64 {
    let mut worst = 0.0_f64;
    for vendor in 0..scenario.vendors.len() {
        let mut shares = Vec::new();
        let mut from = 60.0;
        while from + 30.0 <= scenario.length {
            shares.push(share(outcomes, vendor, from, from + 30.0) * 100.0);
            from += 30.0;
        }
        // From window to window, so that the slow swing of the day does not count.
        let steps: f64 = shares
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).powi(2))
            .sum();
        worst = worst.max((steps / (2.0 * (shares.len() - 1) as f64)).sqrt());
    }
    worst
}

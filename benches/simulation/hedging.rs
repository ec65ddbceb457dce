//! What hedging brings and costs in a world: the same requests without it and with it.

use super::run::{Outcome, Who, run};
use super::scenario::Scenario;
use aibal_tui::domain::{HedgePoint, HedgePolicy, Money, Strategy, Weights};

/// The figures of one run.
#[derive(Debug, Clone, Copy)]
pub struct Hedged {
    /// Seconds to the first token, from the request on: median, 95th and 99th percentile.
    pub first_token: [f64; 3],
    /// USD for a thousand requests.
    pub usd_per_1k: f64,
    /// Part of the requests that were hedged.
    pub hedges: f64,
}

/// Plays a world without hedging, and with each percentile.
pub fn hedged(scenario: &Scenario, seed: u64) -> [Hedged; 3] {
    let [p95, p99] = HedgePoint::ALL;
    [None, Some(p99), Some(p95)].map(|point| {
        let hedge = point.map(|point| HedgePolicy {
            point,
            usd_per_hour: Money::from_usd(1e6),
        });
        let mut scenario = scenario.clone();
        scenario.hedge = hedge;
        let who = Who::Ours(Strategy::Adaptive);
        figures(&run(&scenario, who, Weights::default(), seed))
    })
}

fn figures(outcomes: &[Outcome]) -> Hedged {
    let mut times: Vec<f64> = outcomes.iter().filter_map(|it| it.first_token).collect();
    times.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index within the list"
    )]
    let quantile = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
    let n = outcomes.len() as f64;
    Hedged {
        first_token: [0.5, 0.95, 0.99].map(quantile),
        usd_per_1k: outcomes.iter().map(|it| it.usd).sum::<f64>() / n * 1e3,
        hedges: outcomes.iter().filter(|it| it.hedged).count() as f64 / n,
    }
}

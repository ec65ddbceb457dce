//! One decision: who serves this request.
//!
//! 1. A hard filter that nothing relaxes: capability, constraints, switched off.
//! 2. A soft filter of the moment: breaker, asked to wait, full, tried already.
//! 3. The preferred provider, where it passes both and is more likely to succeed than to fail.
//! 4. A half-open target's trial, for first attempts.
//! 5. The strategy: `best` takes the highest score; `weighted` draws by
//!    `odds = exp((S − S_best) / 0.05)`, S being the score's points over 100. Fallbacks take the
//!    best of those not tried, other providers before the failed one's other models.

mod ask;
mod exclusion;
#[cfg(test)]
mod tests;

pub use ask::{Ask, Scope};
pub use exclusion::Exclusion;

use crate::domain::pricing::Price;
use crate::domain::score::{
    Factors, combine, cost_factor, good, latency_factor, load_factor, points,
};
use crate::domain::snapshot::{Candidate, RoutingTable, Standing, Strategy};
use crate::domain::units::Moment;
use std::sync::Arc;
use std::time::Duration;

/// Temperature of the odds: five points of a hundred behind the best means a third of its share.
const TEMPERATURE: f64 = 0.05;
/// A preferred provider that is less likely to succeed than this is not insisted on.
const PREFERRED_FAILURE: f64 = 0.5;
/// The answer, with all that explains it.
#[derive(Debug, Clone)]
pub struct Choice {
    /// Place in the catalogue.
    pub target: usize,
    pub score: f64,
    pub factors: Factors,
    /// Odds it had, 0..1.
    pub share: f64,
    pub reason: Reason,
    /// Whether it goes as the one trial of a half-open breaker.
    pub trial: bool,
    /// USD; nothing where the price is unknown.
    pub expected_usd: Option<f64>,
    /// Seconds.
    pub expected_latency: f64,
    /// The others that may serve, best first.
    pub fallbacks: Vec<Ranked>,
    pub rejected: Vec<(usize, Exclusion)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    pub target: usize,
    pub score: f64,
    pub share: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Highest score.
    Best,
    /// Drawn by odds.
    Drawn,
    /// The one that was wished for.
    Preferred,
    /// The only one that may serve.
    Only,
    /// A half-open breaker's trial.
    Trial,
    /// Best of those not tried, after a failure.
    Fallback,
}

impl Reason {
    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Best => "best score",
            Self::Drawn => "drawn by share",
            Self::Preferred => "preferred provider",
            Self::Only => "only one allowed",
            Self::Trial => "trial of a half-open breaker",
            Self::Fallback => "fallback after a failure",
        }
    }
}

/// Nobody may serve; nothing was relaxed.
#[derive(Debug, Clone)]
pub struct NoTarget {
    pub rejected: Vec<(usize, Exclusion)>,
    /// The soonest recovery, where waiting may help.
    pub retry_after: Option<Duration>,
}

/// Somebody who may serve.
#[derive(Debug, Clone, Copy)]
struct Runner {
    target: usize,
    provider: usize,
    factors: Factors,
    score: f64,
    points: f64,
    odds: f64,
    trial: bool,
}

/// Decides; `draw` is uniform in 0..1. Allocates little, asks nobody, changes nothing.
pub fn choose(
    table: &RoutingTable,
    ask: &Ask<'_>,
    now: Moment,
    draw: f64,
) -> Result<Choice, NoTarget> {
    let (mut runners, rejected) = field(table, ask, now);
    if runners.is_empty() {
        let retry_after = rejected
            .iter()
            .filter_map(|(_, why)| why.recovery(now))
            .min();
        return Err(NoTarget {
            rejected,
            retry_after,
        });
    }
    set_odds(&mut runners, table.strategy);
    let (winner, reason) = pick(table, ask, &runners, draw);
    let mut fallbacks: Vec<Ranked> = runners
        .iter()
        .filter(|runner| runner.target != winner.target)
        .map(|runner| Ranked {
            target: runner.target,
            score: runner.score,
            share: runner.odds,
        })
        .collect();
    fallbacks.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.target.cmp(&b.target)));
    let candidate = &table.candidates[winner.target];
    let output = expected_output(table, ask);
    Ok(Choice {
        target: winner.target,
        score: winner.score,
        factors: winner.factors,
        share: winner.odds,
        reason,
        trial: winner.trial,
        expected_usd: candidate
            .price
            .as_ref()
            .map(|price| price.of(ask.input, output)),
        expected_latency: candidate.estimate.latency(output),
        fallbacks,
        rejected,
    })
}

/// The odds of every target for such a request, by the same code that draws; they sum to 1, or
/// to 0 where nobody may serve. Targets that are only on trial have none.
pub fn shares(table: &RoutingTable, ask: &Ask<'_>, now: Moment) -> Vec<Ranked> {
    let (mut runners, _) = field(table, ask, now);
    set_odds(&mut runners, table.strategy);
    let ranked = |runner: &Runner| Ranked {
        target: runner.target,
        score: runner.score,
        share: runner.odds,
    };
    runners.iter().map(ranked).collect()
}

/// What a target is worth for a request, whether or not it may serve now.
pub fn appraise(table: &RoutingTable, candidate: &Candidate, ask: &Ask<'_>) -> (Factors, f64) {
    let factors = factors(
        candidate,
        dearest(table, ask),
        ask.input,
        expected_output(table, ask),
    );
    (factors, combine(&candidate.weights, &factors))
}

fn pick(table: &RoutingTable, ask: &Ask<'_>, runners: &[Runner], draw: f64) -> (Runner, Reason) {
    let first_attempt = ask.tried.is_empty();
    let healthy = |runner: &&Runner| {
        !runner.trial && table.candidates[runner.target].estimate.failure < PREFERRED_FAILURE
    };
    if let Some(preferred) = ask.preferred
        && let Some(wished) = best(
            runners
                .iter()
                .filter(healthy)
                .filter(|runner| runner.provider == preferred),
        )
    {
        return (wished, Reason::Preferred);
    }
    if let Some(trial) = runners
        .iter()
        .find(|runner| runner.trial)
        .filter(|_| first_attempt)
    {
        return (*trial, Reason::Trial);
    }
    if !first_attempt {
        let tried_provider = |runner: &&Runner| {
            ask.tried
                .iter()
                .any(|&tried| table.candidates[tried].provider == runner.provider)
        };
        let elsewhere = best(
            runners
                .iter()
                .filter(|runner| !runner.trial && !tried_provider(runner)),
        );
        let next = elsewhere
            .or_else(|| best(runners.iter().filter(|runner| !runner.trial)))
            .unwrap_or(runners[0]);
        return (next, Reason::Fallback);
    }
    if let [only] = runners {
        return (*only, Reason::Only);
    }
    match table.strategy {
        Strategy::Best => (best(runners.iter()).unwrap_or(runners[0]), Reason::Best),
        Strategy::Weighted => (drawn(runners, draw), Reason::Drawn),
    }
}

fn best<'r>(runners: impl Iterator<Item = &'r Runner>) -> Option<Runner> {
    // The first of equals wins, so that the answer does not depend on anything but the order of
    // the configuration.
    runners.fold(None, |best: Option<Runner>, runner| match best {
        Some(best) if best.points >= runner.points => Some(best),
        _ => Some(*runner),
    })
}

fn drawn(runners: &[Runner], draw: f64) -> Runner {
    let mut left = draw;
    for runner in runners {
        if left < runner.odds {
            return *runner;
        }
        left -= runner.odds;
    }
    // Rounding can leave a hair's breadth at the end.
    best(runners.iter().filter(|runner| runner.odds > 0.0)).unwrap_or(runners[0])
}

fn set_odds(runners: &mut [Runner], strategy: Strategy) {
    let Some(top) = best(runners.iter().filter(|runner| !runner.trial)) else {
        return;
    };
    for runner in runners.iter_mut().filter(|runner| !runner.trial) {
        runner.odds = match strategy {
            Strategy::Best => f64::from(u8::from(runner.target == top.target)),
            Strategy::Weighted => ((runner.points - top.points) / TEMPERATURE).exp(),
        };
    }
    let sum: f64 = runners.iter().map(|runner| runner.odds).sum();
    for runner in runners {
        runner.odds /= sum;
    }
}

fn field(
    table: &RoutingTable,
    ask: &Ask<'_>,
    now: Moment,
) -> (Vec<Runner>, Vec<(usize, Exclusion)>) {
    let output = expected_output(table, ask);
    let dearest = dearest(table, ask);
    let mut runners = Vec::with_capacity(table.candidates.len());
    let mut rejected = Vec::new();
    for (target, candidate) in table
        .candidates
        .iter()
        .enumerate()
        .filter(|&(at, c)| ask.names(at, c))
    {
        let fit = ask.suits(table, candidate);
        let trial = match fit.and_then(|()| exclusion(candidate, target, ask, output, now)) {
            Ok(trial) => trial,
            Err(why) => {
                rejected.push((target, why));
                continue;
            }
        };
        let factors = factors(candidate, dearest, ask.input, output);
        runners.push(Runner {
            target,
            provider: candidate.provider,
            factors,
            score: combine(&candidate.weights, &factors),
            points: points(&candidate.weights, &factors),
            odds: 0.0,
            trial,
        });
    }
    (runners, rejected)
}

/// Whether it may serve as a trial, or why it may not serve.
fn exclusion(
    candidate: &Candidate,
    target: usize,
    ask: &Ask<'_>,
    output: f64,
    now: Moment,
) -> Result<bool, Exclusion> {
    if let Standing::Off(why) = &candidate.standing {
        return Err(Exclusion::Off(Arc::clone(why)));
    }
    if let Some(max_cost) = ask.max_cost {
        let price = candidate
            .price
            .as_ref()
            .map(Price::dearest)
            .ok_or(Exclusion::UnknownPrice)?;
        if price.usd() > max_cost {
            return Err(Exclusion::TooDear);
        }
    }
    let estimate = &candidate.estimate;
    if ask
        .max_latency
        .is_some_and(|most| estimate.measured && estimate.latency(output) > most)
    {
        return Err(Exclusion::TooSlow);
    }
    if ask.tried.contains(&target) {
        return Err(Exclusion::Tried);
    }
    let trial = match candidate.standing {
        Standing::Off(_) | Standing::Usable => false,
        Standing::Draining => return Err(Exclusion::Draining),
        Standing::Down => return Err(Exclusion::Down),
        Standing::Open(until) if now < until => return Err(Exclusion::BreakerOpen(until)),
        // Past its time it is half-open, whether or not a tick has said so yet.
        Standing::Open(_) | Standing::HalfOpen => true,
    };
    if let Some(until) = candidate.blocked_until.filter(|&until| now < until) {
        return Err(Exclusion::Limited(until));
    }
    if trial && candidate.gauge.on_trial() {
        return Err(Exclusion::HalfOpen);
    }
    match candidate.max_concurrent {
        Some(limit) if candidate.provider_gauge.in_flight() >= limit => Err(Exclusion::Full(limit)),
        _ => Ok(trial),
    }
}

fn factors(candidate: &Candidate, dearest: (f64, f64), input: f64, output: f64) -> Factors {
    Factors {
        cost: cost_factor(candidate.price.as_ref(), dearest, input, output),
        latency: latency_factor(&candidate.estimate, output),
        reliability: good(1.0 - candidate.estimate.failure),
        load: load_factor(
            candidate.provider_gauge.in_flight(),
            candidate.max_concurrent,
        ),
        priority: good(candidate.priority),
    }
}

fn expected_output(table: &RoutingTable, ask: &Ask<'_>) -> f64 {
    ask.max_tokens.map_or(table.expected_output, |most| {
        most.min(table.expected_output)
    })
}

/// The highest prices among all configured targets in scope, usable or not: a fixed reference.
fn dearest(table: &RoutingTable, ask: &Ask<'_>) -> (f64, f64) {
    let prices = |(target, candidate): (usize, &Candidate)| {
        ask.names(target, candidate)
            .then_some(candidate.price.as_ref())
            .flatten()
            .copied()
    };
    table
        .candidates
        .iter()
        .enumerate()
        .filter_map(prices)
        .fold((0.0, 0.0), |top, price: Price| {
            (
                f64::max(top.0, price.input.usd()),
                f64::max(top.1, price.output.usd()),
            )
        })
}

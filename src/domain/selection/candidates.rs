//! All candidates of one selection with their scores, probabilities and exclusions. The set is
//! reused, so that scoring allocates nothing.

use super::budget_filter::filter_by_budget;
use super::eligibility::entry;
use super::exclusion::ExclusionReason;
use super::request_profile::{RequestProfile, TargetScope};
use super::scored_candidate::{Eligibility, ScoredCandidate};
use super::target_selection::RankedTarget;
use crate::domain::index::{ProviderIdx, TargetIdx};
use crate::domain::model_type::ModelType;
use crate::domain::pricing::Price;
use crate::domain::score::{
    Penalties, Prediction, Risk, cost_penalty, deadline_miss, display_score, latency_penalty,
    linear_score, load_penalty, utility, weighted_sum,
};
use crate::domain::snapshot::{Candidate, RoutingTable, Strategy};
use crate::domain::tuning::Tuning;
use crate::domain::units::UnixTime;
use crate::domain::weights::Weights;

/// Temperature of the odds of `weighted`: five points of a hundred behind the best means a third
/// of its share.
const WEIGHTED_TEMPERATURE: f64 = 0.05;
/// That far behind the best, `adaptive` gives no odds at all: e^-15 of the best one's, and none for
/// targets that would otherwise be selected for their number.
const NEGLIGIBLE_GAP: f64 = 0.15;
/// After its breaker closed, a target's odds grow over so many seconds, from this part.
const SLOW_START_S: f64 = 10.0;
const SLOW_START_MIN_SHARE: f64 = 0.1;
/// A wish for a provider that is less likely to succeed than this is not insisted on.
const PREFERRED_MAX_RISK: f64 = 0.5;
/// Two that are that close are equals.
const EQUAL_UTILITY: f64 = 1e-12;

/// Every target in the scope of a request, in the order of the catalogue.
#[derive(Debug, Clone, Default)]
pub struct CandidateSet {
    rows: Vec<ScoredCandidate>,
    /// Output tokens that are expected.
    pub output: f64,
}

/// What is the same for every row.
#[derive(Debug, Clone, Copy)]
struct ScoringContext {
    dearest: (f64, f64),
    output: f64,
}

impl CandidateSet {
    pub fn rows(&self) -> &[ScoredCandidate] {
        &self.rows
    }

    /// Weighs all that are in the scope of the request.
    pub fn evaluate(&mut self, table: &RoutingTable, ask: &RequestProfile<'_>, now: UnixTime) {
        self.rows.clear();
        self.output = expected_output(table, ask);
        let scale = ScoringContext {
            dearest: max_prices(table, ask),
            output: self.output,
        };
        match ask.scope {
            TargetScope::Only(places) => {
                let known = places.iter().filter_map(|&target| {
                    let candidate = table.candidates.get(target.get())?;
                    Some((target, candidate))
                });
                for (target, candidate) in known {
                    self.rows
                        .push(row(table, (target, candidate), ask, scale, now));
                }
            }
            TargetScope::Type(kind) => {
                for (target, candidate) in table.indexed() {
                    if candidate.types.contains(kind) {
                        self.rows
                            .push(row(table, (target, candidate), ask, scale, now));
                    }
                }
            }
        }
        filter_by_budget(&mut self.rows, table, ask, (self.output, scale.dearest));
        assign_probabilities(&mut self.rows, table.strategy, &table.tuning);
        if let Some(pinned) = table
            .pinned
            .and_then(|pinned| preferred(&self.rows, pinned))
        {
            for (place, row) in self.rows.iter_mut().enumerate() {
                row.odds = f64::from(u8::from(place == pinned));
            }
        }
    }

    /// Those that may be chosen besides `chosen`, best first.
    pub fn fallbacks(&self, table: &RoutingTable, chosen: TargetIdx) -> Vec<RankedTarget> {
        let others = self.rows.iter().filter(|row| row.target != chosen);
        let mut others: Vec<&ScoredCandidate> = others
            .filter(|row| !matches!(row.entry, Eligibility::Excluded(_)))
            .collect();
        others.sort_by(|a, b| {
            b.utility
                .total_cmp(&a.utility)
                .then(a.target.cmp(&b.target))
        });
        let ranked = |row: &ScoredCandidate| RankedTarget {
            target: row.target,
            score: score(table, row),
            share: row.odds,
        };
        others.into_iter().map(ranked).collect()
    }

    /// Those that may not, and why.
    pub fn rejected(&self) -> Vec<(TargetIdx, ExclusionReason)> {
        let out = |row: &ScoredCandidate| match &row.entry {
            Eligibility::Excluded(why) => Some((row.target, why.clone())),
            Eligibility::Eligible | Eligibility::HalfOpenProbe => None,
        };
        self.rows.iter().filter_map(out).collect()
    }
}

/// The best of a provider that is wished for, unless it is likelier to fail than not.
pub(super) fn preferred(rows: &[ScoredCandidate], provider: ProviderIdx) -> Option<usize> {
    best(rows, |row| {
        row.is_eligible() && row.provider == provider && row.bads.risk < PREFERRED_MAX_RISK
    })
}

/// The best of some; of equals the less busy one, then the first, so that the answer depends on
/// nothing but the order of the configuration.
pub(super) fn best(
    rows: &[ScoredCandidate],
    fits: impl Fn(&ScoredCandidate) -> bool,
) -> Option<usize> {
    let mut best: Option<usize> = None;
    for (place, row) in rows.iter().enumerate().filter(|(_, row)| fits(row)) {
        let is_better = best.is_none_or(|best| {
            let best = &rows[best];
            row.utility > best.utility
                || (row.utility == best.utility && row.in_flight < best.in_flight)
        });
        if is_better {
            best = Some(place);
        }
    }
    best
}

/// The score that is shown for a row, 0..1: the founding formula, for `adaptive` with its guard.
pub fn score(table: &RoutingTable, row: &ScoredCandidate) -> f64 {
    let weights = &table.candidates[row.target].weights;
    match table.strategy {
        Strategy::Adaptive => display_score(row.utility, weights),
        _ => linear_score(weights, &row.factors()),
    }
}

fn row(
    table: &RoutingTable,
    (target, candidate): (TargetIdx, &Candidate),
    ask: &RequestProfile<'_>,
    scale: ScoringContext,
    now: UnixTime,
) -> ScoredCandidate {
    let provider_in_flight = candidate.provider_load_counters.in_flight();
    let (predicted, risk) = predict(table, candidate, ask, scale.output, now);
    let latency = predicted.latency(scale.output);
    let bads = Penalties {
        cost: cost_penalty(
            candidate.price.as_ref(),
            scale.dearest,
            ask.input,
            scale.output,
        ),
        latency: latency_penalty(latency, scale.output, &table.tuning),
        risk: risk.total(),
        load: load(candidate, provider_in_flight),
    };
    let priority = candidate.priority;
    let worth = match table.strategy {
        Strategy::Adaptive | Strategy::Best | Strategy::Weighted => strategy_utility(
            (table.strategy, &table.tuning),
            &candidate.weights,
            &bads,
            priority,
        ),
        Strategy::RoundRobin => -candidate
            .load_counters
            .last_start()
            .seconds_since(UnixTime::default()),
        Strategy::LeastBusy => -f64::from(provider_in_flight),
        Strategy::LowestLatency => -latency,
        Strategy::LowestCost => candidate
            .price
            .as_ref()
            .map_or(f64::MIN, |price| -price.cost_of(ask.input, scale.output)),
    };
    let sent = candidate.load_counters.sent_totals();
    ScoredCandidate {
        target,
        provider: candidate.provider,
        entry: entry(table, target, ask, (latency, scale.output), now),
        bads,
        priority,
        risk,
        predicted,
        headroom: candidate
            .quota
            .headroom(sent, now)
            .min(rate_headroom(candidate, now))
            * slow_start(candidate, now),
        in_flight: candidate.load_counters.in_flight(),
        utility: if worth.is_nan() {
            f64::MIN
        } else {
            worth.clamp(f64::MIN, f64::MAX)
        },
        odds: 0.0,
    }
}

/// What a strategy that heeds the weights makes of a target.
pub fn strategy_utility(
    (strategy, tuning): (Strategy, &Tuning),
    weights: &Weights,
    bads: &Penalties,
    priority: f64,
) -> f64 {
    match strategy {
        Strategy::Adaptive => utility(weights, bads, priority, tuning),
        _ => weighted_sum(weights, &bads.factors(priority)),
    }
}

/// What to expect of a target, in the eyes of the strategy.
fn predict(
    table: &RoutingTable,
    candidate: &Candidate,
    ask: &RequestProfile<'_>,
    output: f64,
    now: UnixTime,
) -> (Prediction, Risk) {
    let estimate = match table.strategy {
        Strategy::Best => &candidate.window,
        _ => &candidate.estimate,
    };
    if table.strategy != Strategy::Adaptive {
        let predicted = Prediction {
            first_token: estimate.first_token + estimate.prompt.seconds(ask.input),
            per_token: estimate.per_token,
        };
        let risk = Risk {
            failure: estimate.failure,
            ..Risk::default()
        };
        return (predicted, risk);
    }
    let (in_flight, waiting) = (
        candidate.load_counters.in_flight(),
        candidate.load_counters.waiting(now),
    );
    let predicted = estimate.predict(ask.input, in_flight, waiting, table.peers_first_token);
    let risk = Risk {
        failure: estimate.failure,
        limited: estimate.limited,
        miss: ask
            .remaining
            .map_or(0.0, |left| deadline_miss(left, predicted.latency(output))),
    };
    (predicted, risk)
}

/// The fuller of the two: the provider, or the model where it has places of its own.
fn load(candidate: &Candidate, provider_in_flight: u32) -> f64 {
    let own = candidate.own_max_concurrent.map_or(0.0, |limit| {
        load_penalty(candidate.load_counters.in_flight(), Some(limit))
    });
    load_penalty(provider_in_flight, candidate.max_concurrent).max(own)
}

/// What the operator's limits per minute leave of the odds, 0..1.
fn rate_headroom(candidate: &Candidate, now: UnixTime) -> f64 {
    if candidate.rates.is_unlimited() {
        return 1.0;
    }
    candidate
        .provider_load_counters
        .headroom(candidate.rates, now)
}

fn slow_start(candidate: &Candidate, now: UnixTime) -> f64 {
    candidate.slow_from.map_or(1.0, |from| {
        (now.seconds_since(from) / SLOW_START_S).clamp(SLOW_START_MIN_SHARE, 1.0)
    })
}

/// Odds of all that are admitted; they sum to 1, or are all 0 if none is.
pub fn assign_probabilities(rows: &mut [ScoredCandidate], strategy: Strategy, tuning: &Tuning) {
    let admitted = |row: &&mut ScoredCandidate| row.entry == Eligibility::Eligible;
    let best = rows
        .iter()
        .filter(|row| row.is_eligible())
        .fold(f64::NEG_INFINITY, |best, row| best.max(row.utility));
    let mut sum = 0.0;
    for row in rows.iter_mut() {
        row.odds = 0.0;
    }
    for row in rows.iter_mut().filter(admitted) {
        let behind = best - row.utility;
        row.odds = match strategy {
            Strategy::Adaptive if behind < NEGLIGIBLE_GAP => {
                row.headroom * (-behind / tuning.temperature).exp()
            }
            Strategy::Adaptive => 0.0,
            Strategy::Weighted => (-behind / WEIGHTED_TEMPERATURE).exp(),
            Strategy::RoundRobin => 1.0,
            // Of equals the first, always: that is what the founding document does.
            Strategy::Best => f64::from(u8::from(behind <= 0.0 && sum == 0.0)),
            _ => f64::from(u8::from(behind <= EQUAL_UTILITY * best.abs().max(1.0))),
        };
        sum += row.odds;
    }
    if sum > 0.0 {
        for row in rows {
            row.odds /= sum;
        }
    }
}

fn expected_output(table: &RoutingTable, ask: &RequestProfile<'_>) -> f64 {
    let usual = table.outputs[ask.class.index()];
    let expected = ask.max_tokens.map_or(usual, |most| most.min(usual));
    // At least a token where there is text, and no more than can be read.
    let least = f64::from(u8::from(ask.class.kind() != ModelType::Embedding));
    if expected.is_nan() {
        least
    } else {
        expected.clamp(least, 1e7)
    }
}

/// The highest prices among all configured targets in scope, usable or not: a fixed reference.
fn max_prices(table: &RoutingTable, ask: &RequestProfile<'_>) -> (f64, f64) {
    let dearer = |top: (f64, f64), price: &Price| {
        (top.0.max(price.input.usd()), top.1.max(price.output.usd()))
    };
    match ask.scope {
        TargetScope::Type(kind) => {
            let serving = table.candidates.iter().filter(|c| c.types.contains(kind));
            let prices = serving.filter_map(|candidate| candidate.price.as_ref());
            prices.fold((0.0, 0.0), dearer)
        }
        TargetScope::Only(places) => {
            let named = places
                .iter()
                .filter_map(|&place| table.candidates.get(place.get()));
            let prices = named.filter_map(|candidate| candidate.price.as_ref());
            prices.fold((0.0, 0.0), dearer)
        }
    }
}

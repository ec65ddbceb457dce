//! All candidates of one selection with their scores, probabilities and exclusions. The set is
//! reused, so that scoring allocates nothing.

use super::budget_filter::{filter_by_budget, filter_by_provider_budget};
use super::eligibility::entry;
use super::exclusion::ExclusionReason;
use super::request_profile::{RequestProfile, TargetScope};
use super::route_order::assign_route_shares;
use super::scored_candidate::{Eligibility, ScoredCandidate};
use super::target_selection::RankedTarget;
use crate::domain::index::{ProviderIdx, TargetIdx};
use crate::domain::model_type::ModelType;
use crate::domain::pricing::Price;
use crate::domain::prompt_cache::CacheSaving;
use crate::domain::score::{
    Penalties, Prediction, Risk, cost_penalty, deadline_miss, latency_penalty, load_penalty,
    temperature, utility, weighted_sum,
};
use crate::domain::snapshot::{Candidate, RoutingTable};
use crate::domain::strategy::Strategy;
use crate::domain::target::RouteOrder;
use crate::domain::tuning::Tuning;
use crate::domain::units::UnixTime;
use crate::domain::weights::Weights;

/// Temperature of the probabilities of `weighted`: 5 of 100 points below the best give about a
/// third of its share.
const WEIGHTED_TEMPERATURE: f64 = 0.05;
/// Utility gap from which `adaptive` gives the probability 0: e^-15 of the best one's would
/// matter only through a large number of such targets.
const NEGLIGIBLE_GAP: f64 = 0.15;
/// Initial share of the slow start after a breaker closed.
const SLOW_START_MIN_SHARE: f64 = 0.1;
/// Risk from which a preferred provider is no longer preferred.
const PREFERRED_MAX_RISK: f64 = 0.5;
/// Relative difference up to which two utilities count as equal.
const EQUAL_UTILITY: f64 = 1e-12;

/// Every target in the scope of a request, in the order of the catalogue.
#[derive(Debug, Clone, Default)]
pub struct CandidateSet {
    rows: Vec<ScoredCandidate>,
    /// Expected output tokens.
    pub output: f64,
    /// True if the order of the rows is that of preference.
    has_order: bool,
}

/// Values that all rows share.
#[derive(Debug, Clone, Copy)]
struct ScoringContext {
    /// Highest input and output price, in USD per token.
    max_prices: (f64, f64),
    output: f64,
}

impl CandidateSet {
    /// Returns one row for each evaluated target.
    pub fn rows(&self) -> &[ScoredCandidate] {
        &self.rows
    }

    /// Scores all targets in the scope of the request.
    pub fn evaluate(&mut self, table: &RoutingTable, ask: &RequestProfile<'_>, now: UnixTime) {
        self.rows.clear();
        self.output = expected_output(table, ask);
        let scale = ScoringContext {
            max_prices: max_prices(table, ask),
            output: self.output,
        };
        match ask.scope {
            TargetScope::Only(targets) => {
                let known = targets.iter().filter_map(|&target| {
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
        self.prefer_wishes(table, ask);
        filter_by_provider_budget(&mut self.rows, table, ask, (self.output, now));
        filter_by_budget(&mut self.rows, table, ask, (self.output, scale.max_prices));
        assign_probabilities(&mut self.rows, table.strategy);
        assign_route_shares(&mut self.rows, ask);
        self.has_order = *ask.order == RouteOrder::Strict;
        if let Some(pinned) = table
            .pinned
            .and_then(|pinned| preferred(&self.rows, pinned))
        {
            for (index, row) in self.rows.iter_mut().enumerate() {
                row.odds = f64::from(u8::from(index == pinned));
            }
        }
    }

    /// Excludes the targets that do not fulfil the request's wishes, if others do.
    fn prefer_wishes(&mut self, table: &RoutingTable, ask: &RequestProfile<'_>) {
        let unmet = |row: &ScoredCandidate| ask.unmet_wish(&table.candidates[row.target]);
        let mut fulfils = self
            .rows
            .iter()
            .map(|row| row.is_eligible() && unmet(row).is_none());
        if !fulfils.any(|fulfils| fulfils) {
            return;
        }
        for row in &mut self.rows {
            if let Some(reason) = unmet(row).filter(|_| row.is_eligible()) {
                row.entry = Eligibility::Excluded(reason);
            }
        }
    }

    /// Returns the other targets that may be selected, best first.
    pub fn fallbacks(&self, table: &RoutingTable, chosen: TargetIdx) -> Vec<RankedTarget> {
        let others = self.rows.iter().filter(|row| row.target != chosen);
        let mut others: Vec<&ScoredCandidate> = others
            .filter(|row| !matches!(row.entry, Eligibility::Excluded(_)))
            .collect();
        if !self.has_order {
            others.sort_by(|a, b| {
                b.utility
                    .total_cmp(&a.utility)
                    .then(a.target.cmp(&b.target))
            });
        }
        let ranked = |row: &ScoredCandidate| RankedTarget {
            target: row.target,
            score: score(table, row),
            share: row.odds,
        };
        others.into_iter().map(ranked).collect()
    }

    /// Returns the excluded targets with their reasons.
    pub fn rejected(&self) -> Vec<(TargetIdx, ExclusionReason)> {
        let excluded = |row: &ScoredCandidate| match &row.entry {
            Eligibility::Excluded(reason) => Some((row.target, reason.clone())),
            Eligibility::Eligible | Eligibility::HalfOpenProbe => None,
        };
        self.rows.iter().filter_map(excluded).collect()
    }
}

/// Returns the best target of a preferred provider, unless its risk is too high.
pub(super) fn preferred(rows: &[ScoredCandidate], provider: ProviderIdx) -> Option<usize> {
    best(rows, |row| {
        row.is_eligible() && row.provider == provider && row.bads.risk < PREFERRED_MAX_RISK
    })
}

/// Returns the best matching row; of equal ones the less busy, then the first in the order of the
/// configuration, so that the result is deterministic.
pub(super) fn best(
    rows: &[ScoredCandidate],
    fits: impl Fn(&ScoredCandidate) -> bool,
) -> Option<usize> {
    let mut best: Option<usize> = None;
    for (index, row) in rows.iter().enumerate().filter(|(_, row)| fits(row)) {
        let is_better = best.is_none_or(|best| {
            let best = &rows[best];
            row.utility > best.utility
                || (row.utility == best.utility && row.in_flight < best.in_flight)
        });
        if is_better {
            best = Some(index);
        }
    }
    best
}

/// Returns the score of a row, 0..1.
pub fn score(table: &RoutingTable, row: &ScoredCandidate) -> f64 {
    row.score(table.strategy, &table.candidates[row.target].weights)
}

fn row(
    table: &RoutingTable,
    (target, candidate): (TargetIdx, &Candidate),
    ask: &RequestProfile<'_>,
    scale: ScoringContext,
    now: UnixTime,
) -> ScoredCandidate {
    let provider_in_flight = candidate.provider_load_counters.in_flight();
    let judged = |cache: &CacheSaving| penalties(table, candidate, (ask, cache), scale, now);
    let mut cache = cache_saving(candidate, ask.cached_at(target));
    let (predicted, risk, bads) = judged(&cache);
    if cache.tokens > 0.0 {
        let (_, _, without) = judged(&CacheSaving::default());
        cache.avoided = without.minus(&bads);
    }
    let latency = predicted.latency(scale.output);
    let priority = candidate.priority;
    let utility = match table.strategy {
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
        Strategy::LowestCost => candidate.price.as_ref().map_or(f64::MIN, |price| {
            cache.usd - price.cost_of(ask.input, scale.output)
        }),
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
            .min(candidate.keys.headroom(now))
            .min(rate_headroom(candidate, now))
            * slow_start(candidate, now),
        cache,
        in_flight: candidate.load_counters.in_flight(),
        temperature: temperature(&candidate.weights, &bads, &table.tuning),
        utility: if utility.is_nan() {
            f64::MIN
        } else {
            utility.clamp(f64::MIN, f64::MAX)
        },
        odds: 0.0,
    }
}

/// Returns what is expected of a target whose cache holds so much of the prompt.
fn penalties(
    table: &RoutingTable,
    candidate: &Candidate,
    (ask, cache): (&RequestProfile<'_>, &CacheSaving),
    scale: ScoringContext,
    now: UnixTime,
) -> (Prediction, Risk, Penalties) {
    let uncached = ask.input - cache.tokens;
    let (predicted, risk) = predict(table, candidate, (ask, uncached), scale.output, now);
    let latency = predicted.latency(scale.output);
    let bads = Penalties {
        cost: cost_penalty(
            candidate.price.as_ref(),
            scale.max_prices,
            (ask.input, cache.usd),
            scale.output,
        ),
        latency: latency_penalty(latency, scale.output, &table.tuning),
        risk: risk.total(),
        load: load(candidate, candidate.provider_load_counters.in_flight()),
    };
    (predicted, risk, bads)
}

/// Returns the utility of a target under a strategy that uses the weights.
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

fn cache_saving(candidate: &Candidate, tokens: f64) -> CacheSaving {
    let saving = |price: &Price| price.cache_saving(tokens);
    CacheSaving {
        tokens,
        avoided: Penalties::default(),
        usd: candidate.price.as_ref().map_or(0.0, saving),
    }
}

/// Predicts the times and the risk of a target as the strategy sees them, for a prompt of which its
/// cache does not hold `uncached` tokens.
fn predict(
    table: &RoutingTable,
    candidate: &Candidate,
    (ask, uncached): (&RequestProfile<'_>, f64),
    output: f64,
    now: UnixTime,
) -> (Prediction, Risk) {
    let estimate = match table.strategy {
        Strategy::Best => &candidate.window,
        _ => &candidate.estimate,
    };
    if table.strategy != Strategy::Adaptive {
        let predicted = Prediction {
            first_token: estimate.first_token + estimate.prompt.seconds(uncached),
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
    let predicted = estimate.predict(uncached, in_flight, waiting, table.peers_first_token);
    let risk = Risk {
        failure: estimate.failure,
        limited: estimate.limited,
        miss: ask
            .remaining
            .map_or(0.0, |left| deadline_miss(left, predicted.latency(output))),
    };
    (predicted, risk)
}

/// Returns the higher load penalty of the provider and of the target's own limit.
fn load(candidate: &Candidate, provider_in_flight: u32) -> f64 {
    let own = candidate.own_max_concurrent.map_or(0.0, |limit| {
        load_penalty(candidate.load_counters.in_flight(), Some(limit))
    });
    load_penalty(provider_in_flight, candidate.max_concurrent).max(own)
}

/// Returns the factor of the configured limits per minute on the probability, 0..1.
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
        (now.seconds_since(from) / candidate.slow_start_s).clamp(SLOW_START_MIN_SHARE, 1.0)
    })
}

/// Assigns the probabilities of the eligible rows; they sum to 1, or are all 0 if none is
/// eligible.
pub fn assign_probabilities(rows: &mut [ScoredCandidate], strategy: Strategy) {
    let eligible = |row: &&mut ScoredCandidate| row.entry == Eligibility::Eligible;
    for row in rows.iter_mut() {
        row.odds = 0.0;
    }
    let Some(leader) = best(rows, ScoredCandidate::is_eligible) else {
        return;
    };
    let (best, temperature) = (rows[leader].utility, rows[leader].temperature);
    let mut sum = 0.0;
    for row in rows.iter_mut().filter(eligible) {
        let gap = best - row.utility;
        row.odds = match strategy {
            Strategy::Adaptive if gap < NEGLIGIBLE_GAP => row.headroom * (-gap / temperature).exp(),
            Strategy::Adaptive => 0.0,
            Strategy::Weighted => (-gap / WEIGHTED_TEMPERATURE).exp(),
            Strategy::RoundRobin => 1.0,
            // Of equal ones always the first.
            Strategy::Best => f64::from(u8::from(gap <= 0.0 && sum == 0.0)),
            _ => f64::from(u8::from(gap <= EQUAL_UTILITY * best.abs().max(1.0))),
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
    // At least one token for text, and a bound against absurd values.
    let least = f64::from(u8::from(ask.class.kind() != ModelType::Embedding));
    if expected.is_nan() {
        least
    } else {
        expected.clamp(least, 1e7)
    }
}

/// Returns the highest prices of all targets in scope, usable or not: a fixed reference.
fn max_prices(table: &RoutingTable, ask: &RequestProfile<'_>) -> (f64, f64) {
    let highest = |top: (f64, f64), price: &Price| {
        (top.0.max(price.input.usd()), top.1.max(price.output.usd()))
    };
    match ask.scope {
        TargetScope::Type(kind) => {
            let serving = table.candidates.iter().filter(|c| c.types.contains(kind));
            let prices = serving.filter_map(|candidate| candidate.price.as_ref());
            prices.fold((0.0, 0.0), highest)
        }
        TargetScope::Only(targets) => {
            let named = targets
                .iter()
                .filter_map(|&target| table.candidates.get(target.get()));
            let prices = named.filter_map(|candidate| candidate.price.as_ref());
            prices.fold((0.0, 0.0), highest)
        }
    }
}

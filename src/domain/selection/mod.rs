//! Selection of the target of a request.
//!
//! 1. Permanent filter: capabilities, constraints, disabled providers, targets already tried.
//! 2. Transient filter: breakers, cooldowns, concurrency limits, rate limits. Then the filter by the
//!    remaining budget.
//! 3. The provider that an operator pinned, then the one that the client prefers, if it passes the
//!    filters and is more likely to succeed than to fail.
//!    A route with a strict order or fixed shares selects by those, in place of 4 to 6.
//! 4. The probe request of a half-open target, for first attempts only.
//! 5. Exploration: a small share goes to the target unused for longest, so that its measurements stay
//!    current; with `adaptive` a tenth of it if no measurement could change the selection.
//! 6. The strategy. `adaptive` draws by `odds = headroom · exp((S − S_best) / temperature)`;
//!    fallbacks take the best untried target, other providers before other models of the failed one.
//!    A hedge is selected like a fallback.
//! 7. Last resort, if only estimates exclude all targets: the one expected to recover first.

mod budget_filter;
#[cfg(test)]
mod cache_tests;
mod candidates;
mod eligibility;
mod exclusion;
#[cfg(test)]
mod hedge_tests;
mod max_usage;
#[cfg(test)]
mod properties;
mod request_profile;
mod route_order;
mod scored_candidate;
#[cfg(test)]
mod strategy_tests;
mod target_selection;
#[cfg(test)]
mod tests;

use crate::domain::index::{ProviderIdx, TargetIdx};
use budget_filter::exceeds_budget;
pub use candidates::{CandidateSet, assign_probabilities, strategy_utility};
use candidates::{best, score};
pub use exclusion::ExclusionReason;
pub use max_usage::MaxUsage;
pub use request_profile::{RequestProfile, TargetScope};
use route_order::ordered;
pub use scored_candidate::{Eligibility, ScoredCandidate};
pub use target_selection::{NoEligibleTarget, RankedTarget, SelectionReason, TargetSelection};

use crate::domain::random::RandomDraw;
use crate::domain::score::{Factors, Penalties, utility};
use crate::domain::snapshot::RoutingTable;
use crate::domain::strategy::Strategy;
use crate::domain::target::RouteOrder;
use crate::domain::units::UnixTime;
use std::time::Duration;

/// Seconds without use after which a target may be explored.
const EXPLORE_AFTER_S: f64 = 30.0;
/// Probability that a target that was never measured gets a first attempt, one at a time.
const FIRST_LOOK: f64 = 0.2;
/// Share of its expected latency at which a target is given the benefit of the doubt when exploration
/// is weighed.
const HOPEFUL_LATENCY: f64 = 0.1;
/// Share of the exploration that goes to targets which could not win even then: they are fallbacks, and
/// their figures are shown.
const HOPELESS_SHARE: f64 = 0.1;
/// Maximum expected recovery time in seconds of a last resort.
const LAST_RESORT_MAX_WAIT_S: f64 = 10.0;

/// Selects a target. Changes only `field`, and allocates only if no target is eligible or `field` has
/// to grow.
///
/// # Errors
///
/// No target is eligible; the error names the reasons.
pub fn select_target(
    table: &RoutingTable,
    ask: &RequestProfile<'_>,
    now: UnixTime,
    random: RandomDraw,
    field: &mut CandidateSet,
) -> Result<TargetSelection, NoEligibleTarget> {
    field.evaluate(table, ask, now);
    let picked = pick(table, ask, field.rows(), random, now)
        .or_else(|| (!ask.is_hedge).then(|| last_resort(table, ask, field, now))?);
    let Some((position, reason)) = picked else {
        let rejected = field.rejected();
        let waits = rejected.iter().filter_map(|(_, why)| why.recovers_in(now));
        return Err(NoEligibleTarget {
            retry_after: waits.min(),
            rejected,
        });
    };
    let row = &field.rows()[position];
    let candidate = &table.candidates[row.target];
    let most = MaxUsage::of(candidate, ask, field.output);
    let is_over_budget = exceeds_budget(ask.means, most);
    let reason = match reason {
        SelectionReason::HalfOpenProbe | SelectionReason::LastResort => reason,
        _ if is_over_budget => SelectionReason::Cheapest,
        SelectionReason::Fallback if ask.is_hedge => SelectionReason::Hedge,
        _ => reason,
    };
    let trial = reason == SelectionReason::HalfOpenProbe;
    let tokens = ask.input + ask.choices * field.output;
    let heeded = (!trial).then_some(tokens);
    let choice = eligibility::key_choice((candidate, row.target), ask, heeded, now);
    Ok(TargetSelection {
        target: row.target,
        key: choice.choose(candidate.load_counters.sent_totals().requests),
        score: score(table, row),
        factors: row.factors(),
        share: row.odds,
        reason,
        trial,
        expected_usd: candidate
            .price
            .as_ref()
            .map(|price| price.cost_of(ask.input, ask.choices * field.output) - row.cache.usd),
        expected_latency: row.predicted.latency(field.output),
        expected_first_token: row.predicted.first_token,
        expected_tokens: tokens,
        prompt: ask.input,
        cached: row.cache.tokens,
        most,
        is_over_budget,
        class: ask.class,
    })
}

/// Returns the selection probabilities of all targets for a request, by the code that selects. They
/// sum to 1, or to 0 if no target is eligible. Half-open targets have a probability of 0.
pub fn shares(table: &RoutingTable, ask: &RequestProfile<'_>, now: UnixTime) -> Vec<RankedTarget> {
    let mut field = CandidateSet::default();
    field.evaluate(table, ask, now);
    let ranked = |row: &ScoredCandidate| RankedTarget {
        target: row.target,
        score: score(table, row),
        share: row.odds,
    };
    let rows = field.rows().iter();
    rows.filter(|row| !matches!(row.entry, Eligibility::Excluded(_)))
        .map(ranked)
        .collect()
}

/// Returns the time until the first transiently excluded target may serve such a request; `None` if
/// a target is eligible now, or if time alone brings none back.
pub fn soonest_recovery(
    table: &RoutingTable,
    ask: &RequestProfile<'_>,
    now: UnixTime,
) -> Option<Duration> {
    let mut field = CandidateSet::default();
    field.evaluate(table, ask, now);
    if field.rows().iter().any(ScoredCandidate::is_eligible) {
        return None;
    }
    let waits = field.rejected();
    waits
        .iter()
        .filter_map(|(_, why)| why.recovers_in(now))
        .min()
}

/// Returns factors and score of every target of the catalogue for a request, including excluded
/// targets and those of other types.
pub fn score_all(
    table: &RoutingTable,
    ask: &RequestProfile<'_>,
    now: UnixTime,
) -> Vec<(Factors, f64)> {
    let (mut all, mut alone) = (CandidateSet::default(), CandidateSet::default());
    all.evaluate(table, ask, now);
    let mut rows = all.rows().iter().peekable();
    let score_of = |target: TargetIdx| {
        let row = if let Some(row) = rows.next_if(|row| row.target == target) {
            row
        } else {
            let scope = TargetScope::Only(&[target]);
            alone.evaluate(table, &RequestProfile { scope, ..*ask }, now);
            &alone.rows()[0]
        };
        (row.factors(), score(table, row))
    };
    TargetIdx::all(table.candidates.len())
        .map(score_of)
        .collect()
}

/// Returns the selected row and the reason.
fn pick(
    table: &RoutingTable,
    ask: &RequestProfile<'_>,
    rows: &[ScoredCandidate],
    random: RandomDraw,
    now: UnixTime,
) -> Option<(usize, SelectionReason)> {
    let first_attempt = ask.tried.is_empty();
    let is_eligible = |row: &ScoredCandidate| row.is_eligible();
    let requested = [
        (table.pinned, SelectionReason::Pinned),
        (ask.preferred, SelectionReason::Preferred),
    ];
    for (provider, reason) in requested {
        if let Some(provider) = provider
            && let Some(row) = candidates::preferred(rows, provider)
        {
            return Some((row, reason));
        }
    }
    if *ask.order != RouteOrder::Balanced {
        return ordered(rows, ask, draw_weighted(rows, random.draw));
    }
    if !first_attempt {
        let of = |&tried: &TargetIdx| Some(table.candidates.get(tried.get())?.provider);
        let failed = |provider| {
            ask.tried
                .iter()
                .filter_map(of)
                .any(|tried| tried == provider)
        };
        return next_after_failure(rows, failed)
            .map(|position| (position, SelectionReason::Fallback));
    }
    if let Some(probe) = rows
        .iter()
        .position(|row| row.entry == Eligibility::HalfOpenProbe)
    {
        return Some((probe, SelectionReason::HalfOpenProbe));
    }
    let mut eligible = rows.iter().enumerate().filter(|(_, row)| is_eligible(row));
    let (only, _) = eligible.next()?;
    if eligible.next().is_none() {
        return Some((only, SelectionReason::Only));
    }
    let explores = matches!(table.strategy, Strategy::Adaptive | Strategy::LowestLatency);
    if explores
        && random.gate < FIRST_LOOK
        && let Some(unknown) = never_measured(table, rows)
    {
        return Some((unknown, SelectionReason::Exploration));
    }
    if explores && let Some(stale) = explored(table, rows, random, now) {
        return Some((stale, SelectionReason::Exploration));
    }
    match table.strategy {
        Strategy::RoundRobin => {
            best(rows, is_eligible).map(|position| (position, SelectionReason::Best))
        }
        Strategy::Adaptive | Strategy::Weighted => Some((
            draw_weighted(rows, random.draw)?,
            SelectionReason::WeightedRandom,
        )),
        _ => Some((draw_weighted(rows, random.draw)?, SelectionReason::Best)),
    }
}

/// Returns the best eligible row after a failure: other providers first, then other models of the
/// failed one.
pub fn next_after_failure(
    rows: &[ScoredCandidate],
    failed: impl Fn(ProviderIdx) -> bool,
) -> Option<usize> {
    best(rows, |row| row.is_eligible() && !failed(row.provider))
        .or_else(|| best(rows, ScoredCandidate::is_eligible))
}

/// Draws a row by selection probabilities; `draw` is in 0..1.
pub fn draw_weighted(rows: &[ScoredCandidate], draw: f64) -> Option<usize> {
    let mut left = draw;
    let mut last = None;
    for (position, row) in rows.iter().enumerate().filter(|(_, row)| row.odds > 0.0) {
        if left < row.odds {
            return Some(position);
        }
        left -= row.odds;
        last = Some(position);
    }
    // Rounding can leave a remainder after the last row.
    last
}

/// Returns the utility of the best eligible row.
fn best_utility(rows: &[ScoredCandidate]) -> f64 {
    best(rows, ScoredCandidate::is_eligible).map_or(f64::NEG_INFINITY, |row| rows[row].utility)
}

/// Checks whether the target would be selected if it turned out to be fast, idle and without failures: if
/// not, because it is too expensive, a measurement cannot change the selection.
fn could_win(table: &RoutingTable, row: &ScoredCandidate, best: f64) -> bool {
    if table.strategy != Strategy::Adaptive {
        return true;
    }
    let hopeful = Penalties {
        latency: row.bads.latency * HOPEFUL_LATENCY,
        risk: 0.0,
        load: 0.0,
        ..row.bads
    };
    let weights = &table.candidates[row.target].weights;
    utility(weights, &hopeful, row.priority, &table.tuning) > best
}

/// Returns the row to explore, if it is time to: of the targets that could win, and less often of all.
fn explored(
    table: &RoutingTable,
    rows: &[ScoredCandidate],
    random: RandomDraw,
    now: UnixTime,
) -> Option<usize> {
    let exploration = table.tuning.exploration;
    if random.gate >= exploration {
        return None;
    }
    let best = best_utility(rows);
    longest_unused(table, rows, now, |row| could_win(table, row, best)).or_else(|| {
        (random.gate < exploration * HOPELESS_SHARE)
            .then(|| longest_unused(table, rows, now, |_| true))?
    })
}

/// Returns the matching eligible row unused for longest, if that is longer than [`EXPLORE_AFTER_S`].
fn longest_unused(
    table: &RoutingTable,
    rows: &[ScoredCandidate],
    now: UnixTime,
    fits: impl Fn(&ScoredCandidate) -> bool,
) -> Option<usize> {
    let last_start =
        |row: &ScoredCandidate| table.candidates[row.target].load_counters.last_start();
    let eligible = rows
        .iter()
        .enumerate()
        .filter(|(_, row)| row.is_eligible() && fits(row));
    let (position, since) = eligible
        .map(|(position, row)| (position, last_start(row)))
        .min_by_key(|&(_, since)| since)?;
    (now.seconds_since(since) > EXPLORE_AFTER_S).then_some(position)
}

/// Returns the eligible row that was never measured and has nothing in flight, unused for longest.
fn never_measured(table: &RoutingTable, rows: &[ScoredCandidate]) -> Option<usize> {
    let best = best_utility(rows);
    let is_unknown = |row: &ScoredCandidate| {
        let candidate = &table.candidates[row.target];
        candidate.estimate.samples == 0.0
            && candidate.load_counters.in_flight() == 0
            && row.is_eligible()
            && could_win(table, row, best)
    };
    let last_start =
        |row: &ScoredCandidate| table.candidates[row.target].load_counters.last_start();
    let unknown = rows.iter().enumerate().filter(|(_, row)| is_unknown(row));
    unknown
        .min_by_key(|(_, row)| last_start(row))
        .map(|(position, _)| position)
}

/// Returns the row expected to recover first, if only transient estimates exclude all targets.
fn last_resort(
    table: &RoutingTable,
    ask: &RequestProfile<'_>,
    field: &CandidateSet,
    now: UnixTime,
) -> Option<(usize, SelectionReason)> {
    let (rows, tokens) = (field.rows(), ask.input + field.output);
    let mut soonest: Option<(f64, usize)> = None;
    for (position, row) in rows.iter().enumerate() {
        let wait = match &row.entry {
            Eligibility::Excluded(why) => {
                let candidate = &table.candidates[row.target];
                let most = MaxUsage::of(candidate, ask, field.output).tokens;
                let heeded = Some(tokens);
                let keys = eligibility::key_choice((candidate, row.target), ask, heeded, now);
                eligibility::recovery_wait((candidate, keys), why, (tokens, most), now)
            }
            // Half-open, and this is a fallback: probes are sent with first attempts only.
            Eligibility::HalfOpenProbe => Some(eligibility::UNHEALTHY_WAIT_S),
            Eligibility::Eligible => None,
        };
        let Some(wait) = wait else { continue };
        let is_sooner = soonest.is_none_or(|(best, at)| {
            wait < best || (wait == best && row.utility > rows[at].utility)
        });
        if is_sooner {
            soonest = Some((wait, position));
        }
    }
    let longest = ask.remaining.map_or(LAST_RESORT_MAX_WAIT_S, |left| {
        left.min(LAST_RESORT_MAX_WAIT_S)
    });
    let (wait, position) = soonest?;
    (wait <= longest).then_some((position, SelectionReason::LastResort))
}

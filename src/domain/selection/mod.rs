//! One decision: who serves this request.
//!
//! 1. A hard filter that nothing relaxes: capabilities, constraints, switched off, tried already.
//! 2. A soft filter of the moment: breaker, told to wait, full, rate limit used up. Then money: who
//!    fits into what may still be spent.
//! 3. The provider that an operator pinned, then the one that the client prefers, where it passes
//!    both and is more likely to succeed than to fail.
//! 4. A half-open target's trial, for first attempts.
//! 5. Exploration: sometimes the target unused for longest, so that its measurements stay fresh.
//! 6. The strategy. `adaptive` draws by `odds = headroom · exp((S − S_best) / temperature)`;
//!    fallbacks take the best of those not tried, other providers before the failed one's other
//!    models.
//! 7. Last resort, if only guesses exclude all targets: the one expected back first.

mod budget_filter;
mod candidates;
mod eligibility;
mod exclusion;
mod max_usage;
#[cfg(test)]
mod properties;
mod request_profile;
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
pub use scored_candidate::{Eligibility, ScoredCandidate};
pub use target_selection::{NoEligibleTarget, RankedTarget, SelectionReason, TargetSelection};

use crate::domain::random::RandomDraw;
use crate::domain::score::Factors;
use crate::domain::snapshot::{RoutingTable, Strategy};
use crate::domain::units::UnixTime;
use std::time::Duration;

/// A target unused for this long may be explored.
const EXPLORE_AFTER_S: f64 = 30.0;
/// A target that was never measured takes this part of first attempts, one at a time.
const FIRST_LOOK: f64 = 0.2;
/// Longest wait until a target is back, for the last resort.
const LAST_RESORT_MAX_WAIT_S: f64 = 10.0;

/// Selects a target. Changes only `field`, and allocates only if no target is eligible
/// or the field was never as large.
pub fn select_target(
    table: &RoutingTable,
    ask: &RequestProfile<'_>,
    now: UnixTime,
    luck: RandomDraw,
    field: &mut CandidateSet,
) -> Result<TargetSelection, NoEligibleTarget> {
    field.evaluate(table, ask, now);
    let picked =
        pick(table, ask, field.rows(), luck, now).or_else(|| last_resort(table, ask, field, now));
    let Some((place, reason)) = picked else {
        let rejected = field.rejected();
        let waits = rejected.iter().filter_map(|(_, why)| why.recovers_in(now));
        return Err(NoEligibleTarget {
            retry_after: waits.min(),
            rejected,
        });
    };
    let row = &field.rows()[place];
    let candidate = &table.candidates[row.target];
    let most = MaxUsage::of(candidate, ask, field.output);
    let is_over_budget = exceeds_budget(ask.means, most);
    let reason = match reason {
        SelectionReason::HalfOpenProbe | SelectionReason::LastResort => reason,
        _ if is_over_budget => SelectionReason::Cheapest,
        _ => reason,
    };
    Ok(TargetSelection {
        target: row.target,
        score: score(table, row),
        factors: row.factors(),
        share: row.odds,
        reason,
        trial: reason == SelectionReason::HalfOpenProbe,
        expected_usd: candidate
            .price
            .as_ref()
            .map(|price| price.cost_of(ask.input, field.output)),
        expected_latency: row.predicted.latency(field.output),
        expected_tokens: ask.input + field.output,
        prompt: ask.input,
        most,
        is_over_budget,
        class: ask.class,
    })
}

/// The odds of every target for such a request, by the same code that draws; they sum to 1, or
/// to 0 if no target is eligible. Targets that are only on trial have none.
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

/// When the first of the targets that are out for the moment may serve such a request; nothing
/// where one may serve it now, or where time alone brings none back.
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

/// What every target of the catalogue is worth for a request, whether or not it may serve now or
/// serves such requests at all.
pub fn score_all(
    table: &RoutingTable,
    ask: &RequestProfile<'_>,
    now: UnixTime,
) -> Vec<(Factors, f64)> {
    let (mut all, mut alone) = (CandidateSet::default(), CandidateSet::default());
    all.evaluate(table, ask, now);
    let mut rows = all.rows().iter().peekable();
    let worth = |target: TargetIdx| {
        let row = if let Some(row) = rows.next_if(|row| row.target == target) {
            row
        } else {
            let scope = TargetScope::Only(&[target]);
            alone.evaluate(table, &RequestProfile { scope, ..*ask }, now);
            &alone.rows()[0]
        };
        (row.factors(), score(table, row))
    };
    TargetIdx::all(table.candidates.len()).map(worth).collect()
}

/// The place of the chosen row, and why.
fn pick(
    table: &RoutingTable,
    ask: &RequestProfile<'_>,
    rows: &[ScoredCandidate],
    luck: RandomDraw,
    now: UnixTime,
) -> Option<(usize, SelectionReason)> {
    let first_attempt = ask.tried.is_empty();
    let admitted = |row: &ScoredCandidate| row.is_eligible();
    let wishes = [
        (table.pinned, SelectionReason::Pinned),
        (ask.preferred, SelectionReason::Preferred),
    ];
    for (provider, reason) in wishes {
        if let Some(provider) = provider
            && let Some(wished) = candidates::preferred(rows, provider)
        {
            return Some((wished, reason));
        }
    }
    if !first_attempt {
        let of = |&tried: &TargetIdx| Some(table.candidates.get(tried.get())?.provider);
        let failed = |provider| {
            ask.tried
                .iter()
                .filter_map(of)
                .any(|tried| tried == provider)
        };
        return next_after_failure(rows, failed).map(|place| (place, SelectionReason::Fallback));
    }
    if let Some(trial) = rows
        .iter()
        .position(|row| row.entry == Eligibility::HalfOpenProbe)
    {
        return Some((trial, SelectionReason::HalfOpenProbe));
    }
    let mut alone = rows.iter().enumerate().filter(|(_, row)| admitted(row));
    let (only, _) = alone.next()?;
    if alone.next().is_none() {
        return Some((only, SelectionReason::Only));
    }
    let explores = matches!(table.strategy, Strategy::Adaptive | Strategy::LowestLatency);
    if explores
        && luck.gate < FIRST_LOOK
        && let Some(unknown) = never_measured(table, rows)
    {
        return Some((unknown, SelectionReason::Exploration));
    }
    if explores
        && luck.gate < table.tuning.exploration
        && let Some(stale) = longest_unused(table, rows, now)
    {
        return Some((stale, SelectionReason::Exploration));
    }
    match table.strategy {
        Strategy::RoundRobin => best(rows, admitted).map(|place| (place, SelectionReason::Best)),
        Strategy::Adaptive | Strategy::Weighted => Some((
            draw_weighted(rows, luck.draw)?,
            SelectionReason::WeightedRandom,
        )),
        _ => Some((draw_weighted(rows, luck.draw)?, SelectionReason::Best)),
    }
}

/// After a failure: other providers first, then the failed one's other models.
pub fn next_after_failure(
    rows: &[ScoredCandidate],
    failed: impl Fn(ProviderIdx) -> bool,
) -> Option<usize> {
    best(rows, |row| row.is_eligible() && !failed(row.provider))
        .or_else(|| best(rows, ScoredCandidate::is_eligible))
}

/// One draw by odds.
pub fn draw_weighted(rows: &[ScoredCandidate], draw: f64) -> Option<usize> {
    let mut left = draw;
    let mut last = None;
    for (place, row) in rows.iter().enumerate().filter(|(_, row)| row.odds > 0.0) {
        if left < row.odds {
            return Some(place);
        }
        left -= row.odds;
        last = Some(place);
    }
    // Rounding can leave a hair's breadth at the end.
    last
}

/// The admitted one that was not asked for the longest time, where that is long enough.
fn longest_unused(table: &RoutingTable, rows: &[ScoredCandidate], now: UnixTime) -> Option<usize> {
    let asked = |row: &ScoredCandidate| table.candidates[row.target].load_counters.last_start();
    let admitted = rows.iter().enumerate().filter(|(_, row)| row.is_eligible());
    let (place, since) = admitted
        .map(|(place, row)| (place, asked(row)))
        .min_by_key(|&(_, since)| since)?;
    (now.seconds_since(since) > EXPLORE_AFTER_S).then_some(place)
}

/// An admitted target that was never measured and has nothing in flight; of several the one that
/// was not asked for the longest time.
fn never_measured(table: &RoutingTable, rows: &[ScoredCandidate]) -> Option<usize> {
    let unknown = |row: &ScoredCandidate| {
        let candidate = &table.candidates[row.target];
        row.is_eligible()
            && candidate.estimate.samples == 0.0
            && candidate.load_counters.in_flight() == 0
    };
    let asked = |row: &ScoredCandidate| table.candidates[row.target].load_counters.last_start();
    let unknown = rows.iter().enumerate().filter(|(_, row)| unknown(row));
    unknown
        .min_by_key(|(_, row)| asked(row))
        .map(|(place, _)| place)
}

/// Where only the moment keeps everybody out: the one that may be back first, sent at once.
fn last_resort(
    table: &RoutingTable,
    ask: &RequestProfile<'_>,
    field: &CandidateSet,
    now: UnixTime,
) -> Option<(usize, SelectionReason)> {
    let (rows, tokens) = (field.rows(), ask.input + field.output);
    let mut soonest: Option<(f64, usize)> = None;
    for (place, row) in rows.iter().enumerate() {
        let wait = match &row.entry {
            Eligibility::Excluded(why) => {
                let candidate = &table.candidates[row.target];
                let most = MaxUsage::of(candidate, ask, field.output).tokens;
                eligibility::need(candidate, why, (tokens, most), now)
            }
            // Half-open, but this is no first attempt.
            Eligibility::HalfOpenProbe => Some(eligibility::UNHEALTHY_WAIT_S),
            Eligibility::Eligible => None,
        };
        let Some(wait) = wait else { continue };
        let is_sooner = soonest.is_none_or(|(best, at)| {
            wait < best || (wait == best && row.utility > rows[at].utility)
        });
        if is_sooner {
            soonest = Some((wait, place));
        }
    }
    let longest = ask.remaining.map_or(LAST_RESORT_MAX_WAIT_S, |left| {
        left.min(LAST_RESORT_MAX_WAIT_S)
    });
    let (wait, place) = soonest?;
    (wait <= longest).then_some((place, SelectionReason::LastResort))
}

//! Selection within a route that states an order or fixed shares, in place of the strategy.

use super::request_profile::{RequestProfile, TargetScope};
use super::scored_candidate::{Eligibility, ScoredCandidate};
use super::target_selection::SelectionReason;
use crate::domain::target::RouteOrder;

/// Replaces the strategy's probabilities by those of the route. Rows are in the order of the route.
pub(super) fn assign_route_shares(rows: &mut [ScoredCandidate], ask: &RequestProfile<'_>) {
    match (ask.order, ask.scope) {
        (RouteOrder::Strict, _) => {
            let first = rows.iter().position(ScoredCandidate::is_eligible);
            for (index, row) in rows.iter_mut().enumerate() {
                row.odds = f64::from(u8::from(Some(index) == first));
            }
        }
        (RouteOrder::Weighted(weights), TargetScope::Only(targets)) => {
            let weight = |row: &ScoredCandidate| {
                let mut weights = targets.iter().zip(weights);
                let own = weights.find(|(target, _)| **target == row.target);
                own.map_or(0.0, |(_, weight)| f64::from(*weight))
            };
            assign_weights(rows, weight);
        }
        (RouteOrder::Balanced | RouteOrder::Weighted(_), _) => {}
    }
}

/// Shares in proportion to the weights of the eligible rows. Targets of weight 0 are for the time when
/// no other is left; the first of them gets all.
fn assign_weights(rows: &mut [ScoredCandidate], weight: impl Fn(&ScoredCandidate) -> f64) {
    let eligible = |row: &&ScoredCandidate| row.is_eligible();
    let sum: f64 = rows.iter().filter(eligible).map(&weight).sum();
    let first = rows.iter().position(ScoredCandidate::is_eligible);
    let reserve = first.filter(|_| sum <= 0.0);
    for (index, row) in rows.iter_mut().enumerate() {
        row.odds = match row.entry {
            Eligibility::Eligible if sum > 0.0 => weight(row) / sum,
            _ => f64::from(u8::from(Some(index) == reserve)),
        };
    }
}

/// Returns the row that the route's order selects, which is `drawn` for fixed shares; `None` where it
/// states no order, or where no row is eligible. A half-open target gets its probe where the order
/// comes to it.
pub(super) fn ordered(
    rows: &[ScoredCandidate],
    ask: &RequestProfile<'_>,
    drawn: Option<usize>,
) -> Option<(usize, SelectionReason)> {
    let is_first_attempt = ask.tried.is_empty();
    let is_probe =
        |row: &ScoredCandidate| is_first_attempt && row.entry == Eligibility::HalfOpenProbe;
    let probe = rows.iter().position(is_probe);
    let (selected, reason) = match ask.order {
        RouteOrder::Balanced => return None,
        RouteOrder::Strict => (
            rows.iter().position(ScoredCandidate::is_eligible),
            SelectionReason::RouteOrder,
        ),
        RouteOrder::Weighted(_) => (drawn, SelectionReason::RouteShare),
    };
    let is_strict = *ask.order == RouteOrder::Strict;
    match (probe, selected) {
        (Some(probe), Some(first)) if is_strict && first < probe => Some((first, reason)),
        (Some(probe), _) => Some((probe, SelectionReason::HalfOpenProbe)),
        (None, selected) => Some((selected?, reason)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::index::TargetIdx;
    use crate::domain::model_type::ModelType;
    use crate::domain::selection::tests::{NOW, candidate, table};
    use crate::domain::selection::{CandidateSet, TargetSelection, select_target};
    use crate::domain::{RandomDraw, RoutingState, RoutingTable, UnixTime};

    /// Each target is worse than the one before in every respect.
    fn three() -> RoutingTable {
        let target = |at: usize| candidate(at, "m", 1.0 + at as f64, 0.5 + at as f64, 0.02);
        table((0..3).map(target).collect())
    }

    fn open(table: &mut RoutingTable, at: usize) {
        table.candidates[at].standing = RoutingState::Open(UnixTime::from_seconds(9_999));
    }

    fn select(
        table: &RoutingTable,
        (places, order): (&[usize], &RouteOrder),
        tried: &[usize],
        draw: f64,
    ) -> TargetSelection {
        let index = |places: &[usize]| -> Vec<TargetIdx> {
            places.iter().copied().map(TargetIdx::from).collect()
        };
        let (places, tried) = (index(places), index(tried));
        let ask = RequestProfile {
            scope: TargetScope::Only(&places),
            order,
            tried: &tried,
            ..RequestProfile::usual(ModelType::Chat)
        };
        let draw = RandomDraw { draw, gate: 0.0 };
        let mut candidates = CandidateSet::default();
        let selection = select_target(table, &ask, NOW, draw, &mut candidates).expect("a target");
        if *order == RouteOrder::Strict {
            let fallbacks = candidates.fallbacks(table, selection.target);
            let ranked: Vec<TargetIdx> = fallbacks.iter().map(|other| other.target).collect();
            let left = places.iter().filter(|place| {
                **place != selection.target
                    && !matches!(
                        candidates.rows().iter().find(|row| row.target == **place),
                        Some(row) if matches!(row.entry, Eligibility::Excluded(_))
                    )
            });
            assert_eq!(ranked, left.copied().collect::<Vec<_>>());
        }
        selection
    }

    #[test]
    fn a_strict_route_takes_its_first_eligible_target_whatever_its_score() {
        let mut table = three();
        let route = (&[2, 0, 1][..], &RouteOrder::Strict);
        for draw in [0.0, 0.5, 0.999] {
            let selection = select(&table, route, &[], draw);
            assert_eq!(selection.target.get(), 2);
            assert_eq!(selection.reason, SelectionReason::RouteOrder);
            assert!((selection.share - 1.0).abs() < 1e-9);
        }
        assert_eq!(select(&table, route, &[2], 0.5).target.get(), 0);
        assert_eq!(select(&table, route, &[2, 0], 0.5).target.get(), 1);
        open(&mut table, 2);
        assert_eq!(select(&table, route, &[], 0.5).target.get(), 0);
    }

    #[test]
    fn a_weighted_route_gives_fixed_shares_to_its_healthy_targets() {
        let mut table = three();
        let weights = RouteOrder::Weighted(vec![90, 10, 0]);
        let route = (&[2, 0, 1][..], &weights);
        let mut counts = [0; 3];
        for step in 0..1_000 {
            let draw = f64::from(step) / 1_000.0;
            let selection = select(&table, route, &[], draw);
            assert_eq!(selection.reason, SelectionReason::RouteShare);
            counts[selection.target.get()] += 1;
        }
        assert_eq!(counts, [100, 0, 900]);
        // After a failure the shares are those of the rest; weight 0 is the reserve.
        assert_eq!(select(&table, route, &[2], 0.999).target.get(), 0);
        assert_eq!(select(&table, route, &[2, 0], 0.0).target.get(), 1);
        open(&mut table, 2);
        let selection = select(&table, route, &[], 0.0);
        assert_eq!((selection.target.get(), selection.share), (0, 1.0));
    }

    #[test]
    fn an_operators_pin_outranks_the_order_of_a_route() {
        let mut table = three();
        table.pinned = Some(0.into());
        let selection = select(&table, (&[2, 0], &RouteOrder::Strict), &[], 0.5);
        assert_eq!(selection.reason, SelectionReason::Pinned);
        assert_eq!(selection.target.get(), 0);
    }
}

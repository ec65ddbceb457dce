//! Filter of targets by the remaining budget of a request.

use super::exclusion::ExclusionReason;
use super::max_usage::MaxUsage;
use super::request_profile::RequestProfile;
use super::scored_candidate::{Eligibility, ScoredCandidate};
use crate::domain::budget::{BudgetHeadroom, OverBudgetPolicy};
use crate::domain::snapshot::RoutingTable;
use crate::domain::units::Money;

/// Keeps the targets that fit into the remaining budget. If no eligible target fits and the policy
/// is `cheapest`, the cheapest ones stay. A target without a price stays as long as the most
/// expensive of the others fits: its cost is unknown and cannot be reserved.
pub(super) fn filter_by_budget(
    rows: &mut [ScoredCandidate],
    table: &RoutingTable,
    ask: &RequestProfile<'_>,
    (output, dearest): (f64, (f64, f64)),
) {
    let Some(means) = ask.means else { return };
    let unpriced = ask.input * dearest.0 + ask.max_tokens.unwrap_or(output) * dearest.1;
    let needed = |row: &ScoredCandidate| {
        let most = MaxUsage::of(&table.candidates[row.target], ask, output);
        most.cost
            .unwrap_or_else(|| Money::from_usd(unpriced).max(Money::from_pico(1)))
    };
    let anybody_fits = rows
        .iter()
        .any(|row| may_serve(row) && means.allows(needed(row)));
    if means.on_limit == OverBudgetPolicy::Cheapest && !anybody_fits {
        keep_cheapest(rows, table, ask, output);
        return;
    }
    for row in rows {
        let is_meant = match &row.entry {
            Eligibility::Eligible | Eligibility::HalfOpenProbe => true,
            // Back in a moment, but with no money to send anything there.
            Eligibility::Excluded(why) => {
                means.on_limit == OverBudgetPolicy::Reject && why.is_transient()
            }
        };
        let needed = needed(row);
        if is_meant && !means.allows(needed) {
            let left = means.left;
            row.entry = Eligibility::Excluded(ExclusionReason::OverBudget { needed, left });
        }
    }
}

fn keep_cheapest(
    rows: &mut [ScoredCandidate],
    table: &RoutingTable,
    ask: &RequestProfile<'_>,
    output: f64,
) {
    // Unknown is the dearest.
    let price = |row: &ScoredCandidate| {
        let most = MaxUsage::of(&table.candidates[row.target], ask, output);
        (most.cost.is_none(), most.cost)
    };
    let kind = if rows.iter().any(ScoredCandidate::is_eligible) {
        Eligibility::Eligible
    } else {
        Eligibility::HalfOpenProbe
    };
    let least = rows.iter().filter(|row| row.entry == kind).map(price).min();
    for row in rows {
        if may_serve(row) && (row.entry != kind || Some(price(row)) > least) {
            row.entry = Eligibility::Excluded(ExclusionReason::NotCheapest);
        }
    }
}

fn may_serve(row: &ScoredCandidate) -> bool {
    !matches!(row.entry, Eligibility::Excluded(_))
}

/// Whether that much goes beyond what may be spent, and is sent all the same.
pub(super) fn exceeds_budget(means: Option<BudgetHeadroom>, most: MaxUsage) -> bool {
    let goes_on = means.filter(|means| means.on_limit == OverBudgetPolicy::Cheapest);
    goes_on
        .zip(most.cost)
        .is_some_and(|(means, cost)| !means.allows(cost))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::index::TargetIdx;
    use crate::domain::selection::tests::{NOW, ask, candidate, table, three};
    use crate::domain::selection::{
        CandidateSet, NoEligibleTarget, SelectionReason, TargetSelection, select_target,
    };
    use crate::domain::snapshot::Candidate;
    use crate::domain::{RandomDraw, RoutingState};

    fn decide(
        table: &RoutingTable,
        left: f64,
        on_limit: OverBudgetPolicy,
    ) -> (
        Result<TargetSelection, NoEligibleTarget>,
        Vec<(TargetIdx, ExclusionReason)>,
    ) {
        let left = Money::from_usd(left);
        let means = Some(BudgetHeadroom { left, on_limit });
        let asked = RequestProfile { means, ..ask() };
        let mut field = CandidateSet::default();
        let choice = select_target(
            table,
            &asked,
            NOW,
            RandomDraw::without_exploration(0.99),
            &mut field,
        );
        (choice, field.rejected())
    }

    /// What the first of `three` may come to: 500 tokens in at $0.5 and 300 out at $2.5.
    const CHEAPEST: f64 = 0.001;

    #[test]
    fn whoever_does_not_fit_is_out_and_the_others_serve() {
        for on_limit in [OverBudgetPolicy::Reject, OverBudgetPolicy::Cheapest] {
            let (choice, rejected) = decide(&three(), CHEAPEST, on_limit);

            let choice = choice.expect("the cheapest fits");
            assert_eq!(
                (choice.target.get(), choice.reason),
                (0, SelectionReason::Only)
            );
            assert_eq!(choice.most.cost, Some(Money::from_usd(CHEAPEST)));
            assert!(!choice.is_over_budget);
            let text = rejected[0].1.text(NOW);
            assert_eq!(
                text,
                "may cost $0.0030000, but $0.0010000 of the budget is left"
            );
            assert_eq!(rejected.len(), 2);
        }
    }

    #[test]
    fn where_nobody_fits_requests_are_refused_or_go_on_with_the_cheapest() {
        let (refused, rejected) = decide(&three(), 0.0005, OverBudgetPolicy::Reject);
        assert_eq!(refused.unwrap_err().retry_after, None);
        assert_eq!(rejected.len(), 3);

        let (choice, rejected) = decide(&three(), 0.0005, OverBudgetPolicy::Cheapest);
        let choice = choice.expect("requests go on");
        assert_eq!(
            (choice.target, choice.reason),
            (0.into(), SelectionReason::Cheapest)
        );
        assert!(choice.is_over_budget);
        assert_eq!(
            rejected,
            [
                (1.into(), ExclusionReason::NotCheapest),
                (2.into(), ExclusionReason::NotCheapest)
            ]
        );
    }

    #[test]
    fn the_cheapest_is_the_cheapest_of_those_that_may_serve() {
        let mut table = three();
        table.candidates[0].standing = RoutingState::Draining;

        let (choice, _) = decide(&table, 0.0, OverBudgetPolicy::Cheapest);

        assert_eq!(choice.expect("the next").target.get(), 1);
    }

    #[test]
    fn who_may_be_back_in_a_moment_is_waited_for_only_where_it_fits() {
        let mut table = three();
        table.candidates[0].max_concurrent = Some(0);

        let (fits, _) = decide(&table, CHEAPEST, OverBudgetPolicy::Reject);
        assert!(fits.unwrap_err().retry_after.is_some());
        let (never, rejected) = decide(&table, CHEAPEST / 2.0, OverBudgetPolicy::Reject);
        assert_eq!(never.unwrap_err().retry_after, None);
        assert!(matches!(rejected[0].1, ExclusionReason::OverBudget { .. }));
    }

    #[test]
    fn what_is_free_always_fits_and_no_price_is_taken_for_the_dearest() {
        let mut table = three();
        table.candidates.push(candidate(3, "free", 0.0, 9.0, 0.02));
        let (choice, _) = decide(&table, 0.0, OverBudgetPolicy::Reject);
        assert_eq!(choice.expect("nothing is spent there").target.get(), 3);

        let mut table = three();
        table.candidates[0].price = None;
        let dearest = 0.0061;
        let (_, rejected) = decide(&table, dearest, OverBudgetPolicy::Reject);
        assert_eq!(rejected, []);
        let (choice, rejected) = decide(&table, dearest - 0.001, OverBudgetPolicy::Reject);
        assert_eq!(choice.expect("one that fits").target.get(), 1);
        assert_eq!(rejected.len(), 2);

        table.candidates.truncate(1);
        let (alone, _) = decide(&table, 0.01, OverBudgetPolicy::Reject);
        assert_eq!(alone.expect("something is left").most.cost, None);
        assert!(decide(&table, 0.0, OverBudgetPolicy::Reject).0.is_err());
        assert!(decide(&table, 0.0, OverBudgetPolicy::Cheapest).0.is_ok());
    }

    #[test]
    fn what_is_reserved_is_what_the_client_allows_and_the_model_can_say() {
        let mut target = candidate(0, "m", 1.0, 1.0, 0.0);
        let tokens = |target: &Candidate, max_tokens| {
            let asked = RequestProfile {
                max_tokens,
                ..ask()
            };
            MaxUsage::of(target, &asked, 300.0).tokens
        };
        assert_eq!(tokens(&target, None), 800);
        assert_eq!(tokens(&target, Some(4_000.0)), 4_500);
        target.capabilities.max_output = Some(1_000);
        assert_eq!(tokens(&target, Some(4_000.0)), 1_500);
        assert_eq!(tokens(&target, Some(f64::NAN)), 500);
        let lone = table(vec![target]);
        let choice = decide(&lone, 1.0, OverBudgetPolicy::Reject)
            .0
            .expect("room");
        assert_eq!(choice.most.tokens, 800);
    }
}

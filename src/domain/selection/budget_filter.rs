//! Filter of targets by the remaining budget of a request.

use super::exclusion::ExclusionReason;
use super::max_usage::MaxUsage;
use super::request_profile::RequestProfile;
use super::scored_candidate::{Eligibility, ScoredCandidate};
use crate::domain::budget::{BudgetHeadroom, OverBudgetPolicy};
use crate::domain::snapshot::RoutingTable;
use crate::domain::units::{Money, UnixTime};

/// Excludes the targets that exceed the rest of their provider's own budget. One without a price
/// stays as long as anything is left: its cost is unknown and cannot be reserved.
pub(super) fn filter_by_provider_budget(
    rows: &mut [ScoredCandidate],
    table: &RoutingTable,
    ask: &RequestProfile<'_>,
    (output, now): (f64, UnixTime),
) {
    if !table.budgets.has_provider_limits() {
        return;
    }
    for row in rows {
        let candidate = &table.candidates[row.target];
        let Some(left) = table.budgets.provider_left(&candidate.id.provider, now) else {
            continue;
        };
        let most = MaxUsage::of(candidate, ask, output);
        let needed = most.cost.unwrap_or(Money::from_pico(1));
        let is_checked = match &row.entry {
            Eligibility::Excluded(why) => why.is_transient(),
            Eligibility::Eligible | Eligibility::HalfOpenProbe => true,
        };
        if is_checked && needed > Money::ZERO && needed > left {
            row.entry = Eligibility::Excluded(ExclusionReason::OverProviderBudget { needed, left });
        }
    }
}

/// Keeps the targets that fit into the remaining budget. If no eligible target fits and the policy
/// is `cheapest`, the cheapest ones stay. A target without a price stays as long as the most
/// expensive of the others fits: its cost is unknown and cannot be reserved.
pub(super) fn filter_by_budget(
    rows: &mut [ScoredCandidate],
    table: &RoutingTable,
    ask: &RequestProfile<'_>,
    (output, highest_price): (f64, (f64, f64)),
) {
    let Some(means) = ask.means else { return };
    let unpriced = ask.input * highest_price.0
        + ask.choices * ask.max_tokens.unwrap_or(output) * highest_price.1;
    let needed = |row: &ScoredCandidate| {
        let most = MaxUsage::of(&table.candidates[row.target], ask, output);
        most.cost
            .unwrap_or_else(|| Money::from_usd(unpriced).max(Money::from_pico(1)))
    };
    let any_fits = rows
        .iter()
        .any(|row| may_serve(row) && means.allows(needed(row)));
    if means.on_limit == OverBudgetPolicy::Cheapest && !any_fits {
        keep_cheapest(rows, table, ask, output);
        return;
    }
    for row in rows {
        let is_checked = match &row.entry {
            Eligibility::Eligible | Eligibility::HalfOpenProbe => true,
            // Waiting for its recovery would not help if the budget does not cover it.
            Eligibility::Excluded(why) => {
                means.on_limit == OverBudgetPolicy::Reject && why.is_transient()
            }
        };
        let needed = needed(row);
        if is_checked && !means.allows(needed) {
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
    // An unknown price sorts last.
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

/// Returns true if the attempt exceeds the budget and the policy sends it anyway.
pub(super) fn exceeds_budget(means: Option<BudgetHeadroom>, most: MaxUsage) -> bool {
    let cheapest_policy = means.filter(|means| means.on_limit == OverBudgetPolicy::Cheapest);
    cheapest_policy
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
    use crate::domain::{BudgetConfig, Budgets, RandomDraw, RoutingState};
    use std::sync::Arc;

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

    /// Maximum cost at the first of `three`: 500 tokens in at $0.5 and 300 out at $2.5.
    const CHEAPEST: f64 = 0.001;

    #[test]
    fn targets_over_the_budget_are_excluded_and_the_others_stay() {
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
    fn without_a_fitting_target_requests_are_rejected_or_go_to_the_cheapest() {
        let (refused, rejected) = decide(&three(), 0.0005, OverBudgetPolicy::Reject);
        assert_eq!(refused.unwrap_err().retry_after, None);
        assert_eq!(rejected.len(), 3);

        let (choice, rejected) = decide(&three(), 0.0005, OverBudgetPolicy::Cheapest);
        let choice = choice.expect("the policy is `cheapest`");
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
    fn a_target_over_its_provider_s_budget_is_excluded_whatever_the_policy() {
        for on_limit in [OverBudgetPolicy::Reject, OverBudgetPolicy::Cheapest] {
            let mut table = three();
            let name = Arc::clone(&table.candidates[0].id.provider);
            let config = BudgetConfig {
                providers: vec![(name, Money::from_usd(CHEAPEST / 2.0))],
                ..BudgetConfig::default()
            };
            table.budgets = Arc::new(Budgets::new(&config, NOW));

            let (choice, rejected) = decide(&table, 1.0, on_limit);

            assert_ne!(choice.expect("others are left").target.get(), 0);
            assert_eq!(rejected[0].0.get(), 0);
            assert_eq!(
                rejected[0].1.text(NOW),
                "may cost $0.0010000, but $0.0005000 of its provider's budget is left"
            );

            table.candidates.truncate(1);
            let (refused, _) = decide(&table, 1.0, on_limit);
            let refused = refused.unwrap_err();
            assert_eq!(refused.missing_budget(), Some(Money::from_usd(CHEAPEST)));
            assert_eq!(refused.over_provider_budget().count(), 1);
        }
    }

    #[test]
    fn the_cheapest_target_must_be_eligible() {
        let mut table = three();
        table.candidates[0].standing = RoutingState::Draining;

        let (choice, _) = decide(&table, 0.0, OverBudgetPolicy::Cheapest);

        assert_eq!(choice.expect("the next").target.get(), 1);
    }

    #[test]
    fn a_transient_exclusion_has_a_retry_time_only_within_the_budget() {
        let mut table = three();
        table.candidates[0].max_concurrent = Some(0);

        let (fits, _) = decide(&table, CHEAPEST, OverBudgetPolicy::Reject);
        assert!(fits.unwrap_err().retry_after.is_some());
        let (never, rejected) = decide(&table, CHEAPEST / 2.0, OverBudgetPolicy::Reject);
        assert_eq!(never.unwrap_err().retry_after, None);
        assert!(matches!(rejected[0].1, ExclusionReason::OverBudget { .. }));
    }

    #[test]
    fn free_targets_always_fit_and_an_unknown_price_counts_as_the_highest() {
        let mut table = three();
        table.candidates.push(candidate(3, "free", 0.0, 9.0, 0.02));
        let (choice, _) = decide(&table, 0.0, OverBudgetPolicy::Reject);
        assert_eq!(choice.expect("it is free").target.get(), 3);

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
    fn the_reserved_tokens_are_bounded_by_the_client_and_the_model() {
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
        let several = RequestProfile {
            choices: 50.0,
            ..ask()
        };
        assert_eq!(
            MaxUsage::of(&target, &several, 300.0).tokens,
            500 + 50 * 300
        );
        target.capabilities.max_output = Some(1_000);
        assert_eq!(tokens(&target, Some(4_000.0)), 1_500);
        assert_eq!(tokens(&target, Some(f64::NAN)), 500);
        let lone = table(vec![target]);
        let choice = decide(&lone, 1.0, OverBudgetPolicy::Reject)
            .0
            .expect("one target");
        assert_eq!(choice.most.tokens, 800);
    }
}

use super::{at, attempt, fleet, request};
use crate::domain::{
    BalancerState, BudgetConfig, Command, Effect, EventKind, Failure, GlobalLimits, Money, Outcome,
    OverBudgetPolicy, ProviderPatch, RejectionCounts, RejectionReason, RequestOutcome,
};
use std::time::Duration;

fn events(effects: Vec<Effect>) -> Vec<(EventKind, String)> {
    let event = |effect| match effect {
        Effect::Emit(event) => Some((event.kind, event.text)),
        _ => None,
    };
    effects.into_iter().filter_map(event).collect()
}

fn budget(usd_per_day: f64, on_limit: OverBudgetPolicy) -> GlobalLimits {
    GlobalLimits {
        max_in_flight: Some(1),
        budget: BudgetConfig {
            per_day: Some(Money::from_usd(usd_per_day)),
            on_limit,
            ..BudgetConfig::default()
        },
        ..GlobalLimits::default()
    }
}

fn spend(fleet: &BalancerState, usd: f64, second: u64) {
    let payer = fleet.routing_table(at(second)).budgets.scope_of(None);
    let amount = Money::from_usd(usd);
    let booking = payer.reserve(Some(amount), amount, false, ("", at(second)));
    booking.expect("it need not fit").settle(None);
}

#[test]
fn rejected_requests_count_as_failed_and_are_reported_in_one_event() {
    let mut fleet = fleet().with_limits(&budget(1.0, OverBudgetPolicy::Reject));
    let table = fleet.routing_table(at(0));
    let in_ = table.crowd.try_acquire(table.max_in_flight);
    let mut turn_away = |count: usize, second: u64| {
        for _ in 0..count {
            assert!(table.crowd.is_full(table.max_in_flight));
            table.crowd.record_rejection();
        }
        events(fleet.tick(at(second)))
    };

    let first = turn_away(3, 10);
    assert_eq!(turn_away(2, 11), []);
    let second = turn_away(0, 12);

    let text = |count| format!("{count} requests refused: [server] max_in_flight = 1 are running");
    assert_eq!(first, [(EventKind::Request, text(3))]);
    assert_eq!(second, [(EventKind::Request, text(2))]);
    let totals = fleet.snapshot(60, at(12)).totals;
    assert_eq!((totals.requests, totals.success_rate), (5, Some(0.0)));
    drop(in_);
}

#[test]
fn a_request_rejected_by_a_budget_is_counted_and_is_no_failure() {
    let mut fleet = fleet();
    for want in RejectionReason::ALL {
        let emitted = fleet.observe(&request(5, RequestOutcome::Rejected(want), 0), at(5));
        assert_eq!(
            emitted.is_empty(),
            want != RejectionReason::NoTarget,
            "{want:?}"
        );
    }

    let totals = fleet.snapshot(60, at(6)).totals;
    let one = RejectionCounts {
        target: 1,
        budget: 2,
        room: 1,
    };
    assert_eq!((totals.refused, totals.requests), (one, 4));
    assert_eq!(totals.success_rate, Some(0.0));
}

#[test]
fn a_tick_reports_budgets_and_new_limits_keep_the_spending() {
    let mut fleet = fleet().with_limits(&budget(1.0, OverBudgetPolicy::Reject));
    spend(&fleet, 0.9, 5);
    let emitted = events(fleet.tick(at(6)));
    assert_eq!(emitted.len(), 1);
    assert_eq!(emitted[0].0, EventKind::Alert);
    assert_eq!(events(fleet.tick(at(7))), []);

    fleet.set_limits(&budget(2.0, OverBudgetPolicy::Reject));
    let day = fleet.snapshot(60, at(8)).budget.day;
    assert_eq!(
        (day.limit, day.spent),
        (Some(Money::from_usd(2.0)), Money::from_usd(0.9))
    );
}

#[test]
fn displayed_shares_respect_the_remaining_budget() {
    let shares = |fleet: &BalancerState| -> Vec<f64> {
        let picture = fleet.snapshot(60, at(9));
        picture.providers.iter().map(|one| one.odds).collect()
    };
    let wishing = |allowances: &GlobalLimits| {
        let mut fleet = fleet().with_limits(allowances);
        let patch = ProviderPatch {
            pin: Some(Duration::from_mins(1)),
            ..ProviderPatch::default()
        };
        let (name, who) = ("b".to_owned(), "ops".to_owned());
        let pin = Command::ChangeProvider { name, patch, who };
        fleet.execute(pin, at(1)).unwrap();
        fleet
    };
    let go_on = wishing(&budget(1.0, OverBudgetPolicy::Cheapest));
    assert_eq!(shares(&go_on), [0.0, 1.0], "the one without a price");
    spend(&go_on, 1.0, 5);
    assert_eq!(shares(&go_on), [1.0, 0.0]);

    let refuse = wishing(&budget(1.0, OverBudgetPolicy::Reject));
    spend(&refuse, 1.0, 5);
    assert_eq!(shares(&refuse), [0.0, 0.0]);
}

#[test]
fn retries_are_attempts_after_the_first_of_a_request_and_nothing_else() {
    let mut fleet = fleet();
    let failed = RequestOutcome::Error(Failure::Server);
    let refused = RequestOutcome::Rejected(RejectionReason::NoTarget);
    let ends = [
        (RequestOutcome::Ok, 1),
        (RequestOutcome::Ok, 3),
        (failed, 4),
    ];
    for (outcome, attempts) in ends.into_iter().chain([(refused, 0); 40]) {
        fleet.observe(&request(1, outcome, attempts), at(2));
    }
    // Reported from outside, without a request of the gateway.
    for _ in 0..10 {
        fleet.observe(&attempt(0, 1, Outcome::Success), at(2));
    }

    let totals = fleet.snapshot(60, at(3)).totals;
    assert_eq!((totals.requests, totals.attempts), (43, 10));
    assert_eq!(totals.retries, 5);
}

mod ledger;

use super::*;
use crate::domain::rate_limiter::RateLimits;
use proptest::prelude::*;
use std::time::Duration;

/// 2026-11-24 23:59:50 UTC.
const NOW: UnixTime = UnixTime::from_seconds(1_795_564_790);

fn after(seconds: u64) -> UnixTime {
    NOW.plus(Duration::from_secs(seconds))
}

fn usd(amount: f64) -> Money {
    Money::from_usd(amount)
}

fn config(per_day: f64) -> BudgetConfig {
    BudgetConfig {
        per_day: Some(usd(per_day)),
        ..BudgetConfig::default()
    }
}

/// Tokens with their group and limit per day, and groups with their limit per week.
fn clients(tokens: &[(&str, Option<&str>, f64)], groups: &[(&str, f64)]) -> ClientTerms {
    let token = |(name, group, per_day): &(&str, Option<&str>, f64)| TokenTerms {
        name: (*name).into(),
        group: group.map(Into::into),
        spending: SpendingLimits {
            per_day: per_day.is_finite().then(|| usd(*per_day)),
            ..SpendingLimits::default()
        },
        rates: RateLimits::default(),
    };
    let group = |(name, per_week): &(&str, f64)| GroupTerms {
        name: (*name).into(),
        spending: SpendingLimits {
            per_week: Some(usd(*per_week)),
            ..SpendingLimits::default()
        },
        rates: RateLimits::default(),
    };
    ClientTerms {
        tokens: tokens.iter().map(token).collect(),
        groups: groups.iter().map(group).collect(),
    }
}

fn budgets(config: &BudgetConfig) -> Arc<Budgets> {
    Arc::new(Budgets::new(config, NOW))
}

fn reserve(scope: &BudgetScope, amount: f64, now: UnixTime) -> Option<BudgetReservation> {
    scope.reserve(Some(usd(amount)), usd(amount / 2.0), true, ("", now))
}

#[test]
fn a_reservation_is_settled_at_the_actual_or_the_expected_cost() {
    let budgets = budgets(&config(1.0));
    let scope = budgets.scope_of(None);
    let mut known = reserve(&scope, 0.4, NOW).unwrap();
    let mut unknown = reserve(&scope, 0.4, NOW).unwrap();
    assert!(reserve(&scope, 0.4, NOW).is_none());
    known.settle(Some(usd(0.1)));
    known.settle(Some(usd(9.0)));
    unknown.settle(None);
    drop((known, unknown));
    drop(reserve(&scope, 0.4, NOW).expect("0.7 is left"));

    let day = budgets.snapshot(NOW).day;
    assert_eq!((day.spent, day.reserved), (usd(0.3), Money::ZERO));
    assert_eq!(scope.headroom(NOW).unwrap().left, usd(0.7));
    let mut expensive = reserve(&scope, 0.5, NOW).unwrap();
    expensive.settle(Some(usd(0.9)));
    let view = budgets.snapshot(NOW).day;
    assert_eq!((view.spent, view.left()), (usd(1.2), Some(Money::ZERO)));
}

#[test]
fn an_attempt_without_a_price_is_counted_without_an_amount() {
    let budgets = budgets(&config(1.0));
    let mut reservation = budgets
        .scope_of(None)
        .reserve(None, Money::ZERO, true, ("", NOW))
        .unwrap();
    reservation.settle(None);

    let day = budgets.snapshot(NOW).day;
    assert_eq!((day.spent, day.uncounted), (Money::ZERO, 1));
}

#[test]
fn a_new_day_resets_the_budget_and_a_reservation_is_settled_in_its_own_day() {
    let budgets = budgets(&BudgetConfig {
        per_month: Some(usd(1.5)),
        ..config(1.0)
    });
    let scope = budgets.scope_of(None);
    let mut evening = reserve(&scope, 1.0, after(9)).unwrap();
    assert!(reserve(&scope, 0.1, after(9)).is_none());

    let mut morning = reserve(&scope, 0.4, after(10)).expect("a new day");
    evening.settle(Some(usd(0.8)));
    morning.settle(Some(usd(0.4)));

    let snapshot = budgets.snapshot(after(10));
    assert_eq!(
        (snapshot.day.spent, snapshot.month.spent),
        (usd(0.4), usd(1.2))
    );
    assert!(
        reserve(&scope, 0.4, after(10)).is_none(),
        "the month has 0.3"
    );
    let days_later = after(3 * 86_400);
    assert_eq!(budgets.snapshot(days_later).day.spent, Money::ZERO);
    assert_eq!(budgets.snapshot(days_later).month.spent, usd(1.2));
}

#[test]
fn tokens_have_separate_budgets_and_a_rejection_reserves_nothing() {
    let clients = clients(&[("app", None, 0.2), ("batch", None, f64::INFINITY)], &[]);
    let budgets = Arc::new(budgets(&config(1.0)).with_config(&config(1.0), &clients, NOW));
    let (app, batch) = (
        budgets.scope_of(Some("app")),
        budgets.scope_of(Some("batch")),
    );
    let first = reserve(&app, 0.2, NOW);
    assert!(first.is_some() && reserve(&app, 0.1, NOW).is_none());
    let second = reserve(&batch, 0.8, NOW);
    assert!(second.is_some(), "a rejected amount is not reserved");
    assert!(reserve(&budgets.scope_of(Some("other")), 0.1, NOW).is_none());

    let short = app.check_budget(usd(0.1), &[], NOW).unwrap();
    assert_eq!(
        short.to_string(),
        "usd_per_day of the token \"app\" does not cover this request, which may cost up to $0.1000: \
         $0.00 of $0.2000 is spent and $0.2000 is reserved for running requests; it resets at \
         2026-11-25 00:00 UTC"
    );
    let short = batch.check_budget(usd(0.1), &[], NOW).unwrap();
    assert_eq!(short.name, "[budget] usd_per_day");
}

#[test]
fn the_tokens_of_a_group_share_its_budget() {
    let clients = clients(
        &[
            ("a", Some("team"), 5.0),
            ("b", Some("team"), 0.5),
            ("c", Some("unknown"), 5.0),
        ],
        &[("team", 1.0)],
    );
    let budgets = Arc::new(budgets(&config(9.0)).with_config(&config(9.0), &clients, NOW));
    let [a, b, c] = ["a", "b", "c"].map(|name| budgets.scope_of(Some(name)));
    let mut spent = reserve(&a, 0.8, NOW).unwrap();
    assert!(reserve(&a, 0.3, NOW).is_none() && reserve(&b, 0.3, NOW).is_none());
    assert!(
        reserve(&c, 5.0, NOW).is_some(),
        "a group without limits limits nothing"
    );
    spent.settle(Some(usd(0.8)));
    let short = b.check_budget(usd(0.3), &[], NOW).unwrap();
    assert_eq!(short.name, "usd_per_week of the group \"team\"");
    let next_day = after(86_400);
    assert!(reserve(&b, 0.3, next_day).is_none(), "the week goes on");
    let next_week = after(7 * 86_400);
    assert!(reserve(&b, 0.3, next_week).is_some());

    let snapshot = budgets.snapshot(NOW);
    let names: Vec<String> = snapshot
        .owned
        .iter()
        .map(|owned| owned.owner.setting(owned.period))
        .collect();
    assert_eq!(
        names,
        [
            "usd_per_day of the token \"a\"",
            "usd_per_day of the token \"b\"",
            "usd_per_day of the token \"c\"",
            "usd_per_day of the group \"team\"",
            "usd_per_week of the group \"team\"",
        ]
    );
    let fork = Arc::new(budgets.fork(NOW));
    assert!(reserve(&fork.scope_of(Some("b")), 0.3, NOW).is_none());
}

#[test]
fn many_periods_that_end_are_told_together() {
    let names: Vec<String> = (0..50).map(|it| format!("t{it}")).collect();
    let tokens: Vec<(&str, Option<&str>, f64)> = names
        .iter()
        .map(|name| (name.as_str(), None, 1.0))
        .collect();
    let config = BudgetConfig::default();
    let budgets = budgets(&config).with_config(&config, &clients(&tokens, &[]), NOW);
    budgets.take_events(NOW);
    let events = budgets.take_events(after(10));
    assert_eq!(events.len(), MAX_EVENTS + 1);
    assert_eq!(
        events.last().unwrap(),
        "the periods of 30 more budgets ended, each less used than these"
    );
}

#[test]
fn a_provider_s_own_budget_holds_beside_the_others() {
    let budgets = budgets(&BudgetConfig {
        providers: vec![("xai".into(), usd(0.3))],
        on_limit: OverBudgetPolicy::Cheapest,
        ..config(1.0)
    });
    let scope = budgets.scope_of(None);
    let at = |provider, amount: f64, must_fit| {
        scope.reserve(Some(usd(amount)), Money::ZERO, must_fit, (provider, NOW))
    };
    let first = at("xai", 0.2, true).unwrap();
    assert!(
        at("xai", 0.2, false).is_none(),
        "others can serve it, whatever the policy"
    );
    assert_eq!(
        budgets.snapshot(NOW).day.reserved,
        usd(0.2),
        "and nothing stays reserved"
    );
    let second = at("openai", 0.7, true).unwrap();
    assert_eq!(budgets.provider_left("xai", NOW), Some(usd(0.1)));
    assert_eq!(budgets.provider_left("openai", NOW), None);
    drop((first, second));
    assert_eq!(budgets.provider_left("xai", NOW), Some(usd(0.3)));

    let mut spent = at("xai", 0.3, true).unwrap();
    spent.settle(Some(usd(0.3)));
    let short = scope.check_budget(usd(0.1), &["xai".into()], NOW).unwrap();
    assert_eq!(short.name, "usd_per_day of the provider \"xai\"");
    let first = &budgets.snapshot(NOW).owned[0];
    let provider = BudgetOwner::Provider("xai".into());
    assert_eq!((&first.owner, first.usage.spent), (&provider, usd(0.3)));
}

#[test]
fn new_limits_keep_the_spent_amounts_and_apply_to_existing_scopes() {
    let old = budgets(&config(1.0));
    let running = old.scope_of(None);
    reserve(&running, 0.9, NOW).unwrap().settle(Some(usd(0.9)));

    let new = Arc::new(old.with_config(&config(2.0), &ClientTerms::default(), NOW));

    assert_eq!(new.snapshot(NOW).day.spent, usd(0.9));
    assert!(reserve(&running, 1.0, NOW).is_some(), "the new limit holds");
    let none = Arc::new(new.with_config(&BudgetConfig::default(), &ClientTerms::default(), NOW));
    assert_eq!(none.scope_of(None).headroom(NOW), None);
}

#[test]
fn the_end_of_a_period_is_told_once() {
    let budgets = budgets(&config(1.0));
    let scope = budgets.scope_of(None);
    reserve(&scope, 0.7, NOW).unwrap().settle(Some(usd(0.7)));

    assert_eq!(budgets.take_events(NOW), [""; 0]);
    assert_eq!(
        budgets.take_events(after(10)),
        ["[budget] usd_per_day: the day ended at $0.7000 of $1.00 (70 %)"]
    );
    assert_eq!(budgets.take_events(after(11)), [""; 0]);
}

proptest! {
    /// For any order and time of reserve, settle and release: spent and reserved amounts never exceed
    /// the limit.
    #[test]
    fn spent_and_reserved_amounts_never_exceed_the_limit(
        limit in 0_u64..5_000,
        steps in prop::collection::vec(
            (0_u8..4, 0_u64..2_000, any::<prop::sample::Index>(), 0_u64..20_000),
            1..200,
        ),
    ) {
        let config = BudgetConfig {
            per_day: Some(Money::from_pico(limit)),
            ..BudgetConfig::default()
        };
        let mut clients = clients(&[("app", None, 0.0)], &[]);
        clients.tokens[0].spending.per_day = Some(Money::from_pico(limit / 2));
        let budgets = Arc::new(budgets(&config).with_config(&config, &clients, NOW));
        let scopes = [budgets.scope_of(None), budgets.scope_of(Some("app"))];
        let (mut at, mut running, mut spent) = (0, Vec::new(), 0);
        for (step, amount, which, pause) in steps {
            let day = Calendar::new(Period::Day, &TimeZone::UTC);
            let (before, now) = (day.number(after(at)), after(at + pause));
            at += pause;
            if day.number(now) != before {
                spent = 0;
                running.clear();
            }
            match step {
                0 | 1 => {
                    let money = Some(Money::from_pico(amount));
                    let scope = &scopes[usize::from(step)];
                    let fits = scope.headroom(now).is_none_or(|headroom| headroom.allows(Money::from_pico(amount)));
                    let reservation = scope.reserve(money, Money::ZERO, true, ("", now));
                    prop_assert_eq!(fits, reservation.is_some());
                    running.extend(reservation.map(|reservation| (amount, reservation)));
                }
                2 if !running.is_empty() => {
                    let (reserved, mut reservation) = running.swap_remove(which.index(running.len()));
                    let cost = amount.min(reserved);
                    reservation.settle(Some(Money::from_pico(cost)));
                    spent += cost;
                }
                3 if !running.is_empty() => drop(running.swap_remove(which.index(running.len()))),
                _ => {}
            }
            let reserved: u64 = running.iter().map(|(amount, _)| amount).sum();
            let day = budgets.snapshot(now).day;
            prop_assert_eq!((day.spent.pico(), day.reserved.pico()), (spent, reserved));
            prop_assert!(spent + reserved <= limit);
        }
    }
}

#[test]
fn a_spent_sum_never_starts_again_at_zero() {
    let budget = PeriodBudget::new(Calendar::new(Period::Day, &TimeZone::UTC), None);
    let now = UnixTime::from_seconds(1);
    for _ in 0..2 {
        let id = budget.reserve(Money::ZERO, false, now).unwrap();
        budget.settle(id, Money::ZERO, Money::from_usd(18_000_000.0));
    }

    assert_eq!(budget.usage(now).spent, Money::from_pico(u64::MAX));
}

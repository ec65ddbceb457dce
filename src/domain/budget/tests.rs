use super::*;
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

fn terms(per_day: f64) -> BudgetConfig {
    BudgetConfig {
        per_day: Some(usd(per_day)),
        ..BudgetConfig::default()
    }
}

fn budgets(terms: &BudgetConfig) -> Arc<Budgets> {
    Arc::new(Budgets::new(terms, NOW))
}

fn book(payer: &BudgetScope, amount: f64, now: UnixTime) -> Option<BudgetReservation> {
    payer.reserve(Some(usd(amount)), usd(amount / 2.0), true, now)
}

#[test]
fn days_and_months_are_those_of_the_calendar_in_utc() {
    let end = |period: Period, seconds: u64| period.end(UnixTime::from_seconds(seconds));
    for (period, at, ends) in [
        (Period::Day, 1_795_564_790, 1_795_564_800),
        (Period::Day, 1_795_564_800, 1_795_651_200),
        (Period::Month, 1_795_564_790, 1_796_083_200),
        // December ends with the year, and February of 2028 has a 29th.
        (Period::Month, 1_798_761_599, 1_798_761_600),
        (Period::Month, 1_835_395_200, 1_835_481_600),
    ] {
        assert_eq!(end(period, at), UnixTime::from_seconds(ends), "{at}");
        let (last, first) = (
            UnixTime::from_seconds(ends - 1),
            UnixTime::from_seconds(ends),
        );
        assert_eq!(period.number(first), period.number(last) + 1);
    }
}

#[test]
fn a_reservation_is_settled_to_what_it_came_to_or_to_what_was_expected() {
    let budgets = budgets(&terms(1.0));
    let payer = budgets.scope_of(None);
    let mut known = book(&payer, 0.4, NOW).unwrap();
    let mut unknown = book(&payer, 0.4, NOW).unwrap();
    assert!(book(&payer, 0.4, NOW).is_none());
    known.settle(Some(usd(0.1)));
    known.settle(Some(usd(9.0)));
    unknown.settle(None);
    drop((known, unknown));
    drop(book(&payer, 0.4, NOW).expect("0.7 is left"));

    let day = budgets.snapshot(NOW).day;
    assert_eq!((day.spent, day.reserved), (usd(0.3), Money::ZERO));
    assert_eq!(payer.headroom(NOW).unwrap().left, usd(0.7));
    let mut dearer = book(&payer, 0.5, NOW).unwrap();
    dearer.settle(Some(usd(0.9)));
    let view = budgets.snapshot(NOW).day;
    assert_eq!((view.spent, view.left()), (usd(1.2), Some(Money::ZERO)));
}

#[test]
fn an_attempt_without_a_price_is_counted_and_in_no_sum() {
    let budgets = budgets(&terms(1.0));
    let mut booking = budgets
        .scope_of(None)
        .reserve(None, Money::ZERO, true, NOW)
        .unwrap();
    booking.settle(None);

    let day = budgets.snapshot(NOW).day;
    assert_eq!((day.spent, day.uncounted), (Money::ZERO, 1));
}

#[test]
fn the_day_starts_anew_at_its_edge_and_what_runs_is_booked_where_it_was_reserved() {
    let budgets = budgets(&BudgetConfig {
        per_month: Some(usd(1.5)),
        ..terms(1.0)
    });
    let payer = budgets.scope_of(None);
    let mut evening = book(&payer, 1.0, after(9)).unwrap();
    assert!(book(&payer, 0.1, after(9)).is_none());

    let mut morning = book(&payer, 0.4, after(10)).expect("a new day");
    evening.settle(Some(usd(0.8)));
    morning.settle(Some(usd(0.4)));

    let picture = budgets.snapshot(after(10));
    assert_eq!(
        (picture.day.spent, picture.month.spent),
        (usd(0.4), usd(1.2))
    );
    assert!(book(&payer, 0.4, after(10)).is_none(), "the month has 0.3");
    let days_later = after(3 * 86_400);
    assert_eq!(budgets.snapshot(days_later).day.spent, Money::ZERO);
    assert_eq!(budgets.snapshot(days_later).month.spent, usd(1.2));
}

#[test]
fn one_tokens_budget_is_not_anothers_and_a_refusal_takes_nothing_anywhere() {
    let caller = |name: &str, limit: Option<f64>| (Arc::from(name), limit.map(usd));
    let budgets = budgets(&BudgetConfig {
        callers: vec![caller("app", Some(0.2)), caller("batch", None)],
        ..terms(1.0)
    });
    let (app, batch) = (
        budgets.scope_of(Some("app")),
        budgets.scope_of(Some("batch")),
    );
    let first = book(&app, 0.2, NOW);
    assert!(first.is_some() && book(&app, 0.1, NOW).is_none());
    let second = book(&batch, 0.8, NOW);
    assert!(second.is_some(), "what was refused is not reserved");
    assert!(book(&budgets.scope_of(Some("nobody")), 0.1, NOW).is_none());

    let short = app.check_budget(usd(0.1), NOW).unwrap();
    assert_eq!(
        short.to_string(),
        "usd_per_day of the token \"app\" does not cover this request, which may cost up to $0.1000: \
         $0.00 of $0.2000 is spent and $0.2000 is reserved for running requests; it resets at \
         2026-11-25 00:00 UTC"
    );
    let short = batch.check_budget(usd(0.1), NOW).unwrap();
    assert_eq!(short.name, "[budget] usd_per_day");
}

#[test]
fn other_terms_keep_what_is_spent_and_reach_those_that_run() {
    let old = budgets(&terms(1.0));
    let running = old.scope_of(None);
    book(&running, 0.9, NOW).unwrap().settle(Some(usd(0.9)));

    let new = Arc::new(old.with_config(&terms(2.0)));

    assert_eq!(new.snapshot(NOW).day.spent, usd(0.9));
    assert!(book(&running, 1.0, NOW).is_some(), "the new limit holds");
    let none = Arc::new(new.with_config(&BudgetConfig::default()));
    assert_eq!(none.scope_of(None).headroom(NOW), None);
}

#[test]
fn most_and_all_of_a_budget_are_told_once_and_so_is_its_end() {
    let budgets = budgets(&terms(1.0));
    let payer = budgets.scope_of(None);
    let spend = |amount: f64| book(&payer, amount, NOW).unwrap().settle(Some(usd(amount)));
    let news = |now: UnixTime| -> Vec<String> {
        budgets
            .take_events(now)
            .into_iter()
            .map(|(_, text)| text)
            .collect()
    };
    spend(0.7);
    assert_eq!(news(NOW), [""; 0]);
    spend(0.15);
    assert_eq!(
        news(NOW),
        ["[budget] usd_per_day: 85 % is spent, $0.8500 of $1.00 until 2026-11-25 00:00 UTC"]
    );
    assert_eq!(news(NOW), [""; 0]);

    payer.count_rejected(usd(0.2), NOW);
    assert_eq!(
        news(NOW),
        [
            "[budget] usd_per_day is used up, $0.8500 of $1.00: requests are rejected until 2026-11-25 \
          00:00 UTC"
        ]
    );
    spend(0.15);
    assert_eq!(news(NOW), [""; 0]);
    assert_eq!(
        news(after(10)),
        ["[budget] usd_per_day: the day ended at $1.00 of $1.00 (100 %)"]
    );
    assert_eq!(news(after(11)), [""; 0]);
}

proptest! {
    /// Whatever is booked, settled and given back, in whatever order and at whatever time: what is
    /// let in never exceeds the limit, and a refund never exceeds its reservation.
    #[test]
    fn what_is_let_in_never_exceeds_the_limit(
        limit in 0_u64..5_000,
        steps in prop::collection::vec(
            (0_u8..4, 0_u64..2_000, any::<prop::sample::Index>(), 0_u64..20_000),
            1..200,
        ),
    ) {
        let budgets = budgets(&BudgetConfig {
            per_day: Some(Money::from_pico(limit)),
            callers: vec![("app".into(), Some(Money::from_pico(limit / 2)))],
            ..BudgetConfig::default()
        });
        let payers = [budgets.scope_of(None), budgets.scope_of(Some("app"))];
        let (mut at, mut running, mut spent) = (0, Vec::new(), 0);
        for (step, amount, which, pause) in steps {
            let (before, now) = (Period::Day.number(after(at)), after(at + pause));
            at += pause;
            if Period::Day.number(now) != before {
                spent = 0;
                running.clear();
            }
            match step {
                0 | 1 => {
                    let money = Some(Money::from_pico(amount));
                    let payer = &payers[usize::from(step)];
                    let fits = payer.headroom(now).is_none_or(|means| means.allows(Money::from_pico(amount)));
                    let booking = payer.reserve(money, Money::ZERO, true, now);
                    prop_assert_eq!(fits, booking.is_some());
                    running.extend(booking.map(|booking| (amount, booking)));
                }
                2 if !running.is_empty() => {
                    let (reserved, mut booking) = running.swap_remove(which.index(running.len()));
                    let cost = amount.min(reserved);
                    booking.settle(Some(Money::from_pico(cost)));
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

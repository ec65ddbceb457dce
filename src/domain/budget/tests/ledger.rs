//! A ledger that is written ahead: what a crash at any moment leaves, and what it costs.

use super::*;
use crate::domain::budget::{LedgerEntry, LedgerMode};
use std::collections::BTreeMap;

/// A ledger as the store keeps it: the newest entry of every budget and period.
type Rows = BTreeMap<(String, String), (Money, Money)>;

fn write(rows: &mut Rows, entries: &[LedgerEntry]) {
    for entry in entries {
        let key = (entry.budget.clone(), entry.period.clone());
        rows.insert(key, (entry.spent, entry.leased));
        entry.confirm();
    }
}

/// The budgets of the next process, which count open leases as spent.
fn restarted(config: &BudgetConfig, processes: &[&Rows], now: UnixTime) -> Arc<Budgets> {
    let amounts = processes.iter().flat_map(|rows| rows.iter());
    let amounts = amounts.map(|((budget, period), (spent, leased))| {
        (budget.clone(), period.clone(), *spent + *leased)
    });
    let budgets = Budgets::new(config, now);
    budgets.restore_earlier(amounts, now);
    budgets.set_ledger_mode(LedgerMode::On);
    Arc::new(budgets)
}

#[test]
fn a_crash_counts_what_was_leased_and_a_clean_stop_only_what_was_spent() {
    let config = config(100.0);
    let mut rows = Rows::new();
    let budgets = restarted(&config, &[], NOW);
    let scope = budgets.scope_of(None);
    let mut first = reserve(&scope, 0.4, NOW).unwrap();
    assert!(!first.is_covered(), "the ledger does not know it yet");
    write(&mut rows, &budgets.ledger_entries(NOW));
    assert!(first.is_covered());
    let mut second = reserve(&scope, 0.4, NOW).unwrap();
    assert!(
        second.is_covered(),
        "the lease reaches further than the first"
    );

    // The process is killed: two reservations and the rest of the lease.
    let crashed = restarted(&config, &[&rows], NOW).snapshot(NOW).day;
    assert!(crashed.spent >= usd(0.8), "{crashed:?}");
    assert!(
        crashed.spent <= usd(1.4),
        "at most 1 % of the limit more: {crashed:?}"
    );
    assert_eq!(crashed.reserved, Money::ZERO);

    first.settle(Some(usd(0.1)));
    second.settle(Some(usd(0.2)));
    write(&mut rows, &budgets.closing_entries(NOW));
    let stopped = restarted(&config, &[&rows], NOW);
    assert_eq!(stopped.snapshot(NOW).day.spent, usd(0.3));
    assert_eq!(stopped.snapshot(NOW).month.spent, usd(0.3));

    // The second process adds to the first one's amounts, and its own row has only its own.
    let mut own = Rows::new();
    reserve(&stopped.scope_of(None), 1.0, NOW)
        .unwrap()
        .settle(Some(usd(1.0)));
    write(&mut own, &stopped.closing_entries(NOW));
    assert_eq!(
        own[&("day".to_owned(), "2026-11-24".to_owned())].0,
        usd(1.0)
    );
    let third = restarted(&config, &[&rows, &own], NOW);
    assert_eq!(third.snapshot(NOW).day.spent, usd(1.3));
    assert_eq!(
        restarted(&config, &[&rows, &own], after(10))
            .snapshot(after(10))
            .day
            .spent,
        Money::ZERO
    );
}

#[test]
fn an_idle_process_holds_no_lease() {
    let budgets = restarted(&config(100.0), &[], NOW);
    let mut rows = Rows::new();
    reserve(&budgets.scope_of(None), 0.5, NOW)
        .unwrap()
        .settle(Some(usd(0.5)));
    write(&mut rows, &budgets.ledger_entries(NOW));
    let leased = |rows: &Rows| rows[&("day".to_owned(), "2026-11-24".to_owned())].1;
    assert!(leased(&rows) > Money::ZERO);
    for _ in 0..200 {
        write(&mut rows, &budgets.ledger_entries(NOW));
    }
    assert!(leased(&rows) < usd(0.000_001), "{:?}", leased(&rows));
}

#[test]
fn nothing_waits_without_a_ledger_without_a_limit_or_with_the_ledger_away() {
    let limited = restarted(&config(1.0), &[], NOW);
    let reservation = reserve(&limited.scope_of(None), 0.5, NOW).unwrap();
    assert!(!reservation.is_covered());
    limited.set_ledger_mode(LedgerMode::Away);
    assert!(reservation.is_covered());
    limited.set_ledger_mode(LedgerMode::Off);
    assert!(reservation.is_covered());

    let free = restarted(&BudgetConfig::default(), &[], NOW);
    assert!(
        reserve(&free.scope_of(None), 0.5, NOW)
            .unwrap()
            .is_covered()
    );
}

#[test]
fn a_token_that_the_configuration_adds_later_finds_its_spending() {
    let with_app = clients(&[("app", None, 1.0)], &[]);
    let amounts = [(
        "token/app/day".to_owned(),
        "2026-11-24".to_owned(),
        usd(0.9),
    )];
    let without = Budgets::new(&config(100.0), NOW);
    without.restore_earlier(amounts, NOW);
    let spent = |budgets: &Budgets| budgets.snapshot(NOW).callers().next().unwrap().1.spent;

    let added = without.with_config(&config(100.0), &with_app, NOW);
    assert_eq!(spent(&added), usd(0.9));
    let removed = added.with_config(&config(100.0), &ClientTerms::default(), NOW);
    assert_eq!(removed.snapshot(NOW).callers().count(), 0);
    assert_eq!(
        spent(&removed.with_config(&config(100.0), &with_app, NOW)),
        usd(0.9),
        "and never twice"
    );
}

proptest! {
    /// For any order of reservations, settlements, writes and a crash at any moment: the next process
    /// knows at least what covered reservations cost, and at most that and one lease.
    #[test]
    fn no_crash_opens_a_budget(
        steps in prop::collection::vec((0_u8..4, 1_u64..400, any::<prop::sample::Index>()), 1..120),
    ) {
        let config = BudgetConfig { per_day: Some(Money::from_pico(10_000)), ..BudgetConfig::default() };
        let budgets = restarted(&config, &[], NOW);
        let scope = budgets.scope_of(None);
        let (mut rows, mut waiting, mut running) = (Rows::new(), Vec::new(), Vec::new());
        // What the vendors may have billed: all that began.
        let mut billed = 0;
        let mut largest = 0;
        for (step, amount, which) in steps {
            match step {
                0 => waiting.extend(
                    scope.reserve(Some(Money::from_pico(amount)), Money::ZERO, true, ("", NOW)).map(|it| (amount, it)),
                ),
                1 => write(&mut rows, &budgets.ledger_entries(NOW)),
                2 if !running.is_empty() => {
                    let (reserved, mut reservation): (u64, BudgetReservation) =
                        running.swap_remove(which.index(running.len()));
                    let cost = reserved.min(amount);
                    reservation.settle(Some(Money::from_pico(cost)));
                    billed = billed - reserved + cost;
                }
                _ => {}
            }
            for (amount, reservation) in std::mem::take(&mut waiting) {
                if reservation.is_covered() {
                    billed += amount;
                    largest = largest.max(amount);
                    running.push((amount, reservation));
                } else {
                    waiting.push((amount, reservation));
                }
            }
            let known = restarted(&config, &[&rows], NOW).snapshot(NOW).day.spent.pico();
            prop_assert!(known >= billed, "{known} of {billed}");
            prop_assert!(known <= 10_000 + 400);
        }
    }
}

use super::*;
use crate::domain::budget::{BudgetUsage, Period};
use crate::domain::units::Money;

pub(super) fn budget(spent: f64, limit: f64, turned_away: u64) -> BudgetFigures {
    BudgetFigures {
        name: "[budget] usd_per_day".to_owned(),
        period: Period::Day,
        usage: BudgetUsage {
            limit: Some(Money::from_usd(limit)),
            spent: Money::from_usd(spent),
            reserved: Money::ZERO,
            uncounted: 0,
            turned_away,
            began_at: at(0),
            resets_at: at(86_400),
            projection: None,
        },
        consequence: "requests are rejected",
        expected: None,
    }
}

/// The messages of the notices of one evaluation.
fn told(board: &mut AlertBoard, mut budget: BudgetFigures, second: u64) -> Vec<String> {
    budget.usage.began_at = at(second / 86_400 * 86_400);
    let figures = AlertFigures {
        budgets: vec![budget],
        ..AlertFigures::default()
    };
    let notices = board.evaluate(&figures, at(second));
    notices.iter().map(AlertNotice::text).collect()
}

#[test]
fn each_part_of_a_budget_is_told_once_per_period() {
    let mut board = AlertBoard::default();
    assert_eq!(told(&mut board, budget(0.7, 1.0, 0), 1), [""; 0]);
    assert_eq!(
        told(&mut board, budget(0.85, 1.0, 0), 2),
        ["[budget] usd_per_day: 85 % is spent, $0.8500 of $1.00 until 2026-09-22 00:00 UTC"]
    );
    assert_eq!(told(&mut board, budget(0.86, 1.0, 0), 3), [""; 0]);
    assert_eq!(
        told(&mut board, budget(0.86, 1.0, 1), 4),
        [
            "[budget] usd_per_day is used up, $0.8600 of $1.00: requests are rejected until \
             2026-09-22 00:00 UTC"
        ]
    );
    assert_eq!(board.active()[0].severity, AlertSeverity::Critical);
    assert_eq!(told(&mut board, budget(1.0, 1.0, 1), 5), [""; 0]);

    // A higher limit ends the alert, and what was told is not told again under the old one.
    assert_eq!(told(&mut board, budget(1.0, 10.0, 1), 6).len(), 1);
    assert_eq!(told(&mut board, budget(1.0, 1.0, 1), 7), [""; 0]);
    assert_eq!(board.active().len(), 1);

    // The next day tells again.
    assert_eq!(told(&mut board, budget(0.0, 1.0, 0), 86_400), [""; 0]);
    assert_eq!(told(&mut board, budget(0.9, 1.0, 0), 86_500).len(), 1);
}

#[test]
fn a_budget_that_will_not_last_the_day_is_told_in_time() {
    let mut board = AlertBoard::default();
    // $2 an hour from the morning on, and $30 for the day.
    let mut first = None;
    for minute in 0..16 * 60 {
        let second = 6 * 3_600 + minute * 60;
        let spent = minute as f64 / 60.0 * 2.0;
        for text in told(&mut board, budget(spent, 30.0, 0), second) {
            first.get_or_insert((minute, text));
        }
    }
    let (minute, text) = first.expect("a burning budget is told");

    assert!((15..20).contains(&minute), "{minute}");
    assert!(text.contains("used up at 2026-09-21 21:00 UTC"), "{text}");

    // $1 an hour lasts.
    let mut board = AlertBoard::default();
    for minute in 0..16 * 60 {
        let spent = minute as f64 / 60.0;
        let second = 6 * 3_600 + minute * 60;
        assert_eq!(told(&mut board, budget(spent, 30.0, 0), second), [""; 0]);
    }
}

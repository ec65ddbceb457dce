//! Strategy, budgets and breakers in the draft, and the advice on weights.

use super::*;
use crate::contract::{AdviceReport, AdviceRequest, WeightPoints};
use crate::tui::change::Change;

fn model() -> Model {
    let mut model = Model::new(options(Theme::default(), true));
    receive(&mut model, fixture::status(5, 7));
    model
}

#[test]
fn another_strategy_takes_at_most_six_keys() {
    let mut model = model();
    // The weights, the settings, the next strategy, the review, its first button.
    press(&mut model, "w Tab →");
    let effects = press(&mut model, "Enter");
    assert!(effects.is_empty());
    let lines = text(&model, 80, 24);
    assert!(lines.contains("strategy"), "{lines}");
    let focused = press(&mut model, "Enter");
    let effects = if focused.is_empty() {
        press(&mut model, "Tab Enter")
    } else {
        focused
    };
    let [Effect::Change(changes)] = effects.as_slice() else {
        panic!("{effects:?}\n{}", text(&model, 80, 24))
    };
    let [Change::Settings(change)] = changes.as_slice() else {
        panic!("{changes:?}")
    };
    assert_eq!(change.strategy.as_deref(), Some("round-robin"));
    assert_eq!(change.revert_after_seconds, Some(120), "on trial");
    assert_eq!(change.revision, Some(42));
}

#[test]
fn the_forecast_is_asked_for_the_drafted_settings() {
    let mut model = model();
    press(&mut model, "w Tab → j 9 9");
    let known = model.what_if.as_ref().unwrap();
    assert_eq!(known.request.strategy.as_deref(), Some("round-robin"));
    let budget = known.request.budget.clone().unwrap();
    assert_eq!(budget.usd_per_day.unwrap().0, Some(99.0));
}

#[test]
fn settings_are_shown_at_every_size() {
    let mut model = model();
    press(&mut model, "w Tab →");
    for (width, height) in [(60, 15), (80, 24), (120, 40), (200, 60)] {
        let screen = text(&model, width, height);
        assert!(screen.contains("round-robin"), "{width}x{height}\n{screen}");
        assert!(screen.contains("budget/day"), "{width}x{height}\n{screen}");
    }
}

#[test]
fn advice_becomes_the_draft() {
    let mut model = model();
    press(&mut model, "w A");
    let effects = press(&mut model, "Enter");
    let [Effect::AskAdvice(goal)] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(
        *goal,
        AdviceRequest {
            p95_ms: Some(1_930.0),
            success_rate: Some(0.996),
            usd_per_day: None,
        }
    );
    let weights = WeightPoints {
        cost: 60.0,
        latency: 20.0,
        reliability: 20.0,
        load: 10.0,
        priority: 10.0,
    };
    let advice = AdviceReport {
        goal: *goal,
        met: true,
        weights: Some(weights),
        now: None,
        then: None,
        missed: Vec::new(),
        tried: 30,
        runs: 4,
        requests: 900,
        since: None,
        moving: false,
        too_little_traffic: false,
    };
    update(&mut model, Message::Advice(Box::new(Ok(advice))), NOW);
    assert_eq!(model.draft.as_ref().unwrap().weights(), weights);
    assert!(
        model
            .notice
            .as_ref()
            .unwrap()
            .text
            .contains("meets the goal")
    );
}

#[test]
fn a_goal_that_is_not_understood_is_named() {
    let mut model = model();
    press(&mut model, ":");
    type_in(&mut model, "advise speed<3");
    assert!(press(&mut model, "Enter").is_empty());
    let notice = &model.notice.as_ref().unwrap().text;
    assert!(notice.contains("\"speed<3\" is no bound"), "{notice}");
}

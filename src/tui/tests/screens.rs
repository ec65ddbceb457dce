//! Switching screens, and the requests of each screen.

use super::*;
use crate::client::DecisionFilter;
use crate::contract::{
    DecisionDetail, DecisionList, DecisionOutcome, DecisionReport, EffectFiguresReport,
    EffectReport, HealthState, PeriodReport, ProviderEffect, RequestTrouble, RevisionReport,
    TotalWhatIfReport, TroubledReport, WeightPoints, WhatIfReport, WhatIfTotalsReport,
};
use crate::tui::input_context::{CONTEXTS, Screen};
use crate::tui::model::Subject;

/// Fills the lists.
pub fn fill(model: &mut Model) {
    update(model, listed(decisions()), NOW);
    update(model, Message::Revisions(Ok(revisions())), NOW);
}

/// The answer that lists these decisions.
pub fn listed(decisions: Vec<DecisionReport>) -> Message {
    let troubled = TroubledReport {
        kept: 2,
        dropped: 0,
    };
    Message::Decisions(Ok(DecisionList {
        decisions,
        troubled,
    }))
}

pub fn decisions() -> Vec<DecisionReport> {
    let decision = |at: u64, provider: &str, outcome, attempts: u32| DecisionReport {
        decision_id: format!("8f{at}"),
        at: format!("2026-11-24T03:14:{at:02}.000Z"),
        request_id: Some(format!("request-{at}")),
        provider: Some(provider.to_owned()),
        model: Some("model-1".to_owned()),
        score: Some(0.91),
        reason: "drawn by share among the best".to_owned(),
        outcome,
        trouble: match outcome {
            DecisionOutcome::Ok if attempts > 1 => Some(RequestTrouble::Saved),
            DecisionOutcome::Error => Some(RequestTrouble::Failed),
            _ => None,
        },
        error_class: (attempts > 1).then(|| "server".to_owned()),
        client: Some(if at == 40 { "ann" } else { "web" }.to_owned()),
        model_asked: Some("auto:chat".to_owned()),
        chain: ["cumulus", "local", provider][3 - attempts as usize..]
            .iter()
            .map(|name| (*name).to_owned())
            .collect(),
        latency_ms: Some(912.0),
        cost_usd: Some(0.0052),
        cost_basis: "estimated".to_owned(),
        attempts,
    };
    vec![
        decision(41, "borealis", DecisionOutcome::Ok, 1),
        decision(40, "google", DecisionOutcome::Ok, 2),
        decision(39, "aurora", DecisionOutcome::Error, 3),
        decision(38, "aurora", DecisionOutcome::Cancelled, 1),
    ]
}

/// The newest change is not measured to its end; the first one is of an older version.
fn effect(number: u64) -> Option<EffectReport> {
    let figures = |count: u64, share: f64| EffectFiguresReport {
        count,
        too_few: count < 20,
        share,
        success_rate: (count >= 20).then_some(0.9962),
        p95: (count >= 20).then_some(1_930.0),
        usd_per_1k: (count >= 20).then_some(0.52),
        usd_per_hour: Some(4.12),
    };
    let period = |seconds: u64, shares: [(&str, u64); 3]| PeriodReport {
        seconds,
        requests: figures(1_240, 1.0),
        providers: shares
            .iter()
            .map(|(name, count)| ProviderEffect {
                provider: (*name).to_owned(),
                figures: figures(*count, *count as f64 / 1_000.0),
            })
            .collect(),
    };
    let before = period(120, [("aurora", 410), ("borealis", 270), ("google", 12)]);
    let mut after = period(120, [("aurora", 7), ("borealis", 650), ("google", 330)]);
    after.providers[1].figures.p95 = Some(5_100.0);
    (number > 40).then(|| EffectReport {
        before,
        after: (number == 41).then_some(after),
    })
}

fn revisions() -> Vec<RevisionReport> {
    let weights = |cost: f64| WeightPoints {
        cost,
        latency: 70.0 - cost,
        reliability: 30.0,
        load: 10.0,
        priority: 10.0,
    };
    let revision = |number: u64, before: f64, after: f64| RevisionReport {
        revision: number,
        at: "2026-11-24T03:08:02.000Z".to_owned(),
        who: "alice".to_owned(),
        reason: (number == 42).then(|| "4o slow".to_owned()),
        what: format!("cost {before} → {after}"),
        before: weights(before),
        after: weights(after),
        effect: effect(number),
    };
    let mut all = vec![
        revision(42, 25.0, 30.0),
        revision(41, 20.0, 25.0),
        revision(40, 15.0, 20.0),
    ];
    all[0].at = "2026-11-24T03:13:50.000Z".to_owned();
    all[2].at = "2026-11-24T01:00:00.000Z".to_owned();
    all
}

#[test]
fn every_screen_is_reached_and_left_by_its_key() {
    for (key, screen) in [
        ("w", Screen::Weights),
        ("d", Screen::Decisions),
        ("M", Screen::Models),
        ("C", Screen::Clients),
        ("a", Screen::Alerts),
        ("v", Screen::Revisions),
        ("L", Screen::Log),
        ("Enter", Screen::Detail),
    ] {
        let mut model = default_model();
        press(&mut model, key);
        assert_eq!(model.screen, screen, "{key}");
        press(&mut model, "H");
        assert_eq!(model.screen, Screen::Overview);
    }
}

#[test]
fn every_key_of_the_table_works_in_every_context() {
    for &context in CONTEXTS {
        for (binding, _) in Keymap::default().at(context, true) {
            let mut model = default_model();
            fill(&mut model);
            if let crate::tui::input_context::InputContext::On(screen) = context {
                model.screen = screen;
                update(&mut model, Message::Tick, NOW);
            }
            let key = binding.keys[0].replace("0-9", "5").replace("1-5", "2");
            press(&mut model, &key);
            text(&model, 120, 40);
        }
    }
}

#[test]
fn decisions_are_requested_only_while_they_are_shown() {
    let mut model = default_model();
    let tick = |model: &mut Model| -> Vec<Effect> {
        let effects = update(model, Message::Tick, NOW);
        effects.into_iter().filter(is_no_request).collect()
    };
    assert_eq!(tick(&mut model), []);
    let asked = Effect::AskDecisions(DecisionFilter {
        limit: 200,
        ..DecisionFilter::default()
    });
    assert_eq!(press(&mut model, "d"), std::slice::from_ref(&asked));
    assert_eq!(tick(&mut model), [], "one request at a time");
    fill(&mut model);
    assert_eq!(
        tick(&mut model),
        [],
        "a list that jumps each second cannot be read"
    );
    model.decision_view.asked_at = Some(NOW.saturating_sub(Duration::from_secs(5)));
    assert_eq!(tick(&mut model), [asked]);
    press(&mut model, "Space");
    fill(&mut model);
    model.decision_view.asked_at = None;
    assert_eq!(tick(&mut model), [], "frozen");
}

#[test]
fn the_decision_under_the_cursor_is_explained_once() {
    let mut model = default_model();
    press(&mut model, "d");
    let asked = |model: &mut Model| {
        let effects = update(model, listed(decisions()), NOW);
        effects.into_iter().find_map(|effect| match effect {
            Effect::AskDecision(id) => Some(id),
            _ => None,
        })
    };
    assert_eq!(asked(&mut model).as_deref(), Some("8f41"));
    assert_eq!(asked(&mut model), None, "one request at a time");
    let detail = DecisionDetail {
        summary: decisions().remove(0),
        tag: None,
        status: Some(200),
        message: None,
        attempts: Vec::new(),
        input_tokens: Some(20),
        output_tokens: Some(65),
        dropped_fields: Vec::new(),
        rounds: Vec::new(),
    };
    update(
        &mut model,
        Message::Explained("8f41".to_owned(), Ok(detail)),
        NOW,
    );
    assert_eq!(asked(&mut model), None, "a finished decision is final");
    press(&mut model, "j");
    update(
        &mut model,
        Message::Explained("8f40".to_owned(), Err(gone())),
        NOW,
    );
    assert_eq!(asked(&mut model).as_deref(), Some("8f40"));
}

fn gone() -> crate::client::ClientError {
    crate::client::ClientError::from(crate::contract::Problem::new(
        404,
        "not remembered".to_owned(),
    ))
}

#[test]
fn a_draft_is_forecast_from_the_requests_of_the_window() {
    let mut model = default_model();
    let key = |name: &str| Message::Input(Input::Key(name.parse().unwrap()));
    update(&mut model, key("w"), NOW);
    let effects = update(&mut model, key("→"), NOW);
    let [Effect::AskWhatIf(request)] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(
        (request.weights.cost, request.window),
        (Some(31.0), Window::Quarter)
    );
    assert_eq!(update(&mut model, key("→"), NOW), [], "one draft at a time");
    let side = |p95: f64| WhatIfTotalsReport {
        requests: 90,
        share: 1.0,
        mean_latency_ms: Some(400.0),
        p50: Some(400.0),
        p95: Some(p95),
        success_rate: Some(0.99),
        usd_per_hour: Some(4.0),
        usd_per_1k_requests: Some(0.5),
        ..WhatIfTotalsReport::default()
    };
    let report = |cost: f64| WhatIfReport {
        expected: None,
        decisions: 90,
        extrapolated: 7,
        since: None,
        weights: WeightPoints {
            cost,
            latency: 71.0 - cost,
            reliability: 29.0,
            load: 10.0,
            priority: 10.0,
        },
        targets: Vec::new(),
        total: TotalWhatIfReport {
            now: side(1_900.0),
            then: side(1_400.0),
        },
        providers: Vec::new(),
        closed_loop: None,
    };
    let effects = update(&mut model, Message::WhatIf(Box::new(Ok(report(31.0)))), NOW);
    assert!(
        matches!(effects.as_slice(), [Effect::AskWhatIf(_)]),
        "the newer draft"
    );
    let screen = text(&model, 120, 40);
    assert!(screen.contains("90 requests of 15m replayed"), "{screen}");
    assert!(screen.contains("p95 1.9s→1.4s"), "{screen}");
    press(&mut model, "t");
    let screen = text(&model, 120, 40);
    assert!(screen.contains("90 requests of 15m"), "{screen}");
}

#[test]
fn a_provider_is_explained_by_its_own_decisions() {
    let mut model = default_model();
    press(&mut model, "↓");
    let name = model.selected_name();
    let asked = DecisionFilter {
        limit: 200,
        provider: name,
        ..DecisionFilter::default()
    };
    assert_eq!(press(&mut model, "e"), [Effect::AskDecisions(asked)]);
}

#[test]
fn weights_are_rolled_back_to_a_revision() {
    let mut model = default_model();
    press(&mut model, "v");
    fill(&mut model);
    press(&mut model, "j .");
    assert_eq!(model.dialog, Some(Dialog::Menu(Subject::Revision(41))));
    press(&mut model, "r");
    assert!(is_dialog(&model, "ROLL BACK TO rev 41"));
    let mut model = default_model();
    fill(&mut model);
    press(&mut model, ":");
    type_in(&mut model, "rollback 41");
    press(&mut model, "Enter");
    assert!(is_dialog(&model, "ROLL BACK TO rev 41"));
}

#[test]
fn the_command_line_finds_actions_by_a_few_letters() {
    let mut model = default_model();
    press(&mut model, ":");
    type_in(&mut model, "decis");
    press(&mut model, "Enter");
    assert_eq!(model.screen, Screen::Decisions);
    press(&mut model, ":");
    type_in(&mut model, "win 1h");
    assert_eq!(press(&mut model, "Enter"), [Effect::Watch(Window::Hour)]);
    press(&mut model, ":");
    type_in(&mut model, "goto goo");
    press(&mut model, "Enter");
    assert_eq!(model.selected_name(), Some("google".to_owned()));
    press(&mut model, ":");
    type_in(&mut model, "fly away");
    press(&mut model, "Enter");
    assert!(model.notice.as_ref().unwrap().bad);
}

#[test]
fn the_filter_applies_while_it_is_typed_and_esc_clears_it() {
    let mut model = default_model();
    press(&mut model, "/");
    type_in(&mut model, "state:open");
    assert_eq!(model.rows().len(), 1);
    press(&mut model, "Enter");
    assert!(text(&model, 120, 40).contains("filter state:open"));
    press(&mut model, "Esc");
    assert_eq!(model.rows().len(), 5);
}

#[test]
fn rows_are_sorted_at_once_on_request() {
    let mut model = default_model();
    press(&mut model, "j s n");
    assert_eq!(model.order[0], "aurora");
    press(&mut model, "s l");
    assert_eq!(model.order[0], "google", "slowest first");
    assert_eq!(model.order[4], "local", "unknown last");
}

#[test]
fn the_cursor_follows_its_provider_and_the_order_is_held() {
    let mut model = default_model();
    press(&mut model, "↓");
    let (order, selected) = (model.order.clone(), model.selected_name());

    let mut status = fixture::status(5, 8);
    status.providers[3].performance.state = HealthState::Down;
    let update_to = |status: &Status| Message::Update(Update::Status(Arc::new(status.clone())));
    update(&mut model, update_to(&status), NOW + Duration::from_secs(1));
    assert_eq!(model.order, order, "held");
    update(&mut model, update_to(&status), NOW + Duration::from_secs(6));
    assert_eq!(model.order[0], "google");
    assert_eq!(model.selected_name(), selected);
}

#[test]
fn a_new_window_is_requested_and_old_updates_are_ignored() {
    let mut model = default_model();
    assert_eq!(press(&mut model, "t"), [Effect::Watch(Window::Hour)]);
    let before = model.status.clone();
    send_status(&mut model, 5, 9);
    assert_eq!(model.status, before);
    assert_eq!(
        press(&mut model, "T T"),
        [
            Effect::Watch(Window::Quarter),
            Effect::Watch(Window::FiveMinutes)
        ]
    );
}

#[test]
fn a_frozen_screen_stays_and_trouble_is_live() {
    let mut model = default_model();
    press(&mut model, "Space");
    let before = text(&model, 120, 40);
    send_status(&mut model, 5, 20);
    assert_eq!(text(&model, 120, 40), before);
    assert!(before.contains("FROZEN"));
    let mut status = fixture::status(5, 21);
    status.providers[1].performance.state = HealthState::Down;
    receive(&mut model, status);
    assert!(text(&model, 120, 40).contains("!!3"));
}

#[test]
fn a_panel_is_zoomed_and_unzoomed() {
    let mut model = default_model();
    press(&mut model, "2 z");
    let screen = text(&model, 120, 40);
    assert!(screen.contains("2 EVENTS") && !screen.contains("1 LATENCY"));
    press(&mut model, "Esc");
    assert!(text(&model, 120, 40).contains("1 LATENCY"));
}

#[test]
fn the_mouse_mode_is_off_until_enabled() {
    let mut model = default_model();
    assert_eq!(press(&mut model, "m"), [Effect::Mouse(true)]);
    assert!(text(&model, 120, 40).contains("MOUSE"));
    update(&mut model, Message::Input(Input::Wheel(1)), NOW);
    assert_eq!(model.selected_name(), Some(model.order[1].clone()));
    assert_eq!(press(&mut model, "m"), [Effect::Mouse(false)]);
}

#[test]
fn a_change_shows_before_and_after_within_two_keys() {
    let mut model = default_model();
    press(&mut model, "v");
    fill(&mut model);
    let screen = text(&model, 80, 24);
    assert!(screen.contains("AFTER is measured: "), "{screen}");

    press(&mut model, "j");
    let screen = text(&model, 80, 24);
    assert!(
        screen.contains("REV 41: 2 min BEFORE | 2 min AFTER"),
        "{screen}"
    );
    assert!(screen.contains("too few: 7"), "{screen}");
    let row = screen
        .lines()
        .find(|line| line.contains(" borealis"))
        .unwrap();
    assert!(
        row.contains("27%") && row.contains("65%") && row.contains("5.1s"),
        "{row}"
    );

    press(&mut model, "j");
    let screen = text(&model, 80, 24);
    assert!(screen.contains("not measured by the version"), "{screen}");
}

#[test]
fn changes_are_requested_again_after_a_change_or_some_time() {
    let mut model = default_model();
    let asks = |model: &mut Model, seconds: u64| {
        let now = NOW + Duration::from_secs(seconds);
        let effects = update(model, Message::Tick, now);
        effects.contains(&Effect::AskRevisions)
    };
    press(&mut model, "v");
    fill(&mut model);
    assert!(!asks(&mut model, 1), "just answered");
    assert!(asks(&mut model, 5));
    fill(&mut model);
    model.revisions.rows.remove(0);
    assert!(
        asks(&mut model, 0),
        "revision 42 is in effect and not listed"
    );
}

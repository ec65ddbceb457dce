//! The decisions screen: a failed request is found, opened and explained.

use super::screens::{decisions, fill, listed};
use super::*;
use crate::client::{ClientError, DecisionFilter, TroubleFilter};
use crate::contract::{
    AttemptReport, CounterfactualReport, DecisionDetail, DecisionOutcome, DecisionReport, Problem,
};
use crate::tui::input_context::Screen;

fn on_decisions() -> Model {
    let mut model = default_model();
    press(&mut model, "d");
    fill(&mut model);
    model
}

fn selected(model: &Model) -> String {
    let rows = model.decision_rows();
    rows[model.decisions.at].decision_id.clone()
}

fn named(id: &str, at: &str) -> DecisionReport {
    DecisionReport {
        decision_id: id.to_owned(),
        at: at.to_owned(),
        ..decisions()[0].clone()
    }
}

fn failed_attempt(number: u32, provider: &str) -> AttemptReport {
    AttemptReport {
        attempt: number,
        provider: provider.to_owned(),
        model: "model-1".to_owned(),
        key: None,
        outcome: DecisionOutcome::Error,
        status: Some(503),
        error_class: Some("server".to_owned()),
        message: Some("the model is overloaded, try again later".to_owned()),
        latency_ms: 312.0,
        time_to_first_token_ms: None,
        input_tokens: None,
        output_tokens: None,
        cost_usd: None,
    }
}

/// The explanation of the request that failed at three providers, with a selection for each.
pub fn failed() -> DecisionDetail {
    let round = |attempt: u32| {
        let json = include_str!("explained_round.json");
        let mut round: crate::contract::SelectionRoundReport = serde_json::from_str(json).unwrap();
        round.attempt = attempt;
        round.flip = Some(CounterfactualReport {
            objective: "cost".to_owned(),
            from: 30.0,
            to: 41.0,
            provider: "google".to_owned(),
            model: "model-1".to_owned(),
            text: "cost 41 instead of 30 would have chosen google/model-1".to_owned(),
        });
        round
    };
    DecisionDetail {
        summary: decisions().remove(2),
        tag: None,
        status: Some(502),
        message: None,
        attempts: ["cumulus", "local", "aurora"]
            .into_iter()
            .zip(1..)
            .map(|(provider, number)| failed_attempt(number, provider))
            .collect(),
        input_tokens: None,
        output_tokens: None,
        dropped_fields: Vec::new(),
        rounds: vec![round(1), round(2), round(3)],
    }
}

/// The decisions screen with the failed request explained.
fn explained() -> Model {
    let mut model = on_decisions();
    press(&mut model, "n n");
    let answer = Message::Explained("8f39".to_owned(), Ok(failed()));
    // The explanation of the row before came first.
    update(
        &mut model,
        Message::Explained("8f41".to_owned(), Err(gone())),
        NOW,
    );
    update(&mut model, answer, NOW);
    model.notice = None;
    model
}

fn gone() -> ClientError {
    ClientError::from(Problem::new(404, "not remembered".to_owned()))
}

#[test]
fn a_failed_request_is_explained_with_its_cause_two_keys_from_the_overview() {
    let mut model = default_model();
    press(&mut model, "d");
    let mut rows = decisions();
    rows.remove(1);
    update(&mut model, listed(rows), NOW);
    update(
        &mut model,
        Message::Explained("8f41".to_owned(), Err(gone())),
        NOW,
    );
    let key = Message::Input(Input::Key("n".parse().unwrap()));
    let effects = update(&mut model, key, NOW);
    assert_eq!(selected(&model), "8f39");
    assert!(
        effects.contains(&Effect::AskDecision("8f39".to_owned())),
        "{effects:?}"
    );
    update(
        &mut model,
        Message::Explained("8f39".to_owned(), Ok(failed())),
        NOW,
    );
    for (width, height) in [(80, 24), (120, 40)] {
        let screen = text(&model, width, height);
        for part in [
            "failed (502) after 3 attempts",
            "aurora/model-1 answered 503 (server): \"the model is",
            "failed: server at cumulus → local → aurora",
        ] {
            assert!(
                screen.contains(part),
                "{part} at {width}x{height}:\n{screen}"
            );
        }
    }
}

#[test]
fn a_failed_request_looks_so() {
    let model = explained();
    for (width, height) in [(80, 24), (120, 40)] {
        insta::assert_snapshot!(
            format!("explained_{width}x{height}"),
            text(&model, width, height)
        );
    }
}

#[test]
fn what_would_have_chosen_otherwise_is_reached_on_a_small_screen() {
    let mut model = explained();
    let mut seen = String::new();
    for _ in 0..6 {
        let screen = text(&model, 80, 24);
        assert!(
            screen.contains("Tab"),
            "a mark says that there is more:\n{screen}"
        );
        seen.push_str(&screen);
        press(&mut model, "Tab");
    }
    for part in [
        "else 3   cost 41 instead of 30",
        "try 3",
        "why 3",
        "request-39",
    ] {
        assert!(seen.contains(part), "{part}:\n{seen}");
    }
    let mut back = explained();
    let first = text(&back, 80, 24);
    press(&mut back, "Tab S-Tab");
    assert_eq!(text(&back, 80, 24), first);
}

#[test]
fn trouble_is_one_key_away_and_the_message_says_what_it_is() {
    let mut model = on_decisions();
    let notice = |model: &Model| model.notice.as_ref().map(|it| it.text.clone()).unwrap();
    press(&mut model, "n");
    assert_eq!(selected(&model), "8f40");
    assert_eq!(notice(&model), "saved: local → google after server");
    press(&mut model, "n");
    assert_eq!(notice(&model), "failed: server at cumulus → local → aurora");
    press(&mut model, "n");
    let none = "no older one of the 4 listed requests failed or was saved";
    assert_eq!(
        (selected(&model), notice(&model)),
        ("8f39".to_owned(), none.to_owned())
    );
    press(&mut model, "N");
    assert_eq!(selected(&model), "8f40");
    assert_eq!(press(&mut model, "y"), [Effect::Copy("8f40".to_owned())]);
    press(&mut model, "Enter");
    assert_eq!(
        (model.screen, model.selected_name()),
        (Screen::Detail, Some("google".to_owned()))
    );
}

#[test]
fn until_the_cursor_moves_it_stands_on_the_newest_that_has_ended() {
    let mut model = default_model();
    press(&mut model, "d");
    let mut rows = decisions();
    rows[0].outcome = DecisionOutcome::Pending;
    update(&mut model, listed(rows.clone()), NOW);
    assert_eq!(selected(&model), "8f40");
    rows.insert(0, named("8f42", "2026-11-24T03:14:42.000Z"));
    update(&mut model, listed(rows), NOW);
    assert_eq!(selected(&model), "8f42", "it follows");
}

#[test]
fn a_moved_cursor_holds_its_request_and_the_rows_and_counts_what_came() {
    let mut model = on_decisions();
    press(&mut model, "j");
    let before = text(&model, 120, 40);
    let mut rows = decisions();
    rows.truncate(1);
    rows[0].latency_ms = Some(77.0);
    rows.insert(0, named("8f43", "2026-11-24T03:14:43.000Z"));
    rows.insert(0, named("8f44", "2026-11-24T03:14:44.000Z"));
    update(&mut model, listed(rows.clone()), NOW);
    assert_eq!(
        (selected(&model), model.decision_rows().len()),
        ("8f40".to_owned(), 4)
    );
    let screen = text(&model, 120, 40);
    assert!(screen.contains("2 newer, g shows them"), "{screen}");
    assert!(
        screen.contains("    77 "),
        "what changed in a row is shown:\n{screen}"
    );
    let still = |screen: &str| -> Vec<String> {
        let rows = screen.lines().filter(|line| line.contains("03:14:4"));
        rows.filter(|line| !line.contains("03:14:41"))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(still(&screen), still(&before));

    let effects = press(&mut model, "g");
    assert!(
        matches!(effects.as_slice(), [Effect::AskDecisions(_)]),
        "{effects:?}"
    );
    update(&mut model, listed(rows), NOW);
    assert_eq!(selected(&model), "8f44");
}

#[test]
fn the_explanation_stays_until_the_next_one_arrives() {
    let mut model = explained();
    press(&mut model, "k");
    let screen = text(&model, 120, 40);
    assert!(
        screen.contains("EXPLAIN 8f39") && screen.contains("failed (502)"),
        "{screen}"
    );
    model.now = NOW + Duration::from_secs(1);
    let screen = text(&model, 120, 40);
    assert!(
        screen.contains("EXPLAIN 8f40") && screen.contains("loading"),
        "{screen}"
    );
}

fn ask_for(model: &mut Model, id: &str) -> Vec<Effect> {
    press(model, ":");
    type_in(model, &format!("request {id}"));
    let key = Message::Input(Input::Key("Enter".parse().unwrap()));
    update(model, key, NOW)
}

#[test]
fn a_request_is_opened_by_its_id_even_if_no_row_shows_it() {
    let mut model = default_model();
    let effects = ask_for(&mut model, "request-7");
    assert!(
        effects.contains(&Effect::AskDecision("request-7".to_owned())),
        "{effects:?}"
    );
    let mut old = failed();
    old.summary = DecisionReport {
        decision_id: "00aa".to_owned(),
        at: "2026-11-23T01:00:00.000Z".to_owned(),
        request_id: Some("request-7".to_owned()),
        ..old.summary
    };
    update(&mut model, listed(decisions()), NOW);
    update(
        &mut model,
        Message::Explained("request-7".to_owned(), Ok(old)),
        NOW,
    );
    assert_eq!(
        (model.screen, selected(&model)),
        (Screen::Decisions, "00aa".to_owned())
    );
    let screen = text(&model, 120, 40);
    assert!(
        screen.contains("EXPLAIN 00aa") && screen.contains("request-7"),
        "{screen}"
    );
    // It stays while others arrive.
    update(&mut model, listed(decisions()), NOW);
    assert_eq!(selected(&model), "00aa");
}

#[test]
fn an_id_that_nobody_has_is_said() {
    let mut model = on_decisions();
    ask_for(&mut model, "ffff");
    update(
        &mut model,
        Message::Explained("ffff".to_owned(), Err(gone())),
        NOW,
    );
    let notice = model.notice.as_ref().unwrap();
    assert!(
        notice.bad && notice.text.contains("not remembered"),
        "{notice:?}"
    );
    assert_eq!(selected(&model), "8f41");
    ask_for(&mut model, "");
    assert!(model.notice.as_ref().unwrap().bad);
}

fn filter(model: &mut Model, words: &str) {
    press(model, "/ ^u");
    type_in(model, words);
    press(model, "Enter");
}

#[test]
fn decisions_are_filtered_by_client_model_result_and_provider() {
    let mut model = on_decisions();
    for (words, ids) in [
        ("client:ann", &["8f40"][..]),
        ("model:AUTO", &["8f41", "8f40", "8f39", "8f38"]),
        ("result:failed", &["8f39"]),
        ("result:saved", &["8f40"]),
        ("result:ok -result:saved", &["8f41"]),
        // One that was tried counts too.
        ("provider:cumulus", &["8f39"]),
        ("provider:aurora result:cancelled", &["8f38"]),
        ("request-41", &["8f41"]),
    ] {
        filter(&mut model, words);
        let shown = model.decision_rows().into_iter();
        let shown: Vec<&str> = shown.map(|row| row.decision_id.as_str()).collect();
        assert_eq!(shown, ids, "{words}");
    }
}

#[test]
fn a_filter_that_shows_nothing_says_why() {
    let mut model = on_decisions();
    filter(&mut model, "client:missing");
    let screen = text(&model, 80, 24);
    assert!(screen.contains("0 of 4 match · Esc clears"), "{screen}");
    press(&mut model, "/ ^u");
    type_in(&mut model, "result:fine");
    let typed = text(&model, 80, 24);
    press(&mut model, "Enter");
    for screen in [typed, text(&model, 80, 24)] {
        assert!(
            screen.contains("no result is called \"fine\": it is ok, failed, saved"),
            "{screen}"
        );
    }
    press(&mut model, "Esc");
    assert_eq!(model.decision_rows().len(), 4);
}

#[test]
fn a_filter_asks_the_gateway_for_what_can_match() {
    let mut model = on_decisions();
    filter(&mut model, "result:failed client:ann");
    let effects = update(&mut model, Message::Tick, NOW);
    let asked = DecisionFilter {
        limit: 500,
        trouble: Some(TroubleFilter::Failed),
        ..DecisionFilter::default()
    };
    assert!(
        effects.contains(&Effect::AskDecisions(asked)),
        "{effects:?}"
    );
}

//! The window moves through the past and back.

use super::*;
use crate::client::{ApiError, ClientError, DecisionFilter};
use crate::contract::{DecisionList, PastWindow, Problem};

/// Unix seconds of 03:14 of the fixture, the last full minute.
const END: u64 = 1_795_490_040;
const QUARTER: u64 = 900;

fn past(from: &str, until: &str) -> Status {
    let time = |minute: &str| format!("2026-11-24T{minute}:00.000Z");
    Status {
        past: Some(PastWindow {
            from: time(from),
            until: time(until),
        }),
        generated_at: time(until),
        requests_per_second: 7.7,
        ..fixture::status(5, 8)
    }
}

/// Has gone one window back.
fn back() -> Model {
    let mut model = default_model();
    let effects = press(&mut model, "{");
    let until = END - QUARTER;
    assert_eq!(effects, [Effect::AskPast(Window::Quarter, until)]);
    answer(&mut model, until, Ok(past("02:44", "02:59")));
    model
}

fn answer(model: &mut Model, until: u64, status: Result<Status, ClientError>) -> Vec<Effect> {
    let of = (Window::Quarter, until);
    update(model, Message::Past(of, Box::new(status)), NOW)
}

fn first_line(model: &Model) -> String {
    text(model, 120, 40).lines().next().unwrap().to_owned()
}

#[test]
fn a_window_of_the_past_is_shown_and_trouble_stays_live() {
    let mut model = back();
    let first = first_line(&model);
    assert!(first.contains("PAST 11-24 02:44..02:59"), "{first}");
    assert!(text(&model, 120, 40).contains("7.7 req/s"));

    let mut status = fixture::status(5, 21);
    status.providers[1].performance.state = crate::contract::HealthState::Down;
    receive(&mut model, status);
    let screen = text(&model, 120, 40);
    assert!(
        screen.lines().nth(2).unwrap().contains("DOWN borealis"),
        "{screen}"
    );
    assert!(screen.contains("7.7 req/s"), "the figures stay: {screen}");
}

#[test]
fn the_window_goes_back_and_forth_and_ends_in_the_present() {
    let mut model = back();
    let until = END - 2 * QUARTER;
    assert_eq!(
        press(&mut model, "{"),
        [Effect::AskPast(Window::Quarter, until)]
    );
    answer(&mut model, until, Ok(past("02:29", "02:44")));
    let until = END - QUARTER;
    assert_eq!(
        press(&mut model, "}"),
        [Effect::AskPast(Window::Quarter, until)]
    );
    press(&mut model, "}");
    assert_eq!(model.past, None);
    assert!(first_line(&model).contains("LIVE"));
    press(&mut model, "}");
    assert!(model.notice.unwrap().text.contains("this is the present"));

    let mut model = back();
    press(&mut model, "Esc");
    assert_eq!(model.past, None);
}

#[test]
fn where_nothing_is_stored_the_screen_stays_and_says_so() {
    let missing = || {
        let problem = Problem::new(404, "nothing is stored of 02:00 to 02:15");
        ClientError::from(ApiError::from(problem))
    };
    let mut model = default_model();
    press(&mut model, "{");
    answer(&mut model, END - QUARTER, Err(missing()));
    assert_eq!(model.past, None, "the present");
    let text = model.notice.take().unwrap().text;
    assert!(text.contains("no figures so far back"), "{text}");

    let mut model = back();
    press(&mut model, "{");
    answer(&mut model, END - 2 * QUARTER, Err(missing()));
    assert!(first_line(&model).contains("PAST 11-24 02:44..02:59"));
    let until = END - 2 * QUARTER;
    assert_eq!(
        press(&mut model, "Esc {"),
        [Effect::AskPast(Window::Quarter, until)]
    );
}

#[test]
fn decisions_are_those_of_the_window_and_are_asked_for_once() {
    let mut model = back();
    let until = END - QUARTER;
    let mut of_window = DecisionFilter {
        limit: 200,
        ..DecisionFilter::default()
    };
    let of_present = of_window.clone();
    of_window.set_period(until - QUARTER, until);
    assert_eq!(press(&mut model, "d"), [Effect::AskDecisions(of_window)]);
    update(
        &mut model,
        Message::Decisions(Ok(DecisionList::default())),
        NOW,
    );
    let asks = |effect: &Effect| matches!(effect, Effect::AskDecisions(_));
    let later = NOW + Duration::from_mins(1);
    assert!(!update(&mut model, Message::Tick, later).iter().any(asks));
    let effects = press(&mut model, "Esc");
    assert_eq!(effects, [Effect::AskDecisions(of_present)]);
}

#[test]
fn nothing_is_changed_by_figures_of_the_past_unsaid() {
    let mut model = back();
    press(&mut model, ". d");
    let screen = text(&model, 120, 40);
    assert!(
        screen.contains("The screen shows the past, up to 02:59Z"),
        "{screen}"
    );
    press(&mut model, "Esc w");
    assert_eq!(model.past, None, "weights are those of now");
    assert!(model.notice.unwrap().text.contains("back in the present"));
}

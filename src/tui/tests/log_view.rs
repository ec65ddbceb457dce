//! The log view: whose lines, which of them, and where in them.

use super::*;
use crate::client::{ApiError, ClientError, LogFilter};
use crate::contract::{LogLevel, LogLine, LogList, Problem};
use tracing::Level;

fn line(sequence: u64, level: LogLevel, text: &str) -> LogLine {
    LogLine {
        sequence,
        at: format!("2026-11-24T03:14:{:02}.500000Z", sequence % 60),
        level,
        target: "aibal_tui::gateway".to_owned(),
        text: text.to_owned(),
    }
}

fn list(lines: Vec<LogLine>) -> LogList {
    LogList {
        next: lines.last().map_or(0, |line| line.sequence),
        lines,
        ..LogList::default()
    }
}

/// Lines 1 to `last`, of which every tenth is a warning.
fn lines(last: u64) -> Vec<LogLine> {
    let level = |number: u64| match number % 10 {
        0 => LogLevel::Warn,
        _ => LogLevel::Info,
    };
    let text = |number| format!("served number={number} {} end", "x".repeat(90));
    let numbers = 1..=last;
    numbers
        .map(|number| line(number, level(number), &text(number)))
        .collect()
}

fn attached() -> Model {
    let mut model = Model::new(options(Theme::default(), false));
    model.options.address = "127.0.0.1:8080".to_owned();
    send_status(&mut model, 5, 7);
    model
}

fn asked(after: Option<u64>) -> [Effect; 1] {
    [Effect::AskLog(LogFilter {
        limit: 500,
        after,
        level: None,
    })]
}

fn reply(model: &mut Model, list: LogList) {
    update(model, Message::Log(Ok(list)), NOW);
}

fn tick(model: &mut Model, seconds: u64) -> Vec<Effect> {
    update(model, Message::Tick, NOW + Duration::from_secs(seconds))
}

/// An attached dashboard that shows 60 lines of its gateway.
fn opened() -> Model {
    let mut model = attached();
    assert_eq!(press(&mut model, "L"), asked(None));
    reply(&mut model, list(lines(60)));
    model
}

#[test]
fn an_attached_dashboard_shows_the_log_of_its_gateway_and_asks_only_for_new_lines() {
    let mut model = opened();
    let screen = text(&model, 80, 24);
    assert!(
        screen.contains("LOG of the gateway 127.0.0.1:8080: 60 lines, the newest"),
        "{screen}"
    );
    assert!(
        screen.contains(">03:14:00 WARN  served number=60"),
        "{screen}"
    );

    assert_eq!(tick(&mut model, 1), []);
    assert_eq!(tick(&mut model, 2), asked(Some(60)));
    assert_eq!(tick(&mut model, 9), [], "one request at a time");
    reply(
        &mut model,
        LogList {
            removed: 4,
            ..list(vec![line(65, LogLevel::Error, "broken")])
        },
    );
    let screen = text(&model, 120, 40);
    assert!(
        screen.contains("61 lines, 4 not seen, the newest"),
        "{screen}"
    );
    assert!(
        screen.contains(">03:14:05 ERROR gateway              broken"),
        "{screen}"
    );

    press(&mut model, "H");
    assert_eq!(tick(&mut model, 20), [], "not asked for while it is closed");
}

#[test]
fn the_lines_of_a_gateway_that_was_started_again_replace_those_before() {
    let mut model = opened();
    reply(&mut model, list(vec![line(3, LogLevel::Info, "started")]));
    assert_eq!(model.log.lines.len(), 1);

    reply(&mut model, list(lines(20)));
    let lost = Update::Disconnected("gone".to_owned());
    update(&mut model, Message::Update(lost), NOW);
    assert_eq!(tick(&mut model, 30), asked(None));
    reply(&mut model, list(lines(30)));
    assert_eq!(model.log.lines.len(), 30);
}

#[test]
fn a_key_switches_between_gateway_and_dashboard() {
    let mut model = opened();
    let line = b"2026-11-24T03:14:07.5Z  INFO connected to=az\n";
    model.options.logs.push(Level::INFO, "aibal_tui", line);

    assert_eq!(press(&mut model, "b"), []);
    let screen = text(&model, 80, 24);
    assert!(
        screen.contains("LOG of this dashboard: 1 lines"),
        "{screen}"
    );
    assert!(
        screen.contains(">03:14:07 INFO  connected to=az"),
        "{screen}"
    );
    // A late answer of the gateway is none about the dashboard.
    reply(&mut model, list(lines(60)));
    assert_eq!(model.log.lines.len(), 1);

    assert_eq!(press(&mut model, "b"), asked(None));
    let whole = text(&model, 120, 24);
    assert!(whole.contains(" b whose "), "{whole}");

    let mut local = default_model();
    local.options.logs.push(Level::INFO, "aibal_tui", line);
    assert_eq!(press(&mut local, "L b"), []);
    let screen = text(&local, 120, 24);
    assert!(
        screen.contains("LOG of gateway and dashboard: 1 lines"),
        "{screen}"
    );
    assert!(!screen.contains(" b whose "), "{screen}");
}

#[test]
fn a_filter_keeps_lines_by_text_and_level() {
    let mut model = opened();
    press(&mut model, "/");
    type_in(&mut model, "level:warn number=3");
    press(&mut model, "Enter");
    let screen = text(&model, 80, 24);
    assert!(
        screen.contains("1 of 60 lines match level:warn number=3"),
        "{screen}"
    );
    assert!(
        screen.contains("number=30 ") && !screen.contains("number=31 "),
        "{screen}"
    );

    press(&mut model, "Esc /");
    type_in(&mut model, "level:loud");
    let screen = text(&model, 80, 24);
    assert!(
        screen.contains("no level is called \"loud\": it is error, warn, info, debug, trace"),
        "{screen}"
    );
    press(&mut model, "^u");
    type_in(&mut model, "nowhere");
    press(&mut model, "Enter");
    assert!(text(&model, 80, 24).contains("0 of 60 match · Esc clears"));
    press(&mut model, "Esc");
    assert!(text(&model, 80, 24).contains("60 lines, the newest"));
}

#[test]
fn n_goes_to_warnings_and_a_held_line_stays_under_the_cursor() {
    let mut model = opened();
    press(&mut model, "N N");
    assert_eq!(model.log.cursor, Some(40));
    let mut more = lines(70);
    reply(
        &mut model,
        LogList {
            lines: more.split_off(60),
            next: 70,
            ..LogList::default()
        },
    );
    let screen = text(&model, 80, 24);
    assert!(screen.contains(">03:14:40 WARN"), "{screen}");
    assert!(screen.contains("70 lines, 30 newer below"), "{screen}");
    press(&mut model, "n");
    assert_eq!(model.log.cursor, Some(50));
    press(&mut model, "g N");
    assert!(text(&model, 80, 24).contains("no warning before this line"));
    press(&mut model, "G");
    assert_eq!(model.log.cursor, None, "the newest is followed again");
    let copied = press(&mut model, "y");
    assert!(
        matches!(&copied[..], [Effect::Copy(text)] if text.contains("warn served number=70")),
        "{copied:?}"
    );
}

#[test]
fn long_lines_are_scrolled_sideways() {
    let mut model = opened();
    assert!(!text(&model, 80, 24).contains(" end"));
    press(&mut model, "l l l → →");
    let screen = text(&model, 80, 24);
    assert!(
        screen.contains("from column 51") && screen.contains("x end"),
        "{screen}"
    );
    assert!(
        screen.contains("03:14:00 WARN"),
        "time and level stay: {screen}"
    );
    press(&mut model, "h h h h ← ←");
    assert_eq!(model.log.column, 0);
}

#[test]
fn the_error_of_a_request_is_shown_beside_the_lines_that_are_known() {
    let mut model = opened();
    let denied = Problem::new(403, "the token ci may not read the log");
    let error = ClientError::from(ApiError::from(denied));
    update(&mut model, Message::Log(Err(error)), NOW);
    let screen = text(&model, 80, 24);
    assert!(
        screen.contains("no reply: the token ci may not read the log"),
        "{screen}"
    );
    assert!(screen.contains("number=60"), "{screen}");
}

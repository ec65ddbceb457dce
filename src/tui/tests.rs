use super::message::{Effect, Ending, Message};
use super::model::{Dialog, Model, Options};
use super::terminal::Canvas;
use super::{Theme, draw, specimen, update::update};
use crate::client::{ClientError, Update};
use crate::contract::{WeightsReport, Window};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use proptest::prelude::*;
use ratatui::backend::{CrosstermBackend, TestBackend};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use std::sync::Arc;
use std::time::Duration;

const NOW: Duration = Duration::from_secs(10);

fn model(theme: Theme, all_in_one: bool, providers: usize) -> Model {
    let mut model = Model::new(Options {
        all_in_one,
        read_only: false,
        theme,
        window: Window::Quarter,
        refresh: Duration::from_secs(1),
        place: "local".to_owned(),
    });
    news(&mut model, providers, 7);
    model
}

fn news(model: &mut Model, providers: usize, step: u64) {
    let status = Arc::new(specimen::status(providers, step));
    update(model, Message::Update(Update::Status(status)), NOW);
}

fn press(model: &mut Model, code: KeyCode) -> Vec<Effect> {
    update(
        model,
        Message::Key(KeyEvent::new(code, KeyModifiers::NONE)),
        NOW,
    )
}

fn type_in(model: &mut Model, keys: &str) -> Vec<Effect> {
    keys.chars()
        .flat_map(|key| press(model, KeyCode::Char(key)))
        .collect()
}

fn text(model: &Model, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal
        .draw(|frame| draw(model, frame.area(), frame.buffer_mut()))
        .unwrap();
    let rows = terminal.backend().to_string();
    rows.lines()
        .map(|line| line.trim_matches('"').trim_end())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_overview_at_every_size() {
    for (width, height) in [(40, 10), (80, 24), (120, 40), (200, 60)] {
        let mut model = model(Theme::default(), true, 5);
        press(&mut model, KeyCode::Down);
        insta::assert_snapshot!(
            format!("overview_{width}x{height}"),
            text(&model, width, height)
        );
    }
}

#[test]
fn the_weights_at_every_size() {
    for (width, height) in [(80, 24), (120, 40), (200, 60)] {
        let mut model = model(Theme::default(), true, 5);
        type_in(&mut model, "w>>");
        insta::assert_snapshot!(
            format!("weights_{width}x{height}"),
            text(&model, width, height)
        );
    }
}

#[test]
fn every_box_on_a_small_screen() {
    for (name, keys) in [
        ("help", "?"),
        ("leave", "q"),
        ("menu", "."),
        ("confirm", ".d"),
    ] {
        let mut model = model(Theme::default(), true, 5);
        type_in(&mut model, keys);
        insta::assert_snapshot!(format!("box_{name}"), text(&model, 80, 24));
    }
    let mut model = model(Theme::default(), true, 5);
    type_in(&mut model, "w>");
    press(&mut model, KeyCode::Enter);
    insta::assert_snapshot!("box_review", text(&model, 80, 24));
}

#[test]
fn plain_screens_hold_only_plain_characters() {
    let theme = Theme {
        mono: true,
        ascii: true,
    };
    for keys in ["", "w>", "?", "q", ".d"] {
        let mut model = model(theme, true, 5);
        type_in(&mut model, keys);
        let screen = text(&model, 120, 40);
        let strange: Vec<char> = screen
            .chars()
            .filter(|c| !(' '..='~').contains(c) && *c != '\n')
            .collect();
        assert!(strange.is_empty(), "{keys:?}: {strange:?}\n{screen}");
    }
}

#[test]
fn a_draft_is_applied_only_after_its_review() {
    let mut model = model(Theme::default(), true, 5);
    assert_eq!(type_in(&mut model, "w>>>>>>>"), []);
    assert_eq!(press(&mut model, KeyCode::Enter), []);
    assert_eq!(model.dialog, Some(Dialog::Review));

    let effects = press(&mut model, KeyCode::Enter);

    let [Effect::SetWeights(change)] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(
        (
            change.cost,
            change.latency,
            change.reliability,
            change.revision
        ),
        (Some(100.0), Some(0.0), Some(0.0), Some(42))
    );
    let weights = crate::contract::WeightPoints {
        cost: 100.0,
        latency: 0.0,
        reliability: 0.0,
        load: 10.0,
        priority: 10.0,
    };
    let report = WeightsReport {
        weights,
        revision: 43,
        reverts_at: None,
        saved: None,
        warnings: Vec::new(),
    };
    update(&mut model, Message::WeightsSet(Ok(report)), NOW);
    assert!(!model.draft.as_ref().unwrap().is_changed());
    assert!(model.notice.as_ref().unwrap().text.contains("rev 43"));
}

#[test]
fn a_refusal_keeps_the_draft_and_stays_until_esc() {
    let mut model = model(Theme::default(), false, 5);
    type_in(&mut model, "w>");
    let points = model.draft.as_ref().unwrap().points();
    let stale = ClientError {
        status: 409,
        detail: "rev 43 by bob".to_owned(),
    };
    update(&mut model, Message::WeightsSet(Err(stale)), NOW);

    update(&mut model, Message::Tick, NOW + Duration::from_mins(1));
    assert_eq!(model.draft.as_ref().unwrap().points(), points);
    assert!(
        model
            .notice
            .as_ref()
            .unwrap()
            .text
            .contains("rev 43 by bob")
    );
    press(&mut model, KeyCode::Esc);
    assert_eq!(model.notice, None);
}

#[test]
fn escape_never_quits_and_never_applies() {
    for keys in ["", "w", "w>", "?", "q", ".", ".d"] {
        let mut model = model(Theme::default(), true, 5);
        type_in(&mut model, keys);
        for _ in 0..10 {
            assert_eq!(press(&mut model, KeyCode::Esc), [], "{keys:?}");
        }
        assert_eq!((model.dialog.clone(), model.in_weights), (None, false));
    }
}

#[test]
fn leaving_asks_where_the_gateway_would_stop() {
    let mut here = model(Theme::default(), true, 5);
    assert_eq!(type_in(&mut here, "q"), []);
    assert_eq!(type_in(&mut here, "d"), [Effect::End(Ending::Detach)]);
    type_in(&mut here, "q");
    assert_eq!(type_in(&mut here, "s"), [Effect::End(Ending::Stop)]);

    let mut there = model(Theme::default(), false, 5);
    assert_eq!(type_in(&mut there, "q"), [Effect::End(Ending::Quit)]);
    let interrupt = || Message::Key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL));
    assert_eq!(update(&mut there, interrupt(), NOW), []);
    assert_eq!(
        update(&mut there, interrupt(), NOW + Duration::from_secs(3)),
        []
    );
    assert_eq!(
        update(&mut there, interrupt(), NOW + Duration::from_secs(4)),
        [Effect::End(Ending::Quit)]
    );
}

#[test]
fn the_cursor_follows_its_provider_and_rows_are_held_under_it() {
    let mut model = model(Theme::default(), true, 5);
    press(&mut model, KeyCode::Down);
    let (order, chosen) = (
        model.order.clone(),
        model.chosen().unwrap().performance.provider.clone(),
    );

    let mut status = specimen::status(5, 8);
    status.providers[3].performance.state = crate::contract::State::Down;
    let update_to = |status: &crate::contract::Status| {
        Message::Update(Update::Status(Arc::new(status.clone())))
    };
    update(&mut model, update_to(&status), NOW + Duration::from_secs(1));
    assert_eq!(model.order, order, "held");
    update(&mut model, update_to(&status), NOW + Duration::from_secs(6));
    assert_eq!(model.order[0], "google");
    assert_eq!(model.chosen().unwrap().performance.provider, chosen);
}

#[test]
fn a_lost_line_is_said_with_the_age_of_what_is_shown() {
    let mut model = model(Theme::default(), false, 5);
    update(
        &mut model,
        Message::Update(Update::Lost("connection refused".to_owned())),
        NOW + Duration::from_secs(12),
    );

    assert!(text(&model, 120, 40).contains("OFFLINE 12s"));
}

#[test]
fn another_window_is_asked_for_and_old_answers_are_passed_over() {
    let mut model = model(Theme::default(), true, 5);
    assert_eq!(type_in(&mut model, "t"), [Effect::Watch(Window::Hour)]);
    let before = model.status.clone();
    news(&mut model, 5, 9);
    assert_eq!(model.status, before);
    assert_eq!(
        type_in(&mut model, "TT"),
        [
            Effect::Watch(Window::Quarter),
            Effect::Watch(Window::FiveMinutes)
        ]
    );
}

#[test]
fn a_frozen_picture_stays() {
    let mut model = model(Theme::default(), true, 5);
    type_in(&mut model, " ");
    let before = text(&model, 120, 40);
    news(&mut model, 5, 20);
    assert_eq!(text(&model, 120, 40), before);
    assert!(before.contains("FROZEN"));
}

#[test]
fn a_read_only_dashboard_changes_nothing() {
    let mut model = model(Theme::default(), false, 5);
    model.options.read_only = true;
    assert_eq!(type_in(&mut model, ".dy"), []);
    type_in(&mut model, "w>");
    press(&mut model, KeyCode::Enter);
    assert_eq!(press(&mut model, KeyCode::Enter), []);
}

/// Bytes of the second frame, a second after the first.
fn tick_bytes(theme: Theme, width: u16, height: u16, providers: usize) -> usize {
    let area = Rect::new(0, 0, width, height);
    let options = TerminalOptions {
        viewport: Viewport::Fixed(area),
    };
    let canvas = Canvas::default();
    let mut terminal =
        Terminal::with_options(CrosstermBackend::new(canvas.clone()), options).unwrap();
    let mut model = model(theme, true, providers);
    terminal
        .draw(|frame| draw(&model, area, frame.buffer_mut()))
        .unwrap();
    canvas.take();
    news(&mut model, providers, 8);
    terminal
        .draw(|frame| draw(&model, area, frame.buffer_mut()))
        .unwrap();
    canvas.take().len()
}

#[test]
fn a_second_costs_a_thin_line_little() {
    let bytes = tick_bytes(Theme::default(), 120, 40, 20);
    assert!(bytes <= 3_000, "{bytes} bytes");
}

#[test]
fn without_colours_no_colour_is_sent() {
    let area = Rect::new(0, 0, 120, 40);
    let mut buffer = Buffer::empty(area);
    draw(
        &model(
            Theme {
                mono: true,
                ascii: false,
            },
            true,
            5,
        ),
        area,
        &mut buffer,
    );

    let plain = ratatui::style::Color::Reset;
    assert!(
        buffer
            .content()
            .iter()
            .all(|cell| cell.fg == plain && cell.bg == plain)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_size_and_no_fleet_makes_it_panic(
        width in 1_u16..300, height in 1_u16..100, providers in 0_usize..60, keys in "[?qwt. djkG<>59R]{0,6}",
    ) {
        let mut model = model(Theme::default(), true, providers);
        type_in(&mut model, &keys);
        let area = Rect::new(0, 0, width, height);
        draw(&model, area, &mut Buffer::empty(area));
    }
}

//! The cost of frames in bytes.

use super::*;
use crate::contract::DecisionReport;
use crate::tui::erasing_backend::ErasingBackend;
use crate::tui::terminal::{FrameBuffer, changes_screen};
use ratatui::layout::Rect;
use ratatui::{TerminalOptions, Viewport};

/// A terminal that keeps the bytes written to it.
struct Line {
    canvas: FrameBuffer,
    terminal: Terminal<ErasingBackend<FrameBuffer>>,
    area: Rect,
}

impl Line {
    fn new(width: u16, height: u16) -> Self {
        let area = Rect::new(0, 0, width, height);
        let canvas = FrameBuffer::default();
        let options = TerminalOptions {
            viewport: Viewport::Fixed(area),
        };
        let backend = ErasingBackend::new(canvas.clone());
        Self {
            terminal: Terminal::with_options(backend, options).unwrap(),
            canvas,
            area,
        }
    }

    fn show(&mut self, model: &Model) -> Vec<u8> {
        let area = self.area;
        self.terminal
            .draw(|frame| draw(model, area, frame.buffer_mut()))
            .unwrap();
        self.canvas.take()
    }
}

/// Bytes of the second of two frames, one second apart.
fn tick_bytes(theme: Theme, (width, height): (u16, u16), providers: usize) -> usize {
    let mut line = Line::new(width, height);
    let mut model = model(theme, true, providers);
    line.show(&model);
    send_status(&mut model, providers, 8);
    line.show(&model).len()
}

#[test]
fn a_second_costs_few_bytes() {
    for (size, providers, most) in [
        ((120, 40), 20, 3_000),
        ((80, 24), 50, 1_800),
        ((200, 60), 50, 6_500),
    ] {
        let bytes = tick_bytes(Theme::default(), size, providers);
        assert!(bytes <= most, "{size:?}: {bytes} bytes");
    }
}

#[test]
fn a_second_on_any_screen_and_opening_it_cost_few_bytes() {
    for (keys, second, whole) in [
        ("", 3_000, 16_000),
        ("Enter", 1_000, 16_000),
        ("w >", 1_000, 16_000),
        ("d", 1_000, 16_000),
        ("a", 1_000, 16_000),
        ("v", 1_000, 9_000),
        ("?", 1_000, 12_000),
    ] {
        let mut line = Line::new(120, 40);
        let mut model = model(Theme::default(), true, 20);
        screens::fill(&mut model);
        press(&mut model, keys);
        let first = line.show(&model).len();
        send_status(&mut model, 20, 8);
        let next = line.show(&model).len();
        assert!(
            first <= whole && next <= second,
            "{keys:?}: {first}, then {next} bytes"
        );
    }
}

#[test]
fn nothing_is_sent_if_nothing_has_changed() {
    for keys in ["", "Enter", "w >", "d", "a", "v", "?", "q"] {
        let mut line = Line::new(120, 40);
        let mut model = model(Theme::default(), true, 20);
        press(&mut model, keys);
        assert!(changes_screen(&line.show(&model)), "{keys:?}");
        update(&mut model, Message::Tick, NOW);
        assert!(!changes_screen(&line.show(&model)), "{keys:?}");
    }
}

#[test]
fn a_step_of_the_cursor_costs_few_bytes() {
    let mut line = Line::new(120, 40);
    let mut model = model(Theme::default(), true, 20);
    press(&mut model, "↓");
    line.show(&model);
    press(&mut model, "↓");
    let bytes = line.show(&model).len();
    assert!(bytes <= 4_000, "{bytes} bytes");
}

#[test]
fn at_most_sixteen_colours_are_sent_and_none_without_colours() {
    let sent = |theme: Theme| {
        let bytes = Line::new(120, 40).show(&model(theme, true, 20));
        String::from_utf8_lossy(&bytes).into_owned()
    };
    assert!(!sent(Theme::default()).contains("38;2;"));
    let plain = sent(mono(false));
    let is_colour = |sequence: &str| {
        let looks = sequence.find(|c: char| c.is_ascii_alphabetic());
        let looks = looks.filter(|at| sequence[*at..].starts_with('m'));
        let codes = looks.map_or("", |at| &sequence[..at]);
        let mut codes = codes.split(';').filter_map(|code| code.parse().ok());
        // All but the default colours, 39 and 49.
        codes.any(|code| matches!(code, 30..=38 | 40..=48 | 90..=107))
    };
    assert!(sent(Theme::default()).split("\x1b[").any(is_colour));
    assert!(!plain.split("\x1b[").any(is_colour));
}

/// Bytes that a line of 2,400 bytes a second carries in two seconds.
const TWO_SECONDS: usize = 4_800;

#[test]
fn every_key_of_the_decisions_fits_a_slow_line() {
    let mut line = Line::new(120, 40);
    let mut model = model(Theme::default(), true, 20);
    line.show(&model);
    press(&mut model, "d");
    let mut bytes = line.show(&model).len();
    let rows = (0..200).map(|number| DecisionReport {
        decision_id: format!("8f{number}"),
        ..screens::decisions()[number % 4].clone()
    });
    update(&mut model, screens::listed(rows.collect()), NOW);
    bytes += line.show(&model).len();
    let mut detail = explaining::failed();
    let mut explain = |model: &mut Model, id: &str| {
        detail.summary.decision_id = id.to_owned();
        detail.attempts.reverse();
        let answer = Message::Explained(id.to_owned(), Ok(detail.clone()));
        update(model, answer, NOW);
    };
    explain(&mut model, "8f0");
    bytes += line.show(&model).len();
    assert!(bytes <= TWO_SECONDS, "opening: {bytes} bytes");
    for (key, id) in [("n", "8f1"), ("j", "8f2"), ("G", "8f199"), ("g", "8f0")] {
        press(&mut model, key);
        let mut bytes = line.show(&model).len();
        explain(&mut model, id);
        bytes += line.show(&model).len();
        assert!(bytes <= TWO_SECONDS, "{key}: {bytes} bytes");
    }
}

#[test]
fn the_terminal_shows_what_was_drawn() {
    let mut line = Line::new(120, 40);
    let mut model = model(Theme::default(), true, 9);
    let mut parser = vt100::Parser::new(40.try_into().unwrap(), 120.try_into().unwrap(), 0);
    for (step, key) in (0..).zip(["", "d", "H", "w", "v", "?", "Esc H", ""]) {
        send_status(&mut model, 9, step);
        press(&mut model, key);
        parser.process(&line.show(&model));
    }
    let arrived: Vec<String> = parser
        .screen()
        .rows(0, 120)
        .map(|row| row.trim_end().to_owned())
        .collect();
    assert_eq!(
        arrived.join("\n").trim_end(),
        text(&model, 120, 40).trim_end()
    );
}

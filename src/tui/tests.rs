mod alerts;
mod clients_view;
mod complaints;
mod control;
mod departures;
mod drawing;
mod explaining;
mod figures;
mod forecasting;
mod kept;
mod leaving;
mod log_view;
mod looking;
mod matrix;
mod models_view;
mod properties;
mod rollback;
mod safety;
mod screens;
mod settings;
mod shown;
mod time_travel;

pub(super) use super::test_dashboard::options;

use super::effect::Effect;
use super::input::Input;
use super::key::Key;
use super::message::Message;
use super::model::{Dialog, Model, WriteProtection};
use super::{Keymap, Palette, Theme, draw, fixture, update::update};
use crate::client::Update;
use crate::contract::{Status, TotalWhatIfReport, WhatIfReport, WhatIfTotalsReport, Window};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::sync::Arc;
use std::time::Duration;

const NOW: Duration = Duration::from_secs(10);

fn model(theme: Theme, all_in_one: bool, providers: usize) -> Model {
    let mut model = Model::new(options(theme, all_in_one));
    send_status(&mut model, providers, 7);
    model
}

fn default_model() -> Model {
    model(Theme::default(), true, 5)
}

fn mono(ascii: bool) -> Theme {
    Theme {
        palette: Palette::Mono,
        ascii,
        masked: false,
    }
}

fn send_status(model: &mut Model, providers: usize, step: u64) {
    receive(model, fixture::status(providers, step));
}

fn receive(model: &mut Model, status: Status) -> Vec<Effect> {
    update(
        model,
        Message::Update(Update::Status(Arc::new(status))),
        NOW,
    )
}

/// A forecast: a little better, a little cheaper, nothing extrapolated.
fn report() -> WhatIfReport {
    let side = |p95: f64, usd: f64| WhatIfTotalsReport {
        requests: 1_284,
        share: 1.0,
        mean_latency_ms: Some(p95 / 2.0),
        p50: Some(p95 / 3.0),
        p95: Some(p95),
        success_rate: Some(0.983),
        usd_per_hour: Some(usd),
        usd_per_1k_requests: Some(usd / 5.0),
        ..WhatIfTotalsReport::default()
    };
    WhatIfReport {
        expected: None,
        decisions: 1_284,
        extrapolated: 0,
        since: None,
        weights: fixture::status(1, 7).weights,
        targets: Vec::new(),
        total: TotalWhatIfReport {
            now: side(1_900.0, 4.0),
            then: side(1_400.0, 3.8),
        },
        providers: Vec::new(),
        closed_loop: None,
    }
}

/// Presses keys by their names. Dialogs stay long enough to be read, and forecasts are answered.
fn press(model: &mut Model, names: &str) -> Vec<Effect> {
    names
        .split(' ')
        .filter(|name| !name.is_empty())
        .flat_map(|name| {
            let key: Key = name.parse().unwrap();
            let effects = update(model, Message::Input(Input::Key(key)), NOW);
            let is_asked = |effect: &&Effect| matches!(effect, Effect::AskWhatIf(_));
            let mut asked = effects.iter().filter(is_asked).count();
            while asked > 0 {
                let more = update(model, Message::WhatIf(Box::new(Ok(report()))), NOW);
                asked += more.iter().filter(is_asked).count();
                asked -= 1;
            }
            let earlier = NOW.saturating_sub(Duration::from_secs(1));
            update(model, Message::Drawn, earlier);
            update(model, Message::Seen, earlier);
            model.now = NOW;
            effects
        })
        .filter(is_no_request)
        .collect()
}

/// Returns whether an effect is more than a request for an explanation or a forecast.
fn is_no_request(effect: &Effect) -> bool {
    !matches!(effect, Effect::AskDecision(_) | Effect::AskWhatIf(_))
}

/// Types characters into a field.
fn type_in(model: &mut Model, text: &str) {
    for c in text.chars() {
        let name = if c == ' ' {
            "Space".to_owned()
        } else {
            c.to_string()
        };
        press(model, &name);
    }
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

fn is_dialog(model: &Model, title: &str) -> bool {
    matches!(&model.dialog, Some(Dialog::Confirm(dialog)) if dialog.kind.to_string().starts_with(title))
}

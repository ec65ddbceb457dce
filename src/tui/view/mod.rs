//! Draws the model. The same model always gives the same cells.
//!
//! ```text
//! header     instance, liveness, revision                never scrolls
//! service    success and latency of client requests      never scrolls
//! trouble    providers in trouble                        never scrolls
//! table      one row for each provider, trouble first
//! panels     latency, success, cost, events             (or the weights view below the trouble)
//! notice     result of the last change
//! footer     keys of this screen
//! ```

mod footer;
mod header;
mod held;
mod notice;
mod small;
mod trouble;

use super::input_context::Screen;
use super::model::{LinkState, Model};
use super::panels::{self, boxes};
use super::screens;
use super::widgets::line::line;
use footer::footer;
use notice::notice;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
pub(in crate::tui) use trouble::next_schedule;
use trouble::trouble_line;

/// A smaller screen shows one line per provider in trouble and no more.
const MIN_SIZE: (u16, u16) = (60, 15);
/// From this size of its body on, a screen has room for charts.
const CHARTS_FROM: (u16, u16) = (100, 45);
/// Rows of the changes beside one for each change and each provider.
const REVISION_ROWS: usize = 10;

/// Draws everything.
pub fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let area = area.intersection(buffer.area);
    if area.width == 0 || area.height == 0 {
        return;
    }
    let Some(status) = model.shown() else {
        waiting(model, area, buffer);
        boxes::draw(model, area, buffer);
        return;
    };
    line(header::header(model, status, area.width), area, 0, buffer);
    line(header::service(model, status, area.width), area, 1, buffer);
    if area.width < MIN_SIZE.0 || area.height < MIN_SIZE.1 {
        small::draw(model, status, area, buffer);
    } else {
        // Trouble is never frozen.
        let now = model.status.as_ref().unwrap_or(status);
        line(trouble_line(model, now), area, 2, buffer);
        let body = Rect {
            y: area.y + 3,
            height: area.height.saturating_sub(5),
            ..area
        };
        let (body, rest) = with_charts(model, body);
        if let Some(rest) = rest {
            panels::charts(model, status, rest, buffer);
        }
        match model.screen {
            Screen::Overview => panels::draw(model, status, body, buffer),
            Screen::Detail => screens::detail(model, status, body, buffer),
            Screen::Weights => screens::weights(model, status, body, buffer),
            Screen::Decisions => screens::decisions(model, body, buffer),
            Screen::Models => screens::models(model, status, body, buffer),
            Screen::Clients => screens::clients(model, status, body, buffer),
            Screen::Alerts => screens::alerts(model, status, body, buffer),
            Screen::Revisions => screens::revisions(model, status, body, buffer),
            Screen::Log => screens::log(model, body, buffer),
        }
        line(notice(model, status), area, area.height - 2, buffer);
    }
    if area.height > 3 {
        line(footer(model, area.width), area, area.height - 1, buffer);
    }
    boxes::draw(model, area, buffer);
    if !model.is_live() {
        fade(area, buffer);
    }
}

/// On a large screen, the lower part of some screens has charts, which show what comes of a change
/// or a trouble; returns the rest for the screen, and the area of the charts.
fn with_charts(model: &Model, body: Rect) -> (Rect, Option<Rect>) {
    let has_charts = matches!(
        model.screen,
        Screen::Weights | Screen::Alerts | Screen::Revisions
    );
    if !has_charts || body.width < CHARTS_FROM.0 || body.height < CHARTS_FROM.1 {
        return (body, None);
    }
    let charts = match model.screen {
        Screen::Revisions => {
            let providers = model.shown().map_or(0, |status| status.providers.len());
            let rows = model.revisions.rows.len() + providers + REVISION_ROWS;
            let rows = u16::try_from(rows).unwrap_or(u16::MAX);
            let free = body.height.saturating_sub(rows);
            free.clamp(body.height * 2 / 5, body.height * 3 / 4)
        }
        _ => body.height * 2 / 5,
    };
    let upper = Rect {
        height: body.height - charts,
        ..body
    };
    let lower = Rect {
        y: body.y + upper.height,
        height: charts,
        ..body
    };
    (upper, Some(lower))
}

/// Dims stale data; the header stays as it is.
fn fade(area: Rect, buffer: &mut Buffer) {
    let old = Rect {
        y: area.y + 1,
        height: area.height.saturating_sub(2),
        ..area
    };
    buffer.set_style(
        old,
        ratatui::style::Style::new().add_modifier(ratatui::style::Modifier::DIM),
    );
}

fn waiting(model: &Model, area: Rect, buffer: &mut Buffer) {
    let location = model.theme().secret(&model.options.address);
    let text = match &model.link {
        LinkState::Lost(why) => format!(
            " no reply from {location}: {}; retrying",
            model.theme().secret(why)
        ),
        LinkState::Waiting | LinkState::Live => format!(" waiting for {location}"),
    };
    line(Line::raw(text), area, 0, buffer);
    line(footer(model, area.width), area, area.height - 1, buffer);
}

//! The panels of the overview, each a pure function of the model. A new panel needs a file here and
//! an entry in [`PANELS`].

pub mod boxes;
mod budget;
mod confirm_box;
mod cost;
mod event_marks;
mod events;
pub mod excerpt;
mod help;
mod latency;
mod menu;
mod panel;
mod share;
mod success;
mod table;

pub use event_marks::event_marks;
pub use events::{alert_text, event_text};

use super::model::Model;
use super::widgets::line::rule;
use crate::contract::Status;
use panel::Panel;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// All panels, in the order of their numbers.
pub const PANELS: [&dyn Panel; 5] = [
    &latency::Latency,
    &events::Events,
    &cost::Cost,
    &success::Success,
    &share::Share,
];

/// The last panel, which has its own area only on spacious screens.
const SHARE: usize = PANELS.len() - 1;
/// A spacious screen: its width, and the rows below the table.
const SPACIOUS: (u16, u16) = (180, 30);

/// The overview below the trouble line:
///
/// ```text
/// 80 wide               from 100 wide                   from 180 wide, and tall
/// ┌ table ───────────┐  ┌ table ─────────────────────┐  ┌ table ─────────────────────┐
/// ├ latency ─────────┤  ├ latency ──────┬ cost ──────┤  ├ latency ──────┬ cost ──────┤
/// ├ events ──────────┤  ├ events ───────┼ success ───┤  │               ├ success ───┤
/// └──────────────────┘  └───────────────┴────────────┘  ├ events ───────┼ share ─────┤
///                                                       └───────────────┴────────────┘
/// ```
///
/// A panel without its own area takes that of another while it is selected.
pub fn draw(model: &Model, status: &Status, area: Rect, buffer: &mut Buffer) {
    if model.zoomed {
        framed(model.panel, model, status, area, buffer);
        return;
    }
    let wanted = u16::try_from(status.providers.len())
        .unwrap_or(u16::MAX)
        .saturating_add(1);
    let table_height = wanted.min(area.height.saturating_sub(6).max(area.height / 2).max(2));
    let (table_area, rest) = split(area, table_height);
    table::draw(model, table_area, buffer);
    if rest.height < 3 {
        return;
    }
    if area.width >= 100 {
        for (panel, corner) in corners(model, status, rest) {
            framed(panel, model, status, corner, buffer);
        }
        return;
    }
    let upper = if rest.height >= 9 {
        rest.height * 3 / 5
    } else {
        rest.height
    };
    let (first, second) = split(rest, upper);
    // The selected panel is on top; the events are below it, or the latency below the events.
    let below = usize::from(model.panel != 1);
    framed(model.panel, model, status, first, buffer);
    framed(below, model, status, second, buffer);
}

/// The areas of the panels in two columns.
fn corners(model: &Model, status: &Status, area: Rect) -> Vec<(usize, Rect)> {
    let is_spacious = area.width >= SPACIOUS.0 && area.height >= SPACIOUS.1;
    let left = if is_spacious {
        area.width * 4 / 7
    } else {
        area.width * 3 / 5
    };
    let (first, second) = (
        Rect {
            width: left,
            ..area
        },
        Rect {
            x: area.x + left,
            width: area.width - left,
            ..area
        },
    );
    let half = (area.height / 2).max(3);
    let (latency, events) = split(first, half);
    let mut corners = vec![(0, latency), (1, events)];
    if !is_spacious {
        let (cost, success) = split(second, half);
        let last = if model.panel == SHARE { SHARE } else { 3 };
        corners.extend([(2, cost), (last, success)]);
        return corners;
    }
    // A row for each provider and some for the totals; at most two thirds of the height.
    let rows = u16::try_from(status.providers.len()).unwrap_or(u16::MAX);
    let (cost, rest) = split(second, rows.saturating_add(5).min(area.height / 3));
    let (success, share) = split(rest, rows.saturating_add(3).min(area.height / 3));
    corners.extend([(2, cost), (3, success), (SHARE, share)]);
    corners
}

fn split(area: Rect, upper: u16) -> (Rect, Rect) {
    let upper = upper.min(area.height);
    (
        Rect {
            height: upper,
            ..area
        },
        Rect {
            y: area.y + upper,
            height: area.height - upper,
            ..area
        },
    )
}

/// Draws a title line, and the panel below it.
fn framed(panel: usize, model: &Model, status: &Status, area: Rect, buffer: &mut Buffer) {
    let Some(shown) = PANELS.get(panel).filter(|_| area.height >= 2) else {
        return;
    };
    let mark = if panel == model.panel { ">" } else { "" };
    let title = format!("{mark}{} {}", panel + 1, shown.title(model));
    rule(&title, model.theme(), area, buffer);
    let inside = Rect {
        x: area.x + 1,
        y: area.y + 1,
        width: area.width.saturating_sub(2),
        height: area.height - 1,
    };
    shown.draw(model, status, inside, buffer);
}

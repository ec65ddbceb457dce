//! The panels of the overview, each a pure function of the model. A new panel needs a file here and
//! an entry in [`PANELS`].

pub mod boxes;
mod budget;
mod confirm_box;
mod cost;
mod cost_details;
mod event_marks;
mod events;
pub mod excerpt;
mod help;
mod latency;
mod menu;
mod panel;
mod share;
mod success;
mod success_details;
mod table;
mod vendor_rows;

pub use event_marks::event_marks;
pub use events::{alert_text, event_text, so_far};
pub use table::{no_match, share_bar, success_style};

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

/// The numbers of some panels, from 0.
const EVENTS: usize = 1;
const COST: usize = 2;
const SUCCESS: usize = 3;
const SHARE: usize = 4;
/// Size from which two charts below a list can be read, and the rows from which a single one can.
const WIDE_CHARTS: (u16, u16) = (100, 9);
const NARROW_CHART: u16 = 6;
/// A spacious screen: its width, and the rows below the table.
const SPACIOUS: (u16, u16) = (180, 30);

/// The overview below the trouble line:
///
/// ```text
/// 80 wide               from 100 wide                   from 180 wide, and tall
/// ┌ table ───────────┐  ┌ table ─────────────────────┐  ┌ table ─────────────────────┐
/// ├ latency ─────────┤  ├ latency ──────┬ share ─────┤  ├ latency ─────────┬ share ──┤
/// ├ events ──────────┤  ├ events ───────┼ cost ──────┤  ├ events ──┬ cost ─┴ success ┤
/// └──────────────────┘  └───────────────┴────────────┘  └──────────┴─────────────────┘
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
    // At most 60 %, however many providers there are.
    let table_height = wanted.min((area.height * 3 / 5).max(2));
    let (table_area, rest) = split(area, table_height);
    table::draw(model, table_area, buffer);
    if rest.height < 3 {
        return;
    }
    if area.width >= 100 {
        for (panel, corner) in corners(model, rest) {
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

/// The areas of the panels.
fn corners(model: &Model, area: Rect) -> Vec<(usize, Rect)> {
    let is_spacious = area.width >= SPACIOUS.0 && area.height >= SPACIOUS.1;
    let (upper, lower) = split(area, (area.height * 3 / 5).max(3));
    if is_spacious {
        let (latency, share) = beside(upper, area.width * 4 / 7);
        let (events, rest) = beside(lower, area.width / 2);
        let (cost, success) = beside(rest, rest.width / 2);
        return vec![
            (0, latency),
            (SHARE, share),
            (EVENTS, events),
            (COST, cost),
            (SUCCESS, success),
        ];
    }
    let left = area.width * 3 / 5;
    let ((latency, right), (events, cost)) = (beside(upper, left), beside(lower, left));
    let right_panel = if model.panel == SUCCESS {
        SUCCESS
    } else {
        SHARE
    };
    vec![
        (0, latency),
        (right_panel, right),
        (EVENTS, events),
        (COST, cost),
    ]
}

/// The left and the right part of an area.
fn beside(area: Rect, left: u16) -> (Rect, Rect) {
    let left = left.min(area.width);
    (
        Rect {
            width: left,
            ..area
        },
        Rect {
            x: area.x + left,
            width: area.width - left,
            ..area
        },
    )
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

/// Draws latency and shares over time side by side below a list, where there is room; on a narrow screen
/// the latency alone.
pub fn charts(model: &Model, status: &Status, area: Rect, buffer: &mut Buffer) {
    let draw = |panel: usize, part, buffer: &mut Buffer| {
        let title = PANELS[panel].title(model);
        titled(panel, &title, (model, status), part, buffer);
    };
    if area.width < WIDE_CHARTS.0 {
        if area.height >= NARROW_CHART {
            draw(0, area, buffer);
        }
        return;
    }
    if area.height < WIDE_CHARTS.1 {
        return;
    }
    let (latency, share) = beside(area, area.width * 4 / 7);
    for (panel, part) in [(0, latency), (SHARE, share)] {
        draw(panel, part, buffer);
    }
}

/// Draws a panel with its number, marked if it is selected.
fn framed(panel: usize, model: &Model, status: &Status, area: Rect, buffer: &mut Buffer) {
    let Some(shown) = PANELS.get(panel) else {
        return;
    };
    let mark = if panel == model.panel { ">" } else { "" };
    let title = format!("{mark}{} {}", panel + 1, shown.title(model));
    titled(panel, &title, (model, status), area, buffer);
}

/// Draws a title line, and the panel below it.
fn titled(
    panel: usize,
    title: &str,
    (model, status): (&Model, &Status),
    area: Rect,
    buffer: &mut Buffer,
) {
    let Some(shown) = PANELS.get(panel).filter(|_| area.height >= 2) else {
        return;
    };
    rule(title, model.theme(), area, buffer);
    let inside = Rect {
        x: area.x + 1,
        y: area.y + 1,
        width: area.width.saturating_sub(2),
        height: area.height - 1,
    };
    shown.draw(model, status, inside, buffer);
}

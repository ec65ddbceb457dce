//! Panels hold no state: each is a pure function of the model. A new one is a file here and a line
//! in [`PANELS`].

pub mod boxes;
mod cost;
mod events;
mod latency;
mod success;
mod table;
pub mod weights;

use super::model::Model;
use crate::contract::Status;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

/// A part of the overview.
pub trait Panel: Sync {
    /// For its frame.
    fn title(&self, model: &Model) -> String;
    /// Draws its inside.
    fn draw(&self, model: &Model, status: &Status, area: Rect, buffer: &mut Buffer);
}

/// In the order in which they find room.
pub const PANELS: [&dyn Panel; 4] = [
    &latency::Latency,
    &events::Events,
    &cost::Cost,
    &success::Success,
];

/// The overview below the trouble line:
///
/// ```text
/// 80 wide               from 100 wide
/// ┌ table ───────────┐  ┌ table ─────────────────────┐
/// ├ latency ─────────┤  ├ latency ──────┬ cost ──────┤
/// ├ events ──────────┤  ├ events ───────┼ success ───┤
/// └──────────────────┘  └───────────────┴────────────┘
/// ```
pub fn draw(model: &Model, status: &Status, area: Rect, buffer: &mut Buffer) {
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
        let left = area.width * 3 / 5;
        let upper = (rest.height / 2).max(3);
        let corners = [
            (0, left, 0, upper),
            (0, left, upper, rest.height - upper),
            (left, rest.width - left, 0, upper),
            (left, rest.width - left, upper, rest.height - upper),
        ];
        for (panel, (x, width, y, height)) in PANELS.iter().zip(corners) {
            framed(
                *panel,
                model,
                status,
                Rect {
                    x: rest.x + x,
                    y: rest.y + y,
                    width,
                    height,
                },
                buffer,
            );
        }
        return;
    }
    let upper = if rest.height >= 9 {
        rest.height * 3 / 5
    } else {
        rest.height
    };
    let (first, second) = split(rest, upper);
    framed(PANELS[0], model, status, first, buffer);
    framed(PANELS[1], model, status, second, buffer);
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

/// A title line, and the panel below it.
fn framed(panel: &dyn Panel, model: &Model, status: &Status, area: Rect, buffer: &mut Buffer) {
    if area.height < 2 {
        return;
    }
    rule(&panel.title(model), model, area, buffer);
    let inside = Rect {
        x: area.x + 1,
        y: area.y + 1,
        width: area.width.saturating_sub(2),
        height: area.height - 1,
    };
    panel.draw(model, status, inside, buffer);
}

/// `── TITLE ─────────`
pub(super) fn rule(title: &str, model: &Model, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme();
    let dash = theme.mark('─', '-').to_string();
    let used = title.chars().count() + 5;
    let rest = usize::from(area.width).saturating_sub(used);
    let text = Line::from(vec![
        Span::styled(format!("{dash}{dash} "), theme.dim()),
        Span::styled(title.to_owned(), theme.strong()),
        Span::styled(format!(" {}", dash.repeat(rest)), theme.dim()),
    ]);
    text.render(Rect { height: 1, ..area }, buffer);
}

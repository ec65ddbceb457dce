//! The latency of the provider under the cursor.

use super::event_marks::event_marks;
use super::panel::Panel;
use crate::contract::Status;
use crate::tui::format;
use crate::tui::model::Model;
use crate::tui::widgets::chart::{self, Measure};
use crate::tui::widgets::line::line;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Cells for the numbers on the right.
const NUMBERS: u16 = 12;

#[derive(Debug)]
pub struct Latency;

impl Panel for Latency {
    fn title(&self, model: &Model) -> String {
        let name = model
            .selected()
            .map_or("", |provider| provider.performance.provider.as_str());
        format!("LATENCY {name}  {}", model.shown_window().as_str())
    }

    fn draw(&self, model: &Model, _status: &Status, area: Rect, buffer: &mut Buffer) {
        let Some(provider) = model.selected() else {
            return;
        };
        let theme = model.theme();
        let plot = Rect {
            width: area.width.saturating_sub(NUMBERS),
            ..area
        };
        let marks = event_marks(model, &provider.performance.provider);
        chart::draw(
            (&provider.series, Measure::Whole),
            &marks,
            theme,
            plot,
            buffer,
        );
        let latency = &provider.performance.latency_ms;
        let first = provider.performance.time_to_first_token_ms.p50;
        let rows = [
            ("p99", latency.p99, theme.dim()),
            ("p95", latency.p95, theme.warn()),
            ("p50", latency.p50, theme.good()),
            ("1st", first, theme.dim()),
        ];
        let numbers = Rect {
            x: area.x + plot.width + 1,
            width: NUMBERS - 1,
            ..area
        };
        for (y, (name, value, style)) in (0..area.height).zip(rows) {
            let text = Line::from(vec![
                Span::styled(format!("{name} "), style),
                Span::raw(format::right(&format::latency(value), 6)),
            ]);
            line(text, numbers, y, buffer);
        }
    }
}

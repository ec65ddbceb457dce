//! The success rate over time, of all client requests and of each provider.

use super::panel::Panel;
use super::success_details;
use crate::contract::{Series, Status};
use crate::tui::format;
use crate::tui::model::Model;
use crate::tui::widgets::line::line;
use crate::tui::widgets::strip;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

const NAME: usize = 10;
const NUMBER: usize = 5;

#[derive(Debug)]
pub struct Success;

impl Panel for Success {
    fn title(&self, model: &Model) -> String {
        format!("SUCCESS {}", model.shown_window().as_str())
    }

    fn draw(&self, model: &Model, status: &Status, area: Rect, buffer: &mut Buffer) {
        let available = usize::from(area.width).saturating_sub(NAME + NUMBER + 2);
        // The name takes the cells that the columns leave.
        let width = strip::fitting(&status.series, available);
        let row = |name: &str, series: &Series, rate: Option<f64>| {
            let identity = model.identity(name);
            let theme = model.theme();
            let style = match rate {
                Some(rate) if rate < 0.95 => theme.bad(),
                Some(rate) if rate < 0.99 => theme.warn(),
                _ => Style::default(),
            };
            let name = format::left(name, NAME + available - width + 1);
            let mut spans = vec![Span::styled(name, identity)];
            spans.extend(strip::success(series, width, theme));
            spans.push(Span::styled(
                format::right(&format::percent(rate), NUMBER + 1),
                style,
            ));
            Line::from(spans)
        };
        line(
            row("clients", &status.series, status.totals.success_rate),
            area,
            0,
            buffer,
        );
        for (y, provider) in (1..area.height).zip(model.rows()) {
            let performance = &provider.performance;
            line(
                row(
                    &performance.provider,
                    &provider.series,
                    performance.success_rate,
                ),
                area,
                y,
                buffer,
            );
        }
        let used = u16::try_from(model.rows().len()).unwrap_or(u16::MAX);
        let free = used.saturating_add(1)..area.height;
        for (y, row) in free.zip(success_details::rows(model, status, area.width)) {
            line(row, area, y, buffer);
        }
    }
}

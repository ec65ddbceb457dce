//! Share of the attempts by provider over time, and the current shares.

use super::panel::Panel;
use crate::contract::Status;
use crate::tui::model::Model;
use crate::tui::model::vendors::{summaries, vendor};
use crate::tui::theme::Theme;
use crate::tui::widgets::area::{self, AreaPart};
use crate::tui::widgets::line::line;
use crate::tui::widgets::{chart, stack};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

#[derive(Debug)]
pub struct Share;

impl Panel for Share {
    fn title(&self, model: &Model) -> String {
        format!("SHARE OF ATTEMPTS {}", model.shown_window().as_str())
    }

    fn draw(&self, model: &Model, status: &Status, area: Rect, buffer: &mut Buffer) {
        let theme = model.theme();
        // Letters do not tell the exact shares; the hues stand beside them in the table.
        let has_hues = theme.hue(0).is_some();
        let below = if has_hues {
            area
        } else {
            now(status, theme, area, buffer);
            Rect {
                y: area.y + 1,
                height: area.height.saturating_sub(1),
                ..area
            }
        };
        // In the order of the configuration: an order by number would change while the operator
        // looks.
        let selected = model.selected().map(|it| it.performance.provider.as_str());
        // Many providers are parts of their vendors.
        let vendors = if model.is_grouped(status) {
            summaries(status)
        } else {
            Vec::new()
        };
        let shown = if vendors.is_empty() {
            &status.providers
        } else {
            &vendors
        };
        let is_selected = |name: &str| match selected {
            Some(selected) if vendors.is_empty() => name == selected,
            Some(selected) => name.split(" x").next() == Some(vendor(selected)),
            None => false,
        };
        let parts: Vec<AreaPart<'_>> = shown
            .iter()
            .enumerate()
            .map(|(place, it)| AreaPart {
                name: &it.performance.provider,
                series: &it.series,
                is_selected: is_selected(&it.performance.provider),
                hue: theme.hue(place),
            })
            .collect();
        area::draw(&parts, theme, below, buffer);
    }
}

/// The shares now, in one row.
fn now(status: &Status, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let axis = usize::from(chart::AXIS);
    let shares: Vec<(&str, f64)> = status
        .providers
        .iter()
        .map(|it| (it.performance.provider.as_str(), it.share))
        .collect();
    let available = usize::from(area.width).saturating_sub(axis);
    let row = Line::from(vec![
        Span::styled(format!("{:axis$}", "now"), theme.dim()),
        Span::raw(stack::stack(&shares, available)),
    ]);
    line(row, area, 0, buffer);
}

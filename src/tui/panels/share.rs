//! Share of the attempts by provider over time, and the current shares.

use super::panel::Panel;
use crate::contract::Status;
use crate::tui::model::Model;
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
        format!("SHARE OF ATTEMPTS {}", model.window.as_str())
    }

    fn draw(&self, model: &Model, status: &Status, area: Rect, buffer: &mut Buffer) {
        let theme = model.theme();
        let axis = usize::from(chart::AXIS);
        let shares: Vec<(&str, f64)> = status
            .providers
            .iter()
            .map(|it| (it.performance.provider.as_str(), it.share))
            .collect();
        let now = Line::from(vec![
            Span::styled(format!("{:axis$}", "now"), theme.dim()),
            Span::raw(stack::stack(
                &shares,
                usize::from(area.width).saturating_sub(axis),
            )),
        ]);
        line(now, area, 0, buffer);
        let below = Rect {
            y: area.y + 1,
            height: area.height.saturating_sub(1),
            ..area
        };
        // In the order of the configuration: an order by number would change while the operator
        // looks.
        let selected = model.selected().map(|it| it.performance.provider.as_str());
        let parts: Vec<AreaPart<'_>> = status
            .providers
            .iter()
            .map(|it| AreaPart {
                name: &it.performance.provider,
                series: &it.series,
                is_selected: Some(it.performance.provider.as_str()) == selected,
            })
            .collect();
        area::draw(&parts, theme, below, buffer);
    }
}

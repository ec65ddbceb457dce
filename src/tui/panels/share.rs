//! Which part of the attempts went to whom, over time, and what the odds are now.

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
        let odds: Vec<(&str, f64)> = status
            .providers
            .iter()
            .map(|it| (it.performance.provider.as_str(), it.share))
            .collect();
        let now = Line::from(vec![
            Span::styled(format!("{:axis$}", "now"), theme.dim()),
            Span::raw(stack::stack(
                &odds,
                usize::from(area.width).saturating_sub(axis),
            )),
        ]);
        line(now, area, 0, buffer);
        let below = Rect {
            y: area.y + 1,
            height: area.height.saturating_sub(1),
            ..area
        };
        // As they are configured: an order that follows the numbers would move while one looks.
        let chosen = model.selected().map(|it| it.performance.provider.as_str());
        let parts: Vec<AreaPart<'_>> = status
            .providers
            .iter()
            .map(|it| AreaPart {
                name: &it.performance.provider,
                series: &it.series,
                is_chosen: Some(it.performance.provider.as_str()) == chosen,
            })
            .collect();
        area::draw(&parts, theme, below, buffer);
    }
}

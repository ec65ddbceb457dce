//! Money: what the window cost, who spent it, and how fast it goes.

use super::Panel;
use crate::contract::Status;
use crate::tui::format;
use crate::tui::model::Model;
use crate::tui::view::line;
use crate::tui::widgets::strip;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

const NAME: usize = 10;
const NUMBERS: usize = 26;

#[derive(Debug)]
pub struct Cost;

impl Panel for Cost {
    fn title(&self, model: &Model) -> String {
        format!("COST {}", model.window.word())
    }

    fn draw(&self, model: &Model, status: &Status, area: Rect, buffer: &mut Buffer) {
        let theme = model.theme();
        let totals = &status.totals;
        let per_thousand = totals.total_cost_usd.filter(|_| totals.requests > 0);
        let per_thousand = per_thousand.map(|cost| cost / totals.requests as f64 * 1e3);
        let text = format!(
            "{} in the window, {} per 1k requests",
            format::usd(totals.total_cost_usd),
            format::usd(per_thousand)
        );
        line(Line::raw(text), area, 0, buffer);
        let width = usize::from(area.width).saturating_sub(NAME + NUMBERS + 2);
        let spent: Vec<Option<f64>> = strip::columns(&status.series, width)
            .iter()
            .map(|bucket| (bucket.requests > 0).then_some(bucket.cost_usd))
            .collect();
        let top = spent
            .iter()
            .flatten()
            .fold(0.0, |top: f64, value| top.max(*value));
        let all = Line::from(vec![
            Span::raw(format::left("all", NAME + 1)),
            Span::raw(strip::bars(&spent, top, theme)),
            Span::raw(numbers(
                totals.total_cost_usd,
                Some(status.usd_per_hour),
                Some(1.0),
            )),
        ]);
        line(all, area, 1, buffer);
        for (y, provider) in (2..area.height).zip(model.rows()) {
            let cost = provider.performance.total_cost_usd;
            let part = cost
                .zip(totals.total_cost_usd)
                .filter(|(_, all)| *all > 0.0)
                .map(|(cost, all)| cost / all);
            let values: Vec<Option<f64>> = strip::columns(&provider.series, width)
                .iter()
                .map(|bucket| (bucket.requests > 0).then_some(bucket.cost_usd))
                .collect();
            let row = Line::from(vec![
                Span::raw(format::left(&provider.performance.provider, NAME + 1)),
                Span::raw(strip::bars(&values, top, theme)),
                Span::raw(numbers(cost, provider.usd_per_hour, part)),
            ]);
            line(row, area, y, buffer);
        }
    }
}

/// `  $0.0031  $4.12/h  46%`
fn numbers(cost: Option<f64>, per_hour: Option<f64>, part: Option<f64>) -> String {
    let part = part.map_or_else(
        || format::NOTHING.to_owned(),
        |part| format!("{}%", format::share(part)),
    );
    let rate = per_hour.map_or_else(
        || "n/a".to_owned(),
        |rate| format!("{}/h", format::usd(Some(rate))),
    );
    format!(
        " {} {} {}",
        format::right(&format::usd(cost), 8),
        format::right(&rate, 10),
        format::right(&part, 5)
    )
}

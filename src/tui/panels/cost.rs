//! Cost: the total of the window, its parts by provider, and the rate of spending.

use super::budget;
use super::cost_details;
use super::panel::Panel;
use crate::contract::Status;
use crate::tui::format;
use crate::tui::model::Model;
use crate::tui::theme::Theme;
use crate::tui::widgets::line::line;
use crate::tui::widgets::strip::{self, StripCell};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

const NAME: usize = 10;
const NUMBERS: usize = 26;

#[derive(Debug)]
pub struct Cost;

impl Panel for Cost {
    fn title(&self, model: &Model) -> String {
        format!("COST {}", model.shown_window().as_str())
    }

    fn draw(&self, model: &Model, status: &Status, area: Rect, buffer: &mut Buffer) {
        let theme = model.theme();
        let totals = &status.totals;
        let money = |amount, basis| format::sum(amount, basis, theme);
        let per_thousand = totals.total_cost_usd.filter(|_| totals.requests > 0);
        let per_thousand = per_thousand.map(|cost| cost / totals.requests as f64 * 1e3);
        let text = format!(
            "{} in the window, {} per 1k requests",
            money(totals.total_cost_usd, totals.cost_basis),
            money(per_thousand, totals.cost_basis)
        );
        line(Line::raw(text), area, 0, buffer);
        line(budget::spending(&status.budget, theme), area, 1, buffer);
        let top_row = 2 + u16::from(status.hedging.is_some());
        if let Some(hedging) = &status.hedging {
            line(budget::hedging(hedging, theme), area, 2, buffer);
        }
        let width = usize::from(area.width).saturating_sub(NAME + NUMBERS + 2);
        // The name takes the cells that the columns leave.
        let name = NAME + width - strip::fitting(&status.series, width);
        let spent = strip::columns(&status.series, width);
        let used = spent.iter().filter(|cell| cell.bucket.requests > 0);
        let top = used.fold(0.0, |top: f64, cell| top.max(cell.bucket.cost_usd));
        let mut all = vec![Span::raw(format::left("all", name + 1))];
        all.extend(amounts(&spent, top, theme));
        all.push(Span::raw(numbers(
            &money(totals.total_cost_usd, totals.cost_basis),
            &per_hour(money(status.known_usd_per_hour(), totals.cost_basis)),
            Some(1.0),
        )));
        line(Line::from(all), area, top_row, buffer);
        for (y, provider) in (top_row + 1..area.height).zip(model.rows()) {
            let cost = provider.performance.total_cost_usd;
            let basis = provider.performance.cost_basis;
            let part = cost
                .zip(totals.total_cost_usd)
                .filter(|(_, all)| *all > 0.0)
                .map(|(cost, all)| cost / all);
            let values = strip::columns(&provider.series, width);
            let name_text = &provider.performance.provider;
            let identity = model.identity(name_text);
            let mut row = vec![Span::styled(format::left(name_text, name + 1), identity)];
            let bars = amounts(&values, top, theme).into_iter();
            row.extend(bars.map(|span| span.patch_style(identity)));
            row.push(Span::raw(numbers(
                &money(cost, basis),
                &per_hour(money(provider.usd_per_hour, basis)),
                part,
            )));
            line(Line::from(row), area, y, buffer);
        }
        let used = u16::try_from(model.rows().len()).unwrap_or(u16::MAX);
        let free = used.saturating_add(3)..area.height;
        for (y, row) in free.zip(cost_details::rows(model, status, area.width)) {
            line(row, area, y, buffer);
        }
    }
}

/// Bars of amounts; blank if masked.
fn amounts(cells: &[StripCell], top: f64, theme: Theme) -> Vec<Span<'static>> {
    if theme.masked {
        vec![Span::raw(" ".repeat(cells.len()))]
    } else {
        strip::amounts(cells, top, theme)
    }
}

/// The text of [`format::usd`] for no amount.
const UNKNOWN: &str = "n/a";

/// An amount per hour; an unknown amount has no rate.
fn per_hour(amount: String) -> String {
    if amount == UNKNOWN {
        amount
    } else {
        amount + "/h"
    }
}

/// `  $0.0031  $4.12/h  46%`
fn numbers(cost: &str, rate: &str, part: Option<f64>) -> String {
    let part = part.map_or_else(
        || format::EMPTY_CELL.to_owned(),
        |part| format!("{}%", format::share(part)),
    );
    format!(
        " {} {} {}",
        format::right(cost, 8),
        format::right(rate, 10),
        format::right(&part, 5)
    )
}

//! What the cost panel shows where there is room: each budget with its burn and its projection, and
//! the price of each model.
//!
//! ```text
//! day    ━━━━━━━━━━╸┄┄┄┄┄ 62% of $50.00, $57.10 at its end, burn 1.1x
//! MODEL                  REQUESTS  $/1M TOK
//! gpt-5.1                    2049     $3.21
//! ```

use crate::contract::{SpendingReport, Status};
use crate::tui::format;
use crate::tui::model::Model;
use crate::tui::theme::Theme;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Cells of a budget's bar.
const BAR: usize = 24;
/// Cells of a model's name.
const NAME: usize = 30;
/// Cells of a number.
const NUMBER: usize = 9;
/// Cells of the numbers of a model.
const NUMBERS: usize = 2 * (NUMBER + 1);
/// Tokens of a price.
const TOKENS: f64 = 1e6;

/// The rows, the most important first.
pub fn rows<'a>(model: &Model, status: &'a Status, width: u16) -> Vec<Line<'a>> {
    let theme = model.theme();
    let name = NAME.min(usize::from(width).saturating_sub(NUMBERS));
    let mut rows = vec![Line::default()];
    let periods = [
        ("day", &status.budget.day, 24.0),
        ("month", &status.budget.month, 24.0 * 30.0),
    ];
    for (word, budget, hours) in periods {
        rows.push(period(word, budget, (status.usd_per_hour, hours), theme));
    }
    rows.push(Line::default());
    rows.push(Line::styled(
        format!(
            "{} {} {}",
            format::left("MODEL", name),
            format::right("REQUESTS", NUMBER),
            format::right("$/1M TOK", NUMBER)
        ),
        theme.dim(),
    ));
    let mut models: Vec<_> = status
        .providers
        .iter()
        .flat_map(|provider| {
            let performance = &provider.performance;
            let models = performance.models.iter();
            models.map(|it| (&performance.provider, it))
        })
        .filter(|(_, it)| it.requests > 0)
        .collect();
    models.sort_by_key(|(_, it)| std::cmp::Reverse(it.requests));
    rows.extend(models.into_iter().map(|(provider, it)| {
        let price = it.cost_per_token.map(|cost| cost * TOKENS);
        Line::from(vec![
            Span::styled(format::left(&it.model, name), model.identity(provider)),
            Span::raw(format!(
                " {} {}",
                format::right(&format::count(it.requests), NUMBER),
                format::right(&format::usd(price, theme), NUMBER)
            )),
        ])
    }));
    rows
}

/// A budget: how much of it is spent, what its end is projected to be, and how fast it burns
/// compared with an even use.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a part of the bar, 0..=1"
)]
fn period<'a>(
    name: &str,
    budget: &SpendingReport,
    (usd_per_hour, hours): (f64, f64),
    theme: Theme,
) -> Line<'a> {
    let usd = |amount: f64| format::usd(Some(amount), theme);
    let end = budget
        .projected_usd
        .map(|end| format!(", {} at its end", usd(end)));
    let end = end.unwrap_or_default();
    let name = format::left(name, 6);
    let Some(limit) = budget.limit_usd.filter(|limit| *limit > 0.0) else {
        let text = format!("{name} {} spent{end}, no limit", usd(budget.spent_usd));
        return Line::raw(text);
    };
    let part = budget.spent_usd / limit;
    let filled = (part.clamp(0.0, 1.0) * BAR as f64).round() as usize;
    let style = match part {
        part if part >= 1.0 => theme.bad(),
        part if part >= 0.8 => theme.warn(),
        _ => Style::default(),
    };
    let bar = theme.mark('━', '=').to_string().repeat(filled);
    let rest = theme.mark('┄', '.').to_string().repeat(BAR - filled);
    let burn = usd_per_hour / (limit / hours);
    let out = budget
        .exhausted_at
        .as_deref()
        .map(|at| format!(", out at {}Z", format::clock(at)));
    Line::from(vec![
        Span::raw(format!("{name} ")),
        Span::styled(bar, style),
        Span::styled(rest, theme.dim()),
        Span::raw(format!(
            " {}% of {}{end}, burn {burn:.1}x{}",
            format::share(part),
            usd(limit),
            out.unwrap_or_default()
        )),
    ])
}

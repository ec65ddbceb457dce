//! The use of the budgets in one line.

use crate::contract::{BudgetReport, HedgingReport, SpendingReport};
use crate::tui::format;
use crate::tui::theme::Theme;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// A budget is highlighted from this part on.
const HIGHLIGHT_FROM_SHARE: f64 = 0.8;

/// `$12.40 of $50 today, $846 of $1000 this month`
pub(super) fn spending<'a>(budget: &BudgetReport, theme: Theme) -> Line<'a> {
    let part = |spending: &SpendingReport, period: &str| {
        // Attempts without a price are missing in the sum.
        let mark = theme.mark('≥', '>').to_string();
        let mark = if spending.uncounted > 0 && !theme.masked {
            mark
        } else {
            String::new()
        };
        let spent = spending.known_usd().map_or_else(
            || "an unknown amount".to_owned(),
            |usd| mark + &format::usd(Some(usd), theme),
        );
        // The limit is shown rounded to cents, without trailing zeros.
        let limit = spending.limit_usd.map_or_else(String::new, |limit| {
            format!(
                " of ${}",
                theme.secret(((limit * 100.0).round() / 100.0).to_string())
            )
        });
        Span::styled(format!("{spent}{limit} {period}"), style(spending, theme))
    };
    Line::from(vec![
        part(&budget.day, "today"),
        Span::raw(", "),
        part(&budget.month, "this month"),
    ])
}

/// `hedges p99: 12, 9 began first, $0.12 of $1 an hour`
pub(super) fn hedging<'a>(hedging: &HedgingReport, theme: Theme) -> Line<'a> {
    let money = |usd| format::usd(Some(usd), theme);
    let text = format!(
        "hedges {}: {}, {} began first, {} of {} an hour",
        hedging.percentile,
        hedging.hedges,
        hedging.won,
        money(hedging.usd_last_hour),
        money(hedging.usd_per_hour)
    );
    let refused = hedging.too_many + hedging.over_spending;
    if refused == 0 {
        return Line::raw(text);
    }
    Line::styled(format!("{text}, {refused} not made"), theme.warn())
}

fn style(spending: &SpendingReport, theme: Theme) -> Style {
    let is_beyond = |part: f64| {
        let limit = spending.limit_usd;
        limit.is_some_and(|limit| spending.spent_usd >= limit * part)
    };
    if is_beyond(1.0) || is_beyond(HIGHLIGHT_FROM_SHARE) && spending.turned_away > 0 {
        theme.bad()
    } else if is_beyond(HIGHLIGHT_FROM_SHARE) {
        theme.warn()
    } else {
        Style::default()
    }
}

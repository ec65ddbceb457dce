//! A list of decisions, one line each.

use super::listing::{first_row, plain};
use crate::contract::{DecisionOutcome, DecisionReport};
use crate::tui::format;
use crate::tui::theme::Theme;
use crate::tui::widgets::line::line;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// The outcome of a decision, with its style.
pub(super) fn outcome(decision: &DecisionReport, theme: Theme) -> (String, Style) {
    let word = match decision.attempts {
        0 | 1 => decision.outcome.to_string(),
        tries => format!("{} {tries}x", decision.outcome),
    };
    let style = match decision.outcome {
        DecisionOutcome::Ok if decision.attempts > 1 => theme.warn(),
        DecisionOutcome::Ok => theme.good(),
        DecisionOutcome::Error | DecisionOutcome::Refused => theme.bad(),
        DecisionOutcome::Pending | DecisionOutcome::Cancelled => theme.dim(),
    };
    (word, style)
}

/// Cells for the target and for the reason.
fn widths(width: u16) -> (usize, usize) {
    let names = if width < 100 { 20 } else { 28 };
    (names, usize::from(width).saturating_sub(names + 44).min(80))
}

/// One decision in one line; its reason takes the rest of the width.
fn decision_row<'a>(
    decision: &DecisionReport,
    is_selected: bool,
    width: u16,
    theme: Theme,
) -> Line<'a> {
    let (word, style) = outcome(decision, theme);
    let target = match (&decision.provider, &decision.model) {
        (Some(provider), Some(model)) => format!("{provider}/{model}"),
        (Some(provider), None) => provider.clone(),
        _ => format::EMPTY_CELL.to_owned(),
    };
    let score = format::score(decision.score);
    let (names, reason) = widths(width);
    let cost = decision.cost_usd.map_or_else(
        || format::EMPTY_CELL.to_owned(),
        |usd| theme.secret(cost(usd, decision)),
    );
    Line::from(vec![
        Span::styled(if is_selected { ">" } else { " " }, theme.accent()),
        Span::raw(format!(
            "{} {} {} {} ",
            format::clock(&decision.at),
            format::left(&target, names),
            format::right(&score, 5),
            format::left(&plain(&decision.reason, theme), reason),
        )),
        Span::styled(format::left(&word, 10), style),
        Span::raw(format!(
            " {} {}",
            format::right(&format::latency(decision.latency_ms), 6),
            format::right(&cost, 8)
        )),
    ])
}

/// A cost, marked with `~` if it is estimated, not reported by the provider.
fn cost(usd: f64, decision: &DecisionReport) -> String {
    let mark = if decision.cost_basis == "estimated" && usd > 0.0 {
        "~"
    } else {
        ""
    };
    format!("{mark}{usd:.5}")
}

/// The head of the list.
fn decision_head<'a>(width: u16, theme: Theme) -> Line<'a> {
    let (names, reason) = widths(width);
    let head = format!(
        " {} {} {} {} {} {} {}",
        format::left("TIME", 8),
        format::left("CHOSEN", names),
        format::right("SCORE", 5),
        format::left("WHY", reason),
        format::left("RESULT", 10),
        format::right("TIME", 6),
        format::right("COST $", 8)
    );
    Line::styled(head, theme.dim())
}

/// Draws the list with its head; `at` is the row under the cursor.
pub(super) fn decision_list(
    decisions: &[&DecisionReport],
    at: Option<usize>,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    line(decision_head(area.width, theme), area, 0, buffer);
    let available = usize::from(area.height.saturating_sub(1));
    let first = at.map_or(0, |at| first_row(at, available));
    let shown = decisions.iter().enumerate().skip(first);
    for (y, (index, decision)) in (1..area.height).zip(shown) {
        let row = decision_row(decision, Some(index) == at, area.width, theme);
        line(row, area, y, buffer);
    }
}

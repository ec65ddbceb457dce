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

/// Cells of the reason, which the explanation tells whole.
const WHY: usize = 12;

/// The result of a decision, with its style.
pub(super) fn result(decision: &DecisionReport, theme: Theme) -> (String, Style) {
    let (word, style) = match (decision.outcome, decision.trouble) {
        (DecisionOutcome::Ok, Some(_)) => ("saved", theme.warn()),
        // What is usual has no colour, so that the rest stands out.
        (DecisionOutcome::Ok, None) => ("ok", Style::default()),
        (outcome @ (DecisionOutcome::Error | DecisionOutcome::Refused), _) => {
            (outcome.as_str(), theme.bad())
        }
        (outcome @ (DecisionOutcome::Pending | DecisionOutcome::Cancelled), _) => {
            (outcome.as_str(), theme.dim())
        }
    };
    let word = match decision.attempts {
        0 | 1 => word.to_owned(),
        tries => format!("{word} {tries}x"),
    };
    (word, style)
}

/// Cells of the columns whose width depends on that of the screen; a column without cells is left out.
struct Widths {
    client: usize,
    target: usize,
    asked: usize,
    cause: usize,
}

impl Widths {
    fn of(width: u16) -> Self {
        let width = usize::from(width);
        let (client, target, asked) = match width {
            0..100 => (0, 24, 0),
            100..160 => (10, 24, 0),
            _ => (14, 32, 24),
        };
        let used: usize = [client, asked]
            .into_iter()
            .filter(|cells| *cells > 0)
            .map(|cells| cells + 1)
            .sum();
        // Time, score, reason, result, duration and cost.
        let rest = width.saturating_sub(57 + target + used);
        Self {
            client,
            target,
            asked,
            cause: if width < 100 { 0 } else { rest },
        }
    }

    /// The last column.
    fn last(&self, text: &str) -> String {
        if self.cause == 0 {
            return String::new();
        }
        format!(" {}", format::cut(text, self.cause))
    }
}

/// A text with a space behind it; nothing for a column that is left out.
fn column(text: &str, cells: usize) -> String {
    if cells == 0 {
        return String::new();
    }
    format!("{} ", format::left(text, cells))
}

/// One decision in one line.
fn decision_row<'a>(
    decision: &DecisionReport,
    is_selected: bool,
    width: u16,
    theme: Theme,
) -> Line<'a> {
    let (word, style) = result(decision, theme);
    let target = match (&decision.provider, &decision.model) {
        (Some(provider), Some(model)) => format!("{provider}/{model}"),
        (Some(provider), None) => provider.clone(),
        _ => format::EMPTY_CELL.to_owned(),
    };
    let widths = Widths::of(width);
    let or_dash = |text: &Option<String>| text.clone().unwrap_or(format::EMPTY_CELL.to_owned());
    let client = decision.client.as_ref();
    let client = client.map_or(format::EMPTY_CELL.to_owned(), |name| theme.secret(name));
    let cost = decision.cost_usd.map_or_else(
        || format::EMPTY_CELL.to_owned(),
        |usd| theme.secret(cost(usd, decision)),
    );
    Line::from(vec![
        Span::styled(if is_selected { ">" } else { " " }, theme.accent()),
        Span::raw(format!(
            "{} {}{}{}{} {} ",
            format::clock(&decision.at),
            column(&plain(&client, theme), widths.client),
            column(&plain(&or_dash(&decision.model_asked), theme), widths.asked),
            column(&plain(&target, theme), widths.target),
            format::right(&format::score(decision.score), 5),
            format::left(&plain(&decision.reason, theme), WHY),
        )),
        Span::styled(format::left(&word, 10), style),
        Span::raw(format!(
            " {} {}",
            format::right(&format::latency(decision.latency_ms), 6),
            format::right(&cost, 8)
        )),
        Span::styled(widths.last(&plain(&cause(decision), theme)), style),
    ])
}

/// What went wrong, and who was tried.
fn cause(decision: &DecisionReport) -> String {
    match &decision.error_class {
        Some(class) if decision.chain.is_empty() => class.clone(),
        Some(class) => format!("{class}: {}", decision.chain_text()),
        None => String::new(),
    }
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
    let widths = Widths::of(width);
    let head = format!(
        " {} {}{}{}{} {} {} {} {}{}",
        format::left("TIME", 8),
        column("CLIENT", widths.client),
        column("ASKED", widths.asked),
        column("CHOSEN", widths.target),
        format::right("SCORE", 5),
        format::left("WHY", WHY),
        format::left("RESULT", 10),
        format::right("TIME", 6),
        format::right("COST $", 8),
        widths.last("CAUSE")
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

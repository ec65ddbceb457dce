//! Screens besides the overview: each draws the space between the trouble line and the notice.

mod alerts;
mod decisions;
mod detail;
mod log;
mod models;
mod revisions;
mod weights;

pub use alerts::draw as alerts;
pub use decisions::draw as decisions;
pub use detail::draw as detail;
pub use log::draw as log;
pub use revisions::draw as revisions;
pub use weights::draw as weights;

use super::format;
use super::model::Listing;
use super::theme::Theme;
use super::view::line;
use crate::contract::{DecisionOutcome, DecisionReport};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// A part of the body, from a row on, so many rows high.
fn rows(area: Rect, from: u16, height: u16) -> Rect {
    let from = from.min(area.height);
    Rect {
        y: area.y + from,
        height: height.min(area.height - from),
        ..area
    }
}

/// The first row that is drawn, so that the one under the cursor is seen.
fn first_row(at: usize, room: usize) -> usize {
    (at + 1).saturating_sub(room)
}

/// What is said where there are no rows: that nothing came yet, why, or that there is nothing.
fn emptiness<T>(list: &Listing<T>, nothing: &str) -> Option<String> {
    match (&list.error, list.is_known) {
        (Some(why), _) => Some(format!("  no answer: {why}")),
        (None, false) => Some("  asking …".to_owned()),
        (None, true) if list.rows.is_empty() => Some(format!("  {nothing}")),
        _ => None,
    }
}

/// Text of ours in characters that every terminal has.
fn plain(text: &str, theme: Theme) -> String {
    if theme.ascii {
        text.replace('→', "->")
            .replace('…', "...")
            .replace(|c: char| !c.is_ascii(), "?")
    } else {
        text.to_owned()
    }
}

/// How a decision ended: word and look.
fn outcome(decision: &DecisionReport, theme: Theme) -> (String, Style) {
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

/// Cells for the target's name and for the reason.
fn widths(width: u16) -> (usize, usize) {
    let names = if width < 100 { 20 } else { 28 };
    (names, usize::from(width).saturating_sub(names + 44).min(80))
}

/// One decision in one line; its reason gets what is left of the width.
fn decision_row<'a>(decision: &DecisionReport, chosen: bool, width: u16, theme: Theme) -> Line<'a> {
    let (word, style) = outcome(decision, theme);
    let target = match (&decision.provider, &decision.model) {
        (Some(provider), Some(model)) => format!("{provider}/{model}"),
        (Some(provider), None) => provider.clone(),
        _ => format::EMPTY_CELL.to_owned(),
    };
    let score = decision.score.map_or_else(
        || format::EMPTY_CELL.to_owned(),
        |score| format!("{:.0}", score * 100.0),
    );
    let (names, reason) = widths(width);
    let cost = decision.cost_usd.map_or_else(
        || format::EMPTY_CELL.to_owned(),
        |usd| theme.secret(cost(usd, decision)),
    );
    Line::from(vec![
        Span::styled(if chosen { ">" } else { " " }, theme.accent()),
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

/// A cost with a mark where it was reckoned, and not told by the provider.
fn cost(usd: f64, decision: &DecisionReport) -> String {
    let mark = if decision.cost_basis == "estimated" && usd > 0.0 {
        "~"
    } else {
        ""
    };
    format!("{mark}{usd:.5}")
}

/// The head of such lines.
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

/// Decisions from the first on, in a list with its head.
fn decision_list(
    decisions: &[&DecisionReport],
    at: Option<usize>,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    line(decision_head(area.width, theme), area, 0, buffer);
    let room = usize::from(area.height.saturating_sub(1));
    let first = at.map_or(0, |at| first_row(at, room));
    let shown = decisions.iter().enumerate().skip(first);
    for (y, (place, decision)) in (1..area.height).zip(shown) {
        let row = decision_row(decision, Some(place) == at, area.width, theme);
        line(row, area, y, buffer);
    }
}

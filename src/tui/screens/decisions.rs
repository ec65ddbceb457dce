//! The latest decisions, and the explanation of the one under the cursor.
//!
//! ```text
//! ── DECISIONS: the latest 200, and 12 in trouble of 24 h ──
//! TIME     CLIENT     CHOSEN             SCORE WHY          RESULT   TIME   COST $ CAUSE
//! >03:14:07 web        xai/grok-4           91 fallback af~ saved 2x  0.9s  0.00520 server: google → xai
//! ── EXPLAIN 8f41 ──
//!  result   saved by another attempt (200) after 2 attempts, in 912 ms
//!  cause    google/flash answered 503 (server): "overloaded"
//! ```

use super::decision_list::decision_list;
use super::listing::{emptiness, first_row, plain, rows};
use crate::contract::{CandidateReport, DecisionDetail, DecisionReport, SelectionRoundReport};
use crate::tui::format;
use crate::tui::keymap::Action;
use crate::tui::model::Model;
use crate::tui::panels::no_match;
use crate::tui::theme::Theme;
use crate::tui::widgets::line::line;
use crate::tui::widgets::line::rule;
use crate::tui::widgets::strip;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

/// Rows of the explanation with its title, and on a tall screen.
const EXPLANATION: u16 = 14;
const LONG_EXPLANATION: u16 = 20;
/// Indent of continued lines.
const INDENT: usize = 10;
/// Cells of a candidate besides its bar: name, score, odds, separators, and rounding.
const CANDIDATE: usize = 64;
/// On narrower screens objectives are named by the letters of the bars.
const WIDE: u16 = 100;

pub fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme();
    let decisions = model.decision_rows();
    let wanted = if area.height >= 36 {
        LONG_EXPLANATION
    } else {
        EXPLANATION
    };
    let below = wanted.min(area.height * 2 / 3);
    let list = rows(area, 1, area.height.saturating_sub(below + 1));
    rule(&title(model, &decisions, list.height), theme, area, buffer);
    let mut says = |text: String, style| line(Line::styled(text, style), list, 0, buffer);
    if let Some(mistake) = model.decisions_filter.mistake() {
        let mistake = format!(" {mistake}");
        let wrapped = format::wrap(&plain(&mistake, theme), usize::from(list.width), 1);
        for (y, text) in (0..list.height).zip(wrapped) {
            line(Line::styled(text, theme.warn()), list, y, buffer);
        }
        return;
    }
    match emptiness(&model.decisions, "no requests yet") {
        Some(text) => says(plain(&text, theme), theme.dim()),
        None if decisions.is_empty() => {
            let text = format!(" {}", no_match(model.decisions.rows.len(), theme));
            says(text, theme.warn());
        }
        None => decision_list(&decisions, Some(model.decisions.at), theme, list, buffer),
    }
    if let Some(decision) = decisions.get(model.decisions.at) {
        let below_list = rows(area, area.height - below, below);
        explain(model, decision, below_list, buffer);
    }
}

/// Which decisions are listed, and what is not on the screen.
fn title(model: &Model, decisions: &[&DecisionReport], height: u16) -> String {
    let view = &model.decision_view;
    let of = model.decisions_of.as_ref();
    let of = of.map_or_else(String::new, |name| format!(" of {name}"));
    let mut parts = vec![format!("DECISIONS{of}: {} newest first", decisions.len())];
    let hidden = model.decisions.rows.len() - decisions.len();
    if hidden > 0 {
        parts.push(format!("{hidden} hidden by the filter"));
    }
    let visible = usize::from(height.saturating_sub(1));
    let above = first_row(model.decisions.at, visible);
    if view.is_held && above + view.newer > 0 {
        let key = model.key(Action::First);
        parts.push(format!("{} newer, {key} shows them", above + view.newer));
    }
    if view.troubled.kept > 0 {
        parts.push(format!("{} in trouble in 24 h", view.troubled.kept));
    }
    if view.troubled.dropped > 0 {
        parts.push(format!("{} older dropped", view.troubled.dropped));
    }
    parts.join(", ")
}

/// Draws the explanation of one decision.
fn explain(model: &Model, decision: &DecisionReport, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme();
    let is_it = |detail: &&DecisionDetail| detail.summary.decision_id == decision.decision_id;
    let known = model.explained.as_ref();
    let detail = known.filter(is_it);
    let before = known
        .filter(|_| model.explaining.is_some() && model.decision_view.keeps_explanation(model.now));
    // The title names what is told below it.
    let told = detail.or(before);
    let (mut title, lines) = match told {
        Some(detail) => (
            format!("EXPLAIN {}", detail.summary.decision_id),
            explanation(detail, theme, area.width),
        ),
        None => (
            format!("EXPLAIN {}", decision.decision_id),
            vec![match &model.explain_error {
                Some(why) => format!(" record   {why}"),
                None => " loading …".to_owned(),
            }],
        ),
    };
    let width = usize::from(area.width);
    let lines = lines.iter();
    let lines: Vec<String> = lines
        .flat_map(|text| format::wrap(&plain(text, theme), width, INDENT))
        .collect();
    let available = usize::from(area.height.saturating_sub(1));
    let (first, count) = page(lines.len(), available, model.decision_view.page);
    if first > 0 {
        title = format!("{title}, from line {}", first + 1);
    }
    rule(&title, theme, area, buffer);
    for (y, text) in (1..area.height).zip(lines.iter().skip(first).take(count)) {
        line(Line::raw(text.as_str()), area, y, buffer);
    }
    let left = lines.len() - first - count;
    if first > 0 || left > 0 {
        let key = model.key(Action::Scroll(1));
        let text = match left {
            0 => format!(
                " {} the end: {key} shows the beginning",
                theme.mark('▲', '^')
            ),
            left => format!(" {} {left} more lines: {key}", theme.mark('▼', 'v')),
        };
        line(
            Line::styled(text, theme.accent()),
            area,
            area.height - 1,
            buffer,
        );
    }
}

/// First line and number of lines of a page. Where there are several, each leaves a line for the mark
/// that says so.
fn page(lines: usize, available: usize, page: isize) -> (usize, usize) {
    if lines <= available {
        return (0, lines);
    }
    let size = available.saturating_sub(1).max(1);
    let pages = isize::try_from(lines.div_ceil(size)).unwrap_or(1);
    let first = size * usize::try_from(page.rem_euclid(pages)).unwrap_or(0);
    (first, size.min(lines - first))
}

/// What happened, what would have been chosen otherwise, and how each target was selected.
fn explanation(detail: &DecisionDetail, theme: Theme, width: u16) -> Vec<String> {
    let hide = |text: String| theme.secret(text);
    let told = detail.told(&hide).into_iter();
    let (request, told): (Vec<_>, Vec<_>) = told.partition(|it| it.label == "request");
    let labelled = |label: &str, text: &str| format!(" {} {text}", format::left(label, 8));
    let mut lines: Vec<String> = told
        .iter()
        .map(|it| labelled(&it.label, &it.text))
        .collect();
    // What the operator may do otherwise stands before what there may be much of.
    let is_one = detail.rounds.len() == 1;
    lines.extend(detail.rounds.iter().filter_map(|round| {
        let flip = round.flip.as_ref()?;
        let label = match round.attempt {
            _ if is_one => "else".to_owned(),
            number => format!("else {number}"),
        };
        Some(labelled(&label, &flip.text))
    }));
    lines.extend(request.iter().map(|it| labelled(&it.label, &it.text)));
    let rounds = detail.rounds.iter();
    lines.extend(rounds.flat_map(|round| round_lines(round, width)));
    lines
}

/// One selection round: its result, the weights, scores and exclusions.
fn round_lines(round: &SelectionRoundReport, width: u16) -> Vec<String> {
    let weights = &round.weights;
    let names = if width < WIDE {
        ["C", "L", "R", "O", "P"]
    } else {
        ["cost", "latency", "reliability", "load", "priority"]
    };
    let values = [
        weights.cost,
        weights.latency,
        weights.reliability,
        weights.load,
        weights.priority,
    ];
    let values: Vec<String> = names
        .iter()
        .zip(values)
        .map(|(name, value)| format!("{name} {value:.0}"))
        .collect();
    let mut lines = vec![
        format!(" why {:<4} {}", round.attempt, round.text),
        format!(
            " weights  {}, rev {}, {}; draw {:.3}",
            values.join(" "),
            round.revision,
            round.strategy,
            round.draw
        ),
    ];
    let mut candidates: Vec<&CandidateReport> = round.candidates.iter().collect();
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    let bar = usize::from(width).saturating_sub(CANDIDATE).min(60);
    lines.extend(candidates.iter().map(|candidate| {
        let name = format!("{}/{}", candidate.provider, candidate.model);
        let what = match &candidate.why {
            Some(why) => format!("{}: {why}", candidate.entry),
            None => strip::score_bar(&candidate.factors, weights, bar),
        };
        format!(
            "   {} score {:>5.1}, odds {:>4}%  {what}",
            format::left(&name, 28),
            candidate.score * 100.0,
            format::share(candidate.odds)
        )
    }));
    lines.extend(candidates.iter().filter_map(|candidate| {
        let cache = candidate.cache.as_ref()?;
        let (provider, model) = (&candidate.provider, &candidate.model);
        Some(format!(" cached   {provider}/{model}: {cache}"))
    }));
    lines
}

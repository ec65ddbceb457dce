//! The latest decisions, and the explanation of the one under the cursor.
//!
//! ```text
//! ── DECISIONS 100 of the latest, newest first ──
//! TIME     CHOSEN             SCORE WHY          RESULT   TIME   COST $
//! >03:14:07 anthropic/s4         91 best score   ok       0.9s  0.00520
//! ── EXPLAIN 8f41 ──
//!  result   ok after 1 attempt, in 0.9s, for $0.0052
//! ```

use super::decision_list::decision_list;
use super::listing::{emptiness, first_row, plain, rows};
use crate::contract::{CandidateReport, DecisionOutcome, DecisionReport, SelectionRoundReport};
use crate::tui::format;
use crate::tui::model::Model;
use crate::tui::panels::no_match;
use crate::tui::widgets::line::line;
use crate::tui::widgets::line::rule;
use crate::tui::widgets::strip;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

/// Rows of the explanation with its title, and on a tall screen.
const EXPLANATION: u16 = 9;
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
    let of = model
        .decisions_of
        .as_ref()
        .map(|name| format!(" of {name}"))
        .unwrap_or_default();
    let hidden = model.decisions.rows.len() - decisions.len();
    let hides = hidden > 0;
    let hidden = if hides {
        format!(", {hidden} hidden by the filter")
    } else {
        String::new()
    };
    let wanted = if area.height >= 36 {
        LONG_EXPLANATION
    } else {
        EXPLANATION + 5
    };
    let below = wanted.min(area.height * 2 / 3);
    let list = rows(area, 1, area.height.saturating_sub(below + 1));
    let newer = match first_row(
        model.decisions.at,
        usize::from(list.height.saturating_sub(1)),
    ) {
        0 => String::new(),
        newer => format!(", {newer} newer above"),
    };
    let title = format!(
        "DECISIONS{of}: the latest {}, newest first{newer}{hidden}",
        decisions.len()
    );
    rule(&title, model.theme(), area, buffer);
    match emptiness(&model.decisions, "no requests yet") {
        Some(text) => line(
            Line::styled(plain(&text, theme), theme.dim()),
            list,
            0,
            buffer,
        ),
        None if decisions.is_empty() && hides => {
            let text = format!(" {}", no_match(model.decisions.rows.len(), theme));
            line(Line::styled(text, theme.warn()), list, 0, buffer);
        }
        None => decision_list(&decisions, Some(model.decisions.at), theme, list, buffer),
    }
    if let Some(decision) = decisions.get(model.decisions.at) {
        let below_list = rows(area, area.height - below, below);
        explain(model, decision, below_list, buffer);
    }
}

/// Draws the explanation of one decision.
fn explain(model: &Model, decision: &DecisionReport, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme();
    rule(
        &format!("EXPLAIN {}", decision.decision_id),
        theme,
        area,
        buffer,
    );
    let mut lines = summary(model, decision, area);
    let detail = model.explained.as_ref();
    let detail = detail.filter(|detail| detail.summary.decision_id == decision.decision_id);
    match detail {
        Some(detail) => lines.extend(
            detail
                .rounds
                .iter()
                .flat_map(|round| round_lines(round, area.width)),
        ),
        None => lines.push(match &model.explain_error {
            Some(why) => format!(" record   {why}"),
            None => " loading …".to_owned(),
        }),
    }
    let width = usize::from(area.width);
    let lines = lines
        .iter()
        .flat_map(|text| format::wrap(&plain(text, theme), width, INDENT));
    let lines: Vec<String> = lines.collect();
    let available = usize::from(area.height.saturating_sub(1));
    let is_cut = lines.len() > available;
    let shown = if is_cut {
        available.saturating_sub(1)
    } else {
        available
    };
    for (y, text) in (1..area.height).zip(lines.iter().take(shown)) {
        line(Line::raw(text.as_str()), area, y, buffer);
    }
    if is_cut {
        let text = format!("   +{} more lines, on a taller screen", lines.len() - shown);
        line(
            Line::styled(text, theme.dim()),
            area,
            area.height - 1,
            buffer,
        );
    }
}

/// What was chosen, and what came of it. Where there is little room, the ids and times of the list
/// suffice.
fn summary(model: &Model, decision: &DecisionReport, area: Rect) -> Vec<String> {
    let theme = model.theme();
    let named = |name: &Option<String>| name.clone().unwrap_or_else(|| "none".to_owned());
    let score = decision.score.map_or_else(
        || "no score".to_owned(),
        |score| format!("score {:.1}", score * 100.0),
    );
    let attempts = match decision.attempts {
        1 => "1 attempt".to_owned(),
        tries => format!("{tries} attempts"),
    };
    let request = decision.request_id.as_deref();
    let request = request.map_or_else(
        || "still running, started".to_owned(),
        |id| theme.secret(id),
    );
    // The list and the first try show it too.
    let reason = if area.width < WIDE {
        String::new()
    } else {
        format!("; {}", decision.reason)
    };
    let result = match decision.outcome {
        DecisionOutcome::Pending => format!("pending, {attempts} so far"),
        _ => format!(
            "{} after {attempts}, in {}, for {} ({})",
            decision.outcome,
            format::duration(decision.latency_ms),
            format::usd(decision.cost_usd, theme),
            decision.cost_basis
        ),
    };
    let mut lines = Vec::new();
    if area.height > EXPLANATION + 5 {
        lines.push(format!(" request  {request} at {}", decision.at));
    }
    lines.extend([
        format!(
            " chosen   {}, model {}: {score}{reason}",
            named(&decision.provider),
            named(&decision.model),
        ),
        format!(" result   {result}"),
    ]);
    lines
}

/// One selection round: scores, exclusions, and the change that would have selected another target.
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
        format!(" try {:<4} {}", round.attempt, round.text),
        format!(
            " weights  {}, rev {}, {}; draw {:.3}",
            values.join(" "),
            round.revision,
            round.strategy,
            round.draw
        ),
    ];
    // First what the operator may do otherwise: candidates may be many.
    lines.extend(
        round
            .flip
            .iter()
            .map(|flip| format!(" else     {}", flip.text)),
    );
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

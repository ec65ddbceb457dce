//! The latest requests: who was chosen and why, and below the list everything about the one under
//! the cursor.
//!
//! ```text
//! ── DECISIONS 100 of the latest, newest first ──
//! TIME     CHOSEN             SCORE WHY          RESULT   TIME   COST $
//! >03:14:07 anthropic/s4         91 best score   ok       0.9s  0.00520
//! ── EXPLAIN 8f41 ──
//!  result   ok after 1 attempt, in 0.9s, for $0.0052
//! ```

use super::{decision_list, emptiness, first_row, plain, rows};
use crate::contract::DecisionReport;
use crate::tui::format;
use crate::tui::model::Model;
use crate::tui::panels::rule;
use crate::tui::view::line;
use crate::tui::widgets::strip;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

/// Rows of the explanation, its title included.
const EXPLANATION: u16 = 9;

pub fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme();
    let decisions = model.decision_rows();
    let of = model
        .decisions_of
        .as_ref()
        .map(|name| format!(" of {name}"))
        .unwrap_or_default();
    let hidden = model.decisions.rows.len() - decisions.len();
    let hidden = if hidden > 0 {
        format!(", {hidden} hidden by the filter")
    } else {
        String::new()
    };
    let below = EXPLANATION.min(area.height / 2);
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
    rule(&title, model, area, buffer);
    match emptiness(&model.decisions, "no request has ended yet") {
        Some(text) => line(
            Line::styled(plain(&text, theme), theme.dim()),
            list,
            0,
            buffer,
        ),
        None => decision_list(&decisions, Some(model.decisions.at), theme, list, buffer),
    }
    if let Some(decision) = decisions.get(model.decisions.at) {
        let place = rows(area, area.height - below, below);
        explain(model, decision, place, buffer);
    }
}

/// All that the record has about one request.
fn explain(model: &Model, decision: &DecisionReport, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme();
    rule(
        &format!("EXPLAIN {}", decision.decision_id),
        model,
        area,
        buffer,
    );
    let named = |name: &Option<String>| name.clone().unwrap_or_else(|| "nobody".to_owned());
    let score = decision.score.map_or_else(
        || "no score".to_owned(),
        |score| format!("score {score:.3} of 1"),
    );
    let attempts = match decision.attempts {
        1 => "1 attempt".to_owned(),
        tries => format!("{tries} attempts"),
    };
    let mut lines = vec![
        format!(" request  {} at {}", decision.request_id, decision.at),
        format!(
            " chosen   {}, model {}: {score}",
            named(&decision.provider),
            named(&decision.model)
        ),
        format!(" why      {}", decision.reason),
        format!(
            " result   {} after {attempts}, in {}, for {} ({})",
            decision.outcome,
            format::duration(decision.latency_ms),
            format::usd(decision.cost_usd),
            decision.cost_basis
        ),
    ];
    lines.extend(now_line(model, decision));
    lines.push(format!(" weights  {}", weights(model)));
    for (y, text) in (1..area.height).zip(lines) {
        line(Line::raw(plain(&text, theme)), area, y, buffer);
    }
}

/// What that provider's score is made of at this moment.
fn now_line(model: &Model, decision: &DecisionReport) -> Option<String> {
    let status = model.shown()?;
    let name = decision.provider.as_ref()?;
    let provider = status
        .providers
        .iter()
        .find(|provider| provider.performance.provider == *name)?;
    let factors = provider.factors?;
    let bar = strip::score_bar(&factors, &status.weights, 40);
    Some(format!(
        " now      {} {bar}  cost {:.2} latency {:.2} reliability {:.2} load {:.2} priority {:.2}",
        model.theme().state_word(provider.performance.state),
        factors.cost,
        factors.latency,
        factors.reliability,
        factors.load,
        factors.priority
    ))
}

fn weights(model: &Model) -> String {
    let Some(status) = model.shown() else {
        return String::new();
    };
    let weights = &status.weights;
    format!(
        "cost {:.0} latency {:.0} reliability {:.0} load {:.0} priority {:.0}, rev {}, strategy {}",
        weights.cost,
        weights.latency,
        weights.reliability,
        weights.load,
        weights.priority,
        status.revision,
        status.strategy
    )
}

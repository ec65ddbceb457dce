//! One explained request as text.

use super::text_format::{cell, line, score_points};
use crate::contract::{DecisionDetail, SelectionRoundReport};
use crate::foreign::EscapeControls;

/// What happened to a request, and why each target was selected.
pub fn render_decision(detail: &DecisionDetail) -> String {
    let mut report = labelled("decision", &detail.summary.decision_id);
    for told in detail.told(&|text| text) {
        report.push_str(&labelled(&told.label, &told.text));
    }
    report.extend(detail.rounds.iter().map(round));
    report
}

/// A line with its label. It is never cut: what a provider says may be long.
fn labelled(label: &str, text: &str) -> String {
    format!("{label:<8}  {}\n", EscapeControls::line(text))
}

fn round(round: &SelectionRoundReport) -> String {
    let mut text = String::from("\n");
    text.push_str(&labelled(&format!("why {}", round.attempt), &round.text));
    if let Some(flip) = &round.flip {
        text.push_str(&labelled("else", &flip.text));
    }
    let mut candidates: Vec<_> = round.candidates.iter().collect();
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    text.extend(candidates.into_iter().map(|candidate| {
        let name = format!("{}/{}", candidate.provider, candidate.model);
        let why = candidate.why.as_ref();
        let why = why.map_or_else(String::new, |why| format!("  {}: {why}", candidate.entry));
        line(&format!(
            "          {} score {:>5}  odds {:>3.0} %{why}",
            cell(&name, 32),
            score_points(candidate.score),
            candidate.odds * 100.0
        ))
    }));
    text
}

#[cfg(test)]
mod tests;

//! A selection as text.

use super::text_format::{cell, dollars, line, milliseconds, or_dash, score_points};
use crate::contract::{Selection, SelectionRoundReport};

/// Selected target with cost and latency; with `explain` also factors and weights, the other
/// candidates, and the excluded targets.
pub fn render_selection(selection: &Selection, explain: bool) -> String {
    let mut report = line(&format!(
        "{}/{}  score {}  {}  {}  {}",
        selection.provider,
        selection.model,
        score_points(selection.score),
        or_dash(selection.estimated_cost_usd, dollars),
        milliseconds(selection.estimated_latency_ms),
        selection.reason
    ));
    if explain {
        report.push_str(&contributions(selection));
        report.push_str(&candidates(selection));
        report.push_str(&excluded(selection));
        report.push_str(&selection.explanation.as_ref().map_or(String::new(), points));
        report.push('\n');
        report.push_str(&line(&format!("decision {}", selection.decision_id)));
    }
    report
}

/// The score is the sum of factor times weight, times 100, divided by the sum of the weights.
fn contributions(selection: &Selection) -> String {
    let (factors, weights) = (&selection.factors, &selection.weights);
    let rows = [
        ("cost", factors.cost, weights.cost),
        ("latency", factors.latency, weights.latency),
        ("reliability", factors.reliability, weights.reliability),
        ("load", factors.load, weights.load),
        ("priority", factors.priority, weights.priority),
    ];
    let total: f64 = rows.iter().map(|(_, _, weight)| weight).sum();
    let mut table = String::from("\n");
    table.push_str(&line(&format!(
        "{} factor x  weight = contribution",
        cell("objective", 12)
    )));
    for (name, factor, weight) in rows {
        // All weights may be 0.
        let contribution = if total > 0.0 {
            factor * weight * 100.0 / total
        } else {
            0.0
        };
        table.push_str(&line(&format!(
            "{} {factor:>6.3} x {weight:>7.2} =        {contribution:>5.1}",
            cell(name, 12)
        )));
    }
    table
}

fn candidates(selection: &Selection) -> String {
    let mut text = format!("\ncandidates for {}, best first\n", selection.model_type);
    let selected = format!("{}/{}", selection.provider, selection.model);
    let mut rows = vec![(selection.score, selected, "  <- selected")];
    rows.extend(selection.fallbacks.iter().map(|fallback| {
        let name = format!("{}/{}", fallback.provider, fallback.model);
        (fallback.score, name, "")
    }));
    // The selected target is not always the best: the draw, a preference or a probe may decide.
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (score, name, mark) in rows {
        let score = score_points(score);
        text.push_str(&line(&format!("  {score:>5}  {name}{mark}")));
    }
    text
}

/// Every candidate's score, what each objective costs of it, and the smallest change of a weight that would select another target.
fn points(round: &SelectionRoundReport) -> String {
    let mut text = "\nscore of 100, and what each objective costs of it\n".to_owned();
    let titles = [
        "odds", "score", "cost", "latency", "fail", "load", "priority", "guard",
    ];
    let titles = titles.map(|title| format!("{title:>9}")).concat();
    text.push_str(&line(&format!("{}{titles}", cell("", 26))));
    for candidate in &round.candidates {
        let name = format!("  {}/{}", candidate.provider, candidate.model);
        let losses = &candidate.losses;
        let losses = [
            losses.cost,
            losses.latency,
            losses.reliability,
            losses.load,
            losses.priority,
            losses.guard,
        ];
        // A loss that rounds to 0 has no sign.
        let rounded = losses.map(|points| (points * 10.0).round() / 10.0 + 0.0);
        let losses = rounded.map(|points| format!("{points:>+9.1}")).concat();
        text.push_str(&line(&format!(
            "{}{:>7.0} %{:>9}{losses}",
            cell(&name, 26),
            candidate.odds * 100.0,
            score_points(candidate.score)
        )));
    }
    for candidate in &round.candidates {
        if let Some(cache) = &candidate.cache {
            let name = format!("{}/{}", candidate.provider, candidate.model);
            text.push_str(&line(&format!("  {name}: {cache}")));
        }
    }
    let counterfactual = round.flip.as_ref().map_or_else(
        || "no change of a single weight would have selected another target".to_owned(),
        |flip| flip.text.clone(),
    );
    text.push('\n');
    text.push_str(&line(&counterfactual));
    text
}

fn excluded(selection: &Selection) -> String {
    if selection.rejected.is_empty() {
        return String::new();
    }
    let mut text = "\nexcluded\n".to_owned();
    for target in &selection.rejected {
        text.push_str(&line(&format!(
            "  {}/{}: {}",
            target.provider, target.model, target.why
        )));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{ExcludedTarget, Factors, Fallback, WeightPoints};

    fn selection() -> Selection {
        Selection {
            decision_id: "0000000000abcdef".to_owned(),
            provider: "beta".to_owned(),
            model: "small".to_owned(),
            model_type: "chat".to_owned(),
            score: 0.725,
            factors: Factors {
                cost: 1.0,
                latency: 0.5,
                reliability: 0.9,
                load: 1.0,
                priority: 0.0,
            },
            weights: WeightPoints {
                cost: 30.0,
                latency: 40.0,
                reliability: 30.0,
                load: 10.0,
                priority: 10.0,
            },
            estimated_cost_usd: Some(0.000_12),
            estimated_latency_ms: 812.4,
            reason: "drawn by share".to_owned(),
            fallbacks: vec![Fallback {
                provider: "alpha".to_owned(),
                model: "large".to_owned(),
                score: 0.731,
            }],
            rejected: vec![ExcludedTarget {
                provider: "gamma".to_owned(),
                model: "tiny".to_owned(),
                why: "breaker open for 12 s more".to_owned(),
            }],
            explanation: None,
        }
    }

    #[test]
    fn a_selection_is_one_line() {
        let mut selection = selection();
        selection.estimated_cost_usd = None;

        assert_eq!(
            render_selection(&selection, false),
            "beta/small  score 72.5  -  812 ms  drawn by share\n"
        );
    }

    #[test]
    fn explained_it_shows_what_it_is_made_of() {
        insta::assert_snapshot!(render_selection(&selection(), true));
    }
}

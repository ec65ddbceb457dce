//! Questions about what is looked at: one decision, and what a draft would have done.

use crate::client::ClientError;
use crate::contract::{WeightsDraft, WhatIfReport, WhatIfRequest};
use crate::tui::message::Effect;
use crate::tui::model::Model;
use crate::tui::place::Screen;

/// The decision under the cursor is explained, once: what has ended does not change.
pub(super) fn explanation(model: &mut Model) -> Option<Effect> {
    if model.screen != Screen::Decisions || model.explaining.is_some() {
        return None;
    }
    let rows = model.decision_rows();
    let chosen = rows.get(model.decisions.at)?;
    let is_known = model.explained.as_ref().is_some_and(|detail| {
        detail.summary.decision_id == chosen.decision_id && detail.summary.outcome == chosen.outcome
    });
    let id = chosen.decision_id.clone();
    (!is_known).then(|| {
        model.explaining = Some(id.clone());
        Effect::AskDecision(id)
    })
}

/// A draft that has changed is held against the requests of the window, one draft at a time.
pub(super) fn prediction(model: &mut Model) -> Option<Effect> {
    if model.screen != Screen::Weights || model.deciding.is_some() {
        return None;
    }
    let draft = model.draft.as_ref().filter(|draft| draft.is_changed())?;
    let points = draft.points();
    let is_known = model
        .what_if
        .as_ref()
        .is_some_and(|report| is_of(report, points));
    if is_known {
        return None;
    }
    let [cost, latency, reliability, load, priority] = points.map(|point| Some(f64::from(point)));
    model.deciding = Some(points);
    Some(Effect::AskWhatIf(WhatIfRequest {
        weights: WeightsDraft {
            cost,
            latency,
            reliability,
            load,
            priority,
        },
        window: model.window,
    }))
}

/// Whether a prediction is about these points.
pub fn is_of(report: &WhatIfReport, points: [u8; 5]) -> bool {
    let weights = &report.weights;
    let all = [
        weights.cost,
        weights.latency,
        weights.reliability,
        weights.load,
        weights.priority,
    ];
    all.iter()
        .zip(points)
        .all(|(weight, point)| (weight - f64::from(point)).abs() < 0.5)
}

pub(super) fn on_what_if(
    model: &mut Model,
    answer: Result<WhatIfReport, ClientError>,
) -> Vec<Effect> {
    model.deciding = None;
    match answer {
        Ok(report) => {
            model.what_if = Some(report);
            prediction(model).into_iter().collect()
        }
        Err(error) => {
            model.what_if = None;
            model.notify(format!("no prediction: {error}"), true);
            Vec::new()
        }
    }
}

//! Questions about what is looked at: one decision, and what a draft would have done.

use super::forecast;
use crate::client::ClientError;
use crate::contract::{WeightsDraft, WhatIfReport, WhatIfRequest, Window};
use crate::tui::draft::Draft;
use crate::tui::input_context::Screen;
use crate::tui::message::Effect;
use crate::tui::model::{Model, WhatIfResult};
use std::time::Duration;

/// Traffic moves on, and so does what a draft would do to it.
const WHAT_IF_REFRESH: Duration = Duration::from_secs(15);

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

/// A draft that has changed is held against the requests of the window, one draft at a time and
/// again after a while.
pub(super) fn prediction(model: &mut Model) -> Option<Effect> {
    if model.deciding.is_some() {
        return None;
    }
    let on_screen = || {
        let draft = model.draft.clone();
        draft.filter(|draft| model.screen == Screen::Weights && draft.is_changed())
    };
    let draft = forecast::going_back(model).or_else(on_screen)?;
    let request = asked(&draft, model.window);
    let is_answered = |known: &WhatIfResult| {
        known.request == request && model.now.saturating_sub(known.at) < WHAT_IF_REFRESH
    };
    if model.what_if.as_ref().is_some_and(is_answered) {
        return None;
    }
    // What failed a moment ago would fail again.
    let failed = model.forecast_error.as_ref();
    let failed = failed.filter(|(failed, _)| *failed == request);
    if failed.is_some_and(|&(_, at)| model.now < at + WHAT_IF_REFRESH) {
        return None;
    }
    model.deciding = Some(request.clone());
    Some(Effect::AskWhatIf(request))
}

/// What is asked about a draft.
fn asked(draft: &Draft, window: Window) -> WhatIfRequest {
    let [cost, latency, reliability, load, priority] =
        draft.points().map(|point| Some(f64::from(point)));
    WhatIfRequest {
        weights: WeightsDraft {
            cost,
            latency,
            reliability,
            load,
            priority,
        },
        window,
        providers: draft.providers(),
    }
}

/// Whether a prediction is about this draft, and no older one.
pub fn is_of(prediction: &WhatIfResult, draft: &Draft) -> bool {
    prediction.request == asked(draft, prediction.request.window)
}

pub(super) fn on_what_if(
    model: &mut Model,
    answer: Result<WhatIfReport, ClientError>,
) -> Vec<Effect> {
    let request = model.deciding.take().unwrap_or_default();
    match answer {
        Ok(report) => {
            model.forecast_error = None;
            let at = model.now;
            model.what_if = Some(WhatIfResult {
                request,
                report,
                at,
            });
            forecast::renew(model);
            prediction(model).into_iter().collect()
        }
        Err(error) => {
            model.what_if = None;
            forecast::renew(model);
            // It is said once of a draft: said again and again, it could not be put away.
            let known = model.forecast_error.as_ref();
            let is_said = known.is_some_and(|(failed, _)| *failed == request);
            model.forecast_error = Some((request, model.now));
            if !is_said {
                model.notify(format!("no prediction: {error}"), true);
            }
            Vec::new()
        }
    }
}

//! Requests for what the screen shows: lists, one decision, the forecast of a draft.

use super::review;
use crate::client::{ClientError, DecisionFilter};
use crate::contract::{ClientsReport, WhatIfReport};
use crate::tui::effect::Effect;
use crate::tui::input_context::Screen;
use crate::tui::model::Model;
use crate::tui::what_if::{WhatIfResult, what_if_request};
use std::time::Duration;

/// Decisions are refreshed after this time.
const DECISIONS_REFRESH: Duration = Duration::from_secs(5);
/// Decisions that are listed, and older ones in trouble; where a filter hides most, it looks through
/// more of them.
const LISTED: usize = 200;
const FILTERED: usize = 500;
/// A forecast is refreshed after this time: traffic changes.
const WHAT_IF_REFRESH: Duration = Duration::from_secs(15);

/// The list of changes is refreshed after this time.
const REVISIONS_REFRESH: Duration = Duration::from_secs(5);

/// So is the list of alerts.
const ALERTS_REFRESH: Duration = Duration::from_secs(2);

/// Requests what the screen shows. Called on every tick; one request of a kind is under way at
/// a time.
pub(super) fn watched_lists(model: &mut Model) -> Vec<Effect> {
    if model.frozen.is_some() {
        return Vec::new();
    }
    let mut effects = watched_rows(model);
    effects.extend(prediction(model));
    effects
}

fn watched_rows(model: &mut Model) -> Vec<Effect> {
    match model.screen {
        Screen::Decisions if !model.decisions.asked => decisions(model, model.decisions_of.clone()),
        Screen::Detail if !model.decisions.asked => decisions(model, model.selected_name()),
        Screen::Revisions if revisions_are_due(model) => {
            model.revisions.asked = true;
            vec![Effect::AskRevisions]
        }
        Screen::Clients if !model.clients.asked => {
            model.clients.asked = true;
            vec![Effect::AskClients(model.window)]
        }
        Screen::Alerts if model.alerts.is_due(model.now, ALERTS_REFRESH) => {
            model.alerts.asked = true;
            vec![Effect::AskAlerts]
        }
        Screen::Log => super::log::watched(model),
        Screen::Overview
        | Screen::Detail
        | Screen::Weights
        | Screen::Decisions
        | Screen::Models
        | Screen::Clients
        | Screen::Alerts
        | Screen::Revisions => Vec::new(),
    }
}

/// Takes in who calls.
pub(super) fn on_clients(model: &mut Model, answer: Result<ClientsReport, ClientError>) {
    let view = &mut model.clients;
    view.asked = false;
    match answer {
        Ok(report) => {
            view.report = Some(report);
            view.error = None;
        }
        Err(error) => view.error = Some(error.to_string()),
    }
}

/// Requests decisions, now and then: a list that changes faster cannot be read, and on a slow line it
/// would delay every key. The past does not change, so it is requested once.
fn decisions(model: &mut Model, provider: Option<String>) -> Vec<Effect> {
    let asked_at = model.decision_view.asked_at;
    let is_recent = |at| model.now.saturating_sub(at) < DECISIONS_REFRESH;
    if asked_at.is_some_and(|at| model.past.is_some() || is_recent(at)) {
        return Vec::new();
    }
    model.decision_view.asked_at = Some(model.now);
    model.decisions.asked = true;
    let mut filter = DecisionFilter {
        limit: LISTED,
        provider,
        ..DecisionFilter::default()
    };
    if model.screen == Screen::Decisions {
        if !model.decisions_filter.is_empty() {
            filter.limit = FILTERED;
        }
        model.decisions_filter.narrow(&mut filter);
    }
    if let Some(past) = &model.past {
        filter.set_period(past.from(), past.until);
    }
    vec![Effect::AskDecisions(filter)]
}

/// The list is long and changes seldom, so it is requested at once after a change only.
fn revisions_are_due(model: &Model) -> bool {
    let newest = model.revisions.rows.first().map(|it| it.revision);
    let in_effect = model.status.as_ref().map(|status| status.revision);
    let is_outdated = newest != in_effect && !model.revisions.asked;
    is_outdated || model.revisions.is_due(model.now, REVISIONS_REFRESH)
}

/// Requests the explanation of the decision under the cursor, once: a finished one is final.
pub(super) fn explanation(model: &mut Model) -> Option<Effect> {
    if model.screen != Screen::Decisions || model.explaining.is_some() {
        return None;
    }
    let rows = model.decision_rows();
    let selected = rows.get(model.decisions.at)?;
    let is_known = model.explained.as_ref().is_some_and(|detail| {
        detail.summary.decision_id == selected.decision_id
            && detail.summary.outcome == selected.outcome
    });
    let id = selected.decision_id.clone();
    (!is_known).then(|| {
        model.explaining = Some(id.clone());
        model.decision_view.explaining_at = model.now;
        Effect::AskDecision(id)
    })
}

/// Requests the forecast of a changed draft against the requests of the window, one draft at a
/// time, and again after [`WHAT_IF_REFRESH`].
pub(super) fn prediction(model: &mut Model) -> Option<Effect> {
    if model.deciding.is_some() {
        return None;
    }
    let on_screen = || {
        let draft = model.draft.clone();
        draft.filter(|draft| model.screen == Screen::Weights && draft.is_changed())
    };
    let draft = review::rollback_draft(model).or_else(on_screen)?;
    let mut request = what_if_request(&draft, model.window);
    let known = model.what_if.as_ref().filter(|it| it.answers(&request));
    let is_fresh = |it: &WhatIfResult| model.now.saturating_sub(it.at) < WHAT_IF_REFRESH;
    if known.is_some_and(|it| !it.request.quick && is_fresh(it)) {
        return None;
    }
    // While keys move the draft, one run is enough; the others follow once it stands.
    request.quick = known.is_none();
    // A request that has just failed would fail again.
    let failed = model.forecast_error.as_ref();
    let failed = failed.filter(|(failed, _)| *failed == request);
    if failed.is_some_and(|&(_, at)| model.now < at + WHAT_IF_REFRESH) {
        return None;
    }
    model.deciding = Some(request.clone());
    Some(Effect::AskWhatIf(request))
}

/// Takes in a forecast, and requests the next one if the draft has changed meanwhile.
pub(super) fn on_what_if(
    model: &mut Model,
    answer: Result<WhatIfReport, ClientError>,
) -> Vec<Effect> {
    let request = model.deciding.take().unwrap_or_default();
    match answer {
        Ok(report) => {
            let failed = model.forecast_error.take();
            model.forecast_error = failed.filter(|(failed, _)| *failed != request);
            let at = model.now;
            model.what_if = Some(WhatIfResult {
                request,
                report,
                at,
            });
            review::renew(model);
            prediction(model).into_iter().collect()
        }
        Err(error) => {
            // One run of the same draft is better than none.
            let known = model.what_if.take();
            model.what_if = known.filter(|it| !request.quick && it.answers(&request));
            review::renew(model);
            // Once per draft: repeated, the notice could not be dismissed.
            let known = model.forecast_error.as_ref();
            let is_shown = known.is_some_and(|(failed, _)| *failed == request);
            model.forecast_error = Some((request, model.now));
            if !is_shown {
                model.notify(format!("no forecast: {error}"), true);
            }
            Vec::new()
        }
    }
}

//! The decisions screen: the latest rows, the request under the cursor, and its explanation.
//!
//! Until the cursor is moved, the list follows the newest requests, one step every few seconds, and
//! the cursor stands on the newest that has ended. From then on the rows stay.

use super::queries;
use crate::client::ClientError;
use crate::contract::{DecisionDetail, DecisionList, DecisionOutcome, DecisionReport};
use crate::tui::effect::Effect;
use crate::tui::model::Model;

pub(super) fn on_decisions(model: &mut Model, answer: Result<DecisionList, ClientError>) {
    let list = match answer {
        Ok(list) => list,
        Err(error) => return model.decisions.receive(Err(error.to_string()), model.now),
    };
    model.decision_view.troubled = list.troubled;
    if model.decision_view.is_held && !model.decisions.rows.is_empty() {
        return refresh_held(model, list.decisions);
    }
    model.decisions.receive(Ok(list.decisions), model.now);
    model.decision_view.newer = 0;
    model.decisions.at = newest_ended(model);
}

/// The rows stay; what changed in one is taken over, and newer ones are counted.
fn refresh_held(model: &mut Model, latest: Vec<DecisionReport>) {
    model.decisions.asked = false;
    model.decisions.error = None;
    let rows = &mut model.decisions.rows;
    let newest = rows.iter().map(|row| row.at.clone()).max();
    let mut newer = 0;
    for decision in latest {
        let known = rows
            .iter_mut()
            .find(|row| row.decision_id == decision.decision_id);
        match known {
            Some(row) => *row = decision,
            None if Some(&decision.at) > newest.as_ref() => newer += 1,
            None => {}
        }
    }
    // Those that were counted before and are not among the latest any more are newer too.
    model.decision_view.newer = model.decision_view.newer.max(newer);
}

/// The newest row that has ended: what is said of one that still runs changes.
fn newest_ended(model: &Model) -> usize {
    let is_ended = |row: &&DecisionReport| row.outcome != DecisionOutcome::Pending;
    let rows = model.decision_rows();
    rows.iter().position(is_ended).unwrap_or(0)
}

/// Puts the cursor on a row, and holds the rows.
pub(super) fn hold_at(model: &mut Model, at: usize) {
    model.decision_view.is_held = true;
    if model.decisions.at != at {
        model.decision_view.page = 0;
    }
    model.decisions.at = at;
}

/// Goes to the newest request, and follows.
pub(super) fn follow(model: &mut Model) -> Vec<Effect> {
    let view = &mut model.decision_view;
    view.is_held = false;
    view.page = 0;
    view.asked_at = None;
    model.decisions.at = newest_ended(model);
    queries::watched_lists(model)
}

/// Shows another page of the explanation; after the last comes the first.
pub(super) fn turn_page(model: &mut Model, step: isize) {
    model.decision_view.is_held = true;
    model.decision_view.page += step;
}

/// Moves to the next request that failed or was saved, and says which.
pub(super) fn next_trouble(model: &mut Model, step: isize) {
    let rows = model.decision_rows();
    let is_in_trouble = |at: &usize| rows[*at].trouble.is_some();
    let at = model.decisions.at;
    let next = if step > 0 {
        (at + 1..rows.len()).find(is_in_trouble)
    } else {
        (0..at.min(rows.len())).rev().find(is_in_trouble)
    };
    let text = next.and_then(|next| rows[next].trouble_text());
    if let Some(next) = next {
        hold_at(model, next);
        model.notify(text.unwrap_or_default(), false);
        return;
    }
    let side = if step > 0 { "older" } else { "newer" };
    let count = rows.len();
    let text = format!("no {side} one of the {count} listed requests failed or was saved");
    model.notify(text, false);
}

/// Asks for a request by the id of its decision, its own id, or the beginning of one, to open it.
pub(super) fn ask_for(model: &mut Model, id: &str) -> Effect {
    model.decision_view.opening = Some(id.to_owned());
    model.explaining = Some(id.to_owned());
    model.decision_view.explaining_at = model.now;
    Effect::AskDecision(id.to_owned())
}

/// Takes in an explanation.
pub(super) fn on_explained(
    model: &mut Model,
    asked: &str,
    answer: Result<DecisionDetail, ClientError>,
) -> Vec<Effect> {
    model.explaining.take_if(|explaining| explaining == asked);
    let is_opened = model
        .decision_view
        .opening
        .take_if(|opening| opening == asked)
        .is_some();
    match answer {
        Ok(detail) => {
            if is_opened {
                show(model, &detail.summary);
            }
            model.explained = Some(detail);
            model.explain_error = None;
        }
        Err(error) if is_opened => model.notify(error.to_string(), true),
        Err(error) => {
            model.explain_error = Some(error.to_string());
            return Vec::new();
        }
    }
    // The cursor may have moved meanwhile.
    queries::explanation(model).into_iter().collect()
}

/// Puts the cursor on a request, which is added where no row shows it.
fn show(model: &mut Model, decision: &DecisionReport) {
    let is_it = |row: &DecisionReport| row.decision_id == decision.decision_id;
    if !model.decision_rows().iter().any(|row| is_it(row)) {
        // What hides it would hide what was asked for.
        super::text_input::set_filter(model, "");
        model.decisions_of = None;
    }
    let rows = &mut model.decisions.rows;
    if !rows.iter().any(is_it) {
        let newer = rows.iter().filter(|row| row.at > decision.at).count();
        rows.insert(newer, decision.clone());
    }
    model.decisions.is_known = true;
    let at = model.decision_rows().iter().position(|row| is_it(row));
    hold_at(model, at.unwrap_or(0));
}

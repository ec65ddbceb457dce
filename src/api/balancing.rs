//! Asking for a selection.

use super::extract::{FieldReader, JsonFields, QueryFields};
use super::{ApiState, SharedState};
use crate::client::ApiError;
use crate::contract::{Problem, SelectRequest, Selection};
use crate::domain::TargetIdx;
use crate::domain::{DecisionId, UnixTime};
use axum::Json;
use axum::extract::State;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// So many selections are remembered, for those who report back how theirs went.
const MAX_SELECTIONS: usize = 1_024;

/// The latest selections made here.
#[derive(Debug, Default)]
pub(super) struct Selections(Mutex<VecDeque<Selected>>);

/// What a selection chose, and when.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Selected {
    pub decision: DecisionId,
    /// Place of the target in the catalogue.
    pub target: TargetIdx,
    pub at: UnixTime,
}

impl Selections {
    fn remember(&self, selected: Selected) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_SELECTIONS {
            kept.pop_front();
        }
        kept.push_back(selected);
    }

    pub fn find(&self, decision: DecisionId) -> Option<Selected> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter()
            .rev()
            .find(|kept| kept.decision == decision)
            .copied()
    }
}

/// `GET /api/load-balancing`
pub(super) async fn by_query(
    State(desk): SharedState,
    QueryFields(form): QueryFields,
) -> Result<Json<Selection>, ApiError> {
    let request = read(form)?;
    select(&desk, &request).map_err(|mut refused| {
        // In a query a value that cannot be is a mistake of form, like one that cannot be read.
        if refused.problem.status == 422 {
            refused.problem = Problem {
                errors: refused.problem.errors,
                ..Problem::new(400, refused.problem.detail)
            };
        }
        refused
    })
}

/// `POST /api/load-balancing/select`
pub(super) async fn by_body(
    State(desk): SharedState,
    JsonFields(form): JsonFields,
) -> Result<Json<Selection>, ApiError> {
    select(&desk, &read(form)?)
}

fn read(mut form: FieldReader) -> Result<SelectRequest, ApiError> {
    let request = SelectRequest {
        model_type: form.text("modelType"),
        model: form.text("model"),
        preferred_provider: form.text("preferredProvider"),
        max_cost: form.number("maxCost"),
        max_latency: form.number("maxLatency"),
        max_tokens: form.whole("maxTokens"),
        temperature: form.number("temperature"),
        stream: form.flag("stream"),
        explain: form.flag("explain"),
    };
    form.finish()?;
    Ok(request)
}

fn select(desk: &ApiState, request: &SelectRequest) -> Result<Json<Selection>, ApiError> {
    let selection = desk.api.local.select(request)?;
    let table = desk.api.local.handle().routing_table();
    let target = table
        .catalogue
        .target(&selection.provider, &selection.model);
    if let (Some(target), Ok(decision)) = (target, selection.decision_id.parse()) {
        desk.selections.remember(Selected {
            decision,
            target,
            at: crate::clock::now(),
        });
    }
    Ok(Json(selection))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_latest_selections_are_remembered() {
        let selections = Selections::default();
        for id in 0..=MAX_SELECTIONS as u64 {
            selections.remember(Selected {
                decision: DecisionId(id),
                target: 3.into(),
                at: UnixTime::default(),
            });
        }

        assert_eq!(selections.find(DecisionId(0)), None);
        let latest = selections.find(DecisionId(MAX_SELECTIONS as u64));
        assert_eq!(latest.map(|selected| selected.target), Some(3.into()));
    }
}

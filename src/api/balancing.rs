//! Selections without a request.

use super::extract::{JsonBody, QueryParams};
use super::recent_selections::Selected;
use super::state::{ApiState, SharedState};
use crate::access::Principal;
use crate::client::ApiError;
use crate::clock;
use crate::contract::{Problem, SelectRequest, Selection};
use axum::extract::State;
use axum::{Extension, Json};
use std::sync::Arc;

/// `GET /api/load-balancing`
pub(super) async fn by_query(
    State(state): SharedState,
    Extension(principal): Extension<Principal>,
    QueryParams(request): QueryParams<SelectRequest>,
) -> Result<Json<Selection>, ApiError> {
    select(&state, &principal, &request).map_err(|error| match error {
        // In a query a wrong value is a syntax error, as a value that cannot be parsed is.
        ApiError::Invalid(mistakes) => Problem::fields(400, mistakes).into(),
        error => error,
    })
}

/// `POST /api/load-balancing/select`
pub(super) async fn by_body(
    State(state): SharedState,
    Extension(principal): Extension<Principal>,
    JsonBody(request): JsonBody<SelectRequest>,
) -> Result<Json<Selection>, ApiError> {
    select(&state, &principal, &request)
}

fn select(
    state: &ApiState,
    principal: &Principal,
    request: &SelectRequest,
) -> Result<Json<Selection>, ApiError> {
    let selection = state.api.local.select(request)?;
    let table = state.api.local.handle().routing_table();
    let target = table
        .catalogue
        .target(&selection.provider, &selection.model);
    if let (Some(target), Ok(decision)) = (target, selection.decision_id.parse()) {
        state.selections.remember(Selected {
            owner: Arc::clone(&principal.who),
            decision,
            target,
            at: clock::now(),
        });
    }
    Ok(Json(selection))
}

//! Alerts.

use super::extract::{JsonBody, PathText, path_text};
use super::state::SharedState;
use crate::access::Principal;
use crate::client::ApiError;
use crate::contract::{AlertList, AlertReport, AlertTestReport, MuteRequest};
use axum::extract::State;
use axum::{Extension, Json};

/// `GET /api/alerts`
pub(super) async fn list(State(state): SharedState) -> Result<Json<AlertList>, ApiError> {
    Ok(Json(state.api.local.alerts().await?))
}

/// `POST /api/alerts/{id}/acknowledge`
pub(super) async fn acknowledge(
    State(state): SharedState,
    id: PathText,
    Extension(principal): Extension<Principal>,
) -> Result<Json<AlertReport>, ApiError> {
    let id = path_text(id, "alert's id")?;
    let local = state.acting_as(&principal);
    Ok(Json(local.acknowledge_alert(&id).await?))
}

/// `DELETE /api/alerts/{id}/acknowledge`
pub(super) async fn withdraw(
    State(state): SharedState,
    id: PathText,
    Extension(principal): Extension<Principal>,
) -> Result<Json<AlertReport>, ApiError> {
    let id = path_text(id, "alert's id")?;
    let local = state.acting_as(&principal);
    Ok(Json(local.withdraw_acknowledgement(&id).await?))
}

/// `POST /api/alerts/{id}/mute`
pub(super) async fn mute(
    State(state): SharedState,
    id: PathText,
    Extension(principal): Extension<Principal>,
    JsonBody(mute): JsonBody<MuteRequest>,
) -> Result<Json<AlertReport>, ApiError> {
    let id = path_text(id, "alert's id")?;
    let local = state.acting_as(&principal);
    Ok(Json(local.mute_alert(&id, mute).await?))
}

/// `POST /api/alerts/test`
pub(super) async fn test(State(state): SharedState) -> Result<Json<AlertTestReport>, ApiError> {
    Ok(Json(state.api.local.test_alerts().await?))
}

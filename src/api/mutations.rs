//! Changes of weights, providers and configuration.

use super::extract::{JsonBody, PathText, path_text};
use super::state::SharedState;
use crate::access::Principal;
use crate::client::ApiError;
use crate::contract::{
    AdviceReport, AdviceRequest, ProbeReport, Problem, ProviderChange, ProviderReport,
    ReloadReport, SettingsChange, SettingsReport, WeightsChange, WeightsReport, WhatIfReport,
    WhatIfRequest,
};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::{Extension, Json};

/// `GET /api/weights`
pub(super) async fn weights(State(state): SharedState) -> Result<Json<WeightsReport>, ApiError> {
    Ok(Json(state.api.local.weights().await?))
}

/// `PUT /api/weights`
pub(super) async fn set_weights(
    State(state): SharedState,
    Extension(principal): Extension<Principal>,
    JsonBody(change): JsonBody<WeightsChange>,
) -> Result<Json<WeightsReport>, ApiError> {
    let local = state.acting_as(&principal);
    Ok(Json(local.set_weights(change).await?))
}

/// `GET /api/settings`
pub(super) async fn settings(State(state): SharedState) -> Result<Json<SettingsReport>, ApiError> {
    Ok(Json(state.api.local.settings().await?))
}

/// `PATCH /api/settings`
pub(super) async fn change_settings(
    State(state): SharedState,
    Extension(principal): Extension<Principal>,
    JsonBody(change): JsonBody<SettingsChange>,
) -> Result<Json<SettingsReport>, ApiError> {
    let local = state.acting_as(&principal);
    Ok(Json(local.change_settings(change).await?))
}

/// `POST /api/weights/keep`
pub(super) async fn keep_weights(
    State(state): SharedState,
    Extension(principal): Extension<Principal>,
) -> Result<Json<WeightsReport>, ApiError> {
    let local = state.acting_as(&principal);
    Ok(Json(local.confirm_weights().await?))
}

/// `POST /api/revisions/{number}/rollback`
pub(super) async fn roll_back(
    State(state): SharedState,
    number: Result<Path<u64>, PathRejection>,
    Extension(principal): Extension<Principal>,
) -> Result<Json<WeightsReport>, ApiError> {
    let Path(number) =
        number.map_err(|_| Problem::new(404, "a revision's number is a whole number from 1 up"))?;
    let local = state.acting_as(&principal);
    Ok(Json(local.roll_back(number).await?))
}

/// `POST /api/what-if`
pub(super) async fn what_if(
    State(state): SharedState,
    JsonBody(request): JsonBody<WhatIfRequest>,
) -> Result<Json<WhatIfReport>, ApiError> {
    Ok(Json(state.api.local.what_if(&request).await?))
}

/// `POST /api/advise`
pub(super) async fn advise(
    State(state): SharedState,
    JsonBody(request): JsonBody<AdviceRequest>,
) -> Result<Json<AdviceReport>, ApiError> {
    Ok(Json(state.api.local.advise(request).await?))
}

/// `PATCH /api/providers/{name}`
pub(super) async fn change_provider(
    State(state): SharedState,
    name: PathText,
    Extension(principal): Extension<Principal>,
    JsonBody(change): JsonBody<ProviderChange>,
) -> Result<Json<ProviderReport>, ApiError> {
    let name = path_text(name, "provider's name")?;
    let local = state.acting_as(&principal);
    Ok(Json(local.change_provider(&name, change).await?))
}

/// `POST /api/providers/{name}/probe`
pub(super) async fn probe(
    State(state): SharedState,
    name: PathText,
) -> Result<Json<ProbeReport>, ApiError> {
    let name = path_text(name, "provider's name")?;
    Ok(Json(state.api.local.probe(&name).await?))
}

/// `POST /api/reload`
pub(super) async fn reload(
    State(state): SharedState,
    Extension(principal): Extension<Principal>,
) -> Result<Json<ReloadReport>, ApiError> {
    let local = state.acting_as(&principal);
    Ok(Json(local.reload().await?))
}

//! Client tokens.

use super::extract::{JsonBody, PathText, path_text};
use super::state::SharedState;
use crate::access::Principal;
use crate::client::ApiError;
use crate::contract::{NewToken, TokenList, TokenReport, TokenRequest};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};

/// `GET /api/tokens`
pub(super) async fn list(State(state): SharedState) -> Result<Json<TokenList>, ApiError> {
    Ok(Json(state.api.local.tokens().await?))
}

/// `POST /api/tokens`
pub(super) async fn create(
    State(state): SharedState,
    Extension(principal): Extension<Principal>,
    JsonBody(request): JsonBody<TokenRequest>,
) -> Result<(StatusCode, Json<NewToken>), ApiError> {
    let local = state.acting_as(&principal);
    let made = local.create_token(&request).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// `POST /api/tokens/{name}/rotate`
pub(super) async fn rotate(
    State(state): SharedState,
    name: PathText,
    Extension(principal): Extension<Principal>,
) -> Result<Json<NewToken>, ApiError> {
    let name = path_text(name, "token's name")?;
    let local = state.acting_as(&principal);
    Ok(Json(local.rotate_token(&name).await?))
}

/// `DELETE /api/tokens/{name}`
pub(super) async fn revoke(
    State(state): SharedState,
    name: PathText,
    Extension(principal): Extension<Principal>,
) -> Result<Json<TokenReport>, ApiError> {
    let name = path_text(name, "token's name")?;
    let local = state.acting_as(&principal);
    Ok(Json(local.revoke_token(&name).await?))
}

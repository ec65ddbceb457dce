//! The audit log.

use super::extract::QueryParams;
use super::query::AuditQuery;
use super::state::SharedState;
use crate::client::ApiError;
use crate::contract::{AuditCheckReport, AuditList};
use axum::Json;
use axum::extract::State;

/// `GET /api/audit`
pub(super) async fn entries(
    State(state): SharedState,
    QueryParams(query): QueryParams<AuditQuery>,
) -> Result<Json<AuditList>, ApiError> {
    let since = query.since.map(|since| since.0);
    let limit = query.limit.map(|limit| limit.0);
    let local = &state.api.local;
    Ok(Json(
        local
            .audit_log(since, query.before.as_deref(), limit)
            .await?,
    ))
}

/// `GET /api/audit/check`
pub(super) async fn check(State(state): SharedState) -> Result<Json<AuditCheckReport>, ApiError> {
    Ok(Json(state.api.local.check_audit_log().await?))
}

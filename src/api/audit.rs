//! The audit log.

use super::extract::QueryParams;
use super::query::AuditQuery;
use super::state::SharedState;
use crate::client::{ApiError, AuditFilter};
use crate::contract::{AuditCheckReport, AuditList};
use axum::Json;
use axum::extract::State;

/// `GET /api/audit`
pub(super) async fn entries(
    State(state): SharedState,
    QueryParams(query): QueryParams<AuditQuery>,
) -> Result<Json<AuditList>, ApiError> {
    let filter = AuditFilter {
        since: query.since.map(|since| since.0),
        until: query.until.map(|until| until.0),
        before: query.before,
        after: query.after,
        limit: query.limit.map(|limit| limit.0),
    };
    Ok(Json(state.api.local.audit_log(&filter).await?))
}

/// `GET /api/audit/check`
pub(super) async fn check(State(state): SharedState) -> Result<Json<AuditCheckReport>, ApiError> {
    Ok(Json(state.api.local.check_audit_log().await?))
}

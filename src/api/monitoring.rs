//! Read-only reports.

use super::extract::{PathText, QueryParams, path_text};
use super::query::{
    DecisionsQuery, ForecastQuery, LogQuery, Past, PerformanceQuery, StatusQuery, UsageQuery,
    WindowQuery,
};
use super::state::SharedState;
use crate::client::{ApiError, DecisionFilter, LogFilter, PerformanceFilter};
use crate::clock;
use crate::contract::{
    ClientsReport, DecisionDetail, DecisionList, HourlyForecast, LogList, Performance, Problem,
    RevisionList, Status, UsageReport,
};
use axum::Json;
use axum::extract::State;
use std::str::FromStr;

const DEFAULT_HOURS: u32 = 24;
const DEFAULT_LIMIT: u32 = 100;

/// `GET /api/monitoring/performance`
pub(super) async fn performance(
    State(state): SharedState,
    QueryParams(query): QueryParams<PerformanceQuery>,
) -> Result<Json<Performance>, ApiError> {
    let filter = PerformanceFilter {
        hours: query.hours.map_or(DEFAULT_HOURS, |hours| hours.0),
        provider: query.provider,
        model: query.model,
        token: query.token,
        group: query.group,
        tag: query.tag,
        step: query.step.map(|step| u64::from(step.0)),
    };
    Ok(Json(state.api.local.performance_of(&filter).await?))
}

/// `GET /api/forecast`
pub(super) async fn forecast(
    State(state): SharedState,
    QueryParams(query): QueryParams<ForecastQuery>,
) -> Result<Json<HourlyForecast>, ApiError> {
    let hours = query.hours.map_or(DEFAULT_HOURS, |hours| hours.0);
    Ok(Json(state.api.local.forecast(hours).await?))
}

/// `GET /api/status`
pub(super) async fn status(
    State(state): SharedState,
    QueryParams(query): QueryParams<StatusQuery>,
) -> Result<Json<Status>, ApiError> {
    if let Some(Past(until)) = query.until {
        let until = until.seen_from(clock::now());
        return Ok(Json(
            state.api.local.past_status(query.window, until).await?,
        ));
    }
    Ok(Json(state.api.local.status(query.window).await?))
}

/// `GET /api/clients`
pub(super) async fn clients(
    State(state): SharedState,
    QueryParams(query): QueryParams<WindowQuery>,
) -> Result<Json<ClientsReport>, ApiError> {
    Ok(Json(state.api.local.clients(query.window).await?))
}

/// `GET /api/logs`
pub(super) async fn log(
    State(state): SharedState,
    QueryParams(query): QueryParams<LogQuery>,
) -> Json<LogList> {
    let limit = query.limit.and_then(|limit| usize::try_from(limit.0).ok());
    let filter = LogFilter {
        limit: limit.unwrap_or(LogFilter::DEFAULT_LIMIT),
        after: query.after.map(|after| after.0),
        level: query.level,
    };
    Json(state.api.local.log(&filter))
}

/// `GET /api/decisions`
pub(super) async fn decisions(
    State(state): SharedState,
    QueryParams(query): QueryParams<DecisionsQuery>,
) -> Result<Json<DecisionList>, ApiError> {
    let now = clock::now();
    let limit = query.limit.map_or(DEFAULT_LIMIT, |limit| limit.0);
    let filter = DecisionFilter {
        limit: usize::try_from(limit).unwrap_or(usize::MAX),
        provider: query.provider,
        model: query.model,
        client: query.client,
        outcome: query.outcome,
        trouble: query.trouble,
        before: query.before,
        since: query.since.map(|it| it.0.seen_from(now)),
        until: query.until.map(|it| it.0.seen_from(now)),
    };
    Ok(Json(state.api.local.decision_page(&filter).await?))
}

/// `GET /api/decisions/{id}`
pub(super) async fn decision(
    State(state): SharedState,
    id: PathText,
) -> Result<Json<DecisionDetail>, ApiError> {
    let id = path_text(id, "decision's id")?;
    Ok(Json(state.api.local.decision(&id).await?))
}

/// `GET /api/usage`
pub(super) async fn usage(
    State(state): SharedState,
    QueryParams(query): QueryParams<UsageQuery>,
) -> Result<Json<UsageReport>, ApiError> {
    let by = parsed("by", query.by.as_deref())?;
    let period = parsed("since", query.since.as_deref())?;
    Ok(Json(state.api.local.usage(by, period).await?))
}

/// A part of the query, or its default.
fn parsed<T: FromStr<Err = String> + Default>(
    name: &str,
    text: Option<&str>,
) -> Result<T, Problem> {
    let value = text.map(str::parse).transpose();
    let value = value.map_err(|error| Problem::new(400, format!("{name} {error}")))?;
    Ok(value.unwrap_or_default())
}

/// `GET /api/revisions`
pub(super) async fn revisions(State(state): SharedState) -> Result<Json<RevisionList>, ApiError> {
    let revisions = state.api.local.revisions().await?;
    Ok(Json(RevisionList { revisions }))
}

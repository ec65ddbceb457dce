//! Numbers to read.

use super::SharedState;
use super::extract::{FieldReader, QueryFields};
use crate::client::{ApiError, find_provider};
use crate::contract::{
    DecisionDetail, DecisionList, DecisionReport, Performance, Problem, RevisionList,
    RevisionReport, Status, Window,
};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};

const HOURS: std::ops::RangeInclusive<u64> = 1..=8_760;
const DEFAULT_HOURS: u64 = 24;
const LIMIT: std::ops::RangeInclusive<u64> = 1..=500;
const DEFAULT_LIMIT: u64 = 100;
const OUTCOMES: [&str; 5] = ["pending", "ok", "error", "cancelled", "refused"];
/// In the words of the query.
pub(super) const WINDOWS: &str = "one of 1m, 5m, 15m, 1h, 6h, 24h";

/// `GET /api/monitoring/performance`
pub(super) async fn performance(
    State(desk): SharedState,
    QueryFields(mut form): QueryFields,
) -> Result<Json<Performance>, ApiError> {
    let hours = within(&mut form, "hours", &HOURS, DEFAULT_HOURS);
    form.finish()?;
    let hours = u32::try_from(hours).unwrap_or(u32::MAX);
    Ok(Json(desk.api.local.performance(hours).await?))
}

/// `GET /api/status`
pub(super) async fn status(
    State(desk): SharedState,
    QueryFields(mut form): QueryFields,
) -> Result<Json<Status>, ApiError> {
    let window = form.parsed("window", WINDOWS).unwrap_or(Window::Day);
    form.finish()?;
    Ok(Json(desk.api.local.status(window).await?))
}

/// `GET /api/decisions`
pub(super) async fn decisions(
    State(desk): SharedState,
    QueryFields(mut form): QueryFields,
) -> Result<Json<DecisionList>, ApiError> {
    let limit = within(&mut form, "limit", &LIMIT, DEFAULT_LIMIT);
    let provider = form.text("provider");
    let outcome = form.text("outcome");
    if let Some(word) = outcome.as_deref().filter(|word| !OUTCOMES.contains(word)) {
        let expected = format!("one of {}", OUTCOMES.join(", "));
        form.refuse("outcome", word, &expected);
    }
    form.finish()?;
    let handle = desk.api.local.handle();
    let catalogue = &handle.routing_table().catalogue;
    if let Some(name) = &provider {
        find_provider(catalogue, name)?;
    }
    let decisions = handle.decisions().await?;
    let decisions = decisions
        .iter()
        .filter(|decision| !decision.is_dry_run())
        .map(|decision| DecisionReport::new(decision, catalogue))
        .filter(|report| provider.is_none() || report.provider == provider)
        .filter(|report| outcome.as_ref().is_none_or(|word| report.outcome == *word))
        .take(usize::try_from(limit).unwrap_or(usize::MAX))
        .collect();
    Ok(Json(DecisionList { decisions }))
}

/// `GET /api/decisions/{id}`
pub(super) async fn decision(
    State(desk): SharedState,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<DecisionDetail>, ApiError> {
    let wrong = |_| Problem::new(400, "the decision's id in the path is not UTF-8 text");
    let Path(id) = id.map_err(wrong)?;
    Ok(Json(desk.api.local.decision(&id).await?))
}

/// `GET /api/revisions`
pub(super) async fn revisions(State(desk): SharedState) -> Result<Json<RevisionList>, ApiError> {
    let revisions = desk.api.local.handle().revisions().await?;
    Ok(Json(RevisionList {
        revisions: revisions.iter().map(RevisionReport::from).collect(),
    }))
}

fn within(
    form: &mut FieldReader,
    name: &'static str,
    range: &std::ops::RangeInclusive<u64>,
    usual: u64,
) -> u64 {
    let expected = format!("a whole number from {} to {}", range.start(), range.end());
    form.parsed::<Whole>(name, &expected)
        .map_or(usual, |Whole(number)| {
            if !range.contains(&number) {
                form.refuse(name, number.to_string(), &expected);
            }
            number
        })
}

/// Digits and nothing else: no sign, no space.
struct Whole(u64);

impl std::str::FromStr for Whole {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(());
        }
        text.parse().map(Self).map_err(|_| ())
    }
}

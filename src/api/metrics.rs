//! The metrics for Prometheus.

use super::state::SharedState;
use crate::client::ApiError;
use crate::telemetry::{ExpositionFormat, ProcessFacts};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

/// `GET /metrics`
pub(super) async fn scrape(
    State(state): SharedState,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let format = ExpositionFormat::accepted(accept);
    let dropped = state.api.local.dropped();
    let facts = ProcessFacts {
        dropped: vec![
            ("observations", dropped.observations),
            ("events", dropped.events),
            ("log_lines", dropped.log_lines),
            ("held_answers", dropped.held_answers),
            ("refused_answers", dropped.refused_answers),
            ("deliveries", dropped.deliveries),
        ],
    };
    let text = state.api.metrics.scrape(format, facts).await?;
    Ok(([(CONTENT_TYPE, format.content_type())], text).into_response())
}

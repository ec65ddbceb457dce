//! The metrics for Prometheus.

use super::state::SharedState;
use crate::client::{ApiError, LocalClient};
use crate::telemetry::{ExpositionFormat, ProcessFacts, StoreFacts};
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
    let text = state
        .api
        .metrics
        .scrape(format, facts(&state.api.local))
        .await?;
    Ok(([(CONTENT_TYPE, format.content_type())], text).into_response())
}

/// What only the process knows.
fn facts(local: &LocalClient) -> ProcessFacts {
    let dropped = local.dropped();
    let mut by_queue = vec![
        ("observations".into(), dropped.observations),
        ("events".into(), dropped.events),
        ("log_lines".into(), dropped.log_lines),
        ("held_answers".into(), dropped.held_answers),
        ("refused_answers".into(), dropped.refused_answers),
        ("deliveries".into(), dropped.deliveries),
    ];
    let store = local.store().is_on().then(|| local.store().status());
    let kinds = store.iter().flat_map(|store| &store.dropped_kinds);
    by_queue.extend(kinds.map(|(kind, lost)| (format!("store_{kind}").into(), *lost)));
    let store = store.map(|store| StoreFacts {
        state: match store.state.as_str() {
            "failing" => 2,
            "behind" => 1,
            _ => 0,
        },
        queued: store.queued,
        written: store.written,
    });
    ProcessFacts {
        dropped: by_queue,
        store,
    }
}

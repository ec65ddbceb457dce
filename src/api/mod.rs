//! THE CONTROL DOOR: selections, numbers and changes over HTTP, in the shapes of `contract`.
//! Errors are RFC 9457 `application/problem+json`.
//!
//! It serves from [`LocalClient`], as the dashboard of this process does, so that everybody sees the
//! same numbers.

mod auth;
mod balancing;
mod error_response;
mod events;
mod external_load;
mod extract;
mod health;
mod monitoring;
mod mutations;
#[cfg(test)]
mod tests;

pub use error_response::{panicked, unknown_path};

use crate::access::TokenAuth;
use crate::client::LocalClient;
use axum::extract::DefaultBodyLimit;
use axum::routing::{any, get, patch, post};
use axum::{Router, middleware};
use balancing::Selections;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;

/// No body that this door understands is longer.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// Answers that are shorter, in bytes, fit into a packet as they are.
const MIN_COMPRESS_BYTES: u16 = 1_024;

/// What the door needs to know.
#[derive(Debug)]
pub struct Api {
    pub local: LocalClient,
    pub access: TokenAuth,
    /// Ends the streams of events, which would otherwise last as long as their readers.
    pub stop: CancellationToken,
}

/// The same for every call.
#[derive(Debug)]
struct ApiState {
    api: Api,
    selections: Selections,
}

type SharedState = axum::extract::State<Arc<ApiState>>;

/// All paths under /api, and the two questions of health. Has no fallback of its own.
pub fn router(api: Api) -> Router {
    let desk = Arc::new(ApiState {
        api,
        selections: Selections::default(),
    });
    let guarded = Router::new()
        .route(
            "/api/load-balancing",
            get(balancing::by_query).post(external_load::count),
        )
        .route("/api/load-balancing/select", post(balancing::by_body))
        .route("/api/monitoring/performance", get(monitoring::performance))
        .route("/api/status", get(monitoring::status))
        .route("/api/events", get(events::events))
        .route("/api/decisions", get(monitoring::decisions))
        .route("/api/decisions/{id}", get(monitoring::decision))
        .route("/api/what-if", post(mutations::what_if))
        .route(
            "/api/revisions/{number}/rollback",
            post(mutations::roll_back),
        )
        .route("/api/revisions", get(monitoring::revisions))
        .route(
            "/api/weights",
            get(mutations::weights).put(mutations::set_weights),
        )
        .route("/api/weights/keep", post(mutations::keep_weights))
        .route("/api/providers/{name}", patch(mutations::change_provider))
        .route("/api/providers/{name}/probe", post(mutations::probe))
        .route("/api/reload", post(mutations::reload))
        .route("/api", any(unknown_path))
        .route("/api/{*rest}", any(unknown_path))
        .method_not_allowed_fallback(error_response::wrong_method)
        // Also the feed: the encoder hands out what it has whenever no more is there.
        .layer(CompressionLayer::new().compress_when(SizeAbove::new(MIN_COMPRESS_BYTES)))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&desk),
            auth::guard,
        ));
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .method_not_allowed_fallback(error_response::wrong_method)
        .merge(guarded)
        .with_state(desk)
}

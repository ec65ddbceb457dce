//! THE CONTROL DOOR: selections, numbers and changes over HTTP, in the shapes of `contract`.
//! Errors are RFC 9457 `application/problem+json`.
//!
//! It serves from [`LocalClient`], as the dashboard of this process does, so that everybody sees the
//! same numbers.

mod answer;
mod balancing;
mod feed;
mod form;
mod gauge;
mod guard;
mod health;
mod monitoring;
mod steering;
#[cfg(test)]
mod tests;

pub use answer::{panicked, unknown_path};

use crate::access::Access;
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
const BODY_MOST: usize = 64 * 1024;

/// Answers that are shorter, in bytes, fit into a packet as they are.
const COMPRESSED_FROM: u16 = 1_024;

/// What the door needs to know.
#[derive(Debug)]
pub struct Api {
    pub local: LocalClient,
    pub access: Access,
    /// Ends the streams of events, which would otherwise last as long as their readers.
    pub stop: CancellationToken,
}

/// The same for every call.
#[derive(Debug)]
struct Desk {
    api: Api,
    selections: Selections,
}

type Door = axum::extract::State<Arc<Desk>>;

/// All paths under /api, and the two questions of health. Has no fallback of its own.
pub fn router(api: Api) -> Router {
    let desk = Arc::new(Desk {
        api,
        selections: Selections::default(),
    });
    let guarded = Router::new()
        .route(
            "/api/load-balancing",
            get(balancing::by_query).post(gauge::count),
        )
        .route("/api/load-balancing/select", post(balancing::by_body))
        .route("/api/monitoring/performance", get(monitoring::performance))
        .route("/api/status", get(monitoring::status))
        .route("/api/events", get(feed::events))
        .route("/api/decisions", get(monitoring::decisions))
        .route("/api/decisions/{id}", get(monitoring::decision))
        .route("/api/what-if", post(steering::what_if))
        .route(
            "/api/revisions/{number}/rollback",
            post(steering::roll_back),
        )
        .route("/api/revisions", get(monitoring::revisions))
        .route(
            "/api/weights",
            get(steering::weights).put(steering::set_weights),
        )
        .route("/api/weights/keep", post(steering::keep_weights))
        .route("/api/providers/{name}", patch(steering::change_provider))
        .route("/api/providers/{name}/probe", post(steering::probe))
        .route("/api/reload", post(steering::reload))
        .route("/api", any(unknown_path))
        .route("/api/{*rest}", any(unknown_path))
        .method_not_allowed_fallback(answer::wrong_method)
        // Also the feed: the encoder hands out what it has whenever no more is there.
        .layer(CompressionLayer::new().compress_when(SizeAbove::new(COMPRESSED_FROM)))
        .layer(DefaultBodyLimit::max(BODY_MOST))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&desk),
            guard::guard,
        ));
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .method_not_allowed_fallback(answer::wrong_method)
        .merge(guarded)
        .with_state(desk)
}

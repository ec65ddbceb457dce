//! The management API: selections, reports and changes over HTTP, in the shapes of `contract`.
//! Errors are RFC 9457 `application/problem+json`.
//!
//! It serves from [`crate::client::LocalClient`], as the dashboard of this process does, so that
//! both show the same numbers.

mod alerts;
mod audit;
mod auth;
mod balancing;
mod error_response;
mod events;
mod external_load;
mod extract;
mod feeds;
mod field_deserializer;
mod health;
mod metrics;
mod monitoring;
mod mutations;
mod query;
mod recent_selections;
mod state;
#[cfg(test)]
mod tests;
mod tokens;

pub use error_response::{panicked, unknown_path};
pub use state::Api;

use axum::extract::DefaultBodyLimit;
use axum::routing::{any, delete, get, patch, post};
use axum::{Router, middleware};
use extract::MAX_BODY_BYTES;
use feeds::Feeds;
use recent_selections::RecentSelections;
use state::ApiState;
use std::sync::Arc;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;

/// Shorter responses, in bytes, fit into one packet uncompressed.
const MIN_COMPRESS_BYTES: u16 = 1_024;

/// Router of all paths under /api, `/metrics`, `/healthz` and `/readyz`; without a fallback.
pub fn router(api: Api) -> Router {
    let state = Arc::new(ApiState {
        feeds: Feeds::new(api.max_feeds),
        api,
        selections: RecentSelections::default(),
        refusals: auth::refusals(),
    });
    let protected = Router::new()
        .route(
            "/api/load-balancing",
            get(balancing::by_query).post(external_load::count),
        )
        .route("/api/load-balancing/select", post(balancing::by_body))
        .route("/api/monitoring/performance", get(monitoring::performance))
        .route("/api/status", get(monitoring::status))
        .route("/api/clients", get(monitoring::clients))
        .route("/api/logs", get(monitoring::log))
        .route("/metrics", get(metrics::scrape))
        .route("/api/events", get(events::events))
        .route("/api/decisions", get(monitoring::decisions))
        .route("/api/decisions/{id}", get(monitoring::decision))
        .route("/api/usage", get(monitoring::usage))
        .route("/api/what-if", post(mutations::what_if))
        .route("/api/advise", post(mutations::advise))
        .route(
            "/api/revisions/{number}/rollback",
            post(mutations::roll_back),
        )
        .route("/api/revisions", get(monitoring::revisions))
        .route(
            "/api/weights",
            get(mutations::weights).put(mutations::set_weights),
        )
        .route(
            "/api/settings",
            get(mutations::settings).patch(mutations::change_settings),
        )
        .route("/api/weights/keep", post(mutations::keep_weights))
        .route("/api/providers/{name}", patch(mutations::change_provider))
        .route("/api/providers/{name}/probe", post(mutations::probe))
        .route("/api/forecast", get(monitoring::forecast))
        .route("/api/alerts", get(alerts::list))
        .route("/api/alerts/test", post(alerts::test))
        .route(
            "/api/alerts/{id}/acknowledge",
            post(alerts::acknowledge).delete(alerts::withdraw),
        )
        .route("/api/alerts/{id}/mute", post(alerts::mute))
        .route("/api/reload", post(mutations::reload))
        .route("/api/audit", get(audit::entries))
        .route("/api/audit/check", get(audit::check))
        .merge(token_routes())
        .route("/api", any(unknown_path))
        .route("/api/{*rest}", any(unknown_path))
        .method_not_allowed_fallback(error_response::wrong_method)
        // Event streams too: the encoder flushes whenever its input pauses.
        .layer(CompressionLayer::new().compress_when(SizeAbove::new(MIN_COMPRESS_BYTES)))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&state),
            auth::guard,
        ));
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .method_not_allowed_fallback(error_response::wrong_method)
        .merge(protected)
        .with_state(state)
}

fn token_routes() -> Router<Arc<ApiState>> {
    Router::new()
        .route("/api/tokens", get(tokens::list).post(tokens::create))
        .route("/api/tokens/{name}", delete(tokens::revoke))
        .route("/api/tokens/{name}/rotate", post(tokens::rotate))
}

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
mod needed_permissions;
mod query;
mod recent_selections;
mod routes;
mod state;
#[cfg(test)]
mod tests;
mod tokens;

pub use error_response::{panicked, unknown_path};
pub use state::Api;

use crate::access::RouteDescription;
use axum::extract::DefaultBodyLimit;
use axum::routing::any;
use axum::{Router, middleware};
use extract::MAX_BODY_BYTES;
use feeds::Feeds;
use needed_permissions::NeededPermissions;
use recent_selections::RecentSelections;
use routes::ApiRoute;
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
        needed: NeededPermissions::new(descriptions()),
    });
    let (open, protected): (Vec<_>, Vec<_>) = routes::routes()
        .into_iter()
        .partition(|route| route.description.needs.is_none());
    let protected = with_routes(protected)
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
    with_routes(open)
        .method_not_allowed_fallback(error_response::wrong_method)
        .merge(protected)
        .with_state(state)
}

fn with_routes(routes: Vec<ApiRoute>) -> Router<Arc<ApiState>> {
    let add =
        |router: Router<_>, route: ApiRoute| router.route(route.description.path, route.handler);
    routes.into_iter().fold(Router::new(), add)
}

/// All calls of the management API.
pub fn descriptions() -> Vec<RouteDescription> {
    let routes = routes::routes().into_iter();
    routes.map(|route| route.description).collect()
}

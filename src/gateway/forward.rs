//! Calls that pass to a provider without translation: images, audio, moderations, rankings, files and
//! batches. They are balanced, limited and counted as all others.

use super::dispatch::{owner, serve_forward};
use super::forward_target::ForwardTarget;
use super::state::Gateway;
use crate::access::Principal;
use crate::protocols::ApiDialect;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};

/// Paths that take a model, below a prefix.
const MODEL_PATHS: [&str; 8] = [
    "/images/generations",
    "/images/edits",
    "/images/variations",
    "/audio/speech",
    "/audio/transcriptions",
    "/audio/translations",
    "/moderations",
    "/rerank",
];
/// The routes below a prefix.
pub(super) fn routes(prefix: &str) -> Router<Gateway> {
    let mut router = Router::new();
    for path in MODEL_PATHS {
        router = router.route(&format!("{prefix}{path}"), post(forward));
    }
    for path in ["/files", "/batches"] {
        router = router
            .route(&format!("{prefix}{path}"), get(forward).post(forward))
            .route(
                &format!("{prefix}{path}/{{id}}"),
                get(forward).delete(forward),
            );
    }
    router
        .route(&format!("{prefix}/files/{{id}}/content"), get(forward))
        .route(&format!("{prefix}/batches/{{id}}/cancel"), post(forward))
}

async fn forward(
    State(gateway): State<Gateway>,
    principal: Option<Extension<Principal>>,
    (method, uri): (Method, Uri),
    headers: HeaderMap,
    body: Body,
) -> Response {
    let owner = owner(principal.as_deref());
    match ForwardTarget::new(method, &uri, &owner) {
        Ok(target) => serve_forward(gateway, target, principal, headers, body).await,
        Err(error) => error.respond(ApiDialect::Chat),
    }
}

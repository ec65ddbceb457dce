//! The routes of the gateway.

use super::error::GatewayError;
use super::operation::{Operation, dialect_of};
use super::state::Gateway;
use super::{admission, count_tokens, handler, models};
use crate::access::Principal;
use crate::protocols::ApiDialect;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};

/// The routes under /v1. Paths with `/v1` doubled or missing work too, because clients often build
/// them wrongly.
pub fn router(gateway: Gateway) -> Router {
    let mut router = Router::new();
    for prefix in ["/v1", "", "/v1/v1"] {
        router = router
            .route(
                &format!("{prefix}/chat/completions"),
                post(generate).with_state((gateway.clone(), ApiDialect::Chat)),
            )
            .route(
                &format!("{prefix}/responses"),
                post(generate).with_state((gateway.clone(), ApiDialect::Responses)),
            )
            .route(
                &format!("{prefix}/messages"),
                post(generate).with_state((gateway.clone(), ApiDialect::Messages)),
            )
            .route(
                &format!("{prefix}/messages/count_tokens"),
                post(count_tokens),
            )
            .route(&format!("{prefix}/embeddings"), post(embeddings))
            .route(&format!("{prefix}/models"), get(models::list))
            .route(&format!("{prefix}/models/{{*id}}"), get(models::one));
    }
    router
        .method_not_allowed_fallback(wrong_method)
        .with_state(gateway)
}

async fn wrong_method(method: Method, uri: Uri) -> Response {
    let path = uri.path().to_owned();
    let dialect = dialect_of(&path);
    GatewayError::WrongMethod { method, path }.respond(dialect)
}

/// The 404 response to a path under /v1 without a route.
pub fn unknown_path(method: &Method, path: &str) -> Response {
    let error = GatewayError::UnknownPath {
        method: method.clone(),
        path: path.to_owned(),
    };
    error.respond(dialect_of(path))
}

async fn generate(
    State((gateway, dialect)): State<(Gateway, ApiDialect)>,
    principal: Option<Extension<Principal>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let operation = Operation::Generate(dialect);
    serve(gateway, operation, principal, headers, body).await
}

async fn embeddings(
    State(gateway): State<Gateway>,
    principal: Option<Extension<Principal>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    serve(gateway, Operation::Embed, principal, headers, body).await
}

async fn serve(
    gateway: Gateway,
    operation: Operation,
    principal: Option<Extension<Principal>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match admission::admit(&gateway, principal.as_deref()) {
        Ok(budget_scope) => handler::run(gateway, operation, budget_scope, headers, body).await,
        Err(error) => error.respond(operation.dialect()),
    }
}

async fn count_tokens(State(gateway): State<Gateway>, headers: HeaderMap, body: Body) -> Response {
    match admission::admit(&gateway, None) {
        // Counting is free, so it counts against no budget.
        Ok(_budget_scope) => count_tokens::run(gateway, headers, body).await,
        Err(error) => error.respond(ApiDialect::Messages),
    }
}

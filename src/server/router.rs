//! The router of both APIs.

use super::openapi;
use crate::gateway::GatewayError;
use crate::{api, gateway};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::FutureExt;
use std::any::Any;
use std::panic::{AssertUnwindSafe, resume_unwind};
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;
use tower_http::catch_panic::CatchPanicLayer;

/// Combines both APIs. Each responds to a panic in its own error shape, and the path decides which of
/// them responds to an unknown path.
pub fn build_router(gateway: Router, api: Router) -> Router {
    gateway
        .layer(from_fn(catch_panic))
        .merge(
            api.layer(from_fn_with_state(
                Handle::try_current().ok(),
                on_main_runtime,
            ))
            .layer(CatchPanicLayer::custom(|panic| {
                log_panic(panic);
                api::panicked()
            })),
        )
        .route("/openapi.json", get(openapi::document))
        .fallback(unknown_path)
}

/// Runs a management request on the main runtime: it may compute for a while, and the worker threads
/// serve model traffic.
async fn on_main_runtime(
    State(runtime): State<Option<Handle>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(runtime) = runtime else {
        return next.run(request).await;
    };
    match AbortOnDropHandle::new(runtime.spawn(next.run(request))).await {
        Ok(response) => response,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The runtime is shutting down and cancelled the task.
            Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        },
    }
}

async fn unknown_path(method: Method, uri: Uri) -> Response {
    let path = uri.path();
    if gateway::is_model_path(path) {
        gateway::unknown_path(&method, path)
    } else {
        api::unknown_path(method, uri).await
    }
}

fn log_panic(_payload: Box<dyn Any + Send>) {
    // The payload may quote what a client sent, so it is not logged.
    tracing::error!("a request was answered with 500: its handler panicked");
}

/// Responds to a panic in the gateway with an error in the protocol of the request's path.
async fn catch_panic(request: Request, next: Next) -> Response {
    let dialect = gateway::dialect_of(request.uri().path());
    let response = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    response.unwrap_or_else(|panic| {
        log_panic(panic);
        GatewayError::Internal.respond(dialect)
    })
}

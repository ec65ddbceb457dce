//! THE DOOR FOR MODEL TRAFFIC: a client's request in, attempts at providers out, until one
//! answers. It must keep serving when every other room is broken: it waits for no task, no disk
//! and no screen, and reports by a queue that never blocks.

mod access_log;
mod admission;
mod attempt;
mod auth;
mod byte_budget;
mod cache;
mod count_tokens;
mod deadlines;
mod error;
mod failover;
mod handler;
mod models;
mod operation;
mod recovery;
mod relay;
mod request;
mod request_body;
mod request_recorder;
mod shutdown;
mod upstream_call;

use crate::domain::{PerTarget, TargetIdx};
pub use auth::with_auth;
pub use byte_budget::ByteBudget;
pub use cache::{Cache, CacheCounts, CacheLimits};
pub use error::GatewayError;
pub use operation::dialect_of;
pub use recovery::Recovery;
pub use request_body::BodyBuffer;
pub use shutdown::{ShutdownSignal, ShutdownTrigger};

use crate::access::Principal;
use crate::engine::EngineHandle;
use crate::protocols::{ApiDialect, UpstreamSet};
use arc_swap::ArcSwap;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use operation::Operation;
use std::sync::Arc;
use std::time::Duration;

/// How long things may take and how large they may be.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// Bytes of a request's body.
    pub max_body: usize,
    /// Attempts after the first, fallbacks included.
    pub max_retries: u32,
    /// Non-stream: the whole request; stream: until its first content.
    pub timeout: Duration,
    /// For each attempt at a stream.
    pub first_token_timeout: Duration,
    /// Between two chunks of a stream.
    pub idle_timeout: Duration,
    /// A whole stream.
    pub stream_timeout: Duration,
    /// Of streams that break after their first content.
    pub recovery: Recovery,
    /// What differs for single targets, by their place in the catalogue.
    pub targets: Vec<TargetTimeouts>,
}

impl PerTarget for TargetTimeouts {}

/// What differs for one target.
#[derive(Debug, Clone, Copy, Default)]
pub struct TargetTimeouts {
    pub timeout: Option<Duration>,
    pub first_token_timeout: Option<Duration>,
}

impl GatewayConfig {
    fn timeout(&self, target: TargetIdx) -> Duration {
        self.targets
            .get(target.get())
            .and_then(|own| own.timeout)
            .unwrap_or(self.timeout)
    }

    fn first_token_timeout(&self, target: TargetIdx) -> Duration {
        let own = self
            .targets
            .get(target.get())
            .and_then(|own| own.first_token_timeout);
        own.unwrap_or(self.first_token_timeout)
    }
}

/// What the door needs to know; cheap to clone. What a configuration says is replaced as a whole
/// when it is read again, so it is looked at anew for each request and each attempt.
#[derive(Debug, Clone)]
pub struct Gateway {
    pub handle: EngineHandle,
    pub upstreams: Arc<ArcSwap<UpstreamSet>>,
    pub limits: Arc<ArcSwap<GatewayConfig>>,
    pub closing: ShutdownSignal,
    pub bodies: BodyBuffer,
    /// Nothing where no answer is given twice.
    pub cache: Option<Arc<Cache>>,
}

/// The routes of /v1. Paths with `/v1` doubled or missing work too, for clients commonly err
/// there.
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
    let path = uri.path();
    GatewayError::wrong_method(&method, path).respond(dialect_of(path))
}

/// Whatever else is asked for under /v1.
pub fn unknown_path(method: &Method, path: &str) -> Response {
    GatewayError::unknown_path(method, path).respond(dialect_of(path))
}

async fn generate(
    State((gateway, dialect)): State<(Gateway, ApiDialect)>,
    caller: Option<Extension<Principal>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    serve(gateway, Operation::Generate(dialect), caller, headers, body).await
}

async fn embeddings(
    State(gateway): State<Gateway>,
    caller: Option<Extension<Principal>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    serve(gateway, Operation::Embed, caller, headers, body).await
}

async fn serve(
    gateway: Gateway,
    errand: Operation,
    caller: Option<Extension<Principal>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match admission::admit(&gateway, caller.as_deref()) {
        Ok(payer) => handler::run(gateway, errand, payer, headers, body).await,
        Err(error) => error.respond(errand.dialect()),
    }
}

async fn count_tokens(State(gateway): State<Gateway>, headers: HeaderMap, body: Body) -> Response {
    match admission::admit(&gateway, None) {
        Ok(_nobody_pays) => count_tokens::run(gateway, headers, body).await,
        Err(error) => error.respond(ApiDialect::Messages),
    }
}

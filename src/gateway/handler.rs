//! One client request: reads and checks it, gets a response from the cache or from a target, and adds
//! the headers that describe it.

use super::admission;
use super::attempt::AttemptUsage;
use super::cache_status::CacheStatus;
use super::coalescing;
use super::early_headers::{self, EarlyHeaders, RequestResult};
use super::error::GatewayError;
use super::failover;
use super::operation::Operation;
use super::recovery::StreamRecovery;
use super::request::{ParsedRequest, request_id};
use super::request_context::RequestContext;
use super::request_recorder::RequestRecorder;
use super::response_headers::set_stream_headers;
use super::state::Gateway;
use super::upstream_response::UpstreamResponse;
use crate::domain::{BudgetScope, Failure, RejectionReason, RequestOutcome};
use crate::protocols::ApiDialect;
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::Instant;

/// Serves one request.
pub(super) async fn run(
    gateway: Gateway,
    operation: Operation,
    budget_scope: BudgetScope,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let mut recorder = RequestRecorder::begin(&gateway.handle, request_id(&headers));
    let mut shutdown = gateway.shutdown.clone();
    let dialect = operation.dialect();
    let is_held = matches!(gateway.config.load().recovery, StreamRecovery::Restart(_));
    let (early_headers, receiver) = is_held.then(|| watch::channel(None)).unzip();
    let work = async move {
        let incoming = (&headers, body);
        let recording = (&mut recorder, early_headers);
        let result = tokio::select! {
            biased;
            result = serve(&gateway, operation, incoming, &budget_scope, recording) => result,
            () = shutdown.triggered() => Err(GatewayError::ShuttingDown),
        };
        (result, recorder)
    };
    let Some(receiver) = receiver else {
        return finish(work.await, dialect);
    };
    early_headers::respond(Box::pin(work), receiver, dialect, |result| {
        finish(result, dialect)
    })
    .await
}

fn finish((result, mut recorder): RequestResult, dialect: ApiDialect) -> Response {
    match result {
        Ok(UpstreamResponse::Whole {
            headers,
            body,
            spent,
        }) => {
            recorder.end(RequestOutcome::Ok, spent);
            let mut response = Response::new(Body::from(body));
            *response.headers_mut() = headers;
            recorder.set_headers(response.headers_mut());
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        Ok(UpstreamResponse::Stream { headers, relay }) => {
            let mut response = Response::new(Body::empty());
            *response.headers_mut() = headers;
            recorder.set_headers(response.headers_mut());
            set_stream_headers(response.headers_mut());
            *response.body_mut() = Body::from_stream(relay.into_body(recorder));
            response
        }
        Err(error) => {
            let mut response = error.respond(dialect);
            recorder.set_headers(response.headers_mut());
            response
        }
    }
}

async fn serve(
    gateway: &Gateway,
    operation: Operation,
    (headers, body): (&HeaderMap, Body),
    budget_scope: &BudgetScope,
    (recorder, early_headers): (&mut RequestRecorder, Option<EarlyHeaders>),
) -> Result<UpstreamResponse, GatewayError> {
    let limit = gateway.config.load().max_body;
    let body = gateway.bodies.read(body, limit).await;
    let body = body.map_err(|error| not_admitted(recorder, error))?;
    let permit =
        admission::acquire_permit(gateway).map_err(|error| not_admitted(recorder, error))?;
    recorder.set_permit(permit);
    let catalogue = Arc::clone(&gateway.handle.routing_table().catalogue);
    let request = ParsedRequest::read(operation, headers, &body.bytes, &catalogue)
        .map_err(|error| invalid(recorder, error))?;
    let id = recorder.decision().to_string();
    let context = RequestContext {
        gateway,
        request: &request,
        headers,
        id: &id,
        budget_scope,
        started: Instant::now(),
    };
    let Some(cache) = &gateway.cache else {
        return failover::run(&context, recorder, early_headers).await;
    };
    let key = cache.key(&request, headers);
    if let Some(key) = key.map_err(|error| invalid(recorder, error))? {
        return coalescing::respond(cache, key, recorder, &context).await;
    }
    recorder.cache = Some(CacheStatus::Off);
    failover::run(&context, recorder, early_headers).await
}

/// Records a request that is wrong in itself.
fn invalid(recorder: &mut RequestRecorder, error: GatewayError) -> GatewayError {
    let outcome = RequestOutcome::Error(Failure::InvalidRequest);
    recorder.end(outcome, AttemptUsage::ZERO);
    error
}

/// Records a request that was not read to its end: because of a mistake of its own, or of overload.
fn not_admitted(recorder: &mut RequestRecorder, error: GatewayError) -> GatewayError {
    if error.status().is_client_error() {
        return invalid(recorder, error);
    }
    recorder.on_rejected(RejectionReason::Overloaded);
    error
}

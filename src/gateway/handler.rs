//! A client's request from its body to its answer: read, checked, answered from the cache or by a
//! journey through the targets, and marked with how that went.

use super::Gateway;
use super::admission;
use super::attempt::AttemptUsage;
use super::cache::CacheStatus;
use super::error::GatewayError;
use super::failover::FailoverLoop;
use super::operation::Operation;
use super::recovery::{self, EarlyHeaders, Recovery, RequestResult};
use super::request::{ParsedRequest, request_id};
use super::request_recorder::RequestRecorder;
use super::upstream_call::UpstreamResponse;
use crate::domain::{BudgetScope, Failure, RejectionReason, RequestOutcome};
use crate::protocols::ApiDialect;
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::Instant;

/// Serves one request.
pub(super) async fn run(
    gateway: Gateway,
    errand: Operation,
    payer: BudgetScope,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let mut record = RequestRecorder::begin(&gateway.handle, request_id(&headers));
    let mut closing = gateway.closing.clone();
    let dialect = errand.dialect();
    let is_held = matches!(gateway.limits.load().recovery, Recovery::Restart(_));
    let (head, heads) = is_held.then(|| watch::channel(None)).unzip();
    let work = async move {
        let served = tokio::select! {
            biased;
            served = serve(&gateway, errand, (&headers, body), &payer, (&mut record, head)) => served,
            () = closing.triggered() => Err(GatewayError::closing()),
        };
        (served, record)
    };
    let Some(heads) = heads else {
        return finish(work.await, dialect);
    };
    recovery::respond(Box::pin(work), heads, dialect, |served| {
        finish(served, dialect)
    })
    .await
}

fn finish((served, mut record): RequestResult, dialect: ApiDialect) -> Response {
    match served {
        Ok(UpstreamResponse::Whole {
            headers,
            body,
            spent,
        }) => {
            record.end(RequestOutcome::Ok, spent);
            let mut response = Response::new(Body::from(body));
            *response.headers_mut() = headers;
            record.mark(response.headers_mut());
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        Ok(UpstreamResponse::Stream { headers, relay }) => {
            let mut response = Response::new(Body::empty());
            *response.headers_mut() = headers;
            record.mark(response.headers_mut());
            stream_headers(response.headers_mut());
            *response.body_mut() = Body::from_stream(relay.into_body(record));
            response
        }
        Err(error) => {
            let mut response = error.respond(dialect);
            record.mark(response.headers_mut());
            response
        }
    }
}

async fn serve(
    gateway: &Gateway,
    errand: Operation,
    (headers, body): (&HeaderMap, Body),
    payer: &BudgetScope,
    (record, head): (&mut RequestRecorder, Option<EarlyHeaders>),
) -> Result<UpstreamResponse, GatewayError> {
    let limit = gateway.limits.load().max_body;
    let body = gateway.bodies.read(body, limit).await;
    let body = body.map_err(|error| unread(record, error))?;
    let place = admission::acquire_permit(gateway).map_err(|error| unread(record, error))?;
    record.mark_running(place);
    let catalogue = Arc::clone(&gateway.handle.routing_table().catalogue);
    let admission = ParsedRequest::read(errand, headers, &body.bytes, &catalogue)
        .map_err(|error| mistaken(record, error))?;
    let id = record.decision().to_string();
    let question = RequestContext {
        gateway,
        admission: &admission,
        headers,
        id: &id,
        payer,
        began: Instant::now(),
    };
    let Some(cache) = &gateway.cache else {
        return question.ask(record, head).await;
    };
    let key = cache.key(&admission, headers);
    if let Some(key) = key.map_err(|error| mistaken(record, error))? {
        return cache.answer(key, record, &question).await;
    }
    record.cache = Some(CacheStatus::Off);
    question.ask(record, head).await
}

/// A request that may be sent on.
#[derive(Debug)]
pub(super) struct RequestContext<'g> {
    pub gateway: &'g Gateway,
    pub admission: &'g ParsedRequest<'g>,
    pub headers: &'g HeaderMap,
    pub id: &'g str,
    pub payer: &'g BudgetScope,
    /// Since when an answer is waited for, another's included.
    pub began: Instant,
}

impl RequestContext<'_> {
    /// Asks targets until one answers.
    pub async fn ask(
        &self,
        record: &mut RequestRecorder,
        head: Option<EarlyHeaders>,
    ) -> Result<UpstreamResponse, GatewayError> {
        FailoverLoop::new(self, record, head).run().await
    }
}

fn mistaken(record: &mut RequestRecorder, error: GatewayError) -> GatewayError {
    record.end(
        RequestOutcome::Error(Failure::InvalidRequest),
        AttemptUsage::ZERO,
    );
    error
}

/// It never came to a question: a mistake of its own, or there was no room for it.
fn unread(record: &mut RequestRecorder, error: GatewayError) -> GatewayError {
    if error.status.is_client_error() {
        return mistaken(record, error);
    }
    record.on_rejected(RejectionReason::Overloaded);
    error
}

/// What every stream says of itself.
pub(super) fn stream_headers(headers: &mut HeaderMap) {
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
}

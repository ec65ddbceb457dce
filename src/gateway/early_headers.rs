//! Response headers and signs of life for a client that waits long for the first of a stream.

use super::error::GatewayError;
use super::relay::KeepAlive;
use super::request_recorder::RequestRecorder;
use super::upstream_response::UpstreamResponse;
use crate::protocols::{ApiDialect, ErrorBody};
use axum::body::Body;
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, Stream, StreamExt as _};
use std::convert::Infallible;
use std::future::ready;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_stream::StreamExt as _;

/// The beginning of a response to a client that waits long.
#[derive(Debug, Clone)]
pub(super) struct EarlyResponse {
    pub headers: HeaderMap,
    /// When the client gets it.
    pub at: Instant,
    /// What follows it until there is content.
    pub keep_alive: KeepAlive,
}

/// Receives the beginning, with the first attempt at a stream.
pub(super) type EarlyHeaders = watch::Sender<Option<EarlyResponse>>;

/// The result of a request, and its recorder.
pub(super) type RequestResult = (Result<UpstreamResponse, GatewayError>, RequestRecorder);

/// Makes a response of the finished `work` with `finish`. If a stream takes long, opens the response
/// before, and sends signs of life until the work is done. Dropping the response ends the work.
pub(super) async fn respond(
    mut work: BoxFuture<'static, RequestResult>,
    mut early_headers: watch::Receiver<Option<EarlyResponse>>,
    dialect: ApiDialect,
    finish: impl FnOnce(RequestResult) -> Response,
) -> Response {
    let is_late = async {
        let early = early_headers.wait_for(Option::is_some).await;
        let at = early
            .ok()
            .and_then(|early| early.as_ref().map(|early| early.at));
        match at {
            Some(at) => sleep_until(at).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        result = &mut work => return finish(result),
        () = is_late => {}
    }
    let early = early_headers.borrow().clone();
    let Some(early) = early else {
        return finish(work.await);
    };
    let body = alive_until_done(work, early.keep_alive, dialect);
    let mut response = Response::new(Body::from_stream(body));
    *response.headers_mut() = early.headers;
    response
}

/// Signs of life until the work is done, the first one at once, then the rest of the response.
fn alive_until_done(
    work: BoxFuture<'static, RequestResult>,
    keep_alive: KeepAlive,
    dialect: ApiDialect,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    let mut ticks = interval(keep_alive.after);
    // A client that reads slowly gets no backlog.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let parts = stream::once(work).timeout_repeating(ticks);
    let parts = futures_util::StreamExt::map(parts, move |part| match part {
        Ok(result) => remainder(result, dialect),
        Err(_elapsed) => single(keep_alive.bytes.clone()),
    });
    parts.flatten()
}

/// The rest of a stream whose headers are sent: the response, or an error event in the client's
/// protocol.
fn remainder(
    (result, mut recorder): RequestResult,
    dialect: ApiDialect,
) -> BoxStream<'static, Result<Bytes, Infallible>> {
    match result {
        Ok(UpstreamResponse::Stream { relay, .. }) => relay.into_body(recorder).boxed(),
        Ok(UpstreamResponse::Whole { body, .. }) => single(body),
        Err(error) => {
            recorder.on_error(&error);
            let error = ErrorBody {
                request_id: Some(recorder.request_id().to_owned()),
                ..error.error_body()
            };
            single(dialect.client_api().error_event(&error))
        }
    }
}

fn single(bytes: Bytes) -> BoxStream<'static, Result<Bytes, Infallible>> {
    stream::once(ready(Ok(bytes))).boxed()
}

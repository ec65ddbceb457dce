//! Response headers and comments for a client that waits long for a stream that is held back.

use super::error::GatewayError;
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
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_stream::StreamExt as _;

/// Time after which a client that waits for a held response gets status 200 and headers.
const EARLY_HEADERS_AFTER: Duration = Duration::from_secs(10);
/// Time between comments after that: clients and proxies close silent connections, some of them
/// after 15 s.
const COMMENT_INTERVAL: Duration = Duration::from_secs(5);

/// Headers for a client that waits long. The first value says that its stream is held back.
pub(super) type EarlyHeaders = watch::Sender<Option<HeaderMap>>;

/// The result of a request, and its recorder.
pub(super) type RequestResult = (Result<UpstreamResponse, GatewayError>, RequestRecorder);

/// Makes a response of the finished `work` with `finish`. If a held stream takes long, opens the
/// response before, and sends comments until the work is done. Dropping the response ends the work.
pub(super) async fn respond(
    mut work: BoxFuture<'static, RequestResult>,
    mut early_headers: watch::Receiver<Option<HeaderMap>>,
    dialect: ApiDialect,
    finish: impl FnOnce(RequestResult) -> Response,
) -> Response {
    let is_late = async {
        let is_held = early_headers.wait_for(Option::is_some).await.is_ok();
        if is_held {
            sleep(EARLY_HEADERS_AFTER).await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        biased;
        result = &mut work => return finish(result),
        () = is_late => {}
    }
    let headers = early_headers.borrow().clone();
    let mut response = Response::new(Body::from_stream(comments_until_done(work, dialect)));
    *response.headers_mut() = headers.unwrap_or_default();
    response
}

/// Comments until the work is done, the first one at once, then the rest of the response.
fn comments_until_done(
    work: BoxFuture<'static, RequestResult>,
    dialect: ApiDialect,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    let mut comments = interval(COMMENT_INTERVAL);
    // A client that reads slowly gets no backlog of comments.
    comments.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let parts = stream::once(work).timeout_repeating(comments);
    let parts = futures_util::StreamExt::map(parts, move |part| match part {
        Ok(result) => remainder(result, dialect),
        Err(_elapsed) => single(Bytes::from_static(dialect.client_api().keep_alive())),
    });
    parts.flatten()
}

/// The rest of a stream whose headers are sent: the response, or an error event in the client's
/// protocol.
fn remainder(
    (result, recorder): RequestResult,
    dialect: ApiDialect,
) -> BoxStream<'static, Result<Bytes, Infallible>> {
    match result {
        Ok(UpstreamResponse::Stream { relay, .. }) => relay.into_body(recorder).boxed(),
        Ok(UpstreamResponse::Whole { body, .. }) => single(body),
        Err(error) => {
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

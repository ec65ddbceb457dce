//! What becomes of a stream that breaks after its first content: an error event, or a new start
//! elsewhere while the client is kept waiting.

use super::byte_budget::ByteBudget;
use super::error::GatewayError;
use super::request_recorder::RequestRecorder;
use super::upstream_call::UpstreamResponse;
use crate::protocols::ApiDialect;
use axum::body::Body;
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use std::convert::Infallible;
use std::future::ready;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// An answer that is longer than this is not held back.
const MAX_HELD_BYTES: usize = 8 * 1024 * 1024;
/// All answers that are held back at once have no more bytes than this.
const MAX_TOTAL_HELD_BYTES: usize = 128 * 1024 * 1024;
/// A client that waits for a held answer gets its 200 after this.
const EARLY_HEADERS_AFTER: Duration = Duration::from_secs(10);
/// And from then on a comment this often: clients and proxies end connections on which nothing
/// moves, some of them after 15 s.
const COMMENT_INTERVAL: Duration = Duration::from_secs(5);
const COMMENT: &[u8] = b": waiting for the whole answer\n\n";

/// What becomes of a stream that breaks after its first content.
#[derive(Debug, Clone, Default)]
pub enum Recovery {
    /// The client has part of an answer, and gets an error event.
    #[default]
    Error,
    /// Answers are held back, and where one breaks it is begun again elsewhere.
    Restart(ByteBudget),
}

impl Recovery {
    /// With a shelf of its own.
    pub fn restart() -> Self {
        Self::Restart(ByteBudget::new(MAX_HELD_BYTES, MAX_TOTAL_HELD_BYTES))
    }
}

impl From<crate::domain::Recovery> for Recovery {
    fn from(recovery: crate::domain::Recovery) -> Self {
        match recovery {
            crate::domain::Recovery::Error => Self::Error,
            crate::domain::Recovery::Restart => Self::restart(),
        }
    }
}

/// The head that a client gets that had to wait for long: once there is one, its stream is held.
pub(super) type EarlyHeaders = watch::Sender<Option<HeaderMap>>;

/// How a request went, with what is written about it.
pub(super) type RequestResult = (Result<UpstreamResponse, GatewayError>, RequestRecorder);

/// Answers once the work is done, with what `finish` makes of it; or opens the stream when it has
/// taken long, and keeps the client waiting. Who drops the answer ends the work.
pub(super) async fn respond(
    mut work: BoxFuture<'static, RequestResult>,
    mut heads: watch::Receiver<Option<HeaderMap>>,
    dialect: ApiDialect,
    finish: impl FnOnce(RequestResult) -> Response,
) -> Response {
    let patience = async {
        let is_held = heads.wait_for(Option::is_some).await.is_ok();
        if is_held {
            sleep(EARLY_HEADERS_AFTER).await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        biased;
        served = &mut work => return finish(served),
        () = patience => {}
    }
    let head = heads.borrow().clone();
    let mut response = Response::new(Body::from_stream(waiting(work, dialect)));
    *response.headers_mut() = head.unwrap_or_default();
    response
}

/// Comments until the work is done, then what came of it.
fn waiting(
    work: BoxFuture<'static, RequestResult>,
    dialect: ApiDialect,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    let comment = || Ok(Bytes::from_static(COMMENT));
    let parts = stream::unfold(Some(work), move |work| async move {
        let mut work = work?;
        match timeout(COMMENT_INTERVAL, &mut work).await {
            Ok(served) => Some((outcome(served, dialect), None)),
            Err(_) => Some((stream::once(ready(comment())).boxed(), Some(work))),
        }
    });
    stream::once(ready(comment())).chain(parts.flatten())
}

/// The rest of a stream that is open already: the answer, or the error in the client's protocol.
fn outcome(
    (served, record): RequestResult,
    dialect: ApiDialect,
) -> BoxStream<'static, Result<Bytes, Infallible>> {
    match served {
        Ok(UpstreamResponse::Stream { relay, .. }) => relay.into_body(record).boxed(),
        Ok(UpstreamResponse::Whole { body, .. }) => stream::once(ready(Ok(body))).boxed(),
        Err(error) => {
            let event = dialect.client_api().error_event(&error.error_body());
            stream::once(ready(Ok(event))).boxed()
        }
    }
}

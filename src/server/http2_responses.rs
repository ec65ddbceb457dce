//! Responses in progress on one HTTP/2 connection, which are given up if the client stops reading.

use axum::body::{Body, Bytes};
use http_body::{Body as _, Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// The responses in progress on one HTTP/2 connection.
#[derive(Debug, Default)]
pub(super) struct Http2Responses(Mutex<Vec<Weak<SharedBody>>>);

/// A response body over HTTP/2. While its client's flow-control window is empty, hyper does not poll
/// it, so it cannot notice how long that lasts; the connection's task checks it instead.
#[derive(Debug)]
pub(super) struct SharedBody(Mutex<SharedBodyState>);

#[derive(Debug)]
struct SharedBodyState {
    /// `None` once it has been given up.
    body: Option<Body>,
    /// Since when the client has to read; `None` while the body has to produce.
    client_turn_since: Option<Instant>,
}

impl Http2Responses {
    /// Adds a response.
    pub fn add(&self, body: Body) -> Arc<SharedBody> {
        let shared = Arc::new(SharedBody(Mutex::new(SharedBodyState {
            body: Some(body),
            client_turn_since: Some(Instant::now()),
        })));
        let mut responses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if responses.len() == responses.capacity() {
            responses.retain(|response| response.strong_count() > 0);
        }
        responses.push(Arc::downgrade(&shared));
        shared
    }

    /// Gives up the responses that the client has not read for `limit`, which frees what they hold.
    pub fn give_up_unread(&self, limit: Duration) {
        let responses = {
            let responses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            responses
                .iter()
                .filter_map(Weak::upgrade)
                .collect::<Vec<_>>()
        };
        for response in responses {
            let mut state = response.lock();
            let body = match state.client_turn_since {
                Some(since) if since.elapsed() >= limit => state.body.take(),
                _ => None,
            };
            drop(state);
            if body.is_some() {
                tracing::debug!("a response was given up: the client stopped reading it");
            }
        }
    }
}

impl SharedBody {
    fn lock(&self) -> MutexGuard<'_, SharedBodyState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn poll_frame(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut state = self.lock();
        let Some(body) = &mut state.body else {
            let text = "the client stopped reading the response for too long";
            let error = io::Error::new(io::ErrorKind::TimedOut, text);
            return Poll::Ready(Some(Err(axum::Error::new(error))));
        };
        let polled = Pin::new(body).poll_frame(cx);
        let is_client_turn = matches!(polled, Poll::Ready(Some(Ok(_))));
        state.client_turn_since = is_client_turn.then(Instant::now);
        polled
    }

    pub fn is_end_stream(&self) -> bool {
        let state = self.lock();
        state.body.as_ref().is_some_and(Body::is_end_stream)
    }

    pub fn size_hint(&self) -> SizeHint {
        let state = self.lock();
        let hint = state.body.as_ref().map(Body::size_hint);
        hint.unwrap_or_default()
    }
}

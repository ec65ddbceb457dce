//! An answer's body on its way to the client.

use super::connection_state::{ActiveRequestGuard, ConnectionState};
use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// An answer's body, which holds its request's place until the last byte.
#[derive(Debug)]
pub(super) struct TrackedBody {
    body: BodyOwnership,
    _guest: ActiveRequestGuard,
}

#[derive(Debug)]
enum BodyOwnership {
    Own(Body),
    Shared(Arc<SharedBody>),
}

/// An answer over HTTP/2. Where its client lets no more of it come, nobody asks it for anything, and
/// so it cannot see how long that lasts: whoever watches the connection does.
#[derive(Debug)]
struct SharedBody(Mutex<SharedBodyState>);

#[derive(Debug)]
struct SharedBodyState {
    /// None once it has been given up.
    body: Option<Body>,
    /// Since when it is the client's turn.
    since: Option<Instant>,
}

/// The answers of one connection that speaks HTTP/2.
#[derive(Debug, Default)]
pub(super) struct Http2Responses(Mutex<Vec<Weak<SharedBody>>>);

impl TrackedBody {
    pub fn new(body: Body, guest: ActiveRequestGuard, place: &ConnectionState) -> Self {
        let body = if place.is_multiplexed() {
            BodyOwnership::Shared(place.answers.keep(body))
        } else {
            BodyOwnership::Own(body)
        };
        Self {
            body,
            _guest: guest,
        }
    }
}

impl Http2Responses {
    fn keep(&self, body: Body) -> Arc<SharedBody> {
        let since = Some(Instant::now());
        let body = Some(body);
        let answer = Arc::new(SharedBody(Mutex::new(SharedBodyState { body, since })));
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() == answers.capacity() {
            answers.retain(|answer| answer.strong_count() > 0);
        }
        answers.push(Arc::downgrade(&answer));
        answer
    }

    /// Gives up what the client has not read for so long; what it held of ours is free again.
    pub fn give_up_unread(&self, limit: Duration) {
        let answers = {
            let answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            answers.iter().filter_map(Weak::upgrade).collect::<Vec<_>>()
        };
        for answer in answers {
            let mut remainder = answer.lock();
            let body = match remainder.since {
                Some(since) if since.elapsed() >= limit => remainder.body.take(),
                _ => None,
            };
            drop(remainder);
            if body.is_some() {
                tracing::debug!("an answer was given up: the client takes no more of it");
            }
        }
    }
}

impl SharedBody {
    fn lock(&self) -> std::sync::MutexGuard<'_, SharedBodyState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_frame(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        use http_body::Body as _;
        let mut remainder = self.lock();
        let Some(body) = &mut remainder.body else {
            let text = "the client took no more of its answer for too long";
            let error = io::Error::new(io::ErrorKind::TimedOut, text);
            return Poll::Ready(Some(Err(axum::Error::new(error))));
        };
        let polled = Pin::new(body).poll_frame(cx);
        let is_clients_turn = matches!(polled, Poll::Ready(Some(Ok(_))));
        remainder.since = is_clients_turn.then(Instant::now);
        polled
    }
}

impl http_body::Body for TrackedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match &mut self.body {
            BodyOwnership::Own(body) => Pin::new(body).poll_frame(cx),
            BodyOwnership::Shared(answer) => answer.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            BodyOwnership::Own(body) => body.is_end_stream(),
            BodyOwnership::Shared(answer) => {
                let remainder = answer.lock();
                remainder.body.as_ref().is_some_and(Body::is_end_stream)
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            BodyOwnership::Own(body) => body.size_hint(),
            BodyOwnership::Shared(answer) => {
                let remainder = answer.lock();
                let hint = remainder.body.as_ref().map(Body::size_hint);
                hint.unwrap_or_default()
            }
        }
    }
}

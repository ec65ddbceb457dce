//! The body of a response on its way to the client.

use super::connection_state::{ActiveRequestGuard, ConnectionState};
use super::http2_responses::SharedBody;
use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A response body that keeps its request active until the last byte.
#[derive(Debug)]
pub(super) struct TrackedBody {
    body: BodyOwnership,
    _guard: ActiveRequestGuard,
}

#[derive(Debug)]
enum BodyOwnership {
    Own(Body),
    Shared(Arc<SharedBody>),
}

impl TrackedBody {
    pub fn new(body: Body, guard: ActiveRequestGuard, state: &ConnectionState) -> Self {
        let body = if state.is_http2() {
            BodyOwnership::Shared(state.responses.add(body))
        } else {
            BodyOwnership::Own(body)
        };
        Self {
            body,
            _guard: guard,
        }
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
            BodyOwnership::Shared(shared) => shared.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            BodyOwnership::Own(body) => body.is_end_stream(),
            BodyOwnership::Shared(shared) => shared.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            BodyOwnership::Own(body) => body.size_hint(),
            BodyOwnership::Shared(shared) => shared.size_hint(),
        }
    }
}

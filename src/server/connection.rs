//! One connection, from its first byte to its last. Its reads and writes are observed, and it is closed
//! when it exceeds a time limit.

use super::connection_limits::ConnectionLimits;
use super::connection_state::{
    ActiveRequestGuard, CloseReason, ConnectionCommand, ConnectionState,
};
use super::path;
use super::response_body::TrackedBody;
use super::upload_rate::MinRateBody;
use crate::access::Peer;
use axum::Router;
use axum::body::Body;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request, Response, StatusCode, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep, sleep_until};
use tower::ServiceExt;

/// Time for a client that is still sending to read an early response.
const LINGER_TIMEOUT: Duration = Duration::from_secs(5);
/// Checks for unread HTTP/2 responses per time limit.
const STALL_CHECKS: u32 = 4;

/// Everything that all connections share.
#[derive(Debug, Clone)]
pub(super) struct ConnectionService {
    pub router: Router,
    pub builder: Builder<TokioExecutor>,
    pub limits: Arc<ConnectionLimits>,
}

impl ConnectionService {
    /// Serves one connection to its end.
    pub async fn serve_connection<S>(self, stream: S, peer: Peer, state: Arc<ConnectionState>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self {
            router,
            builder,
            limits,
        } = self;
        let io = TokioIo::new(ObservedIo {
            stream,
            state: Arc::clone(&state),
            linger: None,
        });
        let handler = {
            let (state, limits) = (Arc::clone(&state), Arc::clone(&limits));
            service_fn(move |request: Request<Incoming>| {
                let guard = ActiveRequestGuard::enter(&state);
                let version = request.version();
                if version == Version::HTTP_2 {
                    state.set_http2();
                }
                let request = prepare_request(request, peer, &state, &limits);
                let responding = router.clone().oneshot(request);
                let state = Arc::clone(&state);
                async move {
                    let response = responding.await?;
                    Ok::<_, Infallible>(prepare_response(response, version, guard, &state))
                }
            })
        };
        let mut connection = pin!(builder.serve_connection(io, handler));
        let mut alarm = pin!(sleep_until(Instant::now() + limits.keep_alive));
        let mut stall_check = pin!(sleep(limits.stuck / STALL_CHECKS));
        let mut is_draining = false;
        let ended = poll_fn(|cx| {
            state.register_waker(cx.waker());
            loop {
                match state.command() {
                    ConnectionCommand::Close => return Poll::Ready(Err(CloseReason::Evicted)),
                    ConnectionCommand::Drain if !is_draining => {
                        is_draining = true;
                        connection.as_mut().graceful_shutdown();
                    }
                    ConnectionCommand::Drain | ConnectionCommand::Serve => {}
                }
                if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                    return Poll::Ready(Ok(ended));
                }
                while state.is_http2() && stall_check.as_mut().poll(cx).is_ready() {
                    state.responses.give_up_unread(limits.stuck);
                    stall_check
                        .as_mut()
                        .reset(Instant::now() + limits.stuck / STALL_CHECKS);
                }
                let reason = ready!(poll_deadline(&state, &limits, alarm.as_mut(), cx));
                if reason != CloseReason::Idle || is_draining {
                    return Poll::Ready(Err(reason));
                }
                // A request may be on its way: HTTP/2 can tell the client that it comes too late.
                state.send_command(ConnectionCommand::Drain);
            }
        });
        match ended.await {
            Ok(Ok(())) => {}
            // Caused by the client: it disconnected, or does not speak HTTP.
            Ok(Err(error)) => tracing::debug!("a connection ended early: {error}"),
            Err(reason) => tracing::debug!("a connection was closed: {reason}"),
        }
    }
}

/// Ready when the connection exceeds a time limit. Resetting a timer costs time, so one that is set too
/// early stays, and is reset when it fires.
fn poll_deadline(
    state: &ConnectionState,
    limits: &ConnectionLimits,
    mut alarm: Pin<&mut Sleep>,
    cx: &mut Context<'_>,
) -> Poll<CloseReason> {
    loop {
        let Some((due, reason)) = state.next_deadline(limits) else {
            return Poll::Pending;
        };
        if due < alarm.deadline() || alarm.is_elapsed() {
            alarm.as_mut().reset(due);
        }
        ready!(alarm.as_mut().poll(cx));
        if Instant::now() >= due {
            return Poll::Ready(reason);
        }
    }
}

/// The request as the router takes it.
fn prepare_request(
    request: Request<Incoming>,
    peer: Peer,
    state: &Arc<ConnectionState>,
    limits: &Arc<ConnectionLimits>,
) -> Request<Body> {
    let mut request = request.map(|body| {
        if body.is_end_stream() {
            Body::empty()
        } else {
            Body::new(MinRateBody::new(body, state, limits))
        }
    });
    request.extensions_mut().insert(peer);
    if let Some(uri) = path::normalize(request.uri()) {
        *request.uri_mut() = uri;
    }
    request
}

/// The response as it is sent.
fn prepare_response(
    response: Response<Body>,
    version: Version,
    guard: ActiveRequestGuard,
    state: &ConnectionState,
) -> Response<TrackedBody> {
    let mut response = response.map(|body| TrackedBody::new(body, guard, state));
    // The rest of the request body is not read.
    if response.status() == StatusCode::REQUEST_TIMEOUT && version < Version::HTTP_2 {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
}

/// A socket whose reads and writes update the connection's state.
#[derive(Debug)]
struct ObservedIo<S> {
    stream: S,
    state: Arc<ConnectionState>,
    linger: Option<Pin<Box<Sleep>>>,
}

impl<S> ObservedIo<S> {
    fn observe_write(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Ok(_)) => self.state.on_write(),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.state.on_write_blocked(),
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ObservedIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let new = &buffer.filled()[before..];
        if !new.is_empty() {
            self.state.on_read(new);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ObservedIo<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.observe_write(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.observe_write(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Reads and drops what the client still sends, for a while: closing at once would make its system
    /// discard the response unread.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.linger.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
        }
        if !this.state.lingers() {
            return Poll::Ready(Ok(()));
        }
        let linger = this
            .linger
            .get_or_insert_with(|| Box::pin(sleep(LINGER_TIMEOUT)));
        let mut discarded = [0; 4096];
        while linger.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut discarded);
            match ready!(Pin::new(&mut this.stream).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                Ok(()) | Err(_) => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

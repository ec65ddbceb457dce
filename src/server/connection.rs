//! One connection from its first byte to its last: what it reads and writes is watched, and it ends
//! when it keeps us waiting for longer than the limits allow.

use super::connection_state::{
    ActiveRequestGuard, CloseReason, ConnectionCommand, ConnectionState,
};
use super::response_body::TrackedBody;
use super::upload_rate::MinRateBody;
use super::{ConnectionLimits, path};
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

/// A client that still sends what nobody wants gets that long to read why.
const LINGER_TIMEOUT: Duration = Duration::from_secs(5);
/// So many times in the limit it is looked which answers over HTTP/2 nobody reads.
const STALL_CHECKS: u32 = 4;

/// What all connections have in common.
#[derive(Debug, Clone)]
pub(super) struct ConnectionService {
    pub router: Router,
    pub builder: Builder<TokioExecutor>,
    pub limits: Arc<ConnectionLimits>,
}

impl ConnectionService {
    /// Serves one connection to its end.
    pub async fn serve_connection<S>(self, stream: S, peer: Peer, place: Arc<ConnectionState>)
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
            place: Arc::clone(&place),
            linger: None,
        });
        let answer = {
            let (place, limits) = (Arc::clone(&place), Arc::clone(&limits));
            service_fn(move |request: Request<Incoming>| {
                let guest = ActiveRequestGuard::enter(&place);
                let version = request.version();
                if version == Version::HTTP_2 {
                    place.is_now_multiplexed();
                }
                let request = received(request, peer, &place, &limits);
                let answering = router.clone().oneshot(request);
                let place = Arc::clone(&place);
                async move {
                    let response = answering.await?;
                    Ok::<_, Infallible>(sent(response, version, guest, &place))
                }
            })
        };
        let mut connection = pin!(builder.serve_connection(io, answer));
        let mut alarm = pin!(sleep_until(Instant::now() + limits.keep_alive));
        let mut look = pin!(sleep(limits.stuck / STALL_CHECKS));
        let mut finishing = false;
        let ended = poll_fn(|cx| {
            place.command_changed(cx.waker());
            loop {
                match place.command() {
                    ConnectionCommand::Close => return Poll::Ready(Err(CloseReason::Evicted)),
                    ConnectionCommand::Drain if !finishing => {
                        finishing = true;
                        connection.as_mut().graceful_shutdown();
                    }
                    ConnectionCommand::Drain | ConnectionCommand::Serve => {}
                }
                if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                    return Poll::Ready(Ok(ended));
                }
                while place.is_multiplexed() && look.as_mut().poll(cx).is_ready() {
                    place.answers.give_up_unread(limits.stuck);
                    look.as_mut()
                        .reset(Instant::now() + limits.stuck / STALL_CHECKS);
                }
                let why = ready!(poll_due(&place, &limits, alarm.as_mut(), cx));
                if why != CloseReason::Idle || finishing {
                    return Poll::Ready(Err(why));
                }
                // A request may be on its way: HTTP/2 has a word to say that it comes too late.
                place.send_command(ConnectionCommand::Drain);
            }
        });
        match ended.await {
            Ok(Ok(())) => {}
            // A client's doing: gone in the middle, or not speaking HTTP.
            Ok(Err(error)) => tracing::debug!("a connection ended early: {error}"),
            Err(why) => tracing::debug!("a connection was ended: {why}"),
        }
    }
}

/// Ready when the connection has kept us waiting for too long. Setting an alarm costs something, so
/// one that is set for earlier than needed stays, and is set anew when it has rung.
fn poll_due(
    place: &ConnectionState,
    limits: &ConnectionLimits,
    mut alarm: Pin<&mut Sleep>,
    cx: &mut Context<'_>,
) -> Poll<CloseReason> {
    loop {
        let Some((due, why)) = place.next_deadline(limits) else {
            return Poll::Pending;
        };
        if due < alarm.deadline() || alarm.is_elapsed() {
            alarm.as_mut().reset(due);
        }
        ready!(alarm.as_mut().poll(cx));
        if Instant::now() >= due {
            return Poll::Ready(why);
        }
    }
}

/// A request as the doors take it.
fn received(
    request: Request<Incoming>,
    peer: Peer,
    place: &Arc<ConnectionState>,
    limits: &Arc<ConnectionLimits>,
) -> Request<Body> {
    let mut request = request.map(|body| {
        if body.is_end_stream() {
            Body::empty()
        } else {
            Body::new(MinRateBody::new(body, place, limits))
        }
    });
    request.extensions_mut().insert(peer);
    if let Some(uri) = path::normalize(request.uri()) {
        *request.uri_mut() = uri;
    }
    request
}

/// An answer as it goes out.
fn sent(
    response: Response<Body>,
    version: Version,
    guest: ActiveRequestGuard,
    place: &ConnectionState,
) -> Response<TrackedBody> {
    let mut response = response.map(|body| TrackedBody::new(body, guest, place));
    // What else of the request may still come is not waited for.
    if response.status() == StatusCode::REQUEST_TIMEOUT && version < Version::HTTP_2 {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
}

/// A stream whose place knows what it does.
#[derive(Debug)]
struct ObservedIo<S> {
    stream: S,
    place: Arc<ConnectionState>,
    linger: Option<Pin<Box<Sleep>>>,
}

impl<S> ObservedIo<S> {
    fn wrote(&self, wrote: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &wrote {
            Poll::Ready(Ok(_)) => self.place.on_write(),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.place.on_write_blocked(),
        }
        wrote
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
            self.place.on_read(new);
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
        let wrote = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.wrote(wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Closing while the client still sends would have its system throw the answer away unread, so
    /// what comes is taken, for a while, and dropped.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.linger.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
        }
        if !this.place.lingers() {
            return Poll::Ready(Ok(()));
        }
        let linger = this
            .linger
            .get_or_insert_with(|| Box::pin(sleep(LINGER_TIMEOUT)));
        let mut scrap = [0; 4096];
        while linger.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut scrap);
            match ready!(Pin::new(&mut this.stream).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                Ok(()) | Err(_) => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

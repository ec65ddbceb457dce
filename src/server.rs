//! THE LISTENERS: both doors on one address, and on a socket that only its owner can open; at the
//! end requests are let finish, for a while.

mod connection;
mod connection_state;
mod connection_tracker;
mod drain;
mod fd_limit;
mod path;
mod response_body;
mod upload_rate;
mod workers;

pub use drain::Drain;
pub use fd_limit::clamp_to_rlimit;
pub use workers::WorkerThreads;

use crate::access::Peer;
use crate::gateway::GatewayError;
use crate::{api, gateway};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use connection::ConnectionService;
use connection_tracker::ConnectionTracker;
use futures_util::FutureExt;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use std::any::Any;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tower_http::catch_panic::CatchPanicLayer;

/// Bytes of a request's head in HTTP/1.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Bytes of a request's head in HTTP/2, with 32 for each header.
const MAX_HEADER_LIST_BYTES: u32 = 64 * 1024;
/// Requests at once on one connection of HTTP/2; a client opens another for more.
const MAX_STREAMS: u32 = 256;
/// A silent peer on HTTP/2 is asked whether it lives.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// It has that long to say so.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// With all file handles in use, a while may free one.
const FD_EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// Both doors as one: each answers a panic in its own shape, and unknown paths are answered by the
/// door that they look like.
pub fn build_router(gateway: Router, api: Router) -> Router {
    gateway
        .layer(from_fn(catch_panic))
        .merge(
            api.layer(from_fn_with_state(
                Handle::try_current().ok(),
                on_main_runtime,
            ))
            .layer(CatchPanicLayer::custom(|panic| {
                log_panic(panic);
                api::panicked()
            })),
        )
        .fallback(unknown_path)
}

/// What is asked at the control door may take a while to work out; the threads that serve model
/// traffic have none to spare.
async fn on_main_runtime(
    State(home): State<Option<Handle>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(home) = home else {
        return next.run(request).await;
    };
    match AbortOnDropHandle::new(home.spawn(next.run(request))).await {
        Ok(response) => response,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The instance is at its end, and so is the task.
            Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        },
    }
}

async fn unknown_path(method: Method, uri: Uri) -> Response {
    let path = uri.path();
    if path == "/v1" || path.starts_with("/v1/") {
        gateway::unknown_path(&method, path)
    } else {
        api::unknown_path(method, uri).await
    }
}

fn log_panic(_payload: Box<dyn Any + Send>) {
    // The payload may quote what a client sent, so it is not logged.
    tracing::error!("a request was answered with 500: its handler panicked");
}

/// A panic at the door for model traffic is told in the protocol of the path that was asked.
async fn catch_panic(request: Request, next: Next) -> Response {
    let dialect = gateway::dialect_of(request.uri().path());
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    answered.unwrap_or_else(|panic| {
        log_panic(panic);
        GatewayError::Internal.respond(dialect)
    })
}

/// Listens on a Unix socket that only its owner can open. A socket that a dead instance left is
/// removed; one that somebody answers is an error.
pub fn bind_socket(path: &Path) -> io::Result<UnixListener> {
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    if let Ok(found) = fs::symlink_metadata(path) {
        if !found.file_type().is_socket() {
            let text = format!("{} is in the way: it is no socket", path.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
        }
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            let text = format!("{} is in use by another instance", path.display());
            return Err(io::Error::new(io::ErrorKind::AddrInUse, text));
        }
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// What clients may do to the listener.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    /// Connections from the network at once.
    pub connections: usize,
    /// A connection without a request may stay that long.
    pub keep_alive: Duration,
    /// From the first byte of a request's head to its last; HTTP/2 has its heads in one piece.
    pub head: Duration,
    /// Between two pieces of a request's body.
    pub upload_pause: Duration,
    /// Until a body is held to its rate.
    pub upload_grace: Duration,
    /// Bytes a second that a body must keep on the average.
    pub upload_rate: u64,
    /// A client that takes no byte of its answer for that long is gone.
    pub stuck: Duration,
    /// At the end, for requests that have begun.
    pub drain: Drain,
}

impl ConnectionLimits {
    /// So many connections, each kept for that long without a request, the end as given, and for
    /// everything else what no client that means well runs into.
    pub fn new(connections: usize, keep_alive: Duration, drain: impl Into<Drain>) -> Self {
        Self {
            connections,
            keep_alive,
            head: Duration::from_secs(10),
            upload_pause: Duration::from_secs(10),
            upload_grace: Duration::from_secs(20),
            upload_rate: 8 * 1024,
            stuck: Duration::from_mins(1),
            drain: drain.into(),
        }
    }
}

/// Serves until told to stop; then takes no more connections, lets requests end for as long as the
/// drain allows, tells clients that are still waiting why their answer ends there, and cuts what is
/// left. The socket's file is removed.
pub async fn serve(
    listener: TcpListener,
    socket: Option<UnixListener>,
    router: Router,
    limits: ConnectionLimits,
    workers: WorkerThreads,
    stop: CancellationToken,
) -> io::Result<()> {
    let limits = Arc::new(limits);
    let service = ConnectionService {
        router,
        builder: builder(),
        limits: Arc::clone(&limits),
    };
    let mut crowd = ConnectionTracker::new(Arc::clone(&limits), workers);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(()) = crowd.next_ended() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if !crowd.has_room().await => connection_tracker::refuse(&stream),
                Ok((stream, peer)) => {
                    // Small events shall not wait for larger ones.
                    let _slower_but_right = stream.set_nodelay(true);
                    crowd.accept(service.clone(), stream, Peer::Tcp(peer));
                }
                Err(error) => rest(&error).await,
            },
            accepted = accept(socket.as_ref()) => match accepted {
                Ok(stream) => crowd.accept_owner(service.clone(), stream),
                Err(error) => rest(&error).await,
            },
        }
    }
    drop(listener);
    close(socket);
    crowd.drain(limits.drain.clone()).await;
    Ok(())
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // Time limits are the connection's own: hyper's would close idle connections too.
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_buf_size(MAX_HEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_LIST_BYTES)
        .keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT);
    builder
}

/// Never, where there is no socket.
async fn accept(socket: Option<&UnixListener>) -> io::Result<tokio::net::UnixStream> {
    match socket {
        Some(socket) => Ok(socket.accept().await?.0),
        None => std::future::pending().await,
    }
}

/// One connection that could not be taken is no reason to take no more.
async fn rest(error: &io::Error) {
    let is_its_own = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    );
    if !is_its_own {
        tracing::warn!("no connection can be taken: {error}");
        tokio::time::sleep(FD_EXHAUSTED_PAUSE).await;
    }
}

fn close(socket: Option<UnixListener>) {
    let Some(socket) = socket else { return };
    let path = socket
        .local_addr()
        .ok()
        .and_then(|address| address.as_pathname().map(Path::to_owned));
    drop(socket);
    if let Some(path) = path {
        let _gone_already = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests;

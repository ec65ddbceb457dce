//! The accept loop of all listeners, from the start to the end of the drain.

use super::connection::ConnectionService;
use super::connection_limits::ConnectionLimits;
use super::connection_tracker::{self, ConnectionTracker};
use super::local_socket::close_socket;
use super::workers::WorkerThreads;
use crate::access::Peer;
use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

/// Bytes of a request's head in HTTP/1.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Bytes of a request's head in HTTP/2, with 32 for each header.
const MAX_HEADER_LIST_BYTES: u32 = 64 * 1024;
/// Requests at once on one HTTP/2 connection; clients open another one for more.
const MAX_STREAMS: u32 = 256;
/// Silence after which an HTTP/2 client gets a ping.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// Time for the reply to that ping.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// Pause when all file descriptors are in use.
const FD_EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop`. Then it accepts no more connections, lets requests finish for as long as the
/// drain allows, sends an error to the clients that still wait, and closes the remaining connections.
/// The socket's file is removed.
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
    let mut tracker = ConnectionTracker::new(Arc::clone(&limits), workers);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(()) = tracker.next_ended() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if !tracker.make_room().await => connection_tracker::refuse(&stream),
                Ok((stream, peer)) => {
                    // Small events must not wait for larger ones; without it they are only slower.
                    let _ignored = stream.set_nodelay(true);
                    tracker.accept(service.clone(), stream, Peer::Tcp(peer));
                }
                Err(error) => on_accept_error(&error).await,
            },
            accepted = accept(socket.as_ref()) => match accepted {
                Ok(stream) if !tracker.make_local_room().await => {
                    connection_tracker::refuse_local(&stream);
                }
                Ok(stream) => tracker.accept_local(service.clone(), stream),
                Err(error) => on_accept_error(&error).await,
            },
        }
    }
    drop(listener);
    if let Some(socket) = socket {
        close_socket(socket);
    }
    tracker.drain(limits.drain.clone()).await;
    Ok(())
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // The connection has its own time limits: hyper's limit on the head would close idle
    // connections too.
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

/// The next connection of the Unix socket; never, without one.
async fn accept(socket: Option<&UnixListener>) -> io::Result<UnixStream> {
    match socket {
        Some(socket) => Ok(socket.accept().await?.0),
        None => std::future::pending().await,
    }
}

/// Continues at once if the error concerns only the one connection, else after a pause.
async fn on_accept_error(error: &io::Error) {
    let is_of_connection = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    );
    if !is_of_connection {
        tracing::warn!("no connection can be accepted: {error}");
        tokio::time::sleep(FD_EXHAUSTED_PAUSE).await;
    }
}

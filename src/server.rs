//! THE LISTENERS: both doors on one address, and on a socket that only its owner can open; at the
//! end requests are let finish, for a while.

mod drain;
mod path;

pub use drain::Drain;

use crate::access::Peer;
use crate::{api, gateway};
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::any::Any;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;

/// A client that takes longer for the head of its request is not waited for.
const HEAD: Duration = Duration::from_secs(10);
/// With all file handles in use, a while may free one.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// Both doors as one: each answers a panic in its own shape, and unknown paths are answered by the
/// door that they look like.
pub fn doors(gateway: Router, api: Router) -> Router {
    gateway
        .layer(CatchPanicLayer::custom(|panic| {
            log_panic(panic);
            gateway_panicked()
        }))
        .merge(api.layer(CatchPanicLayer::custom(|panic| {
            log_panic(panic);
            api::panicked()
        })))
        .fallback(unknown_path)
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

fn gateway_panicked() -> Response {
    let body = serde_json::json!({ "error": {
        "message": "the instance made a mistake while answering; it goes on serving",
        "type": "server_error",
        "param": null,
        "code": "internal_error",
    }});
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::HeaderName::from_static("x-should-retry"), "false"),
    ];
    (StatusCode::INTERNAL_SERVER_ERROR, headers, body.to_string()).into_response()
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

/// Serves until told to stop; then takes no more connections, lets requests end for up to `drain`,
/// tells clients that are still waiting why their answer ends there, and cuts what is left. The
/// socket's file is removed.
pub async fn serve(
    listener: TcpListener,
    socket: Option<UnixListener>,
    router: Router,
    drain: impl Into<Drain>,
    stop: CancellationToken,
) -> io::Result<()> {
    let drain = drain.into();
    let mut house = House {
        router,
        builder: builder(),
        graceful: GracefulShutdown::new(),
        connections: JoinSet::new(),
    };
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(_ended) = house.connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    // Small events shall not wait for larger ones.
                    let _slower_but_right = stream.set_nodelay(true);
                    house.welcome(stream, Peer::Tcp(peer));
                }
                Err(error) => rest(&error).await,
            },
            accepted = accept(socket.as_ref()) => match accepted {
                Ok(stream) => house.welcome(stream, Peer::Unix),
                Err(error) => rest(&error).await,
            },
        }
    }
    drop(listener);
    close(socket);
    house.empty(drain).await;
    Ok(())
}

struct House {
    router: Router,
    builder: Builder<TokioExecutor>,
    graceful: GracefulShutdown,
    connections: JoinSet<()>,
}

impl House {
    fn welcome<S>(&mut self, stream: S, peer: Peer)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service =
            self.router
                .clone()
                .map_request(move |request: Request<hyper::body::Incoming>| {
                    let mut request = request.map(Body::new);
                    request.extensions_mut().insert(peer);
                    if let Some(uri) = path::mended(request.uri()) {
                        *request.uri_mut() = uri;
                    }
                    request
                });
        let builder = self.builder.clone();
        let watcher = self.graceful.watcher();
        self.connections.spawn(async move {
            let service = TowerToHyperService::new(service);
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            if let Err(error) = watcher.watch(connection).await {
                // A client's doing: gone in the middle, or not speaking HTTP.
                tracing::debug!("a connection ended early: {error}");
            }
        });
    }

    async fn empty(self, drain: Drain) {
        let mut connections = self.connections;
        if !drain.wait(self.graceful.shutdown()).await {
            let cut = connections.len();
            tracing::warn!(cut, "connections were cut at the end of the drain");
        }
        connections.shutdown().await;
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD);
    builder.http2().timer(TokioTimer::new());
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
        tokio::time::sleep(EXHAUSTED).await;
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
mod tests {
    use super::*;
    use axum::Extension;
    use axum::routing::get;
    use std::net::SocketAddr;
    use std::sync::Arc;
    use tokio::sync::Notify;

    async fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[tokio::test]
    async fn a_request_under_way_is_let_finish_and_no_other_is_taken() {
        let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let slow = {
            let (begun, go) = (Arc::clone(&begun), Arc::clone(&go));
            get(move || async move {
                begun.notify_one();
                go.notified().await;
                "done"
            })
        };
        let (listener, address) = listener().await;
        let stop = CancellationToken::new();
        let router = Router::new().route("/", slow);
        let drain = Duration::from_mins(1);
        let serving = tokio::spawn(serve(listener, None, router, drain, stop.clone()));
        let answer = tokio::spawn(reqwest::get(format!("http://{address}/")));
        begun.notified().await;

        stop.cancel();
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        go.notify_one();

        let answer = answer.await.unwrap().unwrap();
        assert_eq!(answer.text().await.unwrap(), "done");
        serving.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn what_does_not_end_is_cut_after_the_drain() {
        let begun = Arc::new(Notify::new());
        let endless = {
            let begun = Arc::clone(&begun);
            get(move || async move {
                begun.notify_one();
                std::future::pending::<()>().await;
            })
        };
        let (listener, address) = listener().await;
        let stop = CancellationToken::new();
        let router = Router::new().route("/", endless);
        let serving = tokio::spawn(serve(listener, None, router, Duration::ZERO, stop.clone()));
        let answer = tokio::spawn(reqwest::get(format!("http://{address}/")));
        begun.notified().await;

        stop.cancel();

        serving.await.unwrap().unwrap();
        assert!(answer.await.unwrap().is_err());
    }

    #[tokio::test]
    async fn handlers_know_where_a_request_came_in() {
        let peer = get(|Extension(peer): Extension<Peer>| async move { format!("{peer:?}") });
        let (listener, address) = listener().await;
        let stop = CancellationToken::new();
        let router = Router::new().route("/", peer);
        let drain = Duration::from_secs(1);
        let serving = tokio::spawn(serve(listener, None, router, drain, stop.clone()));

        let answer = reqwest::get(format!("http://{address}/")).await.unwrap();

        assert!(answer.text().await.unwrap().starts_with("Tcp(127.0.0.1:"));
        stop.cancel();
        serving.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn each_door_answers_in_its_own_shape() {
        let panicking = || get(|| async { panic!("on purpose") as &'static str });
        let doors = doors(
            Router::new().route("/v1/panic", panicking()),
            Router::new().route("/api/panic", panicking()),
        );
        let ask = async |path: &str| {
            let request = Request::get(path).body(Body::empty()).unwrap();
            let response = doors.clone().oneshot(request).await.unwrap();
            let status = response.status().as_u16();
            let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
            let body: serde_json::Value = serde_json::from_slice(&body.unwrap()).unwrap();
            (status, body)
        };

        let (status, body) = ask("/v1/panic").await;
        assert_eq!(
            (status, &body["error"]["code"]),
            (500, &"internal_error".into())
        );
        let (status, body) = ask("/api/panic").await;
        assert_eq!((status, &body["status"]), (500, &500.into()));
        let (status, body) = ask("/v1/nothing").await;
        assert_eq!(
            (status, &body["error"]["code"]),
            (404, &"unknown_url".into())
        );
        let (status, body) = ask("/nothing").await;
        assert_eq!((status, &body["status"]), (404, &404.into()));
    }

    #[tokio::test]
    async fn a_dead_socket_is_replaced_and_a_living_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("room").join("1.sock");
        let living = bind_socket(&path).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));

        let error = bind_socket(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);

        drop(living);
        assert!(path.exists(), "a dead instance leaves its file");
        bind_socket(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "precious").unwrap();
        assert!(bind_socket(&path).is_err());
        assert!(path.exists());
    }
}

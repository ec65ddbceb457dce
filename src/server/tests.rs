//! Tests of the listeners, both APIs, the socket and the drain.

mod waiting;

use super::*;
use crate::access::Peer;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use axum::{Extension, Router};
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn limits(drain: Duration) -> ConnectionLimits {
    ConnectionLimits::new(100, Duration::from_mins(2), drain)
}

#[tokio::test]
async fn a_request_in_flight_finishes_and_no_other_is_accepted() {
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
    let serving = tokio::spawn(serve(
        listener,
        None,
        router,
        limits(drain),
        WorkerThreads::default(),
        stop.clone(),
    ));
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
async fn a_request_that_does_not_end_is_cut_after_the_drain() {
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
    let serving = tokio::spawn(serve(
        listener,
        None,
        router,
        limits(Duration::ZERO),
        WorkerThreads::default(),
        stop.clone(),
    ));
    let answer = tokio::spawn(reqwest::get(format!("http://{address}/")));
    begun.notified().await;

    stop.cancel();

    serving.await.unwrap().unwrap();
    assert!(answer.await.unwrap().is_err());
}

#[tokio::test]
async fn handlers_know_the_peer_of_a_request() {
    let peer = get(|Extension(peer): Extension<Peer>| async move { format!("{peer:?}") });
    let (listener, address) = listener().await;
    let stop = CancellationToken::new();
    let router = Router::new().route("/", peer);
    let drain = Duration::from_secs(1);
    let serving = tokio::spawn(serve(
        listener,
        None,
        router,
        limits(drain),
        WorkerThreads::default(),
        stop.clone(),
    ));

    let answer = reqwest::get(format!("http://{address}/")).await.unwrap();

    assert!(answer.text().await.unwrap().starts_with("Tcp(127.0.0.1:"));
    stop.cancel();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn each_api_responds_in_its_own_shape() {
    let panicking = || get(|| async { panic!("on purpose") as &'static str });
    let router = build_router(
        Router::new()
            .route("/v1/panic", panicking())
            .route("/v1/messages", panicking()),
        Router::new().route("/api/panic", panicking()),
    );
    let ask = async |path: &str| {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
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
    let (status, body) = ask("/v1/messages").await;
    let types = (&body["type"], &body["error"]["type"]);
    assert_eq!(
        (status, types),
        (500, (&"error".into(), &"api_error".into()))
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
async fn a_socket_of_a_dead_instance_is_replaced_and_one_in_use_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("folder").join("1.sock");
    let in_use = bind_socket(&path).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));

    let error = bind_socket(&path).unwrap_err();
    assert!(matches!(error, BindError::InUse(_)), "{error}");

    drop(in_use);
    assert!(path.exists(), "a dead instance leaves its file behind");
    bind_socket(&path).unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, "precious").unwrap();
    let error = bind_socket(&path).unwrap_err();
    assert!(matches!(error, BindError::NotASocket(_)), "{error}");
    assert!(path.exists());
}

//! Both doors, the socket and the end.

mod waiting;

use super::*;
use axum::Extension;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::Notify;
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
async fn handlers_know_where_a_request_came_in() {
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
async fn each_door_answers_in_its_own_shape() {
    let panicking = || get(|| async { panic!("on purpose") as &'static str });
    let doors = build_router(
        Router::new()
            .route("/v1/panic", panicking())
            .route("/v1/messages", panicking()),
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
    let (status, body) = ask("/v1/messages").await;
    let told = (&body["type"], &body["error"]["type"]);
    assert_eq!(
        (status, told),
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

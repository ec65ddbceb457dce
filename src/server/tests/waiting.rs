//! Slow clients, over raw sockets and with a paused clock.

use super::{limits, listener};
use crate::server::{ConnectionLimits, WorkerThreads, serve};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::StatusCode;
use axum::routing::{get, post};
use futures_util::stream;
use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, advance};
use tokio_util::sync::{CancellationToken, DropGuard};

const HELLO: &str = "GET /hello HTTP/1.1\r\nhost: x\r\n\r\n";

/// Answers `GET /hello`, and `POST /body` with what it was sent or 408.
fn simple() -> Router {
    let body = post(|body: Body| async {
        match to_bytes(body, usize::MAX).await {
            Ok(bytes) => (StatusCode::OK, bytes),
            Err(error) => {
                let mut cause: Option<&dyn std::error::Error> = Some(&error);
                let mut kind = None;
                while let Some(inner) = cause {
                    let io_error = inner.downcast_ref::<std::io::Error>();
                    kind = io_error.map(std::io::Error::kind).or(kind);
                    cause = inner.source();
                }
                assert_eq!(kind, Some(ErrorKind::TimedOut));
                (StatusCode::REQUEST_TIMEOUT, Bytes::new())
            }
        }
    });
    Router::new()
        .route("/hello", get(|| async { "hello" }))
        .route("/body", body)
}

/// Starts a listener that ends with the test.
async fn listen(router: Router, limits: ConnectionLimits) -> (SocketAddr, DropGuard) {
    let (listener, address) = listener().await;
    let stop = CancellationToken::new();
    tokio::spawn(serve(
        listener,
        None,
        router,
        limits,
        WorkerThreads::default(),
        stop.clone(),
    ));
    (address, stop.drop_guard())
}

fn default_limits() -> ConnectionLimits {
    limits(Duration::ZERO)
}

/// A client that sends raw bytes.
struct RawClient(TcpStream);

impl RawClient {
    async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads one response with a body of this length.
    async fn receive(&mut self, body: usize) -> String {
        let mut text = Vec::new();
        while !text.ends_with(b"\r\n\r\n") {
            let byte = self.0.read_u8().await;
            let so_far = String::from_utf8_lossy(&text).into_owned();
            text.push(byte.unwrap_or_else(|error| panic!("{error} after {so_far:?}")));
        }
        let head = text.len();
        text.resize(head + body, 0);
        self.0.read_exact(&mut text[head..]).await.unwrap();
        String::from_utf8(text).unwrap()
    }

    /// Reads until the server closes; returns the text and the time that it took.
    async fn read_to_end(&mut self) -> (String, Duration) {
        let (began, mut rest) = (Instant::now(), Vec::new());
        let _reset = self.0.read_to_end(&mut rest).await;
        (String::from_utf8_lossy(&rest).into_owned(), began.elapsed())
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_stays_and_an_incomplete_head_times_out() {
    let (address, _running) = listen(simple(), default_limits()).await;
    let mut client = RawClient::connect(address).await;
    for _ in 0..2 {
        client.send(HELLO).await;
        assert!(client.receive(5).await.ends_with("hello"));
        advance(Duration::from_secs(100)).await;
    }

    client.send("GET /hello HTTP/1.1\r\n").await;
    let mut late = RawClient::connect(address).await;
    let (text, took) = client.read_to_end().await;

    assert_eq!(text, "");
    assert!(
        took >= Duration::from_secs(10) && took < Duration::from_secs(11),
        "{took:?}"
    );
    let (_, took) = late.read_to_end().await;
    assert!(
        took > Duration::from_secs(105) && took < Duration::from_secs(125),
        "{took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_trickling_head_gets_no_more_time() {
    let (address, _running) = listen(simple(), default_limits()).await;
    let began = Instant::now();
    let mut client = RawClient::connect(address).await;
    client.send("GET /hello HTTP/1.1\r\n").await;

    while client.0.write_all(b"x: y\r\n").await.is_ok() && began.elapsed().as_secs() < 60 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    assert!(began.elapsed().as_secs() < 15, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn slow_clients_keep_no_other_client_out() {
    let few = ConnectionLimits {
        connections: 8,
        ..default_limits()
    };
    let (address, _running) = listen(simple(), few).await;
    let mut slow = Vec::new();
    for _ in 0..40 {
        let mut client = RawClient::connect(address).await;
        client.send("POST /body HTTP/1.1\r\nhost").await;
        slow.push(client);
    }

    let began = Instant::now();
    for _ in 0..20 {
        let mut client = RawClient::connect(address).await;
        client.send(HELLO).await;
        assert!(client.receive(5).await.starts_with("HTTP/1.1 200"));
    }

    assert!(began.elapsed() < Duration::from_secs(1));
    let (_, took) = slow[0].read_to_end().await;
    assert!(
        took < Duration::from_secs(1),
        "the first was evicted: {took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn slow_uploads_at_the_connection_limit_are_evicted() {
    let few = ConnectionLimits {
        connections: 4,
        ..default_limits()
    };
    let (address, _running) = listen(simple(), few).await;
    let mut slow = Vec::new();
    for _ in 0..4 {
        let mut client = RawClient::connect(address).await;
        client
            .send("POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n")
            .await;
        slow.push(client);
    }
    for _ in 0..3 {
        for client in &mut slow {
            client.send("x").await;
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    }

    let mut client = RawClient::connect(address).await;
    client.send(HELLO).await;

    assert!(client.receive(5).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test(start_paused = true)]
async fn a_connection_over_the_limit_is_rejected_with_503() {
    let (begun, go) = (Arc::new(Semaphore::new(0)), Arc::new(Notify::new()));
    let slow = {
        let (begun, go) = (Arc::clone(&begun), Arc::clone(&go));
        get(move || async move {
            begun.add_permits(1);
            go.notified().await;
            "done"
        })
    };
    let few = ConnectionLimits {
        connections: 2,
        ..default_limits()
    };
    let (address, _running) = listen(simple().route("/slow", slow), few).await;
    let mut served = Vec::new();
    for _ in 0..2 {
        let mut client = RawClient::connect(address).await;
        client.send("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
        served.push(client);
    }
    let _both = begun.acquire_many(2).await.unwrap();

    let (text, _) = RawClient::connect(address).await.read_to_end().await;
    assert!(text.starts_with("HTTP/1.1 503"), "{text}");
    assert!(text.contains("retry-after: 1\r\n") && text.contains("max_connections"));

    go.notify_waiters();
    for client in &mut served {
        assert!(client.receive(4).await.ends_with("done"));
    }
    let mut client = RawClient::connect(address).await;
    client.send(HELLO).await;
    assert!(client.receive(5).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_pauses_or_trickles_is_answered_with_408_and_closed() {
    let (address, _running) = listen(simple(), default_limits()).await;
    let head = "POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\nx";

    let mut pausing = RawClient::connect(address).await;
    pausing.send(head).await;
    let (text, took) = pausing.read_to_end().await;
    assert!(
        text.starts_with("HTTP/1.1 408") && text.contains("connection: close"),
        "{text}"
    );
    // The server still reads for a while before it closes.
    assert!(
        took >= Duration::from_secs(10) && took < Duration::from_secs(17),
        "{took:?}"
    );

    let (mut reads, mut writes) = RawClient::connect(address).await.0.into_split();
    let trickling = tokio::spawn(async move {
        writes.write_all(head.as_bytes()).await.unwrap();
        while writes.write_all(b"xx").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    });
    let (began, mut status) = (Instant::now(), [0; 12]);
    reads.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 408");
    assert!(began.elapsed() >= Duration::from_secs(20) && began.elapsed().as_secs() < 22);
    trickling.abort();
}

#[tokio::test(start_paused = true)]
async fn a_long_body_over_a_slow_connection_is_accepted() {
    let (address, _running) = listen(simple(), default_limits()).await;
    let mut client = RawClient::connect(address).await;
    client
        .send("POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n")
        .await;

    let chunk = "x".repeat(50_000);
    for _ in 0..20 {
        client.send(&chunk).await;
        tokio::time::sleep(Duration::from_secs(4)).await;
    }

    assert!(client.receive(1_000_000).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_disconnected() {
    let dropped = Arc::new(Notify::new());
    let endless = {
        let dropped = Arc::clone(&dropped);
        get(move || async move {
            struct NotifyOnDrop(Arc<Notify>);
            impl Drop for NotifyOnDrop {
                fn drop(&mut self) {
                    self.0.notify_one();
                }
            }
            let guard = NotifyOnDrop(dropped);
            Body::from_stream(stream::repeat_with(move || {
                let _held = &guard;
                Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 16_384]))
            }))
        })
    };
    let (address, _running) = listen(simple().route("/endless", endless), default_limits()).await;
    let mut client = RawClient::connect(address).await;
    let began = Instant::now();
    client
        .send("GET /endless HTTP/1.1\r\nhost: x\r\n\r\n")
        .await;

    dropped.notified().await;

    assert!(began.elapsed() >= Duration::from_mins(1) && began.elapsed().as_secs() < 65);
}

#[tokio::test(start_paused = true)]
async fn a_response_reaches_a_client_that_is_still_sending() {
    let reject = post(|| async { (StatusCode::PAYLOAD_TOO_LARGE, "too large") });
    let (address, _running) = listen(Router::new().route("/", reject), default_limits()).await;
    let mut client = RawClient::connect(address).await;
    client
        .send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 50000000\r\n\r\n")
        .await;

    let chunk = "x".repeat(100_000);
    for _ in 0..500 {
        client.send(&chunk).await;
    }

    assert!(client.receive(9).await.starts_with("HTTP/1.1 413"));
}

#[tokio::test]
async fn an_http2_connection_carries_a_limited_number_of_requests() {
    let (running, go) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let slow = {
        let (running, go) = (Arc::clone(&running), Arc::clone(&go));
        get(move || async move {
            running.fetch_add(1, Ordering::SeqCst);
            let _permit = go.acquire().await.unwrap();
            "done"
        })
    };
    let (address, _running) = listen(Router::new().route("/", slow), default_limits()).await;
    let client = reqwest::Client::builder().http2_prior_knowledge().build();
    let (client, url) = (client.unwrap(), format!("http://{address}/"));
    let ask = |_| tokio::spawn(client.get(&url).send());
    let requests: Vec<_> = (0..300).map(ask).collect();

    while running.load(Ordering::SeqCst) < 256 {
        tokio::task::yield_now().await;
    }
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(running.load(Ordering::SeqCst), 256);

    go.add_permits(300);
    for response in requests {
        assert_eq!(response.await.unwrap().unwrap().status(), 200);
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_http2_connection_gets_goaway_before_it_is_closed() {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let (address, _running) = listen(simple(), default_limits()).await;
    let mut client = RawClient::connect(address).await;
    client.0.write_all(PREFACE).await.unwrap();
    let (began, mut frames) = (Instant::now(), Vec::new());

    loop {
        let mut head = [0; 9];
        if client.0.read_exact(&mut head).await.is_err() {
            break;
        }
        let length = usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut payload = vec![0; length];
        client.0.read_exact(&mut payload).await.unwrap();
        let (kind, flags) = (head[3], head[4]);
        if kind == 6 && flags == 0 {
            // A ping is acknowledged with the same payload.
            let pong = [&[0, 0, 8, 6, 1, 0, 0, 0, 0], &payload[..]].concat();
            client.0.write_all(&pong).await.unwrap();
        }
        frames.push(kind);
    }

    assert!(frames.contains(&7), "GOAWAY is among {frames:?}");
    assert!(began.elapsed() >= Duration::from_mins(2) && began.elapsed().as_secs() < 125);
}

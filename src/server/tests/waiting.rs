//! Clients that keep us waiting, over raw sockets and with time that stands still until everybody
//! waits.

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
                    let broke = inner.downcast_ref::<std::io::Error>();
                    kind = broke.map(std::io::Error::kind).or(kind);
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

/// A listener that ends with the test.
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

fn usual() -> ConnectionLimits {
    limits(Duration::ZERO)
}

/// A client that says what it is told to.
struct Raw(TcpStream);

impl Raw {
    async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    async fn say(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// One answer with a body of that length.
    async fn hear(&mut self, body: usize) -> String {
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

    /// What comes until the other side closes, and how long that takes.
    async fn end(&mut self) -> (String, Duration) {
        let (began, mut rest) = (Instant::now(), Vec::new());
        let _reset = self.0.read_to_end(&mut rest).await;
        (String::from_utf8_lossy(&rest).into_owned(), began.elapsed())
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_stays_and_a_head_that_was_begun_is_not_waited_for() {
    let (address, _running) = listen(simple(), usual()).await;
    let mut client = Raw::connect(address).await;
    for _ in 0..2 {
        client.say(HELLO).await;
        assert!(client.hear(5).await.ends_with("hello"));
        advance(Duration::from_secs(100)).await;
    }

    client.say("GET /hello HTTP/1.1\r\n").await;
    let mut late = Raw::connect(address).await;
    let (said, took) = client.end().await;

    assert_eq!(said, "");
    assert!(
        took >= Duration::from_secs(10) && took < Duration::from_secs(11),
        "{took:?}"
    );
    let (_, took) = late.end().await;
    assert!(
        took > Duration::from_secs(105) && took < Duration::from_secs(125),
        "{took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_head_that_trickles_gets_no_more_time() {
    let (address, _running) = listen(simple(), usual()).await;
    let began = Instant::now();
    let mut client = Raw::connect(address).await;
    client.say("GET /hello HTTP/1.1\r\n").await;

    while client.0.write_all(b"x: y\r\n").await.is_ok() && began.elapsed().as_secs() < 60 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    assert!(began.elapsed().as_secs() < 15, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn slow_clients_take_nobodys_place() {
    let few = ConnectionLimits {
        connections: 8,
        ..usual()
    };
    let (address, _running) = listen(simple(), few).await;
    let mut slow = Vec::new();
    for _ in 0..40 {
        let mut client = Raw::connect(address).await;
        client.say("POST /body HTTP/1.1\r\nhost").await;
        slow.push(client);
    }

    let began = Instant::now();
    for _ in 0..20 {
        let mut client = Raw::connect(address).await;
        client.say(HELLO).await;
        assert!(client.hear(5).await.starts_with("HTTP/1.1 200"));
    }

    assert!(began.elapsed() < Duration::from_secs(1));
    let (_, took) = slow[0].end().await;
    assert!(
        took < Duration::from_secs(1),
        "the first made room: {took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn uploads_that_fill_every_place_make_room_when_they_are_slow() {
    let few = ConnectionLimits {
        connections: 4,
        ..usual()
    };
    let (address, _running) = listen(simple(), few).await;
    let mut slow = Vec::new();
    for _ in 0..4 {
        let mut client = Raw::connect(address).await;
        client
            .say("POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n")
            .await;
        slow.push(client);
    }
    for _ in 0..3 {
        for client in &mut slow {
            client.say("x").await;
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    }

    let mut client = Raw::connect(address).await;
    client.say(HELLO).await;

    assert!(client.hear(5).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test(start_paused = true)]
async fn where_everybody_is_served_one_more_is_told_so() {
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
        ..usual()
    };
    let (address, _running) = listen(simple().route("/slow", slow), few).await;
    let mut served = Vec::new();
    for _ in 0..2 {
        let mut client = Raw::connect(address).await;
        client.say("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
        served.push(client);
    }
    let _both = begun.acquire_many(2).await.unwrap();

    let (told, _) = Raw::connect(address).await.end().await;
    assert!(told.starts_with("HTTP/1.1 503"), "{told}");
    assert!(told.contains("retry-after: 1\r\n") && told.contains("max_connections"));

    go.notify_waiters();
    for client in &mut served {
        assert!(client.hear(4).await.ends_with("done"));
    }
    let mut client = Raw::connect(address).await;
    client.say(HELLO).await;
    assert!(client.hear(5).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_pauses_or_trickles_is_answered_with_408_and_closed() {
    let (address, _running) = listen(simple(), usual()).await;
    let head = "POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\nx";

    let mut pausing = Raw::connect(address).await;
    pausing.say(head).await;
    let (told, took) = pausing.end().await;
    assert!(
        told.starts_with("HTTP/1.1 408") && told.contains("connection: close"),
        "{told}"
    );
    // It may still send for as long as we linger.
    assert!(
        took >= Duration::from_secs(10) && took < Duration::from_secs(17),
        "{took:?}"
    );

    let (mut reads, mut writes) = Raw::connect(address).await.0.into_split();
    let trickling = tokio::spawn(async move {
        writes.write_all(head.as_bytes()).await.unwrap();
        while writes.write_all(b"xx").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    });
    let (began, mut told) = (Instant::now(), [0; 12]);
    reads.read_exact(&mut told).await.unwrap();
    assert_eq!(&told, b"HTTP/1.1 408");
    assert!(began.elapsed() >= Duration::from_secs(20) && began.elapsed().as_secs() < 22);
    trickling.abort();
}

#[tokio::test(start_paused = true)]
async fn a_long_body_over_a_thin_line_is_taken() {
    let (address, _running) = listen(simple(), usual()).await;
    let mut client = Raw::connect(address).await;
    client
        .say("POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n")
        .await;

    let piece = "x".repeat(50_000);
    for _ in 0..20 {
        client.say(&piece).await;
        tokio::time::sleep(Duration::from_secs(4)).await;
    }

    assert!(client.hear(1_000_000).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_not_written_to_for_ever() {
    let dropped = Arc::new(Notify::new());
    let endless = {
        let dropped = Arc::clone(&dropped);
        get(move || async move {
            struct Tell(Arc<Notify>);
            impl Drop for Tell {
                fn drop(&mut self) {
                    self.0.notify_one();
                }
            }
            let tell = Tell(dropped);
            Body::from_stream(stream::repeat_with(move || {
                let _kept = &tell;
                Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 16_384]))
            }))
        })
    };
    let (address, _running) = listen(simple().route("/endless", endless), usual()).await;
    let mut client = Raw::connect(address).await;
    let began = Instant::now();
    client.say("GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").await;

    dropped.notified().await;

    assert!(began.elapsed() >= Duration::from_mins(1) && began.elapsed().as_secs() < 65);
}

#[tokio::test(start_paused = true)]
async fn an_answer_reaches_a_client_that_still_sends() {
    let refuse = post(|| async { (StatusCode::PAYLOAD_TOO_LARGE, "too large") });
    let (address, _running) = listen(Router::new().route("/", refuse), usual()).await;
    let mut client = Raw::connect(address).await;
    client
        .say("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 50000000\r\n\r\n")
        .await;

    let piece = "x".repeat(100_000);
    for _ in 0..500 {
        client.say(&piece).await;
    }

    assert!(client.hear(9).await.starts_with("HTTP/1.1 413"));
}

#[tokio::test]
async fn one_connection_of_http2_carries_no_more_than_its_share() {
    let (now, go) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let slow = {
        let (now, go) = (Arc::clone(&now), Arc::clone(&go));
        get(move || async move {
            now.fetch_add(1, Ordering::SeqCst);
            let _leave = go.acquire().await.unwrap();
            "done"
        })
    };
    let (address, _running) = listen(Router::new().route("/", slow), usual()).await;
    let client = reqwest::Client::builder().http2_prior_knowledge().build();
    let (client, url) = (client.unwrap(), format!("http://{address}/"));
    let ask = |_| tokio::spawn(client.get(&url).send());
    let asked: Vec<_> = (0..300).map(ask).collect();

    while now.load(Ordering::SeqCst) < 256 {
        tokio::task::yield_now().await;
    }
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(now.load(Ordering::SeqCst), 256);

    go.add_permits(300);
    for answer in asked {
        assert_eq!(answer.await.unwrap().unwrap().status(), 200);
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_of_http2_is_told_before_it_is_closed() {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let (address, _running) = listen(simple(), usual()).await;
    let mut client = Raw::connect(address).await;
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
            // A ping is answered with the same.
            let pong = [&[0, 0, 8, 6, 1, 0, 0, 0, 0], &payload[..]].concat();
            client.0.write_all(&pong).await.unwrap();
        }
        frames.push(kind);
    }

    assert!(frames.contains(&7), "GOAWAY is among {frames:?}");
    assert!(began.elapsed() >= Duration::from_mins(2) && began.elapsed().as_secs() < 125);
}

//! Upstreams that speak HTTP/2 and limit how many streams one connection carries.

use super::Identity;
use aibal_tui::protocols::{ConnectionConfig, OutboundRequest, Transport, TransportOptions};
use axum::http::{HeaderMap, Method, Request, Response, Version};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// As many streams as most vendors allow on a connection.
const LIMIT: u32 = 100;

/// What an upstream saw.
#[derive(Default)]
struct Seen {
    open: AtomicUsize,
    end: Notify,
    /// Requests of each connection that carried any.
    connections: Mutex<Vec<Arc<AtomicUsize>>>,
}

/// Opens every stream with a line and ends it when it is told to.
async fn upstream(identity: &Identity, seen: &Arc<Seen>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "https://localhost:{}/v1",
        listener.local_addr().unwrap().port()
    );
    let (acceptor, seen) = (identity.acceptor.clone(), Arc::clone(seen));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
            tokio::spawn(async move {
                // Some of a burst are given up once one stands.
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let mine = Arc::new(AtomicUsize::new(0));
                let service = service_fn(|request: Request<Incoming>| {
                    if mine.fetch_add(1, SeqCst) == 0 {
                        seen.connections.lock().unwrap().push(Arc::clone(&mine));
                    }
                    let seen = Arc::clone(&seen);
                    async move { Ok::<_, Infallible>(answer(request.version(), seen)) }
                });
                let mut builder = Builder::new(TokioExecutor::new());
                builder.http2().max_concurrent_streams(LIMIT);
                let _gone = builder
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    url
}

fn answer(
    version: Version,
    seen: Arc<Seen>,
) -> Response<impl hyper::body::Body<Data = Bytes, Error = Infallible>> {
    seen.open.fetch_add(1, SeqCst);
    let text = format!("{version:?}\n");
    let first = stream::once(async move { Ok(Frame::data(Bytes::from(text))) });
    let last = stream::once(async move {
        seen.end.notified().await;
        seen.open.fetch_sub(1, SeqCst);
        Ok(Frame::data(Bytes::from_static(b"end\n")))
    });
    Response::new(StreamBody::new(first.chain(last)).boxed_unsync())
}

fn ask(url: &str) -> OutboundRequest {
    OutboundRequest {
        method: Method::POST,
        url: format!("{url}/chat/completions"),
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"{}"),
    }
}

fn transport(line: ConnectionConfig) -> Transport {
    let options = TransportOptions::new(Duration::from_secs(20));
    Transport::over(&[line], options).unwrap()
}

#[tokio::test]
async fn a_peers_limit_of_streams_makes_no_request_wait() {
    let identity = Identity::of("localhost", &["h2", "http/1.1"]);
    let seen = Arc::new(Seen::default());
    let url = upstream(&identity, &seen).await;
    let line = ConnectionConfig {
        authorities: [identity.certificate.clone()].into(),
        ..ConnectionConfig::to(&url)
    };
    let transport = transport(line);

    // All answers begin before any of them ends.
    let asking = (0..250).map(|_| {
        let (transport, request) = (transport.clone(), ask(&url));
        tokio::spawn(async move { transport.send(0.into(), request).await.unwrap() })
    });
    let mut answers = Vec::new();
    for answer in asking.collect::<Vec<_>>() {
        answers.push(answer.await.unwrap());
    }

    assert_eq!(seen.open.load(SeqCst), 250);
    let carried: Vec<usize> = {
        let connections = seen.connections.lock().unwrap();
        connections.iter().map(|count| count.load(SeqCst)).collect()
    };
    assert_eq!(carried.iter().sum::<usize>(), 250);
    assert!(carried.len() >= 4, "{carried:?}");
    assert!(carried.iter().all(|count| *count <= 80), "{carried:?}");

    seen.end.notify_waiters();
    for answer in answers {
        assert_eq!(answer.text().await.unwrap(), "HTTP/2.0\nend\n");
    }
    assert_eq!(seen.open.load(SeqCst), 0);

    // With room on the first connection none of the others is used.
    let again = transport.send(0.into(), ask(&url)).await.unwrap();
    let connections = seen.connections.lock().unwrap();
    let total: usize = connections.iter().map(|count| count.load(SeqCst)).sum();
    assert_eq!((connections.len(), total), (carried.len(), 251));
    drop(again);
}

#[tokio::test]
async fn a_certificate_that_was_not_named_is_not_trusted() {
    let identity = Identity::of("localhost", &["h2"]);
    let url = upstream(&identity, &Arc::default()).await;

    let sent = transport(ConnectionConfig::to(&url))
        .send(0.into(), ask(&url))
        .await;

    let failure = sent.err().map(|error| error.failure);
    assert_eq!(failure, Some(aibal_tui::domain::Failure::Disconnected));
}

#[tokio::test]
async fn one_clients_unread_answer_holds_no_other_up() {
    let identity = Identity::of("localhost", &["h2"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "https://localhost:{}/v1",
        listener.local_addr().unwrap().port()
    );
    let acceptor = identity.acceptor.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let stream = acceptor.accept(stream).await.unwrap();
            tokio::spawn(async move {
                let service = service_fn(|_: Request<Incoming>| async {
                    let piece =
                        || Ok::<_, Infallible>(Frame::data(Bytes::from(vec![b'x'; 65_536])));
                    let body = stream::repeat_with(piece).take(64);
                    Ok::<_, Infallible>(Response::new(StreamBody::new(body)))
                });
                let builder = Builder::new(TokioExecutor::new());
                let _gone = builder
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    let line = ConnectionConfig {
        authorities: [identity.certificate.clone()].into(),
        ..ConnectionConfig::to(&url)
    };
    let transport = transport(line);

    let mut unread = Vec::new();
    for _ in 0..40 {
        unread.push(transport.send(0.into(), ask(&url)).await.unwrap());
    }

    let read = transport.send(0.into(), ask(&url)).await.unwrap();
    assert_eq!(read.bytes().await.unwrap().len(), 64 * 65_536);
    drop(unread);
}

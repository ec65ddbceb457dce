//! Bodies of model traffic pass as they are; a provider that compresses unasked is understood.

use crate::bench::{limits, start, start_at};
use crate::upstream::{Behaviour, Upstream, WHOLE};
use axum::Router;
use axum::body::Body;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderValue, Request, Response};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::Notify;
use tower::ServiceExt;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;

const ASK: &str = r#"{"model":"only-a","messages":[{"role":"user","content":"hi"}]}"#;
const STREAM: &str =
    r#"{"model":"only-a","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;

/// Serves, compressed whatever is asked for.
async fn compressing(router: Router) -> String {
    let router = router.layer(CompressionLayer::new().compress_when(SizeAbove::new(0)));
    let router = router.map_request(|mut request: Request<Body>| {
        let gzip = HeaderValue::from_static("gzip");
        request.headers_mut().insert(ACCEPT_ENCODING, gzip);
        request
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/v1", listener.local_addr().unwrap());
    let make = tower::make::Shared::new(router);
    tokio::spawn(async move { axum::serve(listener, make).await });
    address
}

#[tokio::test]
async fn a_clients_wish_for_compression_ends_at_the_gateway() {
    let upstream = Upstream::start(Behaviour::Good).await;
    let bench = start(&[&upstream], limits()).await;
    let plain = reqwest::Client::builder().no_gzip().build().unwrap();

    for body in [ASK, STREAM] {
        let request = plain.post(format!("{}/chat/completions", bench.url));
        let request = request.header(ACCEPT_ENCODING, "gzip, br, zstd");
        let answer = request.body(body).send().await.unwrap();

        assert_eq!(answer.status(), 200);
        assert!(!answer.headers().contains_key("content-encoding"));
        assert!(answer.text().await.unwrap().contains("Hello"));
        assert_eq!(upstream.last().0[ACCEPT_ENCODING], "identity");
    }
}

#[tokio::test]
async fn an_answer_that_was_compressed_unasked_is_understood() {
    let answer = || async { ([(CONTENT_TYPE, "application/json")], WHOLE) };
    let address = compressing(Router::new().fallback(answer)).await;
    let bench = start_at(&[&address], limits(), None).await;

    let answer = bench.post(ASK).await;

    assert_eq!(answer.headers()["x-aibal-cost-usd"], "0.000050000");
    assert_eq!(answer.text().await.unwrap(), WHOLE);
}

#[tokio::test]
async fn a_stream_that_was_compressed_unasked_comes_as_it_happens() {
    let go = Arc::new(Notify::new());
    let answer = {
        let go = Arc::clone(&go);
        move || {
            let line = |data: &str| Ok::<_, Infallible>(Bytes::from(format!("data: {data}\n\n")));
            let first = stream::iter([line(crate::upstream::HELLO)]);
            let rest = stream::once(async move {
                go.notified().await;
                Ok(Bytes::from(format!(
                    "data: {}\n\ndata: [DONE]\n\n",
                    crate::upstream::STOP
                )))
            });
            let body = Body::from_stream(first.chain(rest));
            async {
                Response::builder()
                    .header(CONTENT_TYPE, "text/event-stream")
                    .body(body)
                    .unwrap()
            }
        }
    };
    let address = compressing(Router::new().fallback(answer)).await;
    let bench = start_at(&[&address], limits(), None).await;

    let mut answer = bench.post(STREAM).await;

    let first = answer.chunk().await.unwrap().unwrap();
    assert!(first.starts_with(b"data: ") && !first.ends_with(b"[DONE]\n\n"));
    go.notify_one();
    assert!(answer.text().await.unwrap().ends_with("data: [DONE]\n\n"));
}

//! Bodies of model traffic are not compressed; unrequested compression of a provider is decoded.

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

/// Serves a router whose responses are always compressed.
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
async fn the_clients_accept_encoding_is_not_forwarded() {
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
async fn an_unrequested_compressed_response_is_decoded() {
    let answer = || async { ([(CONTENT_TYPE, "application/json")], WHOLE) };
    let address = compressing(Router::new().fallback(answer)).await;
    let bench = start_at(&[&address], limits(), None).await;

    let answer = bench.post(ASK).await;

    assert_eq!(answer.headers()["x-aibal-cost-usd"], "0.000050000");
    assert_eq!(answer.text().await.unwrap(), WHOLE);
}

#[tokio::test]
async fn an_unrequested_compressed_stream_is_forwarded_without_delay() {
    let go = Arc::new(Notify::new());
    let answer = {
        let go = Arc::clone(&go);
        move || {
            let event = |data: &str| Ok::<_, Infallible>(Bytes::from(format!("data: {data}\n\n")));
            let first = stream::iter([event(crate::upstream::HELLO)]);
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

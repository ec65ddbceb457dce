//! Request bodies that are too large, too slow, or sent only when asked for.

use super::{limits, pair};
use crate::upstream::Behaviour;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What is answered to these bytes, up to where it ends with that; the other side may go on
/// waiting for more.
async fn said(stream: &mut TcpStream, text: &str, end: &str) -> String {
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    while !heard.ends_with(end.as_bytes()) {
        heard.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(heard).unwrap()
}

fn head(path: &str, length: usize, more: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n{more}\r\n")
}

fn address(url: &str) -> SocketAddr {
    let (_, rest) = url.split_once("//").unwrap();
    rest.trim_end_matches("/v1").parse().unwrap()
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_refused_before_it_is_read() {
    let (_a, _b, bench) = pair(Behaviour::Good).await;
    for more in ["", "expect: 100-continue\r\n"] {
        let mut client = TcpStream::connect(address(&bench.url)).await.unwrap();

        let head = head("/v1/chat/completions", limits().max_body + 1, more);
        let told = said(&mut client, &head, "}").await;

        assert!(told.starts_with("HTTP/1.1 413"), "{told}");
        assert!(told.contains("max_body_mb"), "{told}");
    }
}

#[tokio::test]
async fn a_body_that_waits_to_be_asked_for_is_asked_for() {
    let (_a, _b, bench) = pair(Behaviour::Good).await;
    let mut client = TcpStream::connect(address(&bench.url)).await.unwrap();
    let body = super::ASK;

    let head = head(
        "/v1/chat/completions",
        body.len(),
        "expect: 100-continue\r\n",
    );
    let told = said(&mut client, &head, "\r\n\r\n").await;
    assert_eq!(told, "HTTP/1.1 100 Continue\r\n\r\n");

    let told = said(&mut client, body, "\r\n\r\n").await;
    assert!(told.starts_with("HTTP/1.1 200"), "{told}");
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_is_answered_in_the_clients_own_shape() {
    let (_a, _b, bench) = pair(Behaviour::Good).await;
    let impatient = aibal_tui::server::ConnectionLimits {
        upload_pause: Duration::from_millis(100),
        ..aibal_tui::server::ConnectionLimits::new(10, Duration::from_mins(1), Duration::ZERO)
    };
    let listener = bench.listen(impatient).await;
    let error = json!({
        "message": "the request body arrived too slowly; send it without pauses",
        "type": "invalid_request_error",
        "code": "request_timeout",
        "param": null,
    });
    let cases = [
        ("/v1/chat/completions", json!({"error": error})),
        (
            "/v1/messages",
            json!({
                "type": "error",
                "error": {"type": "timeout_error", "message": error["message"]},
                "request_id": null,
            }),
        ),
    ];
    for (path, expected) in cases {
        let mut client = TcpStream::connect(listener).await.unwrap();
        client
            .write_all((head(path, 1_000, "") + "{").as_bytes())
            .await
            .unwrap();
        let mut told = String::new();
        client.read_to_string(&mut told).await.unwrap();

        let (head, body) = told.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 408"), "{head}");
        assert!(head.contains("connection: close"), "{head}");
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(body, expected);
    }
}

//! Request bodies that are too large, too slow, or sent with `Expect: 100-continue`.

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
async fn a_body_whose_stated_length_is_too_large_is_rejected_before_it_is_read() {
    let (_a, _b, bench) = pair(Behaviour::Good).await;
    for more in ["", "expect: 100-continue\r\n"] {
        let mut client = TcpStream::connect(address(&bench.url)).await.unwrap();

        let head = head("/v1/chat/completions", limits().max_body + 1, more);
        let text = said(&mut client, &head, "}").await;

        assert!(text.starts_with("HTTP/1.1 413"), "{text}");
        assert!(text.contains("max_body_mb"), "{text}");
    }
}

#[tokio::test]
async fn a_client_that_expects_100_continue_gets_it() {
    let (_a, _b, bench) = pair(Behaviour::Good).await;
    let mut client = TcpStream::connect(address(&bench.url)).await.unwrap();
    let body = super::ASK;

    let head = head(
        "/v1/chat/completions",
        body.len(),
        "expect: 100-continue\r\n",
    );
    let text = said(&mut client, &head, "\r\n\r\n").await;
    assert_eq!(text, "HTTP/1.1 100 Continue\r\n\r\n");

    let text = said(&mut client, body, "\r\n\r\n").await;
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
}

#[tokio::test]
async fn a_body_that_arrives_too_slowly_gets_an_error_in_the_clients_protocol() {
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
        let mut text = String::new();
        client.read_to_string(&mut text).await.unwrap();

        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 408"), "{head}");
        assert!(head.contains("connection: close"), "{head}");
        let mut body: Value = serde_json::from_str(body).unwrap();
        if let Some(id) = body.get_mut("request_id") {
            assert!(id.as_str().unwrap().starts_with("req-"), "{id}");
            *id = Value::Null;
        }
        assert_eq!(body, expected);
    }
}

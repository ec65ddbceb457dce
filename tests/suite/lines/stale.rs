//! Connections that an upstream closes just as they are reused.

use crate::bench::{limits, start_at};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const ASK: &str = r#"{"model":"only-a","messages":[{"role":"user","content":"hi"}]}"#;

/// Starts an upstream that answers `answers` requests on each connection and closes it on the next
/// one without a response.
async fn upstream(answers: usize) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/v1", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, SeqCst);
            tokio::spawn(async move {
                for _ in 0..answers {
                    if !request(&mut stream).await {
                        return;
                    }
                    let body = crate::upstream::WHOLE;
                    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
                    let answer = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
                request(&mut stream).await;
            });
        }
    });
    (address, connections)
}

/// Reads one request; `false` if the connection ends first.
async fn request(stream: &mut TcpStream) -> bool {
    let mut received = Vec::new();
    while !received.ends_with(b"}]}") && !received.ends_with(b"\"model\":\"only-a\"}") {
        match stream.read_u8().await {
            Ok(byte) => received.push(byte),
            Err(_) => return false,
        }
    }
    true
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_costs_no_attempt() {
    let (address, connections) = upstream(1).await;
    let bench = start_at(&[&address], limits(), None).await;

    for _ in 0..20 {
        let response = bench.post(ASK).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["x-aibal-attempts"], "1");
        response.bytes().await.unwrap();
    }

    let picture = bench.until(|picture| picture.totals.requests == 20).await;
    assert_eq!(picture.totals.attempts, 20);
    assert_eq!(picture.totals.success_rate, Some(1.0));
    let connections = connections.load(SeqCst);
    assert!((11..=20).contains(&connections), "{connections}");
}

#[tokio::test]
async fn a_new_connection_that_is_closed_is_a_failure() {
    let (address, connections) = upstream(0).await;
    let bench = start_at(&[&address], limits(), None).await;

    let response = bench.post(ASK).await;

    assert_eq!(response.status(), 502);
    let picture = bench.until(|picture| picture.totals.requests == 1).await;
    assert_eq!(picture.totals.success_rate, Some(0.0));
    assert_eq!(
        u64::try_from(connections.load(SeqCst)).unwrap(),
        picture.totals.attempts
    );
}

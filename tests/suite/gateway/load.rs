//! Limits on load: requests and tokens per minute, concurrency of a model, and requests in flight.

use super::{ASK, error, header};
use crate::bench::{Bench, start_allowed};
use crate::upstream::{Behaviour, Ending, HELLO, ROLE, Upstream};
use aibal_tui::domain::{BudgetConfig, Catalogue, GlobalLimits, RateLimits, RejectionCounts};
use futures_util::future::join_all;
use reqwest::{Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A stream that begins and never ends, so that admitted requests stay in flight.
pub const ENDLESS: &str = r#"{"model":"a/shared","stream":true,"max_tokens":1000,"messages":[{"role":"user","content":"hi"}]}"#;

pub async fn endless() -> Upstream {
    Upstream::start(Behaviour::Events(vec![ROLE, HELLO], Ending::Stall)).await
}

/// Sends this many requests at once; returns the admitted and the rejected ones.
pub async fn crowd(bench: &Bench, body: &str, count: usize) -> (Vec<Response>, Vec<Response>) {
    let all = join_all((0..count).map(|_| bench.post(body))).await;
    all.into_iter()
        .partition(|response| response.status() == StatusCode::OK)
}

async fn rated(upstream: &Upstream, rates: RateLimits) -> Bench {
    let change = |catalogue: &mut Catalogue| catalogue.providers[0].rates = rates;
    start_allowed(&[upstream], change, &GlobalLimits::default(), None).await
}

async fn message(response: Response) -> String {
    error(response).await["message"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_concurrent_requests_the_rate_limit_admits_its_number() {
    let prompt = ENDLESS.len().div_ceil(4) as u64;
    let cases = [
        (Some(10), None, "requests_per_minute of 10 is used up for"),
        (None, Some(10 * (prompt + 1_000)), "tokens_per_minute of"),
    ];
    for (requests, tokens, said) in cases {
        let a = endless().await;
        let bench = rated(&a, RateLimits { requests, tokens }).await;

        let (in_, mut out) = crowd(&bench, ENDLESS, 100).await;

        assert_eq!((in_.len(), out.len(), a.requests()), (10, 90, 10), "{said}");
        let refused = out.pop().unwrap();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        let seconds: u64 = header(&refused, "retry-after").parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
        let message_text = message(refused).await;
        assert!(message_text.contains(said), "{message_text}");
    }
}

#[tokio::test]
async fn tokens_are_settled_to_the_usage_and_a_rejection_uses_none() {
    let a = Upstream::start(Behaviour::Good).await;
    let rates = RateLimits {
        requests: None,
        tokens: Some(1_200),
    };
    let bench = rated(&a, rates).await;
    let ask = r#"{"model":"a/shared","max_tokens":1000,"messages":[]}"#;
    for _ in 0..3 {
        assert_eq!(bench.post(ask).await.status(), StatusCode::OK);
    }

    let picture = bench.until(|picture| picture.totals.requests == 3).await;
    let left = picture.providers[0].rates_left.tokens.unwrap();
    assert!((1_110..1_200).contains(&left), "{left}");
    a.behave(Behaviour::Status(400, "{}", vec![]));
    assert_eq!(bench.post(ask).await.status(), StatusCode::BAD_REQUEST);
    let picture = bench.until(|picture| picture.totals.requests == 4).await;
    assert!(picture.providers[0].rates_left.tokens.unwrap() >= left);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_models_concurrency_limit_is_separate_from_its_providers() {
    let a = endless().await;
    let change = |catalogue: &mut Catalogue| catalogue.targets[0].max_concurrent = Some(3);
    let bench = start_allowed(&[&a], change, &GlobalLimits::default(), None).await;

    let (in_, mut out) = crowd(&bench, ENDLESS, 30).await;

    assert_eq!((in_.len(), a.requests()), (3, 3));
    let message_text = message(out.pop().unwrap()).await;
    assert!(
        message_text.contains("the model's concurrency limit of 3 is reached"),
        "{message_text}"
    );
    let other = bench.post(&ENDLESS.replace("shared", "only-a")).await;
    assert_eq!(other.status(), StatusCode::OK);
    drop(in_);
    bench
        .until(|picture| picture.providers[0].in_flight == 1)
        .await;
    assert_eq!(bench.post(ENDLESS).await.status(), StatusCode::OK);
}

fn at_most(requests: u32) -> GlobalLimits {
    GlobalLimits {
        max_in_flight: Some(requests),
        budget: BudgetConfig::default(),
        ..GlobalLimits::default()
    }
}

#[tokio::test]
async fn a_request_over_the_limit_is_rejected_at_once_and_counted() {
    let a = endless().await;
    let bench = start_allowed(&[&a], |_| {}, &at_most(2), None).await;
    let (in_, out) = crowd(&bench, ENDLESS, 5).await;
    assert_eq!((in_.len(), a.requests()), (2, 2));
    for refused in out {
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(header(&refused, "retry-after"), "1");
        assert_eq!(error(refused).await["code"], "overloaded");
    }

    let room = |count: u64| RejectionCounts {
        room: count,
        ..RejectionCounts::default()
    };
    let picture = bench
        .until(|picture| picture.totals.refused == room(3))
        .await;
    assert_eq!(picture.totals.requests, 3);
    assert_eq!(picture.totals.success_rate, Some(0.0));
    let message_text: Vec<_> = picture.events.iter().map(|event| &*event.text).collect();
    assert_eq!(
        message_text,
        ["3 requests refused: [server] max_in_flight = 2 are running"]
    );

    drop(in_);
    bench
        .until(|picture| picture.providers[0].in_flight == 0)
        .await;
    a.behave(Behaviour::Good);
    assert_eq!(bench.post(ASK).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_slow_upload_holds_no_in_flight_permit() {
    let a = Upstream::start(Behaviour::Good).await;
    let bench = start_allowed(&[&a], |_| {}, &at_most(1), None).await;
    let address = bench.url.trim_start_matches("http://");
    let address = address.trim_end_matches("/v1");
    let mut slow = tokio::net::TcpStream::connect(address).await.unwrap();
    let length = ASK.len();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\
         expect: 100-continue\r\n\r\n"
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut asked = [0; 25];
    slow.read_exact(&mut asked).await.unwrap();
    assert!(
        asked.starts_with(b"HTTP/1.1 100"),
        "its body is read by now"
    );

    for _ in 0..3 {
        assert_eq!(bench.post(ASK).await.status(), StatusCode::OK);
    }

    slow.write_all(ASK.as_bytes()).await.unwrap();
    let mut answer = [0; 15];
    slow.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
}

#[tokio::test]
async fn a_request_over_the_limit_is_rejected_before_its_body() {
    let a = endless().await;
    let bench = start_allowed(&[&a], |_| {}, &at_most(1), None).await;
    let in_ = bench.post(ENDLESS).await;
    let address = bench.url.trim_start_matches("http://");
    let address = address.trim_end_matches("/v1");
    let mut line = tokio::net::TcpStream::connect(address).await.unwrap();
    let head =
        format!("POST /v1/messages HTTP/1.1\r\nhost: {address}\r\ncontent-length: 1000000\r\n\r\n");
    line.write_all(head.as_bytes()).await.unwrap();

    let mut answer = String::new();
    while !answer.contains("overloaded") {
        let mut bytes = [0; 1024];
        let read = line.read(&mut bytes).await.unwrap();
        assert!(read > 0, "{answer}");
        answer.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }

    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    drop(in_);
}

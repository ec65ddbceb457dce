use super::*;
use axum::Router;
use axum::extract::{Json, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use std::net::Ipv4Addr;
use tokio::net::TcpListener;
use tokio::sync::watch;

type RequestCounter = Arc<watch::Sender<u64>>;

/// Responds in turn: with success, with an error, with a stream or body without an end.
async fn fake_gateway(State(counter): State<RequestCounter>, Json(body): Json<Value>) -> Response {
    let mut number = 0;
    counter.send_modify(|count| {
        number = *count;
        *count += 1;
    });
    assert_eq!(body["model"], "auto");
    let is_stream = body["stream"] == true;
    match number % 3 {
        0 if is_stream => "data: {}\n\ndata: [DONE]\n\n".into_response(),
        0 => "{}".into_response(),
        1 => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        _ => "data: {}\n\n".into_response(),
    }
}

async fn gateway(counter: RequestCounter) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("its address");
    let router = Router::new()
        .route("/v1/chat/completions", post(fake_gateway))
        .with_state(counter);
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/v1/")
}

#[tokio::test]
async fn every_request_is_counted_once_by_its_result() {
    let counter: RequestCounter = Arc::new(watch::Sender::new(0));
    let mut progress = counter.subscribe();
    let url = gateway(counter).await;
    let traffic = Traffic::new(&url, 1, 2000.0).expect("a client");
    let (meter, stop) = (traffic.meter(), CancellationToken::new());

    let running = tokio::spawn(traffic.run(stop.clone()));
    progress
        .wait_for(|count| 300 <= *count)
        .await
        .expect("the gateway runs");
    stop.cancel();
    running.await.expect("the traffic ends with its token");

    let count = meter.count();
    assert_eq!(
        count.sent,
        count.ok + count.failed + count.aborted,
        "{count:?}"
    );
    // A third succeeds, and the 30 % unstreamed of the third without an end count as success.
    assert!((90..=170).contains(&count.ok), "{count:?}");
    assert!((110..=230).contains(&count.failed), "{count:?}");
}

#[tokio::test]
async fn without_a_gateway_requests_fail_and_traffic_goes_on() {
    let traffic = Traffic::new("http://127.0.0.1:1/v1", 1, 2000.0).expect("a client");
    let (meter, stop) = (traffic.meter(), CancellationToken::new());

    let running = tokio::spawn(traffic.run(stop.clone()));
    while meter.count().failed < 20 {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    running.await.expect("the traffic ends with its token");

    assert_eq!(meter.count().ok, 0);
}

#[tokio::test(start_paused = true)]
async fn without_a_valid_rate_there_is_no_traffic() {
    for per_second in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let traffic = Traffic::new("http://127.0.0.1:1/v1", 1, per_second).expect("a client");
        let (meter, stop) = (traffic.meter(), CancellationToken::new());

        let running = tokio::spawn(traffic.run(stop.clone()));
        tokio::time::advance(Duration::from_secs(10)).await;
        stop.cancel();
        running.await.expect("the traffic ends with its token");

        assert_eq!(meter.count(), TrafficCount::default());
    }
}

#[test]
fn requests_have_the_configured_mix() {
    let requests: Vec<ClientRequest> = (0..3000)
        .map(|number| client_request(RequestRandom::new(1, "traffic", number)))
        .collect();
    let share = |is: &dyn Fn(&ClientRequest) -> bool| {
        requests.iter().filter(|request| is(request)).count() as f64 / 3000.0
    };

    assert!((share(&|request| request.is_stream) - STREAM_SHARE).abs() < 0.03);
    assert!((share(&|request| request.cancels_after.is_some()) - 0.01).abs() < 0.006);
    let has = |member: &'static str| share(&|request| request.body.get(member).is_some());
    assert!((has("tools") - WITH_TOOLS).abs() < 0.02);
    assert!((has("response_format") - WITH_SCHEMA).abs() < 0.02);
    for max_tokens in MAX_TOKENS {
        assert!((share(&|request| request.body["max_tokens"] == max_tokens) - 0.2).abs() < 0.03);
    }
}

#[test]
fn the_terminator_is_found_for_every_split() {
    let text = format!("data: {}\n\ndata: [DONE]\n\n", "x".repeat(200));

    for size in 1..text.len() {
        let mut tail = StreamTail::default();
        for piece in text.as_bytes().chunks(size) {
            tail.push(&Bytes::copy_from_slice(piece));
        }
        assert!(tail.has_terminator(), "in pieces of {size}");
    }
}

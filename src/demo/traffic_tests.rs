use super::*;
use axum::Router;
use axum::extract::{Json, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use std::net::Ipv4Addr;
use tokio::net::TcpListener;
use tokio::sync::watch;

type Heard = Arc<watch::Sender<u64>>;

/// Answers in turn: well, with an error, with a stream (or body) that lacks its end.
async fn double(State(heard): State<Heard>, Json(body): Json<Value>) -> Response {
    let mut number = 0;
    heard.send_modify(|count| {
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

async fn gateway(heard: Heard) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("its address");
    let router = Router::new()
        .route("/v1/chat/completions", post(double))
        .with_state(heard);
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/v1/")
}

#[tokio::test]
async fn every_request_is_counted_once_by_how_it_ended() {
    let heard: Heard = Arc::new(watch::Sender::new(0));
    let mut progress = heard.subscribe();
    let url = gateway(heard).await;
    let traffic = Traffic::new(&url, 1, 2000.0).expect("a client");
    let (meter, stop) = (traffic.meter(), CancellationToken::new());

    let running = tokio::spawn(traffic.run(stop.clone()));
    progress
        .wait_for(|count| 300 <= *count)
        .await
        .expect("the double lives");
    stop.cancel();
    running.await.expect("the traffic ends with its token");

    let count = meter.count();
    assert_eq!(
        count.sent,
        count.ok + count.failed + count.aborted,
        "{count:?}"
    );
    // A third is answered well, and of the third without an end the unstreamed 30 % count as well.
    assert!((90..=170).contains(&count.ok), "{count:?}");
    assert!((110..=230).contains(&count.failed), "{count:?}");
}

#[tokio::test]
async fn a_gateway_that_is_not_there_makes_failures_and_nothing_worse() {
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
async fn no_rate_means_no_traffic() {
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
fn errands_are_a_varied_lot() {
    let errands: Vec<ClientRequest> = (0..3000)
        .map(|number| errand(RequestRandom::of(1, "traffic", number)))
        .collect();
    let share = |is: &dyn Fn(&ClientRequest) -> bool| {
        errands.iter().filter(|errand| is(errand)).count() as f64 / 3000.0
    };

    assert!((share(&|errand| errand.is_stream) - STREAM_SHARE).abs() < 0.03);
    assert!((share(&|errand| errand.leaves_after.is_some()) - 0.01).abs() < 0.006);
    let has = |member: &'static str| share(&|errand| errand.body.get(member).is_some());
    assert!((has("tools") - WITH_TOOLS).abs() < 0.02);
    assert!((has("response_format") - WITH_SCHEMA).abs() < 0.02);
    for max_tokens in MAX_TOKENS {
        assert!((share(&|errand| errand.body["max_tokens"] == max_tokens) - 0.2).abs() < 0.03);
    }
}

#[test]
fn the_terminator_is_found_however_the_bytes_are_cut() {
    let text = format!("data: {}\n\ndata: [DONE]\n\n", "x".repeat(200));

    for size in 1..text.len() {
        let mut tail = StreamTail::default();
        for piece in text.as_bytes().chunks(size) {
            tail.push(&Bytes::copy_from_slice(piece));
        }
        assert!(tail.has_terminator(), "in pieces of {size}");
    }
}

use super::auth::token;
use super::{MAX_FEEDS, TestApi};
use crate::access::{Peer, TokenAuth};
use crate::contract::Status;
use crate::domain::Role;
use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use futures_util::StreamExt;
use sse_stream::{Sse, SseStream};
use std::time::Duration;
use tokio::time::{Instant, timeout};
use tower::ServiceExt;

async fn open(api: &TestApi) -> Response {
    open_over(api, "15m").await
}

async fn open_over(api: &TestApi, window: &str) -> Response {
    let mut request = Request::get(format!("/api/events?window={window}"))
        .body(Body::empty())
        .unwrap();
    request.extensions_mut().insert(Peer::Unix);
    api.router.clone().oneshot(request).await.unwrap()
}

async fn next(lines: &mut SseStream<Body>) -> Sse {
    let line = timeout(Duration::from_mins(1), lines.next()).await;
    line.unwrap().unwrap().unwrap()
}

/// Next event of a kind.
async fn next_of(lines: &mut SseStream<Body>, kind: &str) -> Sse {
    loop {
        let event = next(lines).await;
        if event.event.as_deref() == Some(kind) {
            return event;
        }
    }
}

fn status(event: &Sse) -> Status {
    serde_json::from_str(event.data.as_deref().unwrap()).unwrap()
}

fn id(event: &Sse) -> u64 {
    event.id.as_deref().unwrap().parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_full_status_comes_first_and_a_change_as_delta() {
    let api = TestApi::new();
    let response = open(&api).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["cache-control"], "no-cache");
    assert_eq!(response.headers()["x-accel-buffering"], "no");
    let mut lines = SseStream::new(response.into_body());

    let first = next(&mut lines).await;
    assert_eq!(first.event.as_deref(), Some("snapshot"));
    let mut seen = status(&first);
    assert_eq!(seen.series.buckets.len(), 60);

    let body = r#"{"load":25}"#;
    api.send("PUT", "/api/weights", body).await.ok();
    let config = next_of(&mut lines, "config").await;
    assert!(config.data.unwrap().contains("load 10→25"));
    let delta = next_of(&mut lines, "delta").await;
    assert!(id(&first) < id(&delta));
    seen.apply(status(&delta));

    assert_eq!(seen.weights.load, 25.0);
    assert_eq!(seen.revision, 2);
    assert_eq!(seen.series.buckets.len(), 60);
    assert_eq!(seen.events.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn deltas_come_at_most_once_a_second() {
    let api = TestApi::new();
    let mut lines = SseStream::new(open(&api).await.into_body());
    next(&mut lines).await;

    let start = Instant::now();
    let mut last = 0;
    for _ in 0..10 {
        let delta = next_of(&mut lines, "delta").await;
        assert!(last < id(&delta));
        last = id(&delta);
    }

    let seconds = start.elapsed().as_secs_f64();
    assert!((10.0..20.0).contains(&seconds), "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn the_open_bucket_is_sent_long_before_it_is_complete() {
    let api = TestApi::new();
    // Buckets of 24 minutes.
    let mut lines = SseStream::new(open_over(&api, "24h").await.into_body());
    let mut seen = status(&next(&mut lines).await);
    let report = r#"{"provider":"beta","action":"decrement","success":true,"latencyMs":5}"#;
    api.send("POST", "/api/load-balancing", report).await.ok();

    let start = Instant::now();
    let newest = |status: &Status| {
        let series = status.providers.iter().map(|it| &it.series);
        let newest = series.filter_map(|it| it.buckets.last());
        newest.map(|bucket| bucket.requests).sum::<u32>()
    };
    let (mut deltas, mut buckets) = (0, 0);
    while newest(&seen) == 0 && deltas < 60 {
        let delta = status(&next_of(&mut lines, "delta").await);
        deltas += 1;
        buckets += u32::from(!delta.series.buckets.is_empty());
        seen.apply(delta);
    }

    assert_eq!(newest(&seen), 1);
    assert!(start.elapsed() < Duration::from_secs(15), "{deltas} deltas");
    assert!(buckets <= 1, "the open bucket is sent at most once");
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_gets_a_full_status_again() {
    let api = TestApi::new();
    let mut lines = SseStream::new(open(&api).await.into_body());
    next(&mut lines).await;

    for round in 0..600 {
        api.handle.emit_info(format!("news {round}"), false);
        if round % 50 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    tokio::time::sleep(Duration::from_millis(10)).await;
    let event = next_of(&mut lines, "snapshot").await;

    assert_eq!(status(&event).events.len(), 100);
    assert!(api.handle.drop_counters().events() > 0);
}

#[tokio::test(start_paused = true)]
async fn the_stream_ends_when_the_instance_stops() {
    let api = TestApi::new();
    let mut lines = SseStream::new(open(&api).await.into_body());
    next(&mut lines).await;

    api.stop.cancel();

    let rest = timeout(Duration::from_secs(5), lines.count()).await;
    assert!(rest.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_revoked_token_loses_its_stream_and_others_keep_theirs() {
    let access = TokenAuth::new(vec![
        token("screen", Role::Viewer),
        token("ops", Role::Operator),
    ]);
    let api = TestApi::with(access.clone());
    let open = async |name: &str| {
        let request = Request::get("/api/events").header("x-api-key", name);
        let mut request = request.body(Body::empty()).unwrap();
        let peer = Peer::Tcp(([192, 0, 2, 7], 9).into());
        request.extensions_mut().insert(peer);
        let response = api.router.clone().oneshot(request).await.unwrap();
        let mut lines = SseStream::new(response.into_body());
        next(&mut lines).await;
        lines
    };
    let (mut revoked, mut kept) = (open("screen").await, open("ops").await);

    access.follow(&TokenAuth::new(vec![token("ops", Role::Operator)]));

    let end = timeout(Duration::from_mins(1), async {
        while revoked.next().await.is_some() {}
    });
    end.await.expect("the stream ends");
    next(&mut kept).await;
}

#[tokio::test(start_paused = true)]
async fn event_streams_have_a_limit_of_their_own() {
    let api = TestApi::new();
    let over = async |peer: Peer| {
        let mut request = Request::get("/api/events").body(Body::empty()).unwrap();
        request.extensions_mut().insert(peer);
        api.router.clone().oneshot(request).await.unwrap()
    };
    let tcp = Peer::Tcp(([127, 0, 0, 1], 9).into());
    let mut held = Vec::new();
    for _ in 0..MAX_FEEDS {
        held.push(over(tcp).await);
    }

    let rejected = over(tcp).await;
    assert_eq!(rejected.status(), 503);
    assert_eq!(rejected.headers()["retry-after"], "10");
    assert_eq!(over(Peer::Unix).await.status(), 200);
    held.pop();
    assert_eq!(over(tcp).await.status(), 200);
}

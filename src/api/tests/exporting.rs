use super::auth::token;
use super::{Answer, TestApi};
use crate::access::{Peer, TokenAuth};
use crate::domain::Role;
use axum::body::Body;
use axum::http::Request;

async fn scrape(api: &TestApi, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().uri("/metrics");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    api.ask(request.body(Body::empty()).unwrap()).await
}

#[tokio::test(start_paused = true)]
async fn metrics_are_for_viewers() {
    let api = TestApi::with(TokenAuth::new(vec![
        token("apps", Role::Client),
        token("screen", Role::Viewer),
        token("ops", Role::Operator),
    ]));
    let mut statuses = Vec::new();
    for bearer in ["", "apps", "screen", "ops"] {
        let bearer = format!("Bearer {bearer}");
        let answer = scrape(&api, &[("authorization", &bearer)]).await;
        statuses.push(answer.status.as_u16());
    }

    assert_eq!(statuses, [401, 403, 200, 200]);
}

#[tokio::test(start_paused = true)]
async fn without_tokens_metrics_are_for_this_machine() {
    let api = TestApi::new();
    let remote = Peer::Tcp(([192, 0, 2, 7], 9).into());
    let request = || Request::builder().uri("/metrics");
    let from_afar = request().body(Body::empty()).unwrap();
    let rebound = request().header("host", "evil.example");
    let rebound = rebound.body(Body::empty()).unwrap();

    scrape(&api, &[]).await.ok();
    api.ask_from(remote, from_afar).await.problem(401);
    assert!(api.ask(rebound).await.status.is_client_error());
}

#[tokio::test(start_paused = true)]
async fn the_accept_header_chooses_the_format() {
    let api = TestApi::new();
    let text = "text/plain; version=0.0.4; charset=utf-8";
    let open_metrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let cases = [
        ("*/*", text),
        ("text/plain", text),
        ("application/openmetrics-text; version=1.0.0", open_metrics),
    ];

    for (accept, kind) in cases {
        let answer = scrape(&api, &[("accept", accept)]).await;
        assert_eq!(answer.header("content-type"), kind, "{accept}");
    }
    assert_eq!(scrape(&api, &[]).await.header("content-type"), text);
}

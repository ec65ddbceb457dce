use super::TestApi;
use crate::contract::OPERATOR_HEADER;
use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use std::time::Duration;

const WEIGHTS: &str = "/api/weights";

#[tokio::test(start_paused = true)]
async fn weights_change_and_are_recorded() {
    let api = TestApi::new();

    let body = r#"{"cost":50,"latency":20,"revision":1,"reason":"cheaper nights"}"#;
    let changed = api.send("PUT", WEIGHTS, body).await;
    let revisions = api.get("/api/revisions").await;

    insta::assert_json_snapshot!("weights_after_a_change", changed.shape());
    insta::assert_json_snapshot!("revisions_after_a_change", revisions.shape());
    let read = api.get(WEIGHTS).await;
    assert_eq!(read.ok()["cost"], 50.0);
    assert_eq!(read.body["revision"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_stale_revision_is_a_conflict_that_names_who_changed_what() {
    let api = TestApi::new();
    let body = r#"{"load":20,"revision":1}"#;
    api.send("PUT", WEIGHTS, body).await.ok();

    let answer = api.send("PUT", WEIGHTS, body).await;

    assert_eq!(
        answer.problem(409),
        "revision is 1, but 2 is the newest: local changed load 10→20; read it and try again"
    );
}

#[tokio::test(start_paused = true)]
async fn a_change_reverts_by_itself_unless_confirmed() {
    let api = TestApi::new();
    let body = r#"{"load":20,"revertAfterSeconds":60}"#;

    let trial = api.send("PUT", WEIGHTS, body).await;
    assert!(trial.ok()["revertsAt"].is_string());
    assert!(trial.body.get("saved").is_none());
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(api.get(WEIGHTS).await.ok()["load"], 10.0);

    api.send("PUT", WEIGHTS, body).await.ok();
    let kept = api.send("POST", "/api/weights/keep", "").await;
    assert_eq!(kept.ok()["saved"], "config.toml");
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(api.get(WEIGHTS).await.ok()["load"], 20.0);

    let again = api.send("POST", "/api/weights/keep", "").await;
    assert_eq!(
        again.problem(409),
        "no weights are on trial, so there is nothing to keep"
    );
}

#[tokio::test(start_paused = true)]
async fn invalid_weights_are_rejected_and_change_nothing() {
    let api = TestApi::new();
    let cases = [
        (r#"{"cost":60}"#, "cost + latency + reliability"),
        (r#"{"load":101}"#, "load"),
        (r#"{"load":-1}"#, "load"),
        (r#"{"load":"much"}"#, "load"),
        (r#"{"revision":-1,"load":1}"#, "revision"),
        (r#"{"load":1,"revertAfterSeconds":0}"#, "revertAfterSeconds"),
        (r#"{"load":1,"speed":9}"#, "speed"),
    ];

    for (body, field) in cases {
        let answer = api.send("PUT", WEIGHTS, body).await;

        answer.problem(422);
        assert_eq!(answer.body["errors"][0]["field"], field, "{body}");
    }
    api.send("PUT", WEIGHTS, "{}").await.problem(422);
    api.send("PUT", WEIGHTS, "{").await.problem(400);
    assert_eq!(api.get(WEIGHTS).await.ok()["revision"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_changed_provider_is_returned_as_in_status() {
    let api = TestApi::new();

    let body = r#"{"draining":true,"priority":80,"maxConcurrent":4,"weights":{"cost":60}}"#;
    let answer = api.send("PATCH", "/api/providers/alpha", body).await;

    assert_eq!(answer.ok()["draining"], true);
    assert_eq!(answer.body["priority"], 80);
    assert_eq!(answer.body["maxConcurrent"], 4);
    assert_eq!(answer.body["enabled"], true, "missing fields are untouched");
    assert_eq!(answer.body["weights"], serde_json::json!({"cost": 60.0}));
    let status = api.get("/api/status").await;
    assert_eq!(status.ok()["providers"][0], answer.body);
}

#[tokio::test(start_paused = true)]
async fn a_provider_change_can_revert_and_name_its_revision() {
    let api = TestApi::new();
    let path = "/api/providers/alpha";
    let before = api.get("/api/status").await.ok()["providers"][0]["priority"].clone();

    let body = r#"{"priority":80,"revision":1,"revertAfterSeconds":60}"#;
    let trial = api.send("PATCH", path, body).await;
    assert_eq!(trial.ok()["priority"], 80);
    assert_eq!(trial.body["revision"], 2);
    assert!(trial.body["revertsAt"].is_string());
    let stale = api.send("PATCH", path, body).await;
    assert!(stale.problem(409).contains("local changed alpha: priority"));

    tokio::time::sleep(Duration::from_secs(61)).await;
    let status = api.get("/api/status").await;
    assert_eq!(status.ok()["providers"][0]["priority"], before);
}

#[tokio::test(start_paused = true)]
async fn invalid_settings_are_rejected_by_name() {
    let api = TestApi::new();
    let cases = [
        (r#"{"priority":101}"#, "priority"),
        (r#"{"priority":1.5}"#, "priority"),
        (r#"{"maxConcurrent":0}"#, "maxConcurrent"),
        (r#"{"maxConcurrent":1.5}"#, "maxConcurrent"),
        (r#"{"enabled":"yes"}"#, "enabled"),
        (r#"{"weights":{"cost":-1}}"#, "cost"),
        (r#"{"weights":{"speed":1}}"#, "weights.speed"),
        (r#"{"weights":[]}"#, "weights"),
        (r#"{"resetBreaker":"yes"}"#, "resetBreaker"),
        (r#"{"drain":true}"#, "drain"),
        (r#"{"revision":-1,"priority":1}"#, "revision"),
        (
            r#"{"priority":1,"revertAfterSeconds":0}"#,
            "revertAfterSeconds",
        ),
        (r#"{"drainSeconds":0}"#, "drainSeconds"),
        (r#"{"draining":false,"drainSeconds":9}"#, "drainSeconds"),
        (
            r#"{"drainSeconds":9,"revertAfterSeconds":9}"#,
            "revertAfterSeconds",
        ),
        (
            r#"{"pinSeconds":9,"revertAfterSeconds":9}"#,
            "revertAfterSeconds",
        ),
    ];

    for (body, field) in cases {
        let answer = api.send("PATCH", "/api/providers/alpha", body).await;

        answer.problem(422);
        assert_eq!(answer.body["errors"][0]["field"], field, "{body}");
    }
    let unknown = api.send("PATCH", "/api/providers/delta", "{}").await;
    assert!(unknown.problem(404).ends_with("alpha, beta, gamma"));
    api.send("PATCH", "/api/providers/%FF", "{}")
        .await
        .problem(400);
}

#[tokio::test(start_paused = true)]
async fn a_probe_is_made_now_or_reported_as_missing() {
    let api = TestApi::new();

    let seen = api.send("POST", "/api/providers/alpha/probe", "").await;
    let missing = api.send("POST", "/api/providers/beta/probe", "").await;

    assert_eq!(seen.ok()["ok"], true);
    assert_eq!(seen.body["status"], "200");
    assert_eq!(seen.body["latencyMs"], 12.5);
    assert!(missing.problem(503).contains("beta"));
    assert_eq!(missing.header("retry-after"), "1");
    let unknown = api.send("POST", "/api/providers/delta/probe", "").await;
    unknown.problem(404);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_engine_is_reported_as_busy() {
    let api = TestApi::new();
    api.stop.cancel();
    tokio::time::sleep(Duration::from_secs(1)).await;

    let answer = api.send("PUT", WEIGHTS, r#"{"load":20}"#).await;

    assert_eq!(
        answer.problem(503),
        "the engine is busy, try again in a moment"
    );
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test(start_paused = true)]
async fn a_provider_drains_for_a_while() {
    let api = TestApi::new();
    let path = "/api/providers/alpha";

    let drained = api.send("PATCH", path, r#"{"drainSeconds":60}"#).await;
    assert!(drained.ok()["drainingUntil"].is_string());
    let selection = api.get("/api/load-balancing").await;
    assert_eq!(selection.ok()["provider"], "beta");
    tokio::time::sleep(Duration::from_secs(62)).await;
    let selection = api.get("/api/load-balancing").await;
    assert_eq!(selection.ok()["provider"], "alpha");
}

#[tokio::test(start_paused = true)]
async fn a_provider_is_pinned_for_a_while() {
    let api = TestApi::new();
    let path = "/api/providers/beta";

    let pinned = api.send("PATCH", path, r#"{"pinSeconds":60}"#).await;
    assert!(pinned.ok()["pinnedUntil"].is_string());
    let selection = api.get("/api/load-balancing").await;
    assert_eq!(selection.ok()["provider"], "beta");
    assert_eq!(selection.ok()["reason"], "pinned by an operator");
    tokio::time::sleep(Duration::from_secs(61)).await;
    let selection = api.get("/api/load-balancing").await;
    assert_eq!(selection.ok()["provider"], "alpha");

    let wrong = api.send("PATCH", path, r#"{"pinSeconds":86401}"#).await;
    assert!(wrong.problem(422).contains("from 0 to 86400"));
}

#[tokio::test(start_paused = true)]
async fn a_reason_is_short_and_stays_on_one_line() {
    let api = TestApi::new();
    let reason = |text: &str| json!({"load": 20, "reason": text}).to_string();

    let long = api
        .send("PUT", "/api/weights", &reason(&"x".repeat(60_000)))
        .await;
    assert!(long.body.to_string().len() < 1_000);
    long.problem(422);
    api.send(
        "PUT",
        "/api/weights",
        &reason("ok\n2026 WARN forged\u{1b}[2J"),
    )
    .await
    .ok();

    let revisions = api.get("/api/revisions").await;
    let newest = revisions.ok()["revisions"][0]["reason"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(newest, r"ok\n2026 WARN forged\u001b[2J");
}

#[tokio::test(start_paused = true)]
async fn settings_change_on_trial_and_for_good() {
    const SETTINGS: &str = "/api/settings";
    let api = TestApi::new();
    let body = r#"{"strategy":"least-busy","budget":{"usdPerDay":5},"revertAfterSeconds":60}"#;
    let trial = api.send("PATCH", SETTINGS, body).await;
    assert_eq!(trial.ok()["budget"]["usdPerDay"], 5.0);
    assert!(trial.body["revertsAt"].is_string());
    assert_eq!(api.get("/api/status").await.ok()["strategy"], "least-busy");
    tokio::time::sleep(Duration::from_secs(61)).await;
    let reverted = api.get(SETTINGS).await;
    assert_eq!(
        reverted.ok(),
        &json!({
            "strategy": "best",
            "budget": {"usdPerDay": null, "usdPerMonth": null, "onLimit": "refuse"},
            "breaker": {"failures": 4, "maxOpenSeconds": 30},
            "revision": 3,
        })
    );

    let body = r#"{"budget":{"usdPerDay":7},"breaker":{"failures":6},"revision":3}"#;
    let kept = api.send("PATCH", SETTINGS, body).await;
    assert_eq!(kept.ok()["saved"], "config.toml");
    let none = api.send("PATCH", SETTINGS, r#"{"budget":{"usdPerDay":"none"}}"#);
    assert_eq!(none.await.ok()["budget"]["usdPerDay"], json!(null));
    assert_eq!(api.get(SETTINGS).await.ok()["breaker"]["failures"], 6);
}

#[tokio::test(start_paused = true)]
async fn wrong_settings_are_all_named() {
    let api = TestApi::new();
    let body = r#"{"strategy":"bset","budget":{"usdPerDay":-1,"onLimit":"ask"},"breaker":{"failures":0,"maxOpenSeconds":601}}"#;
    let answer = api.send("PATCH", "/api/settings", body).await;
    answer.problem(422);
    let fields: Vec<&str> = answer.body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["field"].as_str().unwrap())
        .collect();
    assert_eq!(
        fields,
        [
            "budget.usdPerDay",
            "breaker.failures",
            "breaker.maxOpenSeconds",
            "strategy",
            "budget.onLimit"
        ]
    );
    let empty = api.send("PATCH", "/api/settings", "{}").await;
    empty.problem(422);
}

#[tokio::test(start_paused = true)]
async fn a_change_names_the_operator_that_its_client_states() {
    let api = TestApi::new();
    let request = Request::builder().method("PUT").uri(WEIGHTS);
    let request = request.header(OPERATOR_HEADER, "alice@ops1");
    let request = request.body(Body::from(r#"{"load":20}"#)).unwrap();
    api.ask(request).await.ok();

    let revisions = api.get("/api/revisions").await;
    assert_eq!(revisions.ok()["revisions"][0]["who"], "alice@ops1 (local)");

    let request = Request::builder().method("PATCH").uri("/api/settings");
    let request = request.header(OPERATOR_HEADER, "bob@ops2");
    let request = request.body(Body::from(r#"{"strategy":"weighted"}"#));
    api.ask(request.unwrap()).await.ok();
    let revisions = api.get("/api/revisions").await;
    assert_eq!(revisions.ok()["revisions"][0]["who"], "bob@ops2 (local)");
}

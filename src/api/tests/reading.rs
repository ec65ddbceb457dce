use super::{Answer, TestApi};
use crate::clock;
use crate::domain::TargetIdx;
use crate::domain::{
    AttemptEnd, AttemptStart, DecisionId, Failure, Observation, Outcome, RejectionReason,
    RequestEnd, RequestOutcome, UpstreamLimits,
};
use serde_json::Value;
use std::sync::Arc;
use tracing::Level;

#[tokio::test(start_paused = true)]
async fn a_status_has_its_promised_shape() {
    let api = TestApi::new();

    let answer = api.get("/api/status").await;

    insta::assert_json_snapshot!(answer.shape());
}

#[tokio::test(start_paused = true)]
async fn a_performance_report_has_its_promised_shape() {
    let api = TestApi::new();

    let answer = api.get("/api/monitoring/performance").await;

    insta::assert_json_snapshot!(answer.shape());
}

#[tokio::test(start_paused = true)]
async fn hours_are_whole_and_within_a_year() {
    let api = TestApi::new();
    let ask = async |hours: &str| {
        let path = format!("/api/monitoring/performance?hours={hours}");
        api.get(&path).await
    };

    for hours in ["1", "24", "8760"] {
        assert_eq!(ask(hours).await.ok()["hours"].to_string(), hours);
    }
    for hours in ["0", "8761", "-1", "1.5", "+1", "many", "", "1e2"] {
        let answer = ask(hours).await;
        assert!(
            answer
                .problem(400)
                .ends_with("but must be a whole number from 1 to 8760"),
            "{:?}",
            answer.body
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_window_is_one_of_six_words() {
    let api = TestApi::new();

    let hour = api.get("/api/status?window=1h").await;
    let wrong = api.get("/api/status?window=2h").await;

    assert_eq!(hour.ok()["window"], "1h");
    assert_eq!(hour.body["series"]["bucketSeconds"], 60);
    assert_eq!(
        wrong.problem(400),
        "window is \"2h\", but must be one of 1m, 5m, 15m, 1h, 6h, 24h"
    );
    api.get("/api/events?window=2h").await.problem(400);
}

fn observe(api: &TestApi, target: Option<TargetIdx>, outcome: RequestOutcome) {
    observe_request(api, "req-1", target, outcome);
}

/// Reports a finished request and returns the id of its decision.
fn observe_request(
    api: &TestApi,
    request_id: &str,
    target: Option<TargetIdx>,
    outcome: RequestOutcome,
) -> String {
    let now = clock::now();
    let decision = api.handle.next_decision();
    api.handle.observe(Observation::Request(RequestEnd {
        decision,
        identity: Arc::default(),
        request_id: request_id.to_owned(),
        started: now.minus(std::time::Duration::from_millis(20)),
        ended: now,
        outcome,
        target,
        score: Some(0.5),
        reason: "best score".to_owned(),
        attempts: 1,
        fallbacks: 0,
        hedge: None,
        first_content: None,
        gateway_seconds: None,
        status: None,
        message: None,
        dropped_fields: Vec::new(),
        usage: None,
        cost: None,
    }));
    decision.to_string()
}

async fn decisions(api: &TestApi, query: &str) -> Answer {
    api.get(&format!("/api/decisions{query}")).await
}

fn count(answer: &Answer) -> usize {
    answer.ok()["decisions"].as_array().unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn decisions_are_listed_newest_first_and_filtered() {
    let api = TestApi::new();
    observe(&api, Some(0.into()), RequestOutcome::Ok);
    observe(&api, Some(2.into()), RequestOutcome::Error(Failure::Server));
    observe(
        &api,
        None,
        RequestOutcome::Rejected(RejectionReason::NoTarget),
    );
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;

    let all = decisions(&api, "").await;

    insta::assert_json_snapshot!(all.shape());
    assert_eq!(count(&decisions(&api, "?limit=2").await), 2);
    assert_eq!(count(&decisions(&api, "?provider=beta").await), 1);
    assert_eq!(count(&decisions(&api, "?outcome=ok").await), 1);
    assert_eq!(count(&decisions(&api, "?outcome=pending").await), 0);
}

#[tokio::test(start_paused = true)]
async fn requests_in_trouble_are_kept_apart_and_counted() {
    let api = TestApi::new();
    observe_request(
        &api,
        "failed",
        Some(0.into()),
        RequestOutcome::Error(Failure::Server),
    );
    let rejected = RequestOutcome::Rejected(RejectionReason::NoTarget);
    observe_request(&api, "refused", None, rejected);
    for _ in 0..10_001 {
        observe(&api, Some(0.into()), RequestOutcome::Ok);
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;

    let listed = decisions(&api, "?trouble=any").await.ok().clone();

    let requests = listed["decisions"].as_array().unwrap().iter();
    // Both ended at one time.
    let mut requests: Vec<_> = requests
        .map(|it| (&it["requestId"], &it["trouble"], &it["errorClass"]))
        .collect();
    requests.sort_by_key(|(id, ..)| id.as_str());
    let failed = |id: &str, class: &str| [id, "failed", class].map(Value::from);
    let [refused, error] = [failed("refused", "no_target"), failed("failed", "server")];
    assert_eq!(
        requests,
        [&error, &refused].map(|[id, trouble, class]| (id, trouble, class))
    );
    assert_eq!(
        listed["troubled"],
        serde_json::json!({"kept": 2, "dropped": 0})
    );
    assert_eq!(
        count(&decisions(&api, "?trouble=failed&provider=alpha").await),
        1
    );
    assert_eq!(count(&decisions(&api, "?trouble=saved").await), 0);
    let latest = decisions(&api, "?limit=500&outcome=error").await;
    assert_eq!(count(&latest), 1, "no success pushed it out");
}

#[tokio::test(start_paused = true)]
async fn a_request_is_found_by_its_own_id_and_by_the_beginning_of_an_id() {
    let api = TestApi::new();
    let failed = RequestOutcome::Error(Failure::Timeout);
    let first = observe_request(&api, "trace-1", Some(0.into()), failed);
    let second = observe_request(&api, "trace-12", Some(0.into()), RequestOutcome::Ok);
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let found = async |id: &str| {
        let answer = api.get(&format!("/api/decisions/{id}")).await;
        answer.ok()["decisionId"].as_str().unwrap().to_owned()
    };

    assert_eq!(found(&first).await, first);
    assert_eq!(found(&first[..12]).await, first);
    assert_eq!(found("trace-1").await, first, "a whole id is meant first");
    assert_eq!(found("trace-12").await, second);
    let both = api.get("/api/decisions/trac").await;
    let problem = both.problem(422);
    assert!(
        problem.contains(&first) && problem.contains(&second),
        "{problem}"
    );
    for unknown in ["tra", "trace-2", "ffffffffffffffff"] {
        let answer = api.get(&format!("/api/decisions/{unknown}")).await;
        assert!(answer.problem(404).contains("is not remembered"));
    }
}

#[tokio::test(start_paused = true)]
async fn invalid_filters_are_rejected() {
    let api = TestApi::new();

    for query in [
        "?limit=0",
        "?limit=501",
        "?limit=x",
        "?outcome=fine",
        "?trouble=maybe",
        "?by=me",
    ] {
        decisions(&api, query).await.problem(400);
    }
    decisions(&api, "?provider=delta").await.problem(404);
}

#[tokio::test(start_paused = true)]
async fn paths_and_methods_that_do_not_exist_are_problems() {
    let api = TestApi::new();

    let path = api.get("/api/nothing/here").await;
    let method = api.send("DELETE", "/api/weights", "").await;

    assert_eq!(path.problem(404), "GET /api/nothing/here does not exist");
    method.problem(405);
    assert_eq!(method.header("allow"), "GET,HEAD,PUT");
    api.get("/api").await.problem(404);
    api.send("POST", "/healthz", "").await.problem(405);
}

#[tokio::test(start_paused = true)]
async fn health_is_open_and_readiness_needs_a_usable_target() {
    let api = TestApi::new();

    api.get("/healthz").await.ok();
    api.get("/readyz").await.ok();
    for provider in ["alpha", "beta"] {
        let path = format!("/api/providers/{provider}");
        let answer = api.send("PATCH", &path, r#"{"enabled":false}"#).await;
        answer.ok();
    }

    let answer = api.get("/readyz").await;
    assert!(
        answer
            .problem(503)
            .starts_with("no target is usable: alpha/small: disabled;")
    );
    assert_eq!(api.get("/api/status").await.ok()["state"], "down");
}

fn attempt(api: &TestApi, target: TargetIdx, outcome: Outcome) {
    let now = clock::now();
    api.handle.observe(Observation::Attempt(AttemptEnd {
        decision: DecisionId(0),
        identity: Arc::default(),
        target,
        started: now,
        ended: now,
        outcome,
        first_token: None,
        usage: None,
        cost: None,
        streamed: false,
        trial: false,
        number: 1,
        status: None,
        message: None,
        dropped_fields: 0,
        ticket: AttemptStart::default(),
        limits: UpstreamLimits::default(),
        client_deadline_hit: false,
        abandoned_after: None,
    }));
}

#[tokio::test(start_paused = true)]
async fn an_instance_whose_only_provider_is_dead_is_not_ready() {
    let api = TestApi::new();
    let disabled = r#"{"enabled":false}"#;
    api.send("PATCH", "/api/providers/beta", disabled)
        .await
        .ok();
    api.get("/readyz").await.ok();

    // One breaker opens, and the other may not, because most would be open then.
    for _ in 0..20 {
        for target in [0, 1] {
            attempt(&api, target.into(), Outcome::Failed(Failure::Disconnected));
        }
    }
    api.get("/api/status").await.ok();
    let answer = api.get("/readyz").await;
    let problem = answer.problem(503);
    assert!(problem.starts_with("no target is usable"), "{problem}");

    for _ in 0..40 {
        attempt(&api, 1.into(), Outcome::Success);
    }
    api.get("/api/status").await.ok();
    api.get("/readyz").await.ok();
}

#[tokio::test(start_paused = true)]
async fn the_latest_log_lines_are_read_page_by_page_and_by_level() {
    let api = TestApi::new();
    for number in 1..=503 {
        let (level, word) = if number % 100 == 0 {
            (Level::WARN, "WARN")
        } else {
            (Level::INFO, "INFO")
        };
        let line = format!("2026-11-24T03:14:07.000000Z  {word} line n={number}\n");
        api.logs.push(level, "aibal_tui::gateway", line.as_bytes());
    }
    let sequences = |answer: &Answer| -> Vec<u64> {
        let lines = answer.ok()["lines"].as_array().unwrap();
        let sequences = lines.iter().map(|line| line["sequence"].as_u64());
        sequences.map(Option::unwrap).collect()
    };

    let newest = api.get("/api/logs?limit=2").await;
    assert_eq!(sequences(&newest), [502, 503]);
    assert_eq!(
        (&newest.body["next"], &newest.body["removed"]),
        (&503.into(), &3.into())
    );
    assert_eq!(
        newest.body["lines"][0],
        serde_json::json!({
            "sequence": 502,
            "at": "2026-11-24T03:14:07.000000Z",
            "level": "info",
            "target": "aibal_tui::gateway",
            "text": "line n=502",
        })
    );
    assert_eq!(sequences(&api.get("/api/logs").await).len(), 100);

    let page = api.get("/api/logs?after=1&limit=2").await;
    assert_eq!(sequences(&page), [4, 5]);
    assert_eq!(
        (&page.body["next"], &page.body["removed"]),
        (&5.into(), &2.into())
    );
    let rest = api.get("/api/logs?after=503").await;
    assert_eq!(sequences(&rest), [0; 0]);
    assert_eq!(rest.body["next"], 503);

    let warnings = api.get("/api/logs?level=warn&after=0&limit=2").await;
    assert_eq!(sequences(&warnings), [100, 200]);
    assert_eq!(warnings.body["next"], 200);
    for (query, part) in [
        ("limit=501", "must be a whole number from 1 to 500"),
        ("after=-1", "must be the sequence number of a log line"),
        ("level=loud", "must be one of"),
    ] {
        let answer = api.get(&format!("/api/logs?{query}")).await;
        assert!(answer.problem(400).contains(part), "{:?}", answer.body);
    }
}

use super::{Answer, House};
use crate::clock;
use crate::domain::TargetIdx;
use crate::domain::{Failure, Observation, RejectionReason, RequestEnd, RequestOutcome};

#[tokio::test(start_paused = true)]
async fn a_status_has_its_promised_shape() {
    let house = House::new();

    let answer = house.get("/api/status").await;

    insta::assert_json_snapshot!(answer.shape());
}

#[tokio::test(start_paused = true)]
async fn a_performance_report_has_its_promised_shape() {
    let house = House::new();

    let answer = house.get("/api/monitoring/performance").await;

    insta::assert_json_snapshot!(answer.shape());
}

#[tokio::test(start_paused = true)]
async fn hours_are_whole_and_within_a_year() {
    let house = House::new();
    let ask = async |hours: &str| {
        let path = format!("/api/monitoring/performance?hours={hours}");
        house.get(&path).await
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
    let house = House::new();

    let hour = house.get("/api/status?window=1h").await;
    let wrong = house.get("/api/status?window=2h").await;

    assert_eq!(hour.ok()["window"], "1h");
    assert_eq!(hour.body["series"]["bucketSeconds"], 60);
    assert_eq!(
        wrong.problem(400),
        "window is \"2h\", but must be one of 1m, 5m, 15m, 1h, 6h, 24h"
    );
    house.get("/api/events?window=2h").await.problem(400);
}

fn observe(house: &House, target: Option<TargetIdx>, outcome: RequestOutcome) {
    let now = clock::now();
    house.handle.observe(Observation::Request(RequestEnd {
        decision: house.handle.next_decision(),
        request_id: "req-1".to_owned(),
        started: now.minus(std::time::Duration::from_millis(20)),
        ended: now,
        outcome,
        target,
        score: Some(0.5),
        reason: "best score".to_owned(),
        attempts: 1,
        usage: None,
        cost: None,
    }));
}

async fn decisions(house: &House, query: &str) -> Answer {
    house.get(&format!("/api/decisions{query}")).await
}

fn count(answer: &Answer) -> usize {
    answer.ok()["decisions"].as_array().unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn decisions_are_listed_newest_first_and_filtered() {
    let house = House::new();
    observe(&house, Some(0.into()), RequestOutcome::Ok);
    observe(
        &house,
        Some(2.into()),
        RequestOutcome::Error(Failure::Server),
    );
    observe(
        &house,
        None,
        RequestOutcome::Rejected(RejectionReason::NoTarget),
    );
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;

    let all = decisions(&house, "").await;

    insta::assert_json_snapshot!(all.shape());
    assert_eq!(count(&decisions(&house, "?limit=2").await), 2);
    assert_eq!(count(&decisions(&house, "?provider=beta").await), 1);
    assert_eq!(count(&decisions(&house, "?outcome=ok").await), 1);
    assert_eq!(count(&decisions(&house, "?outcome=pending").await), 0);
}

#[tokio::test(start_paused = true)]
async fn filters_that_make_no_sense_are_refused() {
    let house = House::new();

    for query in [
        "?limit=0",
        "?limit=501",
        "?limit=x",
        "?outcome=fine",
        "?by=me",
    ] {
        decisions(&house, query).await.problem(400);
    }
    decisions(&house, "?provider=delta").await.problem(404);
}

#[tokio::test(start_paused = true)]
async fn paths_and_methods_that_do_not_exist_are_problems() {
    let house = House::new();

    let path = house.get("/api/nothing/here").await;
    let method = house.send("DELETE", "/api/weights", "").await;

    assert_eq!(path.problem(404), "GET /api/nothing/here does not exist");
    method.problem(405);
    assert_eq!(method.header("allow"), "GET,HEAD,PUT");
    house.get("/api").await.problem(404);
    house.send("POST", "/healthz", "").await.problem(405);
}

#[tokio::test(start_paused = true)]
async fn health_is_open_and_readiness_needs_a_usable_target() {
    let house = House::new();

    house.get("/healthz").await.ok();
    house.get("/readyz").await.ok();
    for provider in ["alpha", "beta"] {
        let path = format!("/api/providers/{provider}");
        let answer = house.send("PATCH", &path, r#"{"enabled":false}"#).await;
        answer.ok();
    }

    let answer = house.get("/readyz").await;
    assert!(
        answer
            .problem(503)
            .starts_with("no target is usable: alpha/small: disabled;")
    );
    assert_eq!(house.get("/api/status").await.ok()["state"], "down");
}

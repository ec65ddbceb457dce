use super::{Answer, TestApi};
use crate::domain::DecisionId;
use serde_json::{Value, json};

const COUNT: &str = "/api/load-balancing";

async fn count(api: &TestApi, body: Value) -> Answer {
    api.send("POST", COUNT, &body.to_string()).await
}

/// Requests, success rate and mean latency of a model in the performance report.
async fn measured(api: &TestApi, provider: usize, model: usize) -> (Value, Value, Value) {
    // Observations are processed after commands, so time must pass.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let answer = api.get("/api/monitoring/performance?hours=1").await;
    let seen = &answer.ok()["providers"][provider]["models"][model];
    (
        seen["requests"].clone(),
        seen["successRate"].clone(),
        seen["averageLatencyMs"].clone(),
    )
}

#[tokio::test(start_paused = true)]
async fn requests_are_counted_and_never_below_zero() {
    let api = TestApi::new();
    let mut seen = Vec::new();
    for action in [
        "increment",
        "increment",
        "decrement",
        "decrement",
        "decrement",
    ] {
        let answer = count(&api, json!({"provider": "beta", "action": action})).await;
        assert_eq!(answer.ok()["provider"], "beta");
        seen.push(answer.body["inFlight"].as_u64().unwrap());
    }

    assert_eq!(seen, [1, 2, 1, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_request_counted_without_a_model_ends_with_one() {
    let api = TestApi::new();
    count(&api, json!({"provider": "alpha", "action": "increment"})).await;

    let body = json!({"provider": "alpha", "action": "decrement", "model": "small"});
    let answer = count(&api, body).await;

    assert_eq!(answer.ok()["inFlight"], 0);
}

#[tokio::test(start_paused = true)]
async fn a_result_with_its_decision_counts_for_the_selected_model() {
    let api = TestApi::new();
    let selection = api.get("/api/load-balancing?model=alpha/large").await;
    let decision = selection.ok()["decisionId"].clone();

    let body = json!({
        "provider": "alpha", "action": "decrement", "decisionId": decision, "success": true,
        "latencyMs": 250, "inputTokens": 100, "outputTokens": 50,
    });
    count(&api, body).await.ok();

    let (requests, rate, latency) = measured(&api, 0, 1).await;
    assert_eq!(
        (requests, rate, latency),
        (json!(1), json!(1.0), json!(250.0))
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_latency_the_time_since_the_selection_counts() {
    let api = TestApi::new();
    let selection = api.get("/api/load-balancing?model=beta/small").await;
    tokio::time::sleep(std::time::Duration::from_millis(640)).await;

    let body = json!({
        "provider": "beta", "action": "decrement", "success": true,
        "decisionId": selection.ok()["decisionId"],
    });
    count(&api, body).await.ok();

    assert_eq!(measured(&api, 1, 0).await.2, json!(640.0));
}

#[tokio::test(start_paused = true)]
async fn a_failure_counts_for_the_providers_only_model() {
    let api = TestApi::new();

    let body = json!({"provider": "beta", "action": "decrement", "success": false});
    count(&api, body).await.ok();

    let (requests, rate, _) = measured(&api, 1, 0).await;
    assert_eq!((requests, rate), (json!(1), json!(0.0)));
}

#[tokio::test(start_paused = true)]
async fn a_result_without_a_model_is_rejected_where_there_are_several() {
    let api = TestApi::new();
    count(&api, json!({"provider": "alpha", "action": "increment"})).await;

    let body = json!({"provider": "alpha", "action": "decrement", "success": true});
    let answer = count(&api, body).await;

    assert_eq!(
        answer.problem(422),
        "model is missing, but must be one of small, large, because alpha has several"
    );
    let after = count(&api, json!({"provider": "alpha", "action": "increment"})).await;
    assert_eq!(
        after.ok()["inFlight"],
        2,
        "a rejected command changes nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn a_removed_decision_needs_its_model_named() {
    let api = TestApi::new();
    let id = DecisionId(1).to_string();
    let body = json!({
        "provider": "alpha", "action": "decrement", "decisionId": id, "success": false,
    });

    let mut named = body.clone();
    named["model"] = json!("small");

    assert!(count(&api, body).await.problem(404).contains(&id));
    count(&api, named).await.ok();
}

#[tokio::test(start_paused = true)]
async fn a_decision_of_another_provider_is_rejected() {
    let api = TestApi::new();
    let selection = api.get("/api/load-balancing?model=beta/small").await;

    let body = json!({
        "provider": "alpha", "action": "decrement", "success": true,
        "decisionId": selection.ok()["decisionId"],
    });
    let answer = count(&api, body).await;

    assert_eq!(
        answer.problem(422),
        "provider is \"alpha\", but must be beta, which that decision selected"
    );
}

#[tokio::test(start_paused = true)]
async fn wrong_fields_are_rejected_by_name() {
    let api = TestApi::new();
    let cases = [
        (json!({"action": "increment"}), 422, "provider"),
        (json!({"provider": "beta"}), 422, "action"),
        (json!({"provider": "beta", "action": "add"}), 422, "action"),
        (
            json!({"provider": "beta", "action": "increment", "latencyMs": 5}),
            422,
            "action",
        ),
        (
            json!({"provider": "beta", "action": "decrement", "latencyMs": -5}),
            422,
            "latencyMs",
        ),
        (
            json!({"provider": "beta", "action": "decrement", "inputTokens": 2_000_000_000}),
            422,
            "inputTokens",
        ),
        (
            json!({"provider": "beta", "action": "decrement", "decisionId": "x"}),
            422,
            "decisionId",
        ),
        (
            json!({"provider": "beta", "action": "increment", "by": 2}),
            422,
            "by",
        ),
    ];

    for (body, status, field) in cases {
        let answer = count(&api, body.clone()).await;

        answer.problem(status);
        assert_eq!(answer.body["errors"][0]["field"], field, "{body}");
    }
    for body in [
        json!({"provider": "delta", "action": "increment"}),
        json!({"provider": "beta", "action": "increment", "model": "huge"}),
        json!({"provider": "beta", "action": "decrement", "model": "huge", "success": true}),
    ] {
        count(&api, body).await.problem(404);
    }
}

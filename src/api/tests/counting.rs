use super::{Answer, House};
use crate::domain::DecisionId;
use serde_json::{Value, json};

const COUNT: &str = "/api/load-balancing";

async fn count(house: &House, body: Value) -> Answer {
    house.send("POST", COUNT, &body.to_string()).await
}

/// Requests and success rate of a model, as the engine has learnt them.
async fn learnt(house: &House, provider: usize, model: usize) -> (Value, Value, Value) {
    // Observations are learnt after wishes, so time must pass.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let answer = house.get("/api/monitoring/performance?hours=1").await;
    let seen = &answer.ok()["providers"][provider]["models"][model];
    (
        seen["requests"].clone(),
        seen["successRate"].clone(),
        seen["averageLatencyMs"].clone(),
    )
}

#[tokio::test(start_paused = true)]
async fn places_are_counted_in_and_out_and_never_below_zero() {
    let house = House::new();
    let mut seen = Vec::new();
    for action in [
        "increment",
        "increment",
        "decrement",
        "decrement",
        "decrement",
    ] {
        let answer = count(&house, json!({"provider": "beta", "action": action})).await;
        assert_eq!(answer.ok()["provider"], "beta");
        seen.push(answer.body["inFlight"].as_u64().unwrap());
    }

    assert_eq!(seen, [1, 2, 1, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_place_counted_in_without_a_model_is_counted_out_with_one() {
    let house = House::new();
    count(&house, json!({"provider": "alpha", "action": "increment"})).await;

    let body = json!({"provider": "alpha", "action": "decrement", "model": "small"});
    let answer = count(&house, body).await;

    assert_eq!(answer.ok()["inFlight"], 0);
}

#[tokio::test(start_paused = true)]
async fn a_report_with_its_decision_is_learnt_by_the_chosen_model() {
    let house = House::new();
    let selection = house.get("/api/load-balancing?model=alpha/large").await;
    let decision = selection.ok()["decisionId"].clone();

    let body = json!({
        "provider": "alpha", "action": "decrement", "decisionId": decision, "success": true,
        "latencyMs": 250, "inputTokens": 100, "outputTokens": 50,
    });
    count(&house, body).await.ok();

    let (requests, rate, latency) = learnt(&house, 0, 1).await;
    assert_eq!(
        (requests, rate, latency),
        (json!(1), json!(1.0), json!(250.0))
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_latency_the_time_since_the_selection_counts() {
    let house = House::new();
    let selection = house.get("/api/load-balancing?model=beta/small").await;
    tokio::time::sleep(std::time::Duration::from_millis(640)).await;

    let body = json!({
        "provider": "beta", "action": "decrement", "success": true,
        "decisionId": selection.ok()["decisionId"],
    });
    count(&house, body).await.ok();

    assert_eq!(learnt(&house, 1, 0).await.2, json!(640.0));
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_learnt_by_the_providers_only_model() {
    let house = House::new();

    let body = json!({"provider": "beta", "action": "decrement", "success": false});
    count(&house, body).await.ok();

    let (requests, rate, _) = learnt(&house, 1, 0).await;
    assert_eq!((requests, rate), (json!(1), json!(0.0)));
}

#[tokio::test(start_paused = true)]
async fn a_report_that_names_no_model_where_there_are_several_is_refused() {
    let house = House::new();
    count(&house, json!({"provider": "alpha", "action": "increment"})).await;

    let body = json!({"provider": "alpha", "action": "decrement", "success": true});
    let answer = count(&house, body).await;

    assert_eq!(
        answer.problem(422),
        "model is missing, but must be one of small, large, because alpha has several"
    );
    let after = count(&house, json!({"provider": "alpha", "action": "increment"})).await;
    assert_eq!(
        after.ok()["inFlight"],
        2,
        "a refused wish has changed nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_decision_needs_its_model_named() {
    let house = House::new();
    let id = DecisionId(1).to_string();
    let body = json!({
        "provider": "alpha", "action": "decrement", "decisionId": id, "success": false,
    });

    let mut named = body.clone();
    named["model"] = json!("small");

    assert!(count(&house, body).await.problem(404).contains(&id));
    count(&house, named).await.ok();
}

#[tokio::test(start_paused = true)]
async fn a_decision_of_another_provider_is_refused() {
    let house = House::new();
    let selection = house.get("/api/load-balancing?model=beta/small").await;

    let body = json!({
        "provider": "alpha", "action": "decrement", "success": true,
        "decisionId": selection.ok()["decisionId"],
    });
    let answer = count(&house, body).await;

    assert_eq!(
        answer.problem(422),
        "provider is \"alpha\", but must be beta, which that decision selected"
    );
}

#[tokio::test(start_paused = true)]
async fn mistakes_are_refused_by_name() {
    let house = House::new();
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
        let answer = count(&house, body.clone()).await;

        answer.problem(status);
        assert_eq!(answer.body["errors"][0]["field"], field, "{body}");
    }
    for body in [
        json!({"provider": "delta", "action": "increment"}),
        json!({"provider": "beta", "action": "increment", "model": "huge"}),
        json!({"provider": "beta", "action": "decrement", "model": "huge", "success": true}),
    ] {
        count(&house, body).await.problem(404);
    }
}

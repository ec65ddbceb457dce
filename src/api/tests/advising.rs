//! Advice on weights.

use super::TestApi;
use crate::clock;
use crate::domain::{
    AttemptEnd, AttemptStart, CandidateSet, MeasuredUsage, ModelType, Observation, Outcome,
    RequestClass, RequestProfile, RequestTerms, SelectionContext, SelectionRound, UpstreamLimits,
    Usage, select_target,
};
use std::sync::Arc;
use std::time::Duration;

/// Sends a request every two seconds for more than two minutes, as the gateway reports it.
async fn send_traffic(api: &TestApi) {
    for _ in 0..70 {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let (table, now) = (api.handle.routing_table(), clock::now());
        let profile = RequestProfile::usual(ModelType::Chat);
        let (decision, luck) = (api.handle.next_decision(), api.handle.random_draw());
        let mut candidates = CandidateSet::default();
        let choice = select_target(&table, &profile, now, luck, &mut candidates).unwrap();
        let context = SelectionContext {
            decision,
            is_dry_run: false,
            attempt: 1,
            class: profile.class,
            input: profile.input,
            luck,
            at: now,
        };
        let round = SelectionRound::of(&table, &candidates, Some(&choice), context)
            .with_terms(RequestTerms::of(&profile, None));
        api.handle.observe(Observation::Selection(Box::new(round)));
        let usage = Usage {
            input: 500,
            output: 100,
            ..Usage::default()
        };
        api.handle.observe(Observation::Attempt(AttemptEnd {
            decision,
            identity: Arc::default(),
            number: 1,
            target: choice.target,
            started: now,
            ended: now.plus(Duration::from_millis(1_500)),
            outcome: Outcome::Success,
            status: Some(200),
            message: None,
            first_token: Some(0.4),
            usage: Some(MeasuredUsage::exact(usage)),
            cost: None,
            streamed: true,
            trial: false,
            dropped_fields: 0,
            ticket: AttemptStart {
                started: now,
                class: RequestClass::new(ModelType::Chat, true),
                prompt: 500.0,
                ..AttemptStart::default()
            },
            limits: UpstreamLimits::default(),
            client_deadline_hit: false,
            abandoned_after: None,
        }));
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
}

#[tokio::test(start_paused = true)]
async fn advice_is_a_draft_of_weights_that_is_not_applied() {
    let api = TestApi::new();
    send_traffic(&api).await;
    let before = api.get("/api/weights").await.ok().clone();

    let goal = r#"{"p95Ms":20000,"successRate":0.5}"#;
    let advice = api.send("POST", "/api/advise", goal).await.ok().clone();

    assert_eq!(advice["met"], true, "{advice}");
    assert_eq!(advice["tooLittleTraffic"], false, "{advice}");
    assert_eq!(advice["goal"]["p95Ms"], 20_000.0, "{advice}");
    let points = ["cost", "latency", "reliability"];
    let sum: f64 = points
        .iter()
        .filter_map(|name| advice["weights"][name].as_f64())
        .sum();
    assert_eq!(sum, 100.0, "{advice}");
    assert_eq!(advice["weights"], advice["then"]["weights"], "{advice}");
    assert!(
        advice["then"]["metShare"].as_f64() >= Some(0.75),
        "{advice}"
    );
    assert!(advice["then"]["total"]["p95Range"].is_array(), "{advice}");
    assert_eq!(api.get("/api/weights").await.ok(), &before);
    let applied = advice["weights"].to_string();
    api.send("PUT", "/api/weights", &applied).await.ok();

    let goal = r#"{"p95Ms":1}"#;
    let advice = api.send("POST", "/api/advise", goal).await.ok().clone();
    assert_eq!(advice["met"], false, "{advice}");
    assert_eq!(advice["missed"][0]["goal"], "p95Ms", "{advice}");
}

#[tokio::test(start_paused = true)]
async fn one_search_runs_at_a_time() {
    let api = TestApi::new();
    send_traffic(&api).await;
    let goal = r#"{"successRate":0.5}"#;

    let (first, second) = tokio::join!(
        api.send("POST", "/api/advise", goal),
        api.send("POST", "/api/advise", goal)
    );

    first.ok();
    let text = second.problem(503);
    assert!(text.contains("another search"), "{text}");
    api.send("POST", "/api/advise", goal).await.ok();
}

#[tokio::test(start_paused = true)]
async fn a_goal_is_checked_and_needs_traffic() {
    let api = TestApi::new();
    let goal = r#"{"usdPerDay":40}"#;
    let advice = api.send("POST", "/api/advise", goal).await.ok().clone();
    assert_eq!(advice["tooLittleTraffic"], true, "{advice}");
    assert!(advice["weights"].is_null(), "{advice}");

    for (goal, says) in [
        ("{}", "p95Ms"),
        (r#"{"p95Ms":0}"#, "p95Ms"),
        (r#"{"successRate":99.5}"#, "successRate"),
        (r#"{"usdPerDay":-1}"#, "usdPerDay"),
        (r#"{"latency":1}"#, "latency"),
    ] {
        let wrong = api.send("POST", "/api/advise", goal).await;
        assert!(wrong.problem(422).contains(says), "{goal}");
    }
}

//! Explained decisions, replays and rollbacks.

use super::TestApi;
use crate::clock;
use crate::contract::{DecisionDetail, DecisionFile};
use crate::domain::{
    AttemptEnd, AttemptStart, CandidateSet, DecisionId, Failure, ModelType, Observation, Outcome,
    RequestEnd, RequestIdentity, RequestOutcome, RequestProfile, SelectionContext, SelectionRound,
    Tag, UpstreamLimits, select_target, what_if,
};
use crate::domain::{TargetIdx, UnixTime};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// Records a request as the gateway does; `is_over` records its end as well.
fn decide(api: &TestApi, is_over: bool) -> DecisionId {
    let (table, now) = (api.handle.routing_table(), clock::now());
    let (profile, random) = (
        RequestProfile::usual(ModelType::Chat),
        api.handle.random_draw(),
    );
    let decision = api.handle.next_decision();
    let mut candidates = CandidateSet::default();
    let choice = select_target(&table, &profile, now, random, &mut candidates).unwrap();
    let context = SelectionContext {
        decision,
        is_dry_run: false,
        attempt: 1,
        class: profile.class,
        input: profile.input,
        luck: random,
        at: now,
    };
    let round = SelectionRound::of(&table, &candidates, Some(&choice), context);
    api.handle.observe(Observation::Selection(Box::new(round)));
    if is_over {
        let identity = Arc::new(RequestIdentity {
            client: "app".into(),
            tag: Tag::parse("nightly").ok(),
            model: "auto".into(),
            ..RequestIdentity::default()
        });
        api.handle
            .observe(busy(decision, choice.target, &identity, now));
        api.handle.observe(Observation::Request(RequestEnd {
            decision,
            identity,
            request_id: "req-1".to_owned(),
            started: now,
            ended: now.plus(Duration::from_millis(800)),
            outcome: RequestOutcome::Ok,
            target: Some(choice.target),
            score: Some(choice.score),
            reason: choice.reason.text().to_owned(),
            attempts: 1,
            fallbacks: 0,
            hedge: None,
            first_content: None,
            gateway_seconds: None,
            status: Some(200),
            message: None,
            dropped_fields: Vec::new(),
            usage: None,
            cost: None,
        }));
    }
    decision
}

/// An attempt at an overloaded provider.
fn busy(
    decision: DecisionId,
    target: TargetIdx,
    identity: &Arc<RequestIdentity>,
    now: UnixTime,
) -> Observation {
    Observation::Attempt(AttemptEnd {
        decision,
        identity: Arc::clone(identity),
        number: 1,
        target,
        started: now,
        ended: now.plus(Duration::from_millis(800)),
        outcome: Outcome::Failed(Failure::Overloaded(None)),
        status: Some(503),
        message: Some("busy".into()),
        first_token: None,
        usage: None,
        cost: None,
        streamed: false,
        trial: false,
        dropped_fields: 0,
        ticket: AttemptStart::default(),
        limits: UpstreamLimits::default(),
        client_deadline_hit: false,
        abandoned_after: None,
    })
}

async fn settled() {
    tokio::time::sleep(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_decision_is_explained_while_it_runs_and_after() {
    let api = TestApi::new();
    let (over, pending) = (decide(&api, true), decide(&api, false));
    settled().await;

    let explained = api
        .get(&format!("/api/decisions/{over}"))
        .await
        .ok()
        .clone();
    assert_eq!(explained["outcome"], "ok");
    assert_eq!(explained["latencyMs"], 800.0);
    let candidates = explained["rounds"][0]["candidates"].as_array().unwrap();
    assert!(candidates.len() >= 3, "{explained:#}");
    for candidate in candidates {
        let parts = candidate["contributions"].as_object().unwrap();
        let sum: f64 = parts.values().filter_map(Value::as_f64).sum();
        assert!((100.0 + sum - candidate["points"].as_f64().unwrap()).abs() < 1e-9);
    }
    let out = |candidate: &&Value| candidate["entry"] == "out";
    assert_eq!(candidates.iter().find(out).unwrap()["why"], "disabled");
    let identity = ["client", "tag", "modelAsked", "status", "attemptCount"];
    assert_eq!(
        Value::from_iter(identity.map(|name| explained[name].clone())),
        serde_json::json!(["app", "nightly", "auto", 200, 1])
    );
    let attempts = explained["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0]["errorClass"], "overloaded");
    assert_eq!(
        (&attempts[0]["status"], &attempts[0]["message"]),
        (&503.into(), &"busy".into())
    );
    let running = api
        .get(&format!("/api/decisions/{pending}"))
        .await
        .ok()
        .clone();
    assert_eq!(
        (&running["outcome"], &running["latencyMs"]),
        (&Value::from("pending"), &Value::Null)
    );
    let unknown = api.get("/api/decisions/0000000000000001").await;
    assert!(unknown.problem(404).contains("not remembered"));
}

#[tokio::test(start_paused = true)]
async fn the_report_of_a_decision_is_enough_to_replay_it() {
    let api = TestApi::new();
    let ids: Vec<DecisionId> = (0..50).map(|_| decide(&api, true)).collect();
    settled().await;
    let mut recording = DecisionFile::default();
    for id in ids {
        let report = api.get(&format!("/api/decisions/{id}")).await.ok().clone();
        recording.read(&report.to_string()).unwrap();
        let again: DecisionDetail = serde_json::from_value(report.clone()).unwrap();
        assert_eq!(serde_json::to_value(again).unwrap(), report);
    }

    let weights = recording.weights().unwrap();
    let answer = what_if(&recording.decisions, &weights);
    assert_eq!(answer.decisions, 50);
    assert_eq!(answer.now, answer.then);
    assert!(
        recording
            .read("{}")
            .unwrap_err()
            .contains("is not a decision")
    );
}

#[tokio::test(start_paused = true)]
async fn reasons_and_exclusions_have_stable_codes_and_a_recording_without_them_is_rejected() {
    let api = TestApi::new();
    let id = decide(&api, true);
    settled().await;
    let path = format!("/api/decisions/{id}");
    let mut detail = api.get(&path).await.ok().clone();

    let round = &mut detail["rounds"][0];
    assert_eq!(round["reasonCode"], "best");
    let candidates = round["candidates"].as_array().unwrap();
    let excluded = candidates.iter().find(|it| it["entry"] == "out").unwrap();
    assert_eq!(excluded["exclusion"]["code"], "off");
    round.as_object_mut().unwrap().remove("reasonCode");
    let error = DecisionFile::default().read(&detail.to_string());

    let error = error.unwrap_err();
    assert!(error.starts_with("reasonCode is missing"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_draft_is_replayed_on_recorded_requests_and_changes_nothing() {
    let api = TestApi::new();
    for _ in 0..40 {
        decide(&api, true);
    }
    settled().await;

    let same = api
        .send("POST", "/api/what-if", r#"{"weights":{},"window":"1h"}"#)
        .await
        .ok()
        .clone();
    assert_eq!(same["decisions"], 40);
    assert_eq!(same["total"]["now"], same["total"]["then"]);
    // The odds of the next requests agree with the status.
    let status = api.get("/api/status").await.ok().clone();
    let (next, known) = (&same["providers"], &status["providers"]);
    assert_eq!(
        next.as_array().unwrap().len(),
        known.as_array().unwrap().len()
    );
    for (next, known) in next
        .as_array()
        .unwrap()
        .iter()
        .zip(known.as_array().unwrap())
    {
        assert_eq!(next["provider"], known["provider"]);
        assert_eq!(next["now"], next["then"]);
        assert_eq!(next["now"]["share"], known["odds"]);
        assert_eq!(next["now"]["score"], known["score"]);
    }
    let cheap = r#"{"weights":{"cost":100,"latency":0,"reliability":0}}"#;
    let cheap = api.send("POST", "/api/what-if", cheap).await.ok().clone();
    assert_eq!(cheap["weights"]["cost"], 100.0);
    assert!(cheap["providers"][0]["now"] != cheap["providers"][0]["then"]);
    assert_eq!(api.get("/api/weights").await.ok()["cost"], 30.0);

    let own = r#"{"weights":{},"providers":{"alpha":{"priority":0,"weights":{"cost":100}}}}"#;
    let own = api.send("POST", "/api/what-if", own).await.ok().clone();
    assert_eq!(own["decisions"], 40);
    for (draft, status, says) in [
        (r#"{"alpha":{"priority":101}}"#, 422, "priority"),
        (
            r#"{"alpha":{"weights":{"load":1}}}"#,
            422,
            "providers.alpha.weights.load",
        ),
        (r#"{"alpha":5}"#, 422, "providers.alpha"),
        (r#"{"missing":{}}"#, 404, "missing"),
    ] {
        let body = format!("{{\"providers\":{draft}}}");
        let wrong = api.send("POST", "/api/what-if", &body).await;
        assert!(wrong.problem(status).contains(says), "{draft}");
    }

    let wrong = api
        .send("POST", "/api/what-if", r#"{"weights":{"cost":90}}"#)
        .await;
    assert!(wrong.problem(422).contains("must be 100"));
    let wrong = api.send("POST", "/api/what-if", r#"{"window":"2h"}"#).await;
    wrong.problem(422);
}

#[tokio::test(start_paused = true)]
async fn a_change_is_rolled_back() {
    let api = TestApi::new();
    let change = r#"{"cost":80,"latency":10,"reliability":10}"#;
    let changed = api.send("PUT", "/api/weights", change).await.ok().clone();
    assert!(
        changed["warnings"][0]
            .as_str()
            .unwrap()
            .contains("above 70")
    );

    let back = api
        .send("POST", "/api/revisions/1/rollback", "")
        .await
        .ok()
        .clone();
    assert_eq!(
        (&back["cost"], &back["revision"]),
        (&Value::from(30.0), &Value::from(3))
    );
    let unknown = api.send("POST", "/api/revisions/99/rollback", "").await;
    assert!(unknown.problem(404).contains("oldest"));
}

#[tokio::test(start_paused = true)]
async fn a_selection_is_explained_and_counts_as_no_request() {
    let api = TestApi::new();
    let selection = api
        .send("POST", "/api/load-balancing/select", r#"{"explain":true}"#)
        .await
        .ok()
        .clone();
    settled().await;

    let explanation = &selection["explanation"];
    assert_eq!(explanation["provider"], selection["provider"]);
    assert!(
        explanation["text"]
            .as_str()
            .unwrap()
            .contains("out: disabled")
    );
    let id = selection["decisionId"].as_str().unwrap();
    let report = api.get(&format!("/api/decisions/{id}")).await.ok().clone();
    assert_eq!(report["rounds"][0]["text"], explanation["text"]);
    let list = api.get("/api/decisions").await.ok().clone();
    assert_eq!(list["decisions"].as_array().unwrap().len(), 0);
}

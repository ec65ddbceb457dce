//! Whose request it was: what decisions and the observations behind them say.

use super::{ASK, STREAM, header, pair};
use crate::bench::{limits, start};
use crate::upstream::{Behaviour, Ending, HELLO, ROLE, Upstream};
use aibal_tui::domain::{DecisionRecord, Failure, Outcome};
use std::sync::Arc;

/// The finished decision of a response.
async fn decision(bench: &crate::bench::Bench, id: &str) -> Arc<DecisionRecord> {
    let id = id.parse().unwrap();
    loop {
        let found = bench.handle.decision(id).await.unwrap();
        if let Some(decision) = found.filter(|decision| decision.end.is_some()) {
            return decision;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_decision_lists_its_attempts_with_client_tag_and_model() {
    let fault = r#"{"error":{"message":"oops near upstream-key"}}"#;
    let (_a, _b, bench) = pair(Behaviour::Status(500, fault, Vec::new())).await;

    let response = bench.post_with(ASK, &[("x-aibal-tag", "nightly")]).await;
    let id = header(&response, "x-aibal-decision");
    assert_eq!(response.text().await.unwrap(), crate::upstream::WHOLE);
    let decision = decision(&bench, &id).await;

    let [first, second] = &decision.attempts[..] else {
        panic!("{:?}", decision.attempts)
    };
    assert_eq!((first.number, first.target), (1, 0.into()));
    assert_eq!(first.outcome, Outcome::Failed(Failure::Server));
    assert_eq!(first.status, Some(500));
    assert_eq!(first.message.as_deref(), Some("oops near [key]"));
    assert_eq!((second.number, second.status), (2, Some(200)));
    assert_eq!((second.outcome, &second.message), (Outcome::Success, &None));
    assert!(second.usage.is_some() && first.ended <= second.started);
    let end = decision.end.as_ref().unwrap();
    assert_eq!((&*end.identity.model, end.status), ("shared", Some(200)));
    let tag = end
        .identity
        .tag
        .as_ref()
        .map(aibal_tui::domain::Tag::as_str);
    assert_eq!(tag, Some("nightly"));
}

#[tokio::test]
async fn a_stream_that_breaks_and_a_wrong_request_say_why() {
    let a = Upstream::start(Behaviour::Events(vec![ROLE, HELLO], Ending::Close)).await;
    let bench = start(&[&a], limits()).await;
    let response = bench.post(STREAM).await;
    let id = header(&response, "x-aibal-decision");
    response.text().await.unwrap();
    let broken = decision(&bench, &id).await;
    let end = broken.end.as_ref().unwrap();
    let message = end.message.as_deref().unwrap();
    assert!(
        message.contains("before the response was complete"),
        "{message}"
    );
    assert_eq!(broken.attempts[0].message, end.message);
    assert_eq!(
        (broken.attempts[0].status, end.status),
        (Some(200), Some(200))
    );

    let response = bench.post(r#"{"model":"nobodys","messages":[]}"#).await;
    let unknown = decision(&bench, &header(&response, "x-aibal-decision")).await;
    let end = unknown.end.as_ref().unwrap();
    assert_eq!((&*end.identity.model, end.status), ("nobodys", Some(404)));
    assert!(end.message.as_deref().unwrap().contains("nobodys"));
    assert!(unknown.attempts.is_empty());
    let long = [("x-aibal-tag", "x".repeat(65))];
    let long: Vec<(&str, &str)> = long.iter().map(|(name, text)| (*name, &**text)).collect();
    assert_eq!(bench.post_with(ASK, &long).await.status(), 400);
}

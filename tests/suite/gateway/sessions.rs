//! Conversations, and the prompt caches of the targets that served them.

use super::header;
use crate::bench::{Bench, limits, provider, start_fleet};
use crate::upstream::{Behaviour, Upstream};
use aibal_tui::domain::{
    Capabilities, Catalogue, ModelTypes, Money, Price, Strategy, Target, TargetId,
};
use aibal_tui::gateway::GatewayConfig;
use aibal_tui::protocols::{Endpoint, EndpointRegistry, by_kind};
use serde_json::json;

/// A gateway for two providers with prompt caches; `a` is a little cheaper than `b`.
async fn two(limits: GatewayConfig) -> Bench {
    let (mut catalogue, mut directory) = (Catalogue::default(), EndpointRegistry::default());
    for (place, (name, usd)) in [("a", 1.0), ("b", 1.1)].into_iter().enumerate() {
        let upstream = Upstream::start(Behaviour::Good).await;
        catalogue.providers.push(provider(name));
        catalogue.targets.push(Target {
            id: TargetId::new(name, "shared"),
            provider: place.into(),
            types: ModelTypes::CHAT,
            capabilities: Capabilities::default(),
            price: Some(Price {
                cached: Some(Money::per_token(usd / 10.0)),
                ..Price::flat(usd, usd)
            }),
            max_concurrent: None,
        });
        let kind = "openai-compatible";
        let protocol = by_kind(kind).unwrap();
        let endpoint = Endpoint::new(&upstream.base_url, Some("key"), kind, protocol);
        directory.endpoints.push(endpoint);
    }
    start_fleet(catalogue, directory, Strategy::LowestCost, limits, None).await
}

/// A request of a conversation about something, with so many turns before it.
fn turn(subject: &str, before: usize) -> String {
    let long = format!("{subject} {}", "and more of it ".repeat(1_000));
    let mut messages = vec![json!({"role": "user", "content": long})];
    for number in 0..before {
        messages.push(json!({"role": "assistant", "content": format!("answer {number}")}));
        messages.push(json!({"role": "user", "content": format!("question {number}")}));
    }
    json!({"model": "shared", "messages": messages}).to_string()
}

/// The provider that serves a request.
async fn served(bench: &Bench, body: &str, headers: &[(&str, &str)]) -> String {
    let response = bench.post_with(body, headers).await;
    assert_eq!(response.status(), 200);
    let provider = header(&response, "x-aibal-provider");
    response.text().await.unwrap();
    provider
}

const AT_B: (&str, &str) = ("x-aibal-preferred-provider", "b");

#[tokio::test]
async fn the_next_turn_goes_to_the_target_whose_cache_holds_the_conversation() {
    let bench = two(limits()).await;
    let mine = ("x-aibal-session", "mine");
    assert_eq!(served(&bench, &turn("x", 0), &[mine, AT_B]).await, "b");

    assert_eq!(served(&bench, &turn("x", 1), &[mine]).await, "b");
    // Another conversation goes to the cheaper one.
    let other = ("x-aibal-session", "other");
    assert_eq!(served(&bench, &turn("x", 1), &[other]).await, "a");
    assert_eq!(served(&bench, &turn("y", 1), &[]).await, "a");
    // A decision says what was expected.
    let decisions = bench.handle.decisions().await.unwrap();
    let expected = decisions.iter().flat_map(|decision| &decision.rounds);
    let held = expected.filter(|round| {
        let holds = |at: usize| round.candidates[at].row.cache.tokens > 1_024.0;
        !holds(0) && holds(1)
    });
    assert!(held.count() >= 1);
}

#[tokio::test]
async fn without_a_session_the_beginning_tells_conversations_apart() {
    let bench = two(limits()).await;
    assert_eq!(served(&bench, &turn("x", 0), &[AT_B]).await, "b");

    assert_eq!(served(&bench, &turn("x", 1), &[]).await, "b");
    assert_eq!(served(&bench, &turn("x", 2), &[]).await, "b");
    assert_eq!(served(&bench, &turn("y", 0), &[]).await, "a");
}

#[tokio::test]
async fn each_agent_of_a_session_has_a_conversation_of_its_own() {
    let bench = two(limits()).await;
    let session = ("x-claude-code-session-id", "mine");
    let (one, two) = (
        ("x-claude-code-agent-id", "1"),
        ("x-claude-code-agent-id", "2"),
    );
    assert_eq!(
        served(&bench, &turn("x", 0), &[session, one, AT_B]).await,
        "b"
    );

    assert_eq!(served(&bench, &turn("x", 1), &[session, one]).await, "b");
    assert_eq!(served(&bench, &turn("x", 1), &[session, two]).await, "a");
    assert_eq!(served(&bench, &turn("x", 1), &[session]).await, "a");
}

#[tokio::test]
async fn switched_off_it_changes_nothing() {
    let limits = GatewayConfig {
        cache_affinity: false,
        ..limits()
    };
    let bench = two(limits).await;
    let mine = ("x-aibal-session", "mine");
    assert_eq!(served(&bench, &turn("x", 0), &[mine, AT_B]).await, "b");
    assert_eq!(served(&bench, &turn("x", 1), &[mine]).await, "a");
}

//! What attempts cost, and how sure that is.

use super::{ASK, STREAM, header, pair};
use crate::bench::{limits, provider, start, start_allowed, start_fleet};
use crate::upstream::{Behaviour, DONE, Ending, HELLO, ROLE, STOP, Upstream};
use aibal_tui::clock;
use aibal_tui::domain::{
    BudgetConfig, Capabilities, Catalogue, CostBasisCounts, GlobalLimits, ModelTypes, Money, Price,
    RateLimits, Strategy, Target, TargetId,
};
use aibal_tui::protocols::{Endpoint, EndpointRegistry, TokenSource, VertexLocation, by_kind};
use futures_util::StreamExt;

fn basis(exact: u64, estimated: u64, unknown: u64) -> CostBasisCounts {
    CostBasisCounts {
        exact,
        estimated,
        unknown,
    }
}

#[tokio::test]
async fn a_rejection_costs_nothing_and_a_reported_usage_is_exact() {
    let (_a, _b, bench) = pair(Behaviour::Status(429, "{}", vec![])).await;

    assert_eq!(bench.post(ASK).await.status(), 200);

    let picture = bench.until(|picture| picture.totals.attempts == 2).await;
    let [a, b] = [0, 1].map(|at| &picture.providers[at]);
    assert_eq!((a.cost, a.cost_basis), (Some(Money::ZERO), basis(1, 0, 0)));
    assert_eq!(b.cost_basis, basis(1, 0, 0));
    assert_eq!((b.mean_tokens, a.mean_tokens), (Some(30.0), None));
    assert_eq!(picture.totals.cost_basis, basis(2, 0, 0));
}

#[tokio::test]
async fn the_usage_of_unreported_and_abandoned_streams_is_estimated() {
    let whole = Behaviour::Events(vec![ROLE, HELLO, STOP, DONE], Ending::Close);
    let a = Upstream::start(whole).await;
    let bench = start(&[&a], limits()).await;

    bench.post(STREAM).await.text().await.unwrap();
    a.behave(Behaviour::Events(vec![ROLE, HELLO], Ending::Stall));
    let mut left = bench.post(STREAM).await.bytes_stream();
    left.next().await.unwrap().unwrap();
    drop(left);

    let picture = bench.until(|picture| picture.totals.requests == 2).await;
    assert_eq!(picture.totals.cost_basis, basis(0, 2, 0));
    assert!(picture.totals.cost > Some(Money::ZERO));
}

#[tokio::test]
async fn without_a_response_the_cost_is_unknown() {
    let a = Upstream::start(Behaviour::Hang).await;
    let bench = start(&[&a], limits()).await;

    let response = bench.post_with(ASK, &[("x-aibal-timeout-ms", "700")]).await;

    assert_eq!(response.status(), 504);
    assert_eq!(header(&response, "x-aibal-cost-usd"), "");
    let picture = bench.until(|picture| picture.totals.requests == 1).await;
    assert_eq!(picture.totals.cost_basis, basis(0, 0, 1));
    assert_eq!(picture.totals.cost, None);
}

#[tokio::test]
async fn an_impossible_token_count_blocks_neither_a_provider_nor_a_budget() {
    const ODD: &str = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":1000000000000000}}"#;
    let a = Upstream::start(Behaviour::Status(200, ODD, vec![])).await;
    let rates = RateLimits {
        requests: None,
        tokens: Some(100_000),
    };
    let allowances = GlobalLimits {
        max_in_flight: None,
        budget: BudgetConfig {
            per_day: Some(Money::from_usd(1.0)),
            ..BudgetConfig::default()
        },
        ..GlobalLimits::default()
    };
    let limited = |catalogue: &mut Catalogue| {
        catalogue.providers[0].rates = rates;
    };
    let bench = start_allowed(&[&a], limited, &allowances, None).await;

    for _ in 0..3 {
        assert_eq!(bench.post(ASK).await.status(), 200);
    }

    let picture = bench.until(|picture| picture.totals.requests == 3).await;
    assert_eq!(picture.totals.cost_basis, basis(0, 3, 0));
}

/// The first has an unusable address, the second has no token.
#[tokio::test]
async fn an_attempt_that_sent_nothing_costs_nothing() {
    let source = TokenSource::new(Some("no/such/file".into()), || clock::now().unix_seconds());
    let address = "http://127.0.0.1:9";
    let vertex = Endpoint::new(address, None, "vertex", by_kind("vertex").unwrap());
    let mut vertex = vertex.unwrap().with_tokens(source);
    vertex.location = Some(VertexLocation {
        project: "project".to_owned(),
        location: "global".to_owned(),
    });
    let mut catalogue = Catalogue::default();
    for (place, name) in ["a", "b"].into_iter().enumerate() {
        catalogue.providers.push(provider(name));
        catalogue.targets.push(Target {
            id: TargetId::new(name, "shared"),
            provider: place.into(),
            types: ModelTypes::CHAT,
            capabilities: Capabilities::default(),
            price: Some(Price::flat(1.0 + place as f64, 2.0)),
            max_concurrent: None,
        });
    }
    let directory = EndpointRegistry {
        endpoints: vec![None, Some(vertex)],
        traits: Vec::new(),
    };
    let bench = start_fleet(catalogue, directory, Strategy::Best, limits(), None).await;

    let response = bench.post(ASK).await;

    assert_eq!(response.status(), 502);
    assert_eq!(header(&response, "x-aibal-cost-usd"), "0.000000000");
    let picture = bench.until(|picture| picture.totals.requests == 1).await;
    assert_eq!(picture.totals.cost, Some(Money::ZERO));
    let exact = picture.totals.attempts;
    assert!(exact >= 2, "both were tried");
    assert_eq!(picture.totals.cost_basis, basis(exact, 0, 0));
}

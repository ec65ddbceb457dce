//! What may be spent.

use super::load::{ENDLESS, crowd, endless};
use super::{ASK, header};
use crate::bench::{Bench, start_allowed};
use crate::upstream::{Behaviour, Upstream};
use aibal_tui::access::{Token, TokenAuth};
use aibal_tui::clock;
use aibal_tui::domain::{
    AllowedModels, BudgetConfig, BudgetReservation, Budgets, ClientTerms, EventKind, GlobalLimits,
    Money, OverBudgetPolicy, RejectionCounts, Role, TokenDefinition, TokenTerms,
};
use aws_lc_rs::digest::{SHA256, digest};
use reqwest::StatusCode;
use serde_json::Value;
use std::sync::{Arc, Barrier};

fn budget(usd_per_day: f64, on_limit: OverBudgetPolicy) -> GlobalLimits {
    GlobalLimits {
        max_in_flight: None,
        budget: BudgetConfig {
            per_day: Some(Money::from_usd(usd_per_day)),
            on_limit,
            ..BudgetConfig::default()
        },
        ..GlobalLimits::default()
    }
}

#[test]
fn a_hundred_threads_reserve_exactly_what_the_budget_has() {
    let terms = budget(1.0, OverBudgetPolicy::Reject).budget;
    for _ in 0..50 {
        let budgets = Arc::new(Budgets::new(&terms, clock::now()));
        let (go, tenth) = (Barrier::new(100), Money::from_usd(0.1));
        let held: Vec<Option<BudgetReservation>> = std::thread::scope(|scope| {
            let reserve = || {
                let payer = budgets.scope_of(None);
                go.wait();
                payer.reserve(Some(tenth), tenth, true, ("a", clock::now()))
            };
            let threads: Vec<_> = (0..100).map(|_| scope.spawn(reserve)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });

        assert_eq!(held.iter().flatten().count(), 10);
        drop(held);
        let day = budgets.snapshot(clock::now()).day;
        assert_eq!((day.spent, day.reserved), (Money::ZERO, Money::ZERO));
    }
}

async fn bench(upstreams: &[&Upstream], allowances: &GlobalLimits) -> Bench {
    start_allowed(upstreams, |_| {}, allowances, None).await
}

/// The most that such a request may come to at `a`: $1 and $2 for a million tokens.
fn most(body: &str, max_tokens: f64) -> f64 {
    (body.len().div_ceil(4) as f64 + max_tokens * 2.0) / 1e6
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_concurrent_requests_exactly_those_within_the_budget_run() {
    let a = endless().await;
    let limit = most(ENDLESS, 1_000.0) * 10.0;
    let bench = bench(&[&a], &budget(limit, OverBudgetPolicy::Reject)).await;

    let (in_, out) = crowd(&bench, ENDLESS, 100).await;

    assert_eq!((in_.len(), out.len(), a.requests()), (10, 90, 10));
    for refused in out {
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    }
    let refused = RejectionCounts {
        budget: 90,
        ..RejectionCounts::default()
    };
    let picture = bench
        .until(|picture| picture.totals.refused == refused)
        .await;
    assert_eq!(picture.budget.day.reserved, Money::from_usd(limit));
    assert_eq!(
        (picture.totals.requests, picture.totals.success_rate),
        (90, None),
        "a budget rejection counts as no target's failure"
    );

    drop(in_);
    let picture = bench
        .until(|picture| picture.budget.day.reserved == Money::ZERO)
        .await;
    let spent = picture.budget.day.spent.usd();
    assert!(spent > 0.0 && spent < limit / 10.0, "{spent}");
    a.behave(Behaviour::Good);
    assert_eq!(bench.post(ASK).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_provider_over_its_own_budget_is_passed_over_until_none_is_left() {
    let (a, b) = (
        Upstream::start(Behaviour::Good).await,
        Upstream::start(Behaviour::Good).await,
    );
    let body = r#"{"model":"shared","max_tokens":20,"messages":[]}"#;
    let allowances = GlobalLimits {
        max_in_flight: None,
        budget: BudgetConfig {
            // The second one's prices are four times the first one's.
            providers: [("a", 1.5), ("b", 6.0)]
                .map(|(name, times)| (name.into(), Money::from_usd(most(body, 20.0) * times)))
                .to_vec(),
            ..BudgetConfig::default()
        },
        ..GlobalLimits::default()
    };
    let bench = bench(&[&a, &b], &allowances).await;

    let mut statuses = Vec::new();
    for _ in 0..8 {
        let response = bench.post(body).await;
        statuses.push(response.status().as_u16());
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            let told: Value = response.json().await.unwrap();
            let message = told["error"]["message"].as_str().unwrap();
            assert!(message.contains("usd_per_day of the provider"), "{message}");
        }
    }

    let served = statuses.iter().filter(|status| **status == 200).count();
    assert!(a.requests() > 0 && b.requests() > 0, "{statuses:?}");
    assert_eq!(served, a.requests() + b.requests());
    assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
    let picture = bench.until(|picture| picture.totals.requests >= 8).await;
    assert_eq!(picture.budget.owned.len(), 2);
    assert!(
        picture
            .budget
            .owned
            .iter()
            .any(|owned| owned.usage.turned_away > 0)
    );
}

#[tokio::test]
async fn a_budget_rejection_names_the_budget_and_its_reset_in_the_clients_protocol() {
    let a = Upstream::start(Behaviour::Good).await;
    let bench = bench(&[&a], &budget(0.000_06, OverBudgetPolicy::Reject)).await;
    let small = r#"{"model":"shared","max_tokens":20,"messages":[]}"#;
    assert_eq!(bench.post(small).await.status(), StatusCode::OK);
    bench.until(|picture| picture.totals.requests == 1).await;

    let chat = r#"{"model":"shared","max_tokens":20,"messages":[]}"#;
    let responses = r#"{"model":"shared","max_output_tokens":20,"input":"hi"}"#;
    let messages =
        r#"{"model":"shared","max_tokens":20,"messages":[{"role":"user","content":"hi"}]}"#;
    let cases = [
        ("chat/completions", chat, "/error/code", "budget_exceeded"),
        ("responses", responses, "/error/code", "budget_exceeded"),
        ("messages", messages, "/error/type", "rate_limit_error"),
    ];
    for (path, body, place, expected) in cases {
        let request = bench.client.post(format!("{}/{path}", bench.url));
        let response = request.body(body).send().await.unwrap();

        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS, "{path}");
        assert_eq!(header(&response, "x-should-retry"), "false", "{path}");
        assert_eq!(header(&response, "retry-after"), "", "{path}");
        let told: Value = response.json().await.unwrap();
        assert_eq!(told.pointer(place).unwrap(), expected, "{told}");
        let message = told["error"]["message"].as_str().unwrap();
        for part in [
            "[budget] usd_per_day does not cover",
            "$0.0000500 of $0.0000600 is spent",
            "resets at",
            "00:00 UTC",
        ] {
            assert!(message.contains(part), "{message}");
        }
    }
    assert_eq!(a.requests(), 1);
    bench
        .until(|picture| {
            let mut events = picture.events.iter();
            events.any(|event| event.kind == EventKind::Alert && event.text.contains("is used up"))
        })
        .await;
}

#[tokio::test]
async fn beyond_a_budget_requests_may_use_the_cheapest_target_and_the_record_says_so() {
    let (a, b) = (
        Upstream::start(Behaviour::Good).await,
        Upstream::start(Behaviour::Good).await,
    );
    let bench = bench(&[&a, &b], &budget(0.001, OverBudgetPolicy::Cheapest)).await;
    let ask = r#"{"model":"shared","max_tokens":100,"messages":[]}"#;
    let preference = [("x-aibal-preferred-provider", "b")];
    let mut providers = Vec::new();
    for count in 1..=16 {
        let response = bench.post_with(ask, &preference).await;
        assert_eq!(response.status(), StatusCode::OK);
        providers.push(header(&response, "x-aibal-provider"));
        bench
            .until(|picture| picture.totals.requests == count)
            .await;
    }

    // A response of b costs $0.0002 and may come to $0.00085; one of a costs $0.00005.
    assert_eq!(providers[0], "b");
    assert_eq!(providers[1..], vec!["a".to_owned(); 15]);
    let expensive = bench
        .post_with(&ask.replace("100", "500"), &preference)
        .await;
    assert_eq!(header(&expensive, "x-aibal-provider"), "a");
    let picture = bench.until(|picture| picture.totals.requests == 17).await;
    let decisions = bench.handle.decisions().await.unwrap();
    assert_eq!(
        decisions[0].end.as_ref().unwrap().reason,
        "cheapest eligible: the budget is used up"
    );
    assert!(picture.budget.day.turned_away > 0);
    assert_eq!(picture.totals.refused, RejectionCounts::default());
}

#[tokio::test]
async fn a_failed_attempt_releases_known_savings_and_keeps_unknown_costs_reserved() {
    let a = Upstream::start(Behaviour::Status(500, "{}", vec![])).await;
    let bench = bench(&[&a], &budget(1.0, OverBudgetPolicy::Reject)).await;
    let quick = [("x-aibal-timeout-ms", "700")];
    let failed = bench.post_with(ASK, &quick).await;
    assert_eq!(failed.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let picture = bench.until(|picture| picture.totals.requests == 1).await;
    let day = picture.budget.day;
    assert_eq!((day.spent, day.reserved), (Money::ZERO, Money::ZERO));

    let mut gone = a.clone();
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    gone.base_url = format!("http://{}/v1", closed.local_addr().unwrap());
    drop(closed);
    let nowhere = self::bench(&[&gone], &budget(1.0, OverBudgetPolicy::Reject)).await;
    let unsent = nowhere.post_with(ASK, &quick).await;
    assert_eq!(unsent.status(), StatusCode::BAD_GATEWAY);
    let picture = nowhere.until(|picture| picture.totals.requests == 1).await;
    assert_eq!(picture.totals.cost, Some(Money::ZERO));
    assert_eq!(picture.budget.day.spent, Money::ZERO);

    a.behave(Behaviour::Hang);
    let hung = bench.post_with(ASK, &quick).await;
    assert_eq!(hung.status(), StatusCode::GATEWAY_TIMEOUT);
    let picture = bench
        .until(|picture| picture.budget.day.spent > Money::ZERO)
        .await;
    assert_eq!(picture.budget.day.reserved, Money::ZERO);
}

fn token(name: &str, secret: &str) -> Token {
    let hash = digest(&SHA256, secret.as_bytes());
    Token::new(
        TokenDefinition::new(name, Role::Client),
        hash.as_ref().try_into().unwrap(),
        &[],
    )
}

fn terms(name: &str, per_day: Option<Money>) -> TokenTerms {
    let mut terms = TokenDefinition::new(name, Role::Client).terms;
    terms.spending.per_day = per_day;
    terms
}

#[tokio::test]
async fn a_tokens_budget_is_its_own() {
    let a = Upstream::start(Behaviour::Good).await;
    let access = TokenAuth::new(vec![token("app", "one"), token("batch", "two")]);
    let allowances = GlobalLimits {
        max_in_flight: None,
        clients: ClientTerms {
            tokens: vec![
                terms("app", Some(Money::from_usd(0.000_06))),
                terms("batch", None),
            ],
            groups: Vec::new(),
        },
        ..GlobalLimits::default()
    };
    let bench = start_allowed(&[&a], |_| {}, &allowances, Some(access)).await;
    let ask = r#"{"model":"shared","max_tokens":20,"messages":[]}"#;
    let send = async |secret: &str| bench.post_with(ask, &[("x-api-key", secret)]).await;
    assert_eq!(send("one").await.status(), StatusCode::OK);
    bench.until(|picture| picture.totals.requests == 1).await;

    let refused = send("one").await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let told = refused.text().await.unwrap();
    assert!(
        told.contains(r#"usd_per_day of the token \"app\""#),
        "{told}"
    );
    assert_eq!(send("two").await.status(), StatusCode::OK);
    let picture = bench.until(|picture| picture.totals.requests == 3).await;
    let spent: Vec<f64> = picture
        .budget
        .callers()
        .map(|(_, usage)| usage.spent.usd())
        .collect();
    assert_eq!(spent, [0.000_05, 0.000_05]);
    assert_eq!(picture.budget.day.spent.usd(), 0.0001);
}

#[tokio::test]
async fn what_is_reserved_covers_every_choice_and_the_largest_of_all_limits() {
    let a = Upstream::start(Behaviour::Good).await;
    let body = |limits: &str| format!(r#"{{"model":"shared",{limits},"messages":[]}}"#);
    let cases = [
        (r#""max_tokens":20,"n":50"#, 1_000.0),
        (r#""max_tokens":20,"best_of":50"#, 1_000.0),
        (r#""max_tokens":1000.0"#, 1_000.0),
        (r#""max_tokens":1e3"#, 1_000.0),
        (r#""max_completion_tokens":1,"max_tokens":1000"#, 1_000.0),
        (r#""max_tokens":1,"max_tokens":1000"#, 1_000.0),
    ];
    for (limits, tokens) in cases {
        let body = body(limits);
        let needed = most(&body, tokens);
        let short = bench(&[&a], &budget(needed * 0.99, OverBudgetPolicy::Reject)).await;
        let response = short.post(&body).await;
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS, "{limits}");
        let enough = bench(&[&a], &budget(needed * 1.01, OverBudgetPolicy::Reject)).await;
        assert_eq!(
            enough.post(&body).await.status(),
            StatusCode::OK,
            "{limits}"
        );
    }
    let bench = bench(&[&a], &budget(1.0, OverBudgetPolicy::Reject)).await;
    for limits in [
        r#""max_tokens":1000.5"#,
        r#""max_tokens":"1000""#,
        r#""n":[50]"#,
    ] {
        let response = bench.post(&body(limits)).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{limits}");
    }
}

#[tokio::test]
async fn a_token_uses_and_sees_only_the_models_that_it_may() {
    let (a, b) = (
        Upstream::start(Behaviour::Good).await,
        Upstream::start(Behaviour::Good).await,
    );
    let limited = |name: &str, models: &[&str]| Token {
        models: AllowedModels::new([models.iter().map(ToString::to_string).collect()]),
        ..token(name, name)
    };
    let access = TokenAuth::new(vec![
        limited("only", &["only-*"]),
        limited("route", &["smart"]),
        limited("b", &["b/*"]),
        token("all", "all"),
    ]);
    let none = GlobalLimits::default();
    let bench = start_allowed(&[&a, &b], |_| {}, &none, Some(access)).await;
    let ask = async |token: &str, model: &str| {
        let body = format!(r#"{{"model":"{model}","messages":[]}}"#);
        let answer = bench.post_with(&body, &[("x-api-key", token)]).await;
        let provider = answer.headers().get("x-aibal-provider").cloned();
        let provider = provider.map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), provider.unwrap_or_default())
    };
    let ok = |provider: &str| (200, provider.to_owned());
    let refused = (403, String::new());
    for (token, model, expected) in [
        ("only", "only-a", ok("a")),
        ("only", "b/only-b", ok("b")),
        ("only", "shared", refused.clone()),
        ("only", "smart", refused.clone()),
        ("only", "only-none", (404, String::new())),
        ("route", "smart", ok("a")),
        ("route", "shared", refused.clone()),
        ("route", "auto", refused.clone()),
        // Of several targets those that it may use.
        ("b", "shared", ok("b")),
        ("b", "auto", ok("b")),
        ("b", "a/shared", refused.clone()),
        ("all", "shared", ok("a")),
    ] {
        assert_eq!(ask(token, model).await, expected, "{token} {model}");
    }
    let body = r#"{"model":"shared","messages":[]}"#;
    let error = bench.post_with(body, &[("x-api-key", "only")]).await;
    let error = error.text().await.unwrap();
    assert!(
        error.contains("model_not_allowed") && error.contains("shared"),
        "{error}"
    );

    for (token, seen, hidden) in [
        ("only", "only-b", "smart"),
        ("route", "smart", "only-a"),
        ("b", "auto", "a/shared"),
    ] {
        let list = bench.client.get(format!("{}/models", bench.url));
        let list = list.header("x-api-key", token).send().await.unwrap();
        let list = list.text().await.unwrap();
        assert!(list.contains(&format!("\"{seen}\"")), "{list}");
        assert!(!list.contains(&format!("\"{hidden}\"")), "{list}");
    }
    // Calls that pass without translation name an allowed model, or none is served.
    for body in [r#"{"model":"shared","prompt":"x"}"#, r#"{"prompt":"x"}"#] {
        let refused = bench.post_to("/images/generations", body, &[("x-api-key", "only")]);
        assert_eq!(refused.await.status(), 403);
    }
}

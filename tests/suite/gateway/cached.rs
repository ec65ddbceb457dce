//! The response cache.

use super::{header, limits};
use crate::bench::{Bench, start_cached};
use crate::program::{program, serving};
use crate::upstream::{Behaviour, Upstream, WHOLE};
use aibal_tui::gateway::CacheLimits;
use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::Semaphore;

const ASK: &str =
    r#"{"model":"only-a","temperature":0,"messages":[{"role":"user","content":"hi"}]}"#;

const KEEP: CacheLimits = CacheLimits {
    ttl: Duration::from_mins(5),
    max_bytes: 1 << 20,
    shared: false,
};

/// An upstream that responds when the test allows it, and records its requests.
struct Gated {
    address: String,
    asked: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
}

impl Gated {
    /// The first so many are refused as mistakes of the client's.
    async fn start(refused: usize) -> Self {
        let (asked, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        let answer = {
            let (asked, gate) = (Arc::clone(&asked), Arc::clone(&gate));
            move || {
                let number = asked.fetch_add(1, SeqCst);
                let gate = Arc::clone(&gate);
                async move {
                    gate.acquire().await.unwrap().forget();
                    let json = [(CONTENT_TYPE, "application/json")];
                    if number < refused {
                        return (
                            StatusCode::BAD_REQUEST,
                            json,
                            r#"{"error":{"message":"no"}}"#,
                        );
                    }
                    (StatusCode::OK, json, WHOLE)
                }
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/v1", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            address,
            asked,
            gate,
        }
    }

    async fn until_asked(&self, times: usize) {
        while self.asked.load(SeqCst) < times {
            tokio::task::yield_now().await;
        }
    }
}

/// Sends the same request so many times at once.
fn ask(bench: &Bench, times: usize) -> Vec<tokio::task::JoinHandle<reqwest::Response>> {
    let asking = (0..times).map(|_| {
        let request = bench.client.post(format!("{}/chat/completions", bench.url));
        tokio::spawn(async move { request.body(ASK).send().await.unwrap() })
    });
    asking.collect()
}

/// Lets all requests reach the point where they wait.
async fn settle() {
    for _ in 0..2_000 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn identical_requests_share_one_call_and_later_ones_its_response() {
    let upstream = Gated::start(0).await;
    let bench = start_cached(&[&upstream.address], limits(), KEEP).await;

    let mut asking = ask(&bench, 20);
    upstream.until_asked(1).await;
    settle().await;
    upstream.gate.add_permits(1);
    let mut told = Vec::new();
    for answer in asking.drain(..) {
        let answer = answer.await.unwrap();
        assert_eq!(answer.status(), 200);
        let part = header(&answer, "x-aibal-cache");
        let is_first = part == "miss";
        assert_eq!(header(&answer, "x-aibal-provider"), "a");
        assert_eq!(header(&answer, "x-aibal-model"), "only-a");
        let (attempts, cost) = if is_first {
            ("1", "0.000050000")
        } else {
            ("0", "0.000000000")
        };
        assert_eq!(header(&answer, "x-aibal-attempts"), attempts);
        assert_eq!(header(&answer, "x-aibal-cost-usd"), cost);
        told.push((part, header(&answer, "x-aibal-decision")));
        assert_eq!(answer.text().await.unwrap(), WHOLE);
    }
    let count = |part: &str| told.iter().filter(|(told, _)| told == part).count();
    assert_eq!((count("miss"), count("coalesced") + count("hit")), (1, 19));
    assert!(count("coalesced") > 0);

    let again = bench.post(ASK).await;
    assert_eq!(header(&again, "x-aibal-cache"), "hit");
    assert_eq!(header(&again, "age"), "0");
    assert_eq!(upstream.asked.load(SeqCst), 1);

    let picture = bench.until(|picture| picture.totals.requests == 21).await;
    assert_eq!(
        (picture.totals.attempts, picture.totals.success_rate),
        (1, Some(1.0))
    );
    assert!((picture.totals.cost.unwrap().usd() - 0.000_05).abs() < 1e-12);
    let id = header(&again, "x-aibal-decision");
    assert!(
        told.iter().all(|(_, other)| *other != id),
        "each has its own decision"
    );
    let decision = bench.handle.decision(id.parse().unwrap()).await.unwrap();
    let end = decision.unwrap().end.clone().unwrap();
    assert_eq!((end.reason.as_str(), end.attempts), ("cache", 0));
}

/// A body, its headers, and the part that the cache has.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

#[tokio::test]
async fn requests_whose_responses_may_differ_are_not_cached() {
    let upstream = Upstream::start(Behaviour::Good).await;
    let bench = start_cached(&[&upstream.base_url], limits(), KEEP).await;
    assert_eq!(header(&bench.post(ASK).await, "x-aibal-cache"), "miss");
    let turned =
        r#"{ "messages":[{"role":"user","content":"hi"}],"model":"only-a", "temperature":0}"#;
    assert_eq!(header(&bench.post(turned).await, "x-aibal-cache"), "hit");

    let cases: [Case<'_>; 11] = [
        (ASK, &[("authorization", "Bearer another")], "miss"),
        (ASK, &[("x-api-key", "third")], "miss"),
        (ASK, &[("x-aibal-max-cost", "1")], "miss"),
        (ASK, &[("x-aibal-preferred-provider", "a")], "miss"),
        (ASK, &[("x-aibal-cache", "no")], "off"),
        (
            r#"{"model":"a/only-a","temperature":0,"messages":[{"role":"user","content":"hi"}]}"#,
            &[],
            "miss",
        ),
        (
            r#"{"model":"only-a","temperature":0,"seed":1,"messages":[{"role":"user","content":"hi"}]}"#,
            &[],
            "miss",
        ),
        (
            r#"{"model":"only-a","temperature":0,"messages":[{"role":"user","content":"ho"}]}"#,
            &[],
            "miss",
        ),
        (
            r#"{"model":"only-a","temperature":0.1,"messages":[]}"#,
            &[],
            "off",
        ),
        (
            r#"{"model":"only-a","messages":[{"role":"user","content":"hi"}]}"#,
            &[],
            "off",
        ),
        (
            r#"{"model":"only-a","temperature":0,"stream":true,"messages":[]}"#,
            &[],
            "off",
        ),
    ];
    for (body, headers, expected) in cases {
        let before = upstream.requests();

        let answer = bench.post_with(body, headers).await;

        assert_eq!(
            header(&answer, "x-aibal-cache"),
            expected,
            "{body} {headers:?}"
        );
        assert_eq!(answer.status(), 200);
        assert_eq!(upstream.requests(), before + 1, "{body} {headers:?}");
        answer.bytes().await.unwrap();
    }
    let wrong = bench.post_with(ASK, &[("x-aibal-cache", "yes")]).await;
    assert_eq!(wrong.status(), 400);
    let error = super::error(wrong).await;
    assert!(
        error["message"].as_str().unwrap().contains("x-aibal-cache"),
        "{error}"
    );
}

#[tokio::test]
async fn clients_share_cached_responses_only_if_configured() {
    let upstream = Upstream::start(Behaviour::Good).await;
    let shared = CacheLimits {
        shared: true,
        ..KEEP
    };
    let bench = start_cached(&[&upstream.base_url], limits(), shared).await;

    for (token, expected) in [("Bearer one", "miss"), ("Bearer two", "hit")] {
        let answer = bench.post_with(ASK, &[("authorization", token)]).await;
        assert_eq!(header(&answer, "x-aibal-cache"), expected);
    }
}

#[tokio::test]
async fn errors_are_neither_cached_nor_shared() {
    let upstream = Gated::start(1).await;
    let bench = start_cached(&[&upstream.address], limits(), KEEP).await;

    let leader = ask(&bench, 1).remove(0);
    upstream.until_asked(1).await;
    let followers = ask(&bench, 5);
    settle().await;
    upstream.gate.add_permits(100);

    assert_eq!(leader.await.unwrap().status(), 400);
    for follower in followers {
        let answer = follower.await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    let asked = upstream.asked.load(SeqCst);
    assert_eq!(asked, 2, "one follower asked for all of them");
    assert_eq!(header(&bench.post(ASK).await, "x-aibal-cache"), "hit");
    assert_eq!(upstream.asked.load(SeqCst), asked);
}

#[tokio::test]
async fn a_coalesced_call_continues_when_its_first_client_disconnects() {
    let upstream = Gated::start(0).await;
    let bench = start_cached(&[&upstream.address], limits(), KEEP).await;

    let leader = ask(&bench, 1).remove(0);
    upstream.until_asked(1).await;
    let followers = ask(&bench, 5);
    settle().await;
    leader.abort();
    upstream.until_asked(2).await;
    upstream.gate.add_permits(100);

    let mut parts = Vec::new();
    for follower in followers {
        let answer = follower.await.unwrap();
        assert_eq!(answer.status(), 200);
        parts.push(header(&answer, "x-aibal-cache"));
    }
    assert_eq!(
        parts.iter().filter(|part| *part == "miss").count(),
        1,
        "{parts:?}"
    );
    assert_eq!(upstream.asked.load(SeqCst), 2);
}

#[tokio::test]
async fn the_cache_stays_within_its_size_and_lifetime() {
    let upstream = Upstream::start(Behaviour::Good).await;
    let tight = CacheLimits {
        ttl: Duration::from_millis(50),
        max_bytes: 2_000,
        ..KEEP
    };
    let bench = start_cached(&[&upstream.base_url], limits(), tight).await;
    let cache = bench.cache.clone().unwrap();

    for number in 0..50 {
        let body = ASK.replace("hi", &number.to_string());
        assert_eq!(bench.post(&body).await.status(), 200);
        assert!(cache.counts().bytes <= 2_000);
    }
    while cache.counts().entries > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(header(&bench.post(ASK).await, "x-aibal-cache"), "miss");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_caches_responses_and_counts_them() {
    let upstream = Upstream::start(Behaviour::Good).await;
    let home = TempDir::new().unwrap();
    let config = home.path().join("config.toml");
    let text = format!(
        "[cache]\nenabled = true\n[[providers]]\nname = \"a\"\nkind = \"openai-compatible\"\n\
         base_url = {:?}\n[[providers.models]]\nid = \"only-a\"\n",
        upstream.base_url
    );
    std::fs::write(&config, text).unwrap();
    let mut command = program(&home);
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--config"])
        .arg(&config);
    let (_running, url) = tokio::task::spawn_blocking(move || serving(&mut command))
        .await
        .unwrap();
    let client = reqwest::Client::new();
    for expected in ["miss", "hit", "hit"] {
        let request = client.post(format!("{url}/v1/chat/completions")).body(ASK);
        let answer = request.send().await.unwrap();
        assert_eq!(header(&answer, "x-aibal-cache"), expected);
    }

    let status = client
        .get(format!("{url}/api/status"))
        .send()
        .await
        .unwrap();
    let status: serde_json::Value = status.json().await.unwrap();
    let cache = &status["cache"];
    assert_eq!(
        (&cache["hits"], &cache["misses"], &cache["coalesced"]),
        (&2.into(), &1.into(), &0.into())
    );
    assert_eq!(cache["entries"], 1);
    assert!(cache["bytes"].as_u64().unwrap() > WHOLE.len() as u64);
}

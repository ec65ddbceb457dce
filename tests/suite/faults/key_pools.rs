//! Providers with several keys: what belongs to a key stays with it.

use super::clock::Clock;
use super::{header, seen, usual};
use crate::bench::{Bench, provider, start_fleet};
use aibal_tui::contract::{KeyState, ProviderStatus};
use aibal_tui::domain::{
    Capabilities, Catalogue, ModelTypes, Price, ProviderKey, ProviderKeys, Strategy, Target,
    TargetId,
};
use aibal_tui::protocols::{Endpoint, EndpointKey, EndpointRegistry, by_kind};
use aibal_tui::secrets::Program;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::Instant;

const FIRST: &str = "sk-first-of-the-pool";
const SECOND: &str = "sk-second-of-the-pool";
const WHOLE: &str = r#"{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}"#;

/// A vendor that allows 60 requests a minute, by key or by account.
struct Vendor {
    url: String,
    limits: Arc<Mutex<Limits>>,
}

struct Limits {
    /// By key; all keys of one account have the same entry.
    buckets: BTreeMap<String, (f64, Instant)>,
    is_account: bool,
    /// A key that is refused.
    refused: Option<&'static str>,
    served: u32,
    /// Requests that were answered with 429, 401 or 402.
    rejected: Vec<u16>,
}

impl Limits {
    fn answer(&mut self, key: &str) -> (StatusCode, HeaderMap, &'static str) {
        let mut headers = HeaderMap::new();
        if self.refused.is_some_and(|refused| refused == key) {
            self.rejected.push(401);
            let body =
                r#"{"error":{"message":"Incorrect API key provided: sk-first-of-the-pool"}}"#;
            return (StatusCode::UNAUTHORIZED, headers, body);
        }
        let name = if self.is_account { "all" } else { key };
        let now = Instant::now();
        let (level, at) = self.buckets.entry(name.to_owned()).or_insert((3.0, now));
        *level = (*level + now.duration_since(*at).as_secs_f64()).min(60.0);
        *at = now;
        let is_free = *level >= 1.0;
        if is_free {
            *level -= 1.0;
        }
        let mut set = |name: &'static str, value: String| {
            headers.insert(name, value.parse().unwrap());
        };
        set("x-ratelimit-limit-requests", "60".to_owned());
        set("x-ratelimit-remaining-requests", level.floor().to_string());
        set("x-ratelimit-reset-requests", format!("{}s", 60.0 - *level));
        if is_free {
            self.served += 1;
            (StatusCode::OK, headers, WHOLE)
        } else {
            self.rejected.push(429);
            (StatusCode::TOO_MANY_REQUESTS, headers, "{}")
        }
    }
}

impl Vendor {
    async fn start() -> Self {
        let limits = Arc::new(Mutex::new(Limits {
            buckets: BTreeMap::new(),
            is_account: false,
            refused: None,
            served: 0,
            rejected: Vec::new(),
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let answer = async |State(limits): State<Arc<Mutex<Limits>>>, headers: HeaderMap| {
            let key = headers["authorization"].to_str().unwrap();
            let key = key.trim_start_matches("Bearer ").to_owned();
            limits.lock().unwrap().answer(&key).into_response()
        };
        let router = axum::Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&limits));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, limits }
    }

    fn served(&self) -> u32 {
        self.limits.lock().unwrap().served
    }

    fn rejected(&self) -> Vec<u16> {
        self.limits.lock().unwrap().rejected.clone()
    }
}

/// A gateway before `a`, with the models `shared` and `other` and these keys, and `b`, which is dearer.
async fn before(a: &Vendor, b: Option<&Vendor>, keys: &[&str], shares_quota: bool) -> Bench {
    let keys: Vec<EndpointKey<'_>> = keys.iter().copied().map(EndpointKey::Fixed).collect();
    before_sources(a, b, &keys, shares_quota).await
}

/// The same with keys from any source.
async fn before_sources(
    a: &Vendor,
    b: Option<&Vendor>,
    keys: &[EndpointKey<'_>],
    shares_quota: bool,
) -> Bench {
    let (mut catalogue, mut directory) = (Catalogue::default(), EndpointRegistry::default());
    let protocol = by_kind("openai-compatible").unwrap();
    let endpoint = |vendor: &Vendor, key: &str| {
        Endpoint::new(&vendor.url, Some(key), "openai-compatible", protocol).unwrap()
    };
    let names = ["env:FIRST", "env:SECOND"];
    let mut first = provider("a");
    if keys.len() > 1 {
        let keys = names.map(|name| ProviderKey {
            name: name.into(),
            weight: 1.0,
        });
        first.keys = ProviderKeys {
            keys: keys.to_vec(),
            shares_quota,
        };
    }
    catalogue.providers.push(first);
    directory
        .endpoints
        .push(endpoint(a, "unused").with_keys(keys));
    if let Some(b) = b {
        catalogue.providers.push(provider("b"));
        directory.endpoints.push(Some(endpoint(b, "sk-of-b")));
    }
    let targets = [
        (0, "a", "shared", 1.0),
        (0, "a", "other", 1.0),
        (1, "b", "shared", 9.0),
    ];
    for (at, name, model, usd) in targets.into_iter().take(2 + usize::from(b.is_some())) {
        catalogue.targets.push(Target {
            id: TargetId::new(name, model),
            provider: at.into(),
            types: ModelTypes::CHAT,
            capabilities: Capabilities::default(),
            price: Some(Price::flat(usd, usd)),
            max_concurrent: None,
        });
    }
    start_fleet(catalogue, directory, Strategy::Best, usual(), None).await
}

async fn ask(bench: &Bench, model: &str) -> reqwest::Response {
    let body = format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"hi"}}]}}"#);
    bench.post(&body).await
}

/// Status, provider, number of attempts, and key.
fn head(response: &reqwest::Response) -> (u16, String, String, String) {
    (
        response.status().as_u16(),
        header(response, "x-aibal-provider"),
        header(response, "x-aibal-attempts"),
        header(response, "x-aibal-key"),
    )
}

fn by(provider: &str, attempts: u32, key: &str) -> (u16, String, String, String) {
    (
        200,
        provider.to_owned(),
        attempts.to_string(),
        key.to_owned(),
    )
}

async fn status(bench: &Bench) -> Vec<ProviderStatus> {
    let picture = bench.handle.snapshot(900).await.unwrap();
    let providers = picture.providers.iter();
    providers
        .map(|provider| ProviderStatus::new(provider, &picture))
        .collect()
}

/// Sends 119 requests a minute for three minutes; returns the vendor's 429s.
async fn drive(clock: &Clock, vendor: &Vendor, bench: &Bench) -> usize {
    let gap = Duration::from_mins(1) / 119;
    for _ in 0..3 * 119 {
        let response = ask(bench, "shared").await;
        drop(response.text().await);
        clock.leap(gap).await;
    }
    vendor.rejected().len()
}

#[tokio::test(start_paused = true)]
async fn two_keys_of_60_a_minute_serve_119_without_a_429() {
    let clock = Clock::stopped();
    let vendor = Vendor::start().await;
    let bench = before(&vendor, None, &[FIRST, SECOND], false).await;

    assert_eq!(drive(&clock, &vendor, &bench).await, 0);

    assert_eq!(vendor.served(), 3 * 119);
    let keys = &status(&bench).await[0].keys;
    let attempts: Vec<u64> = keys.iter().map(|key| key.attempts).collect();
    assert!(
        attempts.iter().all(|count| (170..=187).contains(count)),
        "{attempts:?}"
    );
    assert!(keys.iter().all(|key| key.requests_left.is_some()));

    let alone = Vendor::start().await;
    let bench = before(&alone, None, &[FIRST], false).await;
    assert!(
        drive(&clock, &alone, &bench).await > 0,
        "one key is not enough"
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_takes_no_other_key_and_no_target_with_it() {
    let clock = Clock::stopped();
    let (a, b) = (Vendor::start().await, Vendor::start().await);
    a.limits.lock().unwrap().refused = Some(FIRST);
    let bench = before(&a, Some(&b), &[FIRST, SECOND], false).await;

    let first = ask(&bench, "shared").await;
    assert_eq!(
        head(&first),
        by("a", 2, "1"),
        "the next key of the same target"
    );
    seen(&bench, |picture| {
        picture.providers[0].keys[0].blocked.is_some()
    })
    .await;
    for model in ["shared", "other", "shared", "other"] {
        clock.leap(Duration::from_secs(1)).await;
        assert_eq!(head(&ask(&bench, model).await), by("a", 1, "1"), "{model}");
    }

    assert_eq!(a.rejected(), [401]);
    assert_eq!(b.served(), 0);
    let providers = status(&bench).await;
    let states: Vec<KeyState> = providers[0].keys.iter().map(|key| key.state).collect();
    assert_eq!(states, [KeyState::Refused, KeyState::Ok]);
    assert_eq!(providers[0].keys[0].name, "env:FIRST");
    assert_eq!(providers[0].keys[0].reason.as_deref(), Some("auth"));
    let picture = bench.handle.snapshot(900).await.unwrap();
    let decisions = bench.handle.decisions().await.unwrap();
    let told = format!(
        "{picture:?} {decisions:?} {}",
        serde_json::to_string(&providers).unwrap()
    );
    assert!(told.contains("key env:FIRST: auth"), "{told}");
    assert!(!told.contains("of-the-pool"), "a key is shown: {told}");
    let used = decisions.iter().map(|decision| {
        let keys = decision
            .attempts
            .iter()
            .map(|attempt| attempt.key.unwrap().get());
        keys.collect::<Vec<usize>>()
    });
    let mut used: Vec<Vec<usize>> = used.collect();
    used.sort();
    assert_eq!(used, [vec![0, 1], vec![1], vec![1], vec![1], vec![1]]);
}

#[tokio::test(start_paused = true)]
async fn a_target_is_left_only_when_all_of_its_keys_are_out() {
    let clock = Clock::stopped();
    let (a, b) = (Vendor::start().await, Vendor::start().await);
    let bench = before(&a, Some(&b), &[FIRST, SECOND], false).await;
    // Each key has three requests and gets another one a second.
    for at in 0..6 {
        assert_eq!(
            header(&ask(&bench, "shared").await, "x-aibal-provider"),
            "a",
            "{at}"
        );
        clock.leap(Duration::from_millis(20)).await;
    }
    let other = ask(&bench, "shared").await;
    assert_eq!(header(&other, "x-aibal-provider"), "b");
    clock.leap(Duration::from_secs(2)).await;
    assert_eq!(
        header(&ask(&bench, "shared").await, "x-aibal-provider"),
        "a"
    );
}

#[tokio::test(start_paused = true)]
async fn keys_of_one_account_share_its_quota() {
    let clock = Clock::stopped();
    let (a, b) = (Vendor::start().await, Vendor::start().await);
    a.limits.lock().unwrap().is_account = true;
    let bench = before(&a, Some(&b), &[FIRST, SECOND], true).await;
    for at in 0..3 {
        assert_eq!(
            header(&ask(&bench, "shared").await, "x-aibal-provider"),
            "a",
            "{at}"
        );
        clock.leap(Duration::from_millis(20)).await;
    }

    let other = ask(&bench, "shared").await;

    assert_eq!(
        head(&other),
        by("b", 1, ""),
        "the other key has no quota of its own"
    );
    assert_eq!(a.rejected(), [0_u16; 0]);

    // A 429 of the account is none that another key could mend.
    a.limits.lock().unwrap().buckets.clear();
    a.limits
        .lock()
        .unwrap()
        .buckets
        .insert("all".to_owned(), (-60.0, Instant::now()));
    clock.leap(Duration::from_secs(10)).await;
    assert_eq!(head(&ask(&bench, "shared").await), by("b", 2, ""));
    assert_eq!(a.rejected(), [429]);
}

#[tokio::test]
async fn a_rejected_key_of_a_command_is_read_again_within_the_attempt() {
    let vendor = Vendor::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let program = Program::parse(&format!("cat {}", file.display())).unwrap();
    let key = EndpointKey::Command(&program, Duration::from_hours(1));
    std::fs::write(&file, FIRST).unwrap();
    let bench = before_sources(&vendor, None, &[key], false).await;
    assert_eq!(ask(&bench, "shared").await.status(), 200);

    vendor.limits.lock().unwrap().refused = Some(FIRST);
    std::fs::write(&file, SECOND).unwrap();
    let rotated = ask(&bench, "shared").await;

    assert_eq!(rotated.status(), 200);
    assert_eq!(header(&rotated, "x-aibal-attempts"), "1");
    assert_eq!(vendor.rejected(), [401]);

    // Where the command has no other key, the provider's answer counts and nothing is sent again.
    vendor.limits.lock().unwrap().refused = Some(SECOND);
    let refused = ask(&bench, "shared").await;
    assert_eq!(refused.status(), 502);
    let text = refused.text().await.unwrap();
    assert!(!text.contains("of-the-pool"), "{text}");
    assert_eq!(vendor.rejected(), [401, 401]);
}

#[tokio::test]
async fn a_command_without_a_key_fails_the_attempt_and_names_itself() {
    let (a, b) = (Vendor::start().await, Vendor::start().await);
    let program = Program::parse("sh -c 'echo no such secret >&2; exit 2'").unwrap();
    let key = EndpointKey::Command(&program, Duration::from_hours(1));

    let bench = before_sources(&a, Some(&b), &[key], false).await;
    let response = ask(&bench, "shared").await;

    assert_eq!(header(&response, "x-aibal-provider"), "b");
    assert_eq!((a.served(), a.rejected().len()), (0, 0));
    let alone = before_sources(&a, None, &[key], false).await;
    let text = ask(&alone, "shared").await.text().await.unwrap();
    assert!(
        text.contains("the command sh ended with exit code 2: no such secret"),
        "{text}"
    );
}

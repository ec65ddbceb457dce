//! A provider whose keys run out: a cloud on loopback that grants tokens and takes them back.

use super::{error, header};
use crate::bench::{Bench, limits, start_fleet};
use aibal_tui::domain::{
    Capabilities, Catalogue, ModelTypes, Provider, RateLimits, Strategy, Target, TargetId,
};
use aibal_tui::protocols::{Endpoint, EndpointRegistry, TokenSource, VertexLocation, by_kind};
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const ASK: &str = r#"{"model":"gemini-3.5-flash","messages":[{"role":"user","content":"hi"}]}"#;
const MODEL: &str = "/v1/projects/pier/locations/global/publishers/google/models/gemini-3.5-flash";

/// Grants `token-1`, `token-2` and so on, and takes only the one in force.
struct Cloud {
    url: String,
    granted: Arc<AtomicU64>,
    in_force: Arc<AtomicU64>,
    /// Token counts that were served.
    counted: Arc<AtomicU64>,
    folder: tempfile::TempDir,
}

impl Cloud {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let granted = Arc::new(AtomicU64::new(0));
        let in_force = Arc::new(AtomicU64::new(1));
        let counted = Arc::new(AtomicU64::new(0));
        let counting = Arc::clone(&counted);
        let (count, good) = (Arc::clone(&granted), Arc::clone(&in_force));
        let answer = move |uri: Uri, headers: HeaderMap| async move {
            if uri.path() == "/token" {
                let number = count.fetch_add(1, Ordering::SeqCst) + 1;
                let token = json!({"access_token": format!("token-{number}"),
                    "expires_in": 3_600, "token_type": "Bearer"});
                return (StatusCode::OK, token.to_string());
            }
            let good = format!("Bearer token-{}", good.load(Ordering::SeqCst));
            if headers["authorization"] != good {
                let body =
                    r#"{"error":{"code":401,"message":"expired","status":"UNAUTHENTICATED"}}"#;
                return (StatusCode::UNAUTHORIZED, body.to_owned());
            }
            let body = match uri.path().strip_prefix(MODEL) {
                Some(":generateContent") => {
                    r#"{"candidates":[{"content":{"parts":[{"text":"Hello"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":2}}"#
                }
                Some(":countTokens") => {
                    counting.fetch_add(1, Ordering::SeqCst);
                    r#"{"totalTokens":1}"#
                }
                _ => return (StatusCode::NOT_FOUND, String::new()),
            };
            (StatusCode::OK, body.to_owned())
        };
        let router = axum::Router::new().fallback(answer);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            url,
            granted,
            in_force,
            counted,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// The credentials file of a signed-in user.
    fn credentials(&self) -> PathBuf {
        let path = self.folder.path().join("credentials.json");
        let person = json!({"type": "authorized_user", "client_id": "id", "client_secret": "fx",
            "refresh_token": "fx", "token_uri": format!("{}/token", self.url)});
        std::fs::write(&path, person.to_string()).unwrap();
        path
    }

    /// A gateway before it, with these credentials.
    async fn bench(&self, file: PathBuf, probes: Option<Duration>) -> Bench {
        let mut catalogue = Catalogue::default();
        catalogue.providers.push(Provider {
            name: "cloud".into(),
            kind: "vertex".into(),
            priority: 50,
            max_concurrent: None,
            rates: RateLimits::default(),
            enabled: true,
            off: None,
            weights: aibal_tui::domain::WeightOverride::default(),
            keys: aibal_tui::domain::ProviderKeys::default(),
        });
        catalogue.targets.push(Target {
            id: TargetId::new("cloud", "gemini-3.5-flash"),
            provider: 0.into(),
            types: ModelTypes::CHAT,
            capabilities: Capabilities::default(),
            price: None,
            max_concurrent: None,
        });
        let protocol = by_kind("vertex").unwrap();
        let mut endpoint = Endpoint::new(&self.url, None, "vertex", protocol).unwrap();
        endpoint.location = Some(VertexLocation {
            project: "pier".to_owned(),
            location: "global".to_owned(),
        });
        endpoint.probe_model = Some("gemini-3.5-flash".into());
        let directory = EndpointRegistry {
            endpoints: vec![Some(
                endpoint.with_tokens(TokenSource::new(Some(file), || 0)),
            )],
            traits: Vec::new(),
        };
        start_fleet(catalogue, directory, Strategy::Best, limits(), probes).await
    }

    fn counted(&self) -> u64 {
        self.counted.load(Ordering::SeqCst)
    }

    fn granted(&self) -> u64 {
        self.granted.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_revoked_token_is_replaced_within_the_same_attempt() {
    let cloud = Cloud::start().await;
    let bench = cloud.bench(cloud.credentials(), None).await;

    for granted in [1, 1, 2, 2] {
        // The third request finds the first token taken back.
        cloud.in_force.store(granted, Ordering::SeqCst);
        let response = bench.post(ASK).await;

        assert_eq!(response.status(), 200);
        assert_eq!(header(&response, "x-aibal-attempts"), "1");
        let answer: Value = response.json().await.unwrap();
        assert_eq!(answer["choices"][0]["message"]["content"], "Hello");
        assert_eq!(answer["usage"]["total_tokens"], 7);
        assert_eq!(cloud.granted(), granted);
    }
}

#[tokio::test]
async fn a_new_token_that_is_rejected_too_ends_the_attempt() {
    let cloud = Cloud::start().await;
    cloud.in_force.store(9, Ordering::SeqCst);
    let bench = cloud.bench(cloud.credentials(), None).await;

    let response = bench.post(ASK).await;

    assert_eq!(response.status(), 502);
    assert_eq!(cloud.granted(), 2);
}

#[tokio::test]
async fn unusable_credentials_are_reported_to_the_operator() {
    let cloud = Cloud::start().await;
    let missing = cloud.folder.path().join("none.json");
    let every = Some(Duration::from_millis(200));
    let bench = cloud.bench(missing, every).await;

    let response = bench.post(ASK).await;

    assert_eq!(response.status(), 502);
    let message = error(response).await["message"].to_string();
    assert!(!message.contains("credentials"), "{message}");
    let told = "the file that `credentials` names cannot be read: entity not found";
    bench
        .until(|picture| {
            let mut events = picture.events.iter();
            events.any(|event| event.text.contains(told))
        })
        .await;
}

#[tokio::test]
async fn a_probe_shows_its_token_as_requests_do() {
    let cloud = Cloud::start().await;
    let every = Some(Duration::from_millis(200));
    let bench = cloud.bench(cloud.credentials(), every).await;

    bench.until(|_| cloud.counted() >= 2).await;

    assert_eq!(cloud.granted(), 1);
}

//! Alerts of a running program: raised by traffic, listed, acknowledged, muted, and delivered.

use crate::program::{Running, program, run, serving};
use crate::upstream::{Behaviour, Upstream};
use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::{Value, json};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::mpsc;

const ASK: &str = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;

/// A receiver of webhooks that takes everything; returns its address and the messages.
async fn receiver() -> (String, mpsc::Receiver<(HeaderMap, Value)>) {
    async fn take(
        State(sender): State<mpsc::Sender<(HeaderMap, Value)>>,
        headers: HeaderMap,
        body: String,
    ) {
        let body = serde_json::from_str(&body).unwrap();
        sender.send((headers, body)).await.unwrap();
    }
    let (sender, messages) = mpsc::channel(100);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook/secret-path", listener.local_addr().unwrap());
    let router = Router::new().fallback(take).with_state(sender);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, messages)
}

struct Instance {
    home: TempDir,
    _running: Running,
    url: String,
}

impl Instance {
    /// An instance whose alerts need no time and few samples.
    fn open(upstream: &Upstream, webhook: &str) -> Self {
        let home = TempDir::new().unwrap();
        let text = format!(
            "[balancing]\nmax_retries = 0\n[probe]\nmode = \"off\"\n\
             [alerts]\nhold_seconds = 0\nmin_samples = 4\n\
             [[alerts.webhooks]]\nurl = \"{webhook}\"\nsecret_env = \"HOOK_SECRET\"\n\
             [[providers]]\nname = \"a\"\nkind = \"openai-compatible\"\nbase_url = \"{}\"\n\
             api_key = \"k\"\nmodels = [{{ id = \"m\" }}]\n",
            upstream.base_url
        );
        std::fs::write(home.path().join("aibal.toml"), text).unwrap();
        let mut command = program(&home);
        command
            .env("HOOK_SECRET", "hook-secret-1")
            .args(["serve", "--listen", "127.0.0.1:0"]);
        let (running, url) = serving(&mut command);
        Self {
            home,
            _running: running,
            url,
        }
    }

    async fn get(&self, path: &str) -> Value {
        let answer = reqwest::get(format!("{}{path}", self.url)).await;
        answer.unwrap().json().await.unwrap()
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let client = reqwest::Client::new();
        let call = client.post(format!("{}{path}", self.url)).json(&body);
        let answer = call.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// Runs `aibal-tui alerts …` against the instance.
    async fn alerts(&self, args: &[&str]) -> (i32, String, String) {
        let mut command = program(&self.home);
        command.arg("alerts").args(args).env("AIBAL_URL", &self.url);
        tokio::task::spawn_blocking(move || run(&mut command))
            .await
            .unwrap()
    }

    async fn ask(&self, times: usize) {
        for _ in 0..times {
            let url = format!("{}/v1/chat/completions", self.url);
            let call = reqwest::Client::new().post(url).body(ASK);
            call.send().await.unwrap();
        }
    }

    /// The first alert, once it is as wanted.
    async fn until(&self, is_wanted: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..1_200 {
            let list = self.get("/api/alerts").await;
            if let Some(alert) = list["alerts"].get(0).filter(|alert| is_wanted(alert)) {
                return alert.clone();
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{}", self.get("/api/alerts").await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_raised_delivered_acknowledged_muted_and_ends() {
    let bad_request = Behaviour::Status(500, "{}", Vec::new());
    let upstream = Upstream::start(Behaviour::Good).await;
    let (webhook, mut messages) = receiver().await;
    let instance = Instance::open(&upstream, &webhook);
    assert_eq!(instance.get("/api/alerts").await["alerts"], json!([]));

    upstream.behave(bad_request);
    instance.ask(6).await;
    let alert = instance.until(|alert| alert["state"] == "firing").await;
    assert_eq!(alert["provider"], "a");
    assert!(alert["help"].as_str().unwrap().contains("docs/alerts.md#"));
    let status = instance.get("/api/status").await;
    assert_eq!(status["alerts"][0]["id"], alert["id"]);
    let told = status["events"].as_array().unwrap();
    assert!(
        told.iter().any(|event| event["kind"] == "alert"),
        "{told:?}"
    );

    let (headers, message) = messages.recv().await.unwrap();
    assert_eq!(message["change"], "raised");
    assert_eq!(message["alert"]["id"], alert["id"]);
    let signature = headers["x-aibal-signature"].to_str().unwrap();
    assert!(signature.starts_with("t=") && signature.contains(",v1="));

    let id = alert["id"].as_str().unwrap();
    let (code, out, err) = instance.alerts(&["acknowledge", id]).await;
    assert_eq!((code, &*err), (0, ""));
    assert!(out.contains("acknowledged"), "{out}");
    let (_, message) = messages.recv().await.unwrap();
    assert_eq!(message["change"], "acknowledged");
    let (code, out, _) = instance.alerts(&["mute", id, "--for", "1h"]).await;
    assert_eq!(code, 0);
    assert!(out.contains("muted until"), "{out}");
    let (_, message) = messages.recv().await.unwrap();
    assert_eq!(message["change"], "muted");
    let (code, out, _) = instance.alerts(&["list"]).await;
    assert_eq!(code, 0);
    assert!(out.contains(id) && !out.contains("secret-path"), "{out}");

    // Disabled by an operator, the provider has no alert any more, and its end is told.
    let client = reqwest::Client::new();
    let change = client.patch(format!("{}/api/providers/a", instance.url));
    let change = change.json(&json!({ "enabled": false })).send().await;
    assert!(change.unwrap().status().is_success());
    instance.until(|alert| alert["state"] == "resolved").await;
    let (_, message) = messages.recv().await.unwrap();
    assert_eq!(message["change"], "resolved");
    let webhooks = &instance.get("/api/alerts").await["webhooks"];
    assert_eq!(webhooks[0]["delivered"], 4);
    assert_eq!(webhooks[0]["lost"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_reaches_every_webhook_and_mistakes_are_named() {
    let upstream = Upstream::start(Behaviour::Good).await;
    let (webhook, mut messages) = receiver().await;
    let instance = Instance::open(&upstream, &webhook);

    let (code, out, _) = instance.alerts(&["test"]).await;
    assert_eq!(code, 0);
    assert!(out.contains("(json): taken, 200 OK"), "{out}");
    assert_eq!(messages.recv().await.unwrap().1["change"], "test");
    assert_eq!(instance.get("/api/alerts").await["alerts"], json!([]));

    let unknown = "/api/alerts/0123456789abcdef/acknowledge";
    assert_eq!(instance.post(unknown, json!({})).await.0, 404);
    let wrong = instance
        .post("/api/alerts/x/mute", json!({"seconds": 1}))
        .await;
    assert_eq!(wrong.0, 404);
    let mute = "/api/alerts/0123456789abcdef/mute";
    let (code, problem) = instance.post(mute, json!({"seconds": -1})).await;
    assert_eq!(code, 422);
    assert_eq!(problem["errors"][0]["field"], "seconds");
    let (code, _, err) = instance.alerts(&["mute", "x", "--for", "soon"]).await;
    assert_eq!(code, 2);
    assert!(err.contains("15m or 1h"), "{err}");
    let (code, _, err) = instance.alerts(&["acknowledge", "x"]).await;
    assert_eq!(code, 2);
    assert!(err.contains("no id of an alert"), "{err}");
}

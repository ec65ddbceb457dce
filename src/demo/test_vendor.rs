//! One running vendor, for the tests of the wire formats.

use super::Fault;
use super::behaviour::Behaviour;
use super::pace::Pace;
use super::profile::Profile;
use super::server;
use super::vendor::Vendor;
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A running vendor without random failures, at a hundred times real speed.
pub struct TestVendor {
    pub behaviour: Arc<Behaviour>,
    client: reqwest::Client,
    address: String,
    authorize: fn(RequestBuilder) -> RequestBuilder,
    _stop: DropGuard,
}

impl TestVendor {
    /// Starts the vendor of this name; `authorize` adds its key to requests.
    pub async fn start(name: &str, authorize: fn(RequestBuilder) -> RequestBuilder) -> Self {
        let profile = Profile::named(name).expect("a known vendor");
        let behaviour = Arc::new(Behaviour::new(profile, 1, Pace::new(100.0)));
        behaviour.switch.set_manual(Some(Fault::Errors(0.0)));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("its address"));
        let router = Vendor::new(profile.wire, Arc::clone(&behaviour)).router();
        let stop = CancellationToken::new();
        let guard = stop.clone().drop_guard();
        tokio::spawn(server::serve(
            listener,
            Arc::clone(&behaviour),
            router,
            stop,
        ));
        Self {
            behaviour,
            client: reqwest::Client::builder()
                .no_proxy()
                .timeout(Duration::from_secs(30))
                .build()
                .expect("a client"),
            address,
            authorize,
            _stop: guard,
        }
    }

    pub fn fault(&self, fault: Fault) {
        self.behaviour.switch.set_manual(Some(fault));
    }

    pub fn unauthenticated(&self, path: &str, body: Option<&Value>) -> RequestBuilder {
        let url = format!("{}{path}", self.address);
        match body {
            Some(body) => self.client.post(url).json(body),
            None => self.client.get(url),
        }
    }

    pub async fn send(&self, path: &str, body: Option<&Value>) -> Response {
        let request = (self.authorize)(self.unauthenticated(path, body));
        request.send().await.expect("the vendor is up")
    }

    /// A successful response as JSON.
    pub async fn json(&self, path: &str, body: Option<&Value>) -> Value {
        let response = self.send(path, body).await;
        let status = response.status();
        let text = response.text().await.expect("a whole answer");
        assert!(status.is_success(), "{status}: {text}");
        serde_json::from_str(&text).expect("JSON")
    }

    /// The text of a successful stream.
    pub async fn stream(&self, path: &str, body: &Value) -> String {
        let response = self.send(path, Some(body)).await;
        let status = response.status();
        let text = response.text().await.expect("a whole stream");
        assert!(status.is_success(), "{status}: {text}");
        text
    }
}

/// A body with further members, which replace equal ones.
pub fn with_members(mut body: Value, extra: &Value) -> Value {
    for (key, value) in extra.as_object().expect("members") {
        body[key] = value.clone();
    }
    body
}

/// The data of a stream's events, in order, without the terminator.
pub fn events(text: &str) -> Vec<Value> {
    text.lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter_map(|data| serde_json::from_str(data).ok())
        .collect()
}

/// All strings at this pointer, concatenated.
pub fn joined(events: &[Value], pointer: &str) -> String {
    let texts = events
        .iter()
        .filter_map(|event| event.pointer(pointer)?.as_str());
    texts.collect()
}

/// The number of words.
pub fn words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

/// Two tools: name and JSON schema.
pub fn tools() -> [(&'static str, Value); 2] {
    let text = serde_json::json!({"type": "string"});
    let unit = serde_json::json!({"type": "string", "enum": ["m", "ft"]});
    [
        (
            "tide_level",
            serde_json::json!({
                "type": "object",
                "properties": {"harbor": text, "unit": unit, "note": text},
                "required": ["harbor", "unit"],
            }),
        ),
        (
            "now",
            serde_json::json!({"type": "object", "properties": {}}),
        ),
    ]
}

/// Checks that both tools were called with valid arguments.
pub fn assert_called(names: &[&str], arguments: &[Value]) {
    assert_eq!(names, ["tide_level", "now"]);
    let tide = arguments[0].as_object().expect("an object");
    assert_eq!(tide.len(), 2, "{tide:?}");
    assert!(tide["harbor"].is_string());
    assert!(["m", "ft"].map(Value::from).contains(&tide["unit"]));
    assert_eq!(arguments[1], serde_json::json!({}));
}

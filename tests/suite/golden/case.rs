//! One recorded exchange with a provider, as `tests/fixtures/manifest.json` lists it.

use aibal_tui::protocols::{Endpoint, EndpointRegistry, VertexLocation, by_kind};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Deserialize)]
pub struct Case {
    pub id: String,
    pub provider: String,
    pub kind: String,
    pub files: Vec<String>,
    pub upstream: Upstream,
    pub expected: Expected,
}

/// What the provider is asked and how it answers.
#[derive(Debug, Clone, Deserialize)]
pub struct Upstream {
    pub method: String,
    pub path: String,
    pub request_headers: BTreeMap<String, String>,
    pub status: u16,
    pub headers: BTreeMap<String, String>,
}

/// What becomes of it.
#[derive(Debug, Clone, Deserialize)]
pub struct Expected {
    pub status: u16,
    pub class: Option<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub cooldown_s: Option<f64>,
    pub healthy: Option<bool>,
    pub model_ids: Option<Vec<String>>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// All of them.
pub fn cases() -> Vec<Case> {
    #[derive(Deserialize)]
    struct Manifest {
        cases: Vec<Case>,
    }
    let text = std::fs::read_to_string(folder().join("manifest.json")).unwrap();
    serde_json::from_str::<Manifest>(&text).unwrap().cases
}

impl Case {
    pub fn has(&self, file: &str) -> bool {
        self.files.iter().any(|name| name == file)
    }

    pub fn bytes(&self, file: &str) -> Vec<u8> {
        std::fs::read(folder().join(&self.id).join(file)).unwrap()
    }

    pub fn json(&self, file: &str) -> Value {
        serde_json::from_slice(&self.bytes(file)).unwrap()
    }

    /// The file whose name begins so, where there is one.
    pub fn file(&self, beginning: &str) -> Option<&str> {
        let mut names = self.files.iter().map(String::as_str);
        names.find(|name| name.starts_with(beginning))
    }

    /// A name that fits into an address.
    pub fn slug(&self) -> String {
        self.id.replace('/', "-")
    }

    /// The word of the provider's protocol.
    pub fn protocol(&self) -> &str {
        match self.provider.as_str() {
            "openai-compat" => "openai-compatible",
            // Their clients are what is recorded; behind them is OpenAI.
            "inbound-anthropic" | "inbound-responses" => "openai",
            other => other,
        }
    }

    /// The path that OpenAI's chat clients, or others, ask at our door.
    pub fn front(&self) -> &'static str {
        match (self.provider.as_str(), self.kind.as_str()) {
            ("inbound-anthropic", _) => "messages",
            ("inbound-responses", _) => "responses",
            (_, "embeddings") => "embeddings",
            _ => "chat/completions",
        }
    }

    /// What the provider's path is after its base address, however it is asked.
    pub fn upstream_path(&self) -> String {
        match self.provider.as_str() {
            "inbound-anthropic" | "inbound-responses" => "/v1/chat/completions".to_owned(),
            _ => self.upstream.path.clone(),
        }
    }

    /// The path of the stream's request.
    pub fn stream_path(&self) -> String {
        let path = self.upstream_path();
        path.replace(":generateContent", ":streamGenerateContent?alt=sse")
    }

    /// The model at the provider: from the request, or else from the path.
    pub fn model(&self) -> String {
        let request = self
            .file("request.openai")
            .or_else(|| self.file("request."));
        let named = request.and_then(|file| self.json(file)["model"].as_str().map(str::to_owned));
        named.unwrap_or_else(|| {
            let (_, after) = self
                .upstream
                .path
                .split_once("models/")
                .unwrap_or(("", "m"));
            after.split([':', '?']).next().unwrap_or("m").to_owned()
        })
    }

    /// Where the gateway finds the provider.
    pub fn endpoint(&self, host: &str) -> Endpoint {
        let path = self.upstream_path();
        let ends = [
            "/v1/projects/",
            "/chat/completions",
            "/embeddings",
            "/messages",
            "/models/",
            "/models?",
            "/api/",
            "/models",
        ];
        let end = ends.iter().find_map(|end| path.find(end));
        let base = format!("{host}/{}{}", self.slug(), &path[..end.unwrap()]);
        let kind = self.protocol();
        let key = (kind != "ollama").then_some("the-key");
        let mut endpoint = Endpoint::new(&base, key, kind, by_kind(kind).unwrap()).unwrap();
        if kind == "vertex" {
            endpoint.location = Some(VertexLocation {
                project: "fx-proj".to_owned(),
                location: "global".to_owned(),
            });
        }
        endpoint
    }

    /// The client's request for this provider alone.
    pub fn request(&self, stream: bool) -> Option<Value> {
        let client = [
            "request.openai.json",
            "request.anthropic.json",
            "request.responses.json",
        ];
        let client = client.into_iter().find(|file| self.has(file));
        let mut request = match client {
            Some(file) => self.json(file),
            None if self.kind.starts_with("err") => {
                serde_json::json!({"messages": [{"role": "user", "content": "Is the north pier open today?"}], "max_tokens": 64})
            }
            None => return None,
        };
        request["model"] = format!("{}/{}", self.slug(), self.model()).into();
        // Some were recorded as streams, and are asked for in one piece all the same.
        request.as_object_mut().unwrap().remove("stream");
        if stream {
            request["stream"] = true.into();
            if self.front() == "chat/completions" {
                request["stream_options"] = serde_json::json!({"include_usage": true});
            }
        }
        Some(request)
    }
}

/// Where every case's provider is.
pub fn directory(cases: &[Case], host: &str) -> EndpointRegistry {
    EndpointRegistry {
        endpoints: cases.iter().map(|case| Some(case.endpoint(host))).collect(),
        traits: Vec::new(),
    }
}

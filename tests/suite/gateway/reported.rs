//! Faults that users of other gateways and libraries reported, each as one exchange with a server of
//! one kind. `tests/fixtures/reported/README.md` says what the files hold.

use super::native_contents::start_kind;
use crate::golden::fold;
use crate::upstream::{Behaviour, Ending, Upstream};
use aibal_tui::domain::ModelType;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Text in a pattern that stands for no such member.
const ABSENT: &str = "$absent";
/// Text in a pattern that stands for any value.
const ANY: &str = "$any";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReportedCase {
    /// Repository and number of the public report.
    report: String,
    what: String,
    /// Kind of the provider.
    kind: String,
    #[serde(default = "usual_model")]
    model: String,
    path: String,
    request: Value,
    /// The server's whole answer, or the events or lines of its stream.
    answer: Option<Value>,
    #[serde(default)]
    events: Vec<Value>,
    #[serde(default = "success")]
    status: u16,
    /// Pattern of the body that the server gets, and texts that are not in it.
    #[serde(default)]
    upstream: Value,
    #[serde(default)]
    upstream_lacks: Vec<String>,
    /// Status that the client gets, pattern of the body or of the folded stream, and texts that are
    /// not in it.
    #[serde(default = "success")]
    client_status: u16,
    #[serde(default)]
    client: Value,
    #[serde(default)]
    client_lacks: Vec<String>,
}

fn usual_model() -> String {
    "m".to_owned()
}

fn success() -> u16 {
    200
}

fn reports() -> Vec<(String, ReportedCase)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/reported");
    let files = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "json"));
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let report = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, report)
    };
    paths.into_iter().map(read).collect()
}

impl ReportedCase {
    /// Plays the exchange; returns what is not as it should be.
    async fn faults(&self) -> Vec<String> {
        let upstream = Upstream::start(self.behaviour()).await;
        let host = upstream.base_url.trim_end_matches("/v1");
        let base = match self.kind.as_str() {
            "gemini" => format!("{host}/v1beta"),
            "ollama" => host.to_owned(),
            _ => upstream.base_url.clone(),
        };
        let kinds = [ModelType::Chat, ModelType::Vision, ModelType::Reasoning];
        let bench = start_kind(&upstream, (&self.kind, base), &self.model, kinds).await;
        let mut request = self.request.clone();
        if !self.path.contains("/models/") {
            request["model"] = json!(self.model);
        }
        let response = bench.send(&self.path, &request.to_string()).await;
        let status = response.status();
        let text = response.text().await.unwrap();
        let mut faults = Vec::new();
        if status != self.client_status {
            faults.push(format!("the client gets {status}: {text}"));
        }
        if upstream.requests() == 0 {
            faults.push("the server is never asked".to_owned());
            return faults;
        }
        let asked = upstream.last().1;
        let sent: Value = serde_json::from_str(&asked).unwrap();
        check(&self.upstream, &sent, "server", &mut faults);
        check(&self.client, &self.told(&text), "client", &mut faults);
        for (lacks, text) in [(&self.upstream_lacks, &asked), (&self.client_lacks, &text)] {
            let held = lacks.iter().filter(|lacked| text.contains(lacked.as_str()));
            faults.extend(held.map(|lacked| format!("{lacked:?} is in {text}")));
        }
        faults
    }

    fn behaviour(&self) -> Behaviour {
        // The test server's answers live as long as the program.
        let leak = |text: String| -> &'static str { text.leak() };
        match &self.answer {
            Some(answer) => Behaviour::Status(self.status, leak(answer.to_string()), Vec::new()),
            None if self.kind == "ollama" => {
                let lines: Vec<String> = self.events.iter().map(Value::to_string).collect();
                Behaviour::Status(self.status, leak(lines.join("\n")), Vec::new())
            }
            None => {
                let event = |event: &Value| match event {
                    Value::String(text) => leak(text.clone()),
                    event => leak(event.to_string()),
                };
                Behaviour::Events(self.events.iter().map(event).collect(), Ending::Close)
            }
        }
    }

    /// What the client assembles from its answer.
    fn told(&self, text: &str) -> Value {
        let is_stream = text.starts_with("data:") || text.starts_with("event:");
        if is_stream && self.path.ends_with("/messages") {
            return fold::message(text);
        }
        if is_stream && self.path.ends_with("/responses") {
            return fold::response(text);
        }
        if is_stream {
            return fold::chat(text);
        }
        serde_json::from_str(text).unwrap_or_else(|_| json!(text))
    }
}

/// Compares with a pattern: an object binds the members that it names, a list its length and order.
fn check(pattern: &Value, found: &Value, path: &str, faults: &mut Vec<String>) {
    match (pattern, found) {
        (Value::Null, _) => {}
        (Value::String(text), _) if text == ANY && !found.is_null() => {}
        (Value::Object(members), _) => {
            for (name, pattern) in members {
                let path = format!("{path}.{name}");
                match found.get(name) {
                    Some(found) if pattern == ABSENT => faults.push(format!("{path} is {found}")),
                    None if pattern == ABSENT => {}
                    found => check(pattern, found.unwrap_or(&Value::Null), &path, faults),
                }
            }
        }
        (Value::Array(patterns), Value::Array(items)) if patterns.len() == items.len() => {
            for (at, (pattern, item)) in patterns.iter().zip(items).enumerate() {
                check(pattern, item, &format!("{path}[{at}]"), faults);
            }
        }
        _ if pattern == found => {}
        _ => faults.push(format!("{path} is {found}, not {pattern}")),
    }
}

#[tokio::test]
async fn what_users_of_others_reported_does_not_happen_here() {
    let reports = reports();
    assert!(reports.len() >= 25, "{}", reports.len());
    let mut faults = Vec::new();
    for (name, report) in reports {
        assert!(
            report.report.contains('#') && !report.what.is_empty(),
            "{name}"
        );
        let found = report.faults().await;
        faults.extend(found.into_iter().map(|fault| format!("{name}: {fault}")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

//! Recorded answers with one member changed to every other JSON type: each stays readable, and what
//! the other members say reaches the client.

use super::case::{Case, cases};
use crate::exercise;
use aibal_tui::protocols::{ApiDialect, Framing};
use serde_json::{Value, json};

/// Members without which an answer may be cut off, and those that say that it failed.
const ENDS: [&str; 7] = [
    "finishReason",
    "finish_reason",
    "done",
    "type",
    "choices",
    "candidates",
    "error",
];

/// Members that hold what the model says.
const TEXTS: [&str; 8] = [
    "content",
    "text",
    "thinking",
    "reasoning_content",
    "refusal",
    "arguments",
    "partial_json",
    "delta",
];

/// The clients that get every provider's answers.
const CLIENTS: [ApiDialect; 3] = [
    ApiDialect::Chat,
    ApiDialect::Messages,
    ApiDialect::Responses,
];

/// A recorded answer: the JSON texts of its events, or of the whole.
struct Answer {
    kind: String,
    dialect: ApiDialect,
    file: String,
    /// Names of the events, empty without one.
    names: Vec<String>,
    texts: Vec<Value>,
    is_stream: bool,
}

/// Returns the answers of providers to each client that gets them, and the answers of the gateway
/// itself as those of a provider with the client's protocol.
fn answers() -> Vec<Answer> {
    let mut answers = Vec::new();
    for case in cases()
        .into_iter()
        .filter(|case| case.upstream.status == 200)
    {
        // Vertex AI and xAI are read by the code of others.
        let is_read = !matches!(case.provider.as_str(), "vertex" | "xai");
        if !is_read || !matches!(case.kind.as_str(), "text" | "tools") {
            continue;
        }
        for file in &case.files {
            let own = match file.as_str() {
                "expected.anthropic.json" | "expected.anthropic.sse" => {
                    Some(("anthropic", ApiDialect::Messages))
                }
                "expected.responses.json" | "expected.responses.sse" => {
                    Some(("openai", ApiDialect::Responses))
                }
                _ => None,
            };
            let is_answer = file.starts_with("response") || file.starts_with("stream");
            let readers = match own {
                Some(own) => vec![own],
                None if is_answer => CLIENTS.map(|client| (case.protocol(), client)).to_vec(),
                None => continue,
            };
            for (kind, dialect) in readers {
                // There a client of this API reaches another path, with other answers.
                let is_other = dialect == ApiDialect::Responses && own.is_none();
                let is_elsewhere = is_other && matches!(kind, "openai" | "xai");
                let is_upstream = own.is_none() && kind == "anthropic" && file.contains("upstream");
                if !is_elsewhere && !is_upstream {
                    answers.push(read(&case, file, kind, dialect));
                }
            }
        }
    }
    answers
}

fn read(case: &Case, file: &str, kind: &str, dialect: ApiDialect) -> Answer {
    let text = String::from_utf8(case.bytes(file)).unwrap();
    let is_stream = file.contains("sse") || file.contains("ndjson");
    let (mut names, mut texts) = (Vec::new(), Vec::new());
    let mut name = String::new();
    for line in text.lines() {
        if let Some(own) = line.strip_prefix("event: ") {
            own.clone_into(&mut name);
        }
        let data = line.strip_prefix("data: ").unwrap_or(line);
        if let (true, Ok(value)) = (is_stream, serde_json::from_str::<Value>(data)) {
            texts.push(value);
            names.push(std::mem::take(&mut name));
        }
    }
    if !is_stream {
        texts = vec![serde_json::from_str(&text).unwrap()];
    }
    Answer {
        kind: kind.to_owned(),
        dialect,
        file: format!("{}/{file}", case.id),
        names,
        texts,
        is_stream,
    }
}

impl Answer {
    /// Returns what a client is told, with one of the texts replaced.
    fn told(&self, replaced: Option<(usize, &Value)>) -> Result<String, String> {
        let text = |(index, own): (usize, &Value)| match replaced {
            Some((at, other)) if at == index => other.to_string(),
            _ => own.to_string(),
        };
        let texts: Vec<String> = self.texts.iter().enumerate().map(text).collect();
        if !self.is_stream {
            let body = exercise::whole_answer(&self.kind, self.dialect, texts[0].as_bytes())?;
            return Ok(said(&serde_json::from_slice(&body).unwrap()));
        }
        let mut stream = String::new();
        for (index, text) in texts.iter().enumerate() {
            match exercise::framing(&self.kind, self.dialect) {
                Framing::Lines => stream.extend([text.as_str(), "\n"]),
                Framing::Events => {
                    if !self.names[index].is_empty() {
                        stream.extend(["event: ", self.names[index].as_str(), "\n"]);
                    }
                    stream.extend(["data: ", text.as_str(), "\n\n"]);
                }
            }
        }
        if self.kind.starts_with("openai") || self.kind == "xai" {
            stream.push_str("data: [DONE]\n\n");
        }
        let out = exercise::streamed_answer(&self.kind, self.dialect, stream.as_bytes())?;
        let data = out.lines().filter_map(|line| line.strip_prefix("data: "));
        let data = data.filter_map(|text| serde_json::from_str::<Value>(text).ok());
        Ok(data.map(|event| said(&event)).collect())
    }
}

/// Returns all texts of the model that a JSON text holds.
fn said(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut out = String::new();
            for (name, value) in members {
                match value {
                    Value::String(text) if TEXTS.contains(&name.as_str()) => out.push_str(text),
                    // Not what the model says: a stream repeats it at its end.
                    _ if name == "response" || name == "usage" => {}
                    value => out.push_str(&said(value)),
                }
            }
            out
        }
        Value::Array(list) => list.iter().map(said).collect(),
        _ => String::new(),
    }
}

/// Returns the paths of all members and items, the value itself left out.
fn paths(value: &Value, path: &str, out: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.replace('~', "~0").replace('/', "~1"), value))
            .collect(),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .map(|(i, v)| (i.to_string(), v))
            .collect(),
        _ => return,
    };
    for (name, child) in children {
        let path = format!("{path}/{name}");
        out.push(path.clone());
        paths(child, &path, out);
    }
}

/// Returns a value of every other JSON type.
fn others(value: &Value) -> Vec<Value> {
    let all = [
        Value::Null,
        json!(7),
        json!("x"),
        json!(["x"]),
        json!({"x": 1}),
    ];
    let kind = |value: &Value| match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    };
    all.into_iter()
        .filter(|other| kind(other) != kind(value))
        .collect()
}

/// Checks whether all of a text is part of another one, in its order.
fn keeps(longer: &str, text: &str) -> bool {
    let mut left = longer.chars();
    text.chars().all(|wanted| left.any(|found| found == wanted))
}

/// Returns the paths on which what the client is told depends: another text there changes it.
fn carriers(answer: &Answer, index: usize, told: &str, paths: &[String]) -> Vec<String> {
    let changes = |path: &&String| {
        let mut changed = answer.texts[index].clone();
        let place = changed.pointer_mut(path).unwrap();
        if !place.is_string() {
            return false;
        }
        *place = "another text".into();
        answer.told(Some((index, &changed))).as_deref() != Ok(told)
    };
    paths.iter().filter(changes).cloned().collect()
}

#[test]
fn an_answer_with_one_member_of_another_type_is_read() {
    let mut faults = Vec::new();
    let mut tried = 0;
    for answer in answers() {
        let told = answer
            .told(None)
            .unwrap_or_else(|error| panic!("{}: {error}", answer.file));
        let step = (answer.texts.len() / 2).max(1);
        for index in (0..answer.texts.len()).step_by(step) {
            let mut all = Vec::new();
            paths(&answer.texts[index], "", &mut all);
            let carriers = carriers(&answer, index, &told, &all);
            for path in &all {
                let holds =
                    |carrier: &String| carrier == path || carrier.starts_with(&format!("{path}/"));
                let is_carrier = carriers.iter().any(holds);
                let name = path.rsplit('/').next().unwrap();
                for other in others(answer.texts[index].pointer(path).unwrap()) {
                    tried += 1;
                    let mut changed = answer.texts[index].clone();
                    *changed.pointer_mut(path).unwrap() = other.clone();
                    let result = answer.told(Some((index, &changed)));
                    let is_end = ENDS.contains(&name) || path.ends_with("/0");
                    // It decides what kind of text stands beside it.
                    let is_own = name == "thought" || TEXTS.contains(&name);
                    // The arguments of a call are the tool's own.
                    let is_own = is_own
                        || ["/input/", "/args/", "/arguments/"]
                            .iter()
                            .any(|own| path.contains(own));
                    let is_kept = result.as_ref().is_ok_and(|result| keeps(result, &told));
                    let is_right = is_carrier || is_own || is_kept || (is_end && result.is_err());
                    if !is_right {
                        let (file, kind, dialect) = (&answer.file, &answer.kind, answer.dialect);
                        faults.push(format!(
                            "{file} from {kind} to {dialect:?}, {index}{path} = {other}: {result:?}"
                        ));
                    }
                }
            }
        }
    }
    assert!(tried > 3_000, "{tried}");
    let count = faults.len();
    faults.truncate(40);
    assert!(
        faults.is_empty(),
        "{count} of {tried}:\n{}",
        faults.join("\n")
    );
}

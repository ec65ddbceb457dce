//! What becomes of each feature of a request on its way to each kind of provider, found by building
//! the requests. `docs/translation.md` shows the result.

use super::test_support::{endpoint, with_call};
use super::{ApiDialect, ModelTraits};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A kind of provider, with a model of it.
struct Column {
    name: &'static str,
    kind: &'static str,
    url: &'static str,
    model: &'static str,
    is_responses_only: bool,
}

const fn column(name: &'static str, kind: &'static str, model: &'static str) -> Column {
    Column {
        name,
        kind,
        url: "http://h/v1",
        model,
        is_responses_only: false,
    }
}

const COLUMNS: [Column; 7] = [
    column("OpenAI", "openai", "gpt-5.5"),
    Column {
        is_responses_only: true,
        ..column("OpenAI `/responses`", "openai", "gpt-5.5-pro")
    },
    column("xAI", "xai", "grok-4.7"),
    column("compatible", "openai-compatible", "qwen3"),
    column("Anthropic", "anthropic", "claude-sonnet-5-5"),
    column("Gemini", "gemini", "gemini-3.5-flash"),
    column("Ollama", "ollama", "qwen3:8b"),
];

/// A feature of a request.
#[derive(Deserialize)]
struct Feature {
    name: String,
    /// Members that the request has with the feature.
    members: Value,
    /// Texts that show the feature in the provider's request; one of them is enough.
    marks: Vec<String>,
}

/// The features of each client's protocol.
const FEATURES: &str = include_str!("features.json");

/// A client's protocol, its name in the list of features, and its smallest request.
type Front = (&'static str, &'static str, ApiDialect, Value);

fn fronts() -> [Front; 5] {
    let messages = json!([{"role": "user", "content": "a"}]);
    let chat = json!({"messages": messages});
    let with_limit = json!({"max_tokens": 9_000, "messages": messages});
    let contents = json!({"contents": [{"role": "user", "parts": [{"text": "a"}]}]});
    let responses = json!({"input": "a", "store": false});
    [
        ("Chat completions", "chat", ApiDialect::Chat, chat.clone()),
        ("Messages", "messages", ApiDialect::Messages, with_limit),
        ("Responses", "responses", ApiDialect::Responses, responses),
        (
            "`generateContent`",
            "generate_content",
            ApiDialect::GenerateContent,
            contents,
        ),
        ("Ollama's `/api/chat`", "ollama", ApiDialect::Ollama, chat),
    ]
}

/// Builds the request for a provider; the dropped fields, and the body, or `None` where it refuses.
fn sent(column: &Column, dialect: ApiDialect, body: &Value) -> Option<(Vec<String>, String)> {
    let endpoint = endpoint(column.kind, column.url);
    let traits = ModelTraits {
        reasoning: Some(true),
        responses_only: column.is_responses_only,
        ..ModelTraits::UNSTATED
    };
    let mut body = body.clone();
    body["model"] = column.model.into();
    with_call(dialect, &body.to_string(), |call| {
        let mut call = *call;
        call.traits = &traits;
        let prepared = endpoint.protocol.build_request(&endpoint, &call).ok()?;
        let body = String::from_utf8_lossy(&prepared.request.body).into_owned();
        Some((prepared.dropped.names().to_vec(), body))
    })
}

fn with_members(base: &Value, members: &Value) -> Value {
    let mut all: Map<String, Value> = base.as_object().unwrap().clone();
    all.extend(members.as_object().unwrap().clone());
    all.into()
}

fn outcome(column: &Column, dialect: ApiDialect, base: &Value, feature: &Feature) -> &'static str {
    let (usual, _) = sent(column, dialect, base).expect("a plain request");
    let Some((dropped, body)) = sent(column, dialect, &with_members(base, &feature.members)) else {
        return "refused";
    };
    let is_there = feature.marks.iter().any(|mark| body.contains(mark));
    let members = feature.members.as_object().unwrap().iter();
    let mut same = members.map(|(name, value)| body.contains(&format!("{}:{value}", json!(name))));
    match (is_there, same.all(|same| same)) {
        (true, true) => "carried",
        (true, false) => "adapted",
        (false, _) => {
            let has_notice = dropped.iter().any(|name| !usual.contains(name));
            assert!(
                has_notice,
                "{}: {} is lost silently: {body}",
                column.name, feature.name
            );
            "dropped"
        }
    }
}

fn table() -> String {
    let mut features: BTreeMap<String, Vec<Feature>> = serde_json::from_str(FEATURES).unwrap();
    let mut lines = Vec::new();
    for (front, key, dialect, base) in fronts() {
        let names = COLUMNS.each_ref().map(|column| column.name).join(" | ");
        let rule = " --- |".repeat(COLUMNS.len());
        lines.push(format!(
            "\n### {front}\n\n| feature | {names} |\n| --- |{rule}"
        ));
        for feature in features.remove(key).unwrap() {
            let outcomes = COLUMNS
                .each_ref()
                .map(|column| outcome(column, dialect, &base, &feature));
            lines.push(format!("| {} | {} |", feature.name, outcomes.join(" | ")));
        }
    }
    lines.join("\n") + "\n\n"
}

/// The page that shows the table, and the marks around it.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/translation.md");
const START: &str = "<!-- features -->\n";
const END: &str = "<!-- /features -->";

/// Compares the page with the table; with `UPDATE_DOCS=1` in the environment it rewrites the page.
#[test]
fn the_page_shows_what_becomes_of_each_feature() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(START).expect(START);
    let (shown, after) = rest.split_once(END).expect(END);
    let table = table();
    if shown != table && std::env::var_os("UPDATE_DOCS").is_some_and(|it| it == "1") {
        let page = [before, START, &table, END, after].concat();
        std::fs::write(PAGE, page).unwrap();
        return;
    }
    assert_eq!(shown, table, "UPDATE_DOCS=1 cargo test rewrites {PAGE}");
}

//! Recorded exchanges with every provider, client to client: the gateway between a real HTTP
//! client and a server that answers as the provider did. `tests/fixtures/manifest.json` lists them
//! and states the rules of comparison.

mod case;
mod compare;
mod damage;
pub mod fold;
mod odd_members;
mod splits;
mod vendor;

use crate::bench::{Bench, limits, start_fleet};
use aibal_tui::domain::{Capabilities, Catalogue, ModelType, Provider, Strategy, Target, TargetId};
use case::{Case, cases};
use compare::differences;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use vendor::Vendors;

/// Sizes of the pieces that streams arrive in: whole, byte by byte, and two odd sizes.
const PIECES: [usize; 4] = [usize::MAX, 1, 7, 61];

/// Faults by case and by aspect.
type Findings = BTreeMap<(usize, &'static str), Vec<String>>;

async fn bench(cases: &[Case], vendors: &Vendors) -> Bench {
    let mut catalogue = Catalogue::default();
    for (index, case) in cases.iter().enumerate() {
        catalogue
            .providers
            .push(Provider::new(case.slug().as_str(), case.protocol()));
        let kind = if case.kind == "embeddings" {
            ModelType::Embedding
        } else {
            ModelType::Chat
        };
        catalogue.targets.push(Target {
            types: [kind].into_iter().collect(),
            ..target(case, index)
        });
    }
    let limits = aibal_tui::gateway::GatewayConfig {
        max_retries: 0,
        ..limits()
    };
    let endpoints = case::endpoint_registry(cases, &vendors.host);
    start_fleet(catalogue, endpoints, Strategy::Best, limits, None).await
}

fn target(case: &Case, index: usize) -> Target {
    Target {
        id: TargetId::new(&case.slug(), &case.model()),
        provider: index.into(),
        types: [ModelType::Chat].into_iter().collect(),
        capabilities: Capabilities::default(),
        price: None,
        max_concurrent: None,
    }
}

/// Tests every case, whole and streamed, in pieces of every size; the table lists what was tested.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_recorded_exchange_is_understood_and_told_as_recorded() {
    let cases = cases();
    assert_eq!(cases.len(), 84);
    let vendors = Vendors::start(&cases).await;
    let bench = bench(&cases, &vendors).await;
    let mut findings = Findings::new();
    for (index, case) in cases.iter().enumerate() {
        let mut note = |what, found: Vec<String>| {
            findings.entry((index, what)).or_default().extend(found);
        };
        if case.kind == "probe" {
            note("probe", probed(case, &vendors).await);
            continue;
        }
        if case.kind.starts_with("err") {
            note("class", classified(case, &vendors.host));
        }
        let is_streamed = case.file("stream").is_some();
        if case.file("response").is_some() || !is_streamed {
            let (answer, wrong) = ask(&bench, &vendors, case, false).await;
            note("request", wrong);
            if case.file("response").is_some() {
                note("answer", whole(case, answer).await);
            }
        }
        for piece in PIECES.into_iter().filter(|_| is_streamed) {
            vendors.cut(piece);
            let (answer, wrong) = ask(&bench, &vendors, case, true).await;
            note("stream's request", wrong);
            let status = answer.status().as_u16();
            let text = answer.text().await.unwrap();
            let found = streamed(case, status, &text);
            let found = found
                .into_iter()
                .map(|fault| format!("in pieces of {piece}: {fault}"));
            note("stream", found.collect());
        }
    }
    let faults = faults(&cases, &findings);
    assert!(faults.is_empty(), "{faults}");
    insta::assert_snapshot!(table(&cases, &findings));
}

async fn ask(
    bench: &Bench,
    vendors: &Vendors,
    case: &Case,
    stream: bool,
) -> (reqwest::Response, Vec<String>) {
    let request = case.request(stream).unwrap();
    let answer = bench
        .client
        .post(format!("{}/{}", bench.url, case.client_path()))
        .header("authorization", "Bearer client-key")
        .json(&request)
        .send()
        .await
        .unwrap();
    let Some(seen) = vendors.seen(case) else {
        return (answer, vec!["the provider got no request".to_owned()]);
    };
    let mut wrong = Vec::new();
    let path = if stream {
        case.stream_path()
    } else {
        case.upstream_path()
    };
    if seen.path != path || seen.method != case.upstream.method {
        wrong.push(format!("asked {} {}", seen.method, seen.path));
    }
    let headers = case.upstream.request_headers.iter();
    for (name, value) in headers.filter(|_| !case.provider.starts_with("inbound")) {
        let value = value
            .replace("$KEY", "the-key")
            .replace("$OAUTH", "the-key");
        let found = seen.headers.get(name).map(|found| found.to_str().unwrap());
        if found != Some(&value) {
            wrong.push(format!("header {name} is {found:?}"));
        }
    }
    let recorded = ["request.json", "request.upstream.openai.json"];
    if let Some(file) = recorded.into_iter().find(|file| case.has(file)) {
        let mut expected = case.json(file);
        if case.provider.starts_with("inbound") {
            let expected = expected.as_object_mut().unwrap();
            expected.retain(|name, _| !name.starts_with("stream"));
        }
        let in_path = seen.path.contains("Generate") || seen.path.contains("generate");
        if stream && !in_path {
            expected["stream"] = true.into();
            if seen.path.ends_with("chat/completions") {
                expected["stream_options"] = serde_json::json!({"include_usage": true});
            }
        }
        let found = differences(&expected, &seen.body, false);
        wrong.extend(found.into_iter().map(|fault| format!("body{fault}")));
    }
    (answer, wrong)
}

/// Compares a whole response or an error.
async fn whole(case: &Case, answer: reqwest::Response) -> Vec<String> {
    let mut wrong = Vec::new();
    // A rejected key is the gateway's fault, not the client's.
    let is_auth = case.expected.class.as_deref() == Some("auth");
    let status = if is_auth { 502 } else { case.expected.status };
    if answer.status() != status {
        wrong.push(format!("status {} but {}", status, answer.status()));
    }
    for (name, value) in &case.expected.headers {
        let found = answer
            .headers()
            .get(name)
            .map(|found| found.to_str().unwrap().to_owned());
        if found.as_ref() != Some(value) {
            wrong.push(format!("header {name}: {value} but {found:?}"));
        }
    }
    let text = answer.text().await.unwrap();
    let Ok(body) = serde_json::from_str::<Value>(&text) else {
        wrong.push(format!("body is not JSON: {text:?}"));
        return wrong;
    };
    if is_auth {
        if body["error"]["code"] != "upstream_auth" {
            wrong.push(format!("not reported as upstream_auth: {text}"));
        }
        return wrong;
    }
    let expected = [
        "expected.openai.json",
        "expected.anthropic.json",
        "expected.responses.json",
    ];
    let expected = expected.into_iter().find(|file| case.has(file));
    let extras = same_shape(case);
    wrong.extend(differences(&case.json(expected.unwrap()), &body, extras));
    wrong
}

/// Checks whether the provider's own fields pass to the client.
fn same_shape(case: &Case) -> bool {
    matches!(case.provider.as_str(), "openai" | "xai" | "openai-compat")
}

fn streamed(case: &Case, status: u16, text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if status != 200 {
        return vec![format!("status {status}: {text}")];
    }
    if case.has("expected.folded.json") {
        let expected = case.json("expected.folded.json");
        wrong.extend(differences(&expected, &fold::chat(text), same_shape(case)));
        wrong.extend(fold::chat_faults(text));
    }
    for (file, fold) in [
        ("expected.anthropic.sse", fold::message as fn(&str) -> Value),
        ("expected.responses.sse", fold::response),
    ] {
        if case.has(file) {
            let expected = String::from_utf8(case.bytes(file)).unwrap();
            wrong.extend(differences(&fold(&expected), &fold(text), false));
        }
    }
    wrong
}

/// Compares the class of an error response and the provider's cooldown.
fn classified(case: &Case, host: &str) -> Vec<String> {
    let mut headers = http::HeaderMap::new();
    for (name, value) in &case.upstream.headers {
        let name: http::HeaderName = name.parse().unwrap();
        headers.insert(name, value.parse().unwrap());
    }
    let status = http::StatusCode::from_u16(case.upstream.status).unwrap();
    let file = case.file("response").unwrap();
    let endpoint = case.endpoint(host);
    let error = endpoint
        .protocol
        .classify_error(status, &headers, &case.bytes(file).into());
    let mut wrong = Vec::new();
    let class = case.expected.class.as_deref().unwrap();
    if error.failure.as_str() != class {
        wrong.push(format!("{class} but {}", error.failure.as_str()));
    }
    // For other classes the circuit breaker decides.
    let binds = matches!(class, "auth" | "permission" | "not_found" | "quota")
        || (class == "rate_limit" && case.expected.cooldown_s != Some(30.0));
    let cooldown = error
        .failure
        .cooldown()
        .map(|cooldown| cooldown.as_secs_f64());
    if binds && case.expected.cooldown_s.is_some() && cooldown != case.expected.cooldown_s {
        wrong.push(format!("cooldown of {cooldown:?} s"));
    }
    wrong
}

async fn probed(case: &Case, vendors: &Vendors) -> Vec<String> {
    let endpoint = case.endpoint(&vendors.host);
    let protocol = endpoint.protocol;
    let probe = protocol.build_probe(&endpoint);
    let mut wrong = Vec::new();
    if !probe.url.ends_with(&case.upstream.path) {
        wrong.push(format!("asks {}", probe.url));
    }
    let mut request = reqwest::Client::new().request(probe.method, probe.url);
    request = request.headers(probe.headers);
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let body = answer.bytes().await.unwrap();
    if Some(protocol.is_probe_ok(status, &body)) != case.expected.healthy {
        wrong.push("is not seen as healthy".to_owned());
    }
    if protocol.model_names(&body) != case.expected.model_ids {
        wrong.push(format!("lists {:?}", protocol.model_names(&body)));
    }
    wrong
}

fn faults(cases: &[Case], findings: &Findings) -> String {
    let mut text = String::new();
    for ((index, what), found) in findings {
        for fault in found {
            writeln!(text, "{} · {what}: {fault}", cases[*index].id).unwrap();
        }
    }
    text
}

/// Renders the tested aspects of each case; `n/a` where the recording lacks one.
fn table(cases: &[Case], findings: &Findings) -> String {
    let columns = [
        "request",
        "answer",
        "stream's request",
        "stream",
        "class",
        "probe",
    ];
    let mut text = format!("{:<30}", "case");
    for column in columns {
        write!(text, " {column:<16}").unwrap();
    }
    for (index, case) in cases.iter().enumerate() {
        write!(text, "\n{:<30}", case.id).unwrap();
        for column in columns {
            let tested = findings.contains_key(&(index, column));
            write!(text, " {:<16}", if tested { "as recorded" } else { "n/a" }).unwrap();
        }
    }
    text.lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n")
}

//! What Prometheus' own tool says of the metrics and of the files for Grafana and Prometheus.

use super::{busy, scrape};
use aibal_tui::telemetry::{ExpositionFormat, series_names};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

const DASHBOARD: &str = include_str!("../../../assets/grafana/dashboard.json");
const RULES: &str = include_str!("../../../assets/grafana/alerts.yaml");

/// Runs promtool and asserts that it has nothing to object. Where it is not installed nothing is
/// checked, unless `REQUIRE_PROMTOOL` is set, as in `.ci/run`.
fn assert_clean(arguments: &[&str], input: &str) {
    let mut command = Command::new("promtool");
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let is_required = std::env::var_os("REQUIRE_PROMTOOL").is_some();
            assert!(!is_required, "promtool does not start: {error}");
            return;
        }
    };
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    assert!(
        !said.contains("error") && !said.contains("duplicate"),
        "{said}"
    );
}

#[tokio::test]
async fn promtool_finds_no_fault_in_the_metrics() {
    let (_a, _b, bench) = busy().await;
    bench.until(|snapshot| snapshot.totals.requests == 6).await;

    let text = scrape(&bench, ExpositionFormat::Text).await;
    assert_clean(&["check", "metrics"], &text);
}

#[test]
fn promtool_finds_no_fault_in_the_alert_rules() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/grafana/alerts.yaml");
    assert_clean(&["check", "rules", "--lint=all", "--lint-fatal", path], "");
}

/// All names in a text that begin like one of our metrics.
fn metric_names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
    let is_metric = |word: &&str| {
        // Labels, which are no metrics.
        let is_label = [
            "gen_ai_operation_name",
            "gen_ai_provider_name",
            "gen_ai_original_model",
            "gen_ai_request_model",
            "gen_ai_response_model",
            "gen_ai_token_type",
            "aibal_provider",
        ]
        .contains(word);
        (word.starts_with("gen_ai_") || word.starts_with("aibal_")) && !is_label
    };
    words.filter(is_metric).map(str::to_owned).collect()
}

/// All queries in a dashboard.
fn queries(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "expr" || name == "query" => {
                        found.push(text.clone());
                    }
                    _ => queries(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| queries(item, found)),
        _ => {}
    }
}

#[test]
fn dashboard_and_rules_ask_only_for_exported_metrics() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut texts = Vec::new();
    queries(&dashboard, &mut texts);
    assert!(texts.len() > 20, "{}", texts.len());
    let rules: Vec<&str> = RULES
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .collect();
    texts.push(rules.join("\n"));
    let exported: BTreeSet<String> = series_names().into_iter().collect();
    let asked: BTreeSet<String> = texts.iter().flat_map(|text| metric_names(text)).collect();

    let unknown: Vec<&String> = asked.difference(&exported).collect();
    assert!(unknown.is_empty(), "not exported: {unknown:?}");
    assert!(asked.len() > 15, "{asked:?}");
}

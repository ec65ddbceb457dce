//! Log lines of the whole program.

use crate::program::{program, serving, until};
use serde_json::Value;
use std::fs;
use tempfile::TempDir;

/// The first line with this text that a demo logs.
fn logged(format: &str, variables: &[(&str, &str)], text: &str) -> String {
    let home = TempDir::new().unwrap();
    let mut command = program(&home);
    command
        .args([
            "demo",
            "--headless",
            "--listen",
            "127.0.0.1:0",
            "--history",
            "0",
        ])
        .args(["--log-file", "log", "--log-format", format])
        .envs(variables.iter().copied());
    let (_running, _address) = serving(&mut command);
    let path = home.path().join("log");
    let mut found = None;
    until("the line", || {
        let lines = fs::read_to_string(&path).unwrap_or_default();
        // The last line may be incomplete.
        let complete = lines.rsplit_once('\n').map_or("", |(lines, _)| lines);
        found = complete
            .lines()
            .find(|line| line.contains(text))
            .map(str::to_owned);
        found.is_some()
    });
    found.unwrap()
}

#[test]
fn a_finished_request_and_a_selection_have_their_numbers_as_numbers() {
    for (format, level) in [("json", "level"), ("gcp", "severity")] {
        let line = logged(format, &[], "[PERFORMANCE]");
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line[level], "INFO");
        assert!(
            line["message"]
                .as_str()
                .unwrap()
                .starts_with("[PERFORMANCE] ")
        );
        for text in ["decision", "provider", "model", "outcome", "request_id"] {
            assert!(line[text].is_string(), "{text}: {line}");
        }
        for number in ["latency_ms", "attempts"] {
            assert!(line[number].is_u64(), "{number}: {line}");
        }

        let line = logged(format, &[], "Load balancing decision");
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["outcome"], "selected");
        for text in ["decision", "provider", "model", "reason"] {
            assert!(line[text].is_string(), "{text}: {line}");
        }
        for number in ["score", "share", "expected_latency_ms", "expected_tokens"] {
            assert!(line[number].is_number(), "{number}: {line}");
        }
    }
}

#[test]
fn text_lines_begin_as_promised() {
    let line = logged("text", &[], "[PERFORMANCE]");

    assert!(
        line.contains(" INFO [PERFORMANCE] request finished decision="),
        "{line}"
    );
    assert!(line.contains(" latency_ms="), "{line}");
}

#[test]
fn debug_of_the_load_balancer_shows_every_candidate() {
    let line = logged(
        "text",
        &[("DEBUG", "load-balancer:*")],
        "DEBUG Load balancing candidate",
    );

    for field in [" provider=", " model=", " share=", " in_flight="] {
        assert!(line.contains(field), "{field}: {line}");
    }
}

//! Configurations as LiteLLM's users write them.

use super::yaml::YamlNode;
use super::{Imported, import_litellm};
use proptest::prelude::*;
use std::fmt::Write as _;

fn import(text: &str) -> Imported {
    let environment = |name: &str| (name == "VLLM_URL").then(|| "http://gpu:8000/v1".to_owned());
    import_litellm(text, "config.yaml", &environment).unwrap_or_else(|error| panic!("{error}"))
}

fn notes(imported: &Imported) -> String {
    let lines = imported.notes.iter().map(ToString::to_string);
    lines.collect::<Vec<String>>().join("\n")
}

/// The file without its comments.
fn settings(imported: &Imported) -> String {
    let lines = imported.toml.lines().filter(|line| !line.starts_with('#'));
    lines.collect::<Vec<&str>>().join("\n").trim().to_owned()
}

#[test]
fn a_team_configuration_becomes_providers_routes_and_settings() {
    let imported = import(include_str!("../../tests/fixtures/litellm/team.yaml"));

    insta::assert_snapshot!("litellm_team", settings(&imported));
    insta::assert_snapshot!("litellm_team_notes", notes(&imported));
}

#[test]
fn limits_weights_and_orders_of_deployments_are_kept() {
    let imported = import(include_str!(
        "../../tests/fixtures/litellm/deployments.yaml"
    ));

    insta::assert_snapshot!("litellm_deployments", settings(&imported));
    insta::assert_snapshot!("litellm_deployments_notes", notes(&imported));
}

#[test]
fn patterns_anchors_and_local_servers_are_understood() {
    let imported = import(include_str!("../../tests/fixtures/litellm/local.yaml"));

    insta::assert_snapshot!("litellm_local", settings(&imported));
    insta::assert_snapshot!("litellm_local_notes", notes(&imported));
}

#[test]
fn no_key_of_the_file_is_copied() {
    let text = "model_list:\n  - model_name: a\n    litellm_params:\n      model: openai/gpt-4o\n      \
                api_key: sk-canary-1\n      extra_headers: {x-key: sk-canary-2}\n\
                general_settings:\n  master_key: sk-canary-3\n  database_url: postgres://u:sk-canary-4@h/d\n\
                environment_variables:\n  A: sk-canary-5\nrouter_settings:\n  redis_password: sk-canary-6\n";

    let imported = import(text);

    let all = format!("{}{}", imported.toml, notes(&imported));
    assert!(!all.contains("canary"), "{all}");
    for part in ["OPENAI_API_KEY", "AI_GATEWAY_API_KEY", "line 5: "] {
        assert!(all.contains(part), "{part}: {all}");
    }
}

#[test]
fn files_that_are_no_configuration_are_named_as_such() {
    let environment = |_: &str| None;
    for (text, part) in [
        ("model_list: [", "no valid YAML"),
        ("general_settings: {}", "no model_list"),
        ("a: 1\n---\nb: 2\n", "a second document"),
        (
            "model_list:\n  - model_name: a\n    litellm_params: {model: bedrock/claude}\n",
            "no counterpart",
        ),
    ] {
        let error = import_litellm(text, "f", &environment).expect_err(text);
        assert!(error.to_string().contains(part), "{text}: {error}");
    }
}

#[test]
fn aliases_and_depth_are_limited() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let before = format!("*a{}", level - 1);
        let items = vec![before; 10].join(", ");
        let _ = writeln!(bomb, "a{level}: &a{level} [{items}]");
    }
    let error = YamlNode::parse(&bomb).unwrap_err().to_string();
    assert!(error.contains("values"), "{error}");

    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let error = YamlNode::parse(&deep).unwrap_err().to_string();
    assert!(error.contains("inside each other"), "{error}");
    let large = " ".repeat(5 << 20);
    assert!(YamlNode::parse(&large).is_err());
}

#[test]
fn values_keep_their_lines_and_merged_tables_yield() {
    let text = "base: &base\n  a: 1\n  b: yes\nown:\n  <<: *base\n  a: 'null'\n";
    let node = YamlNode::parse(text).unwrap();

    let own = node.get("own").unwrap();

    assert_eq!(own.get("a").unwrap().text(), Some("null"));
    assert_eq!(own.get("a").unwrap().line, 6);
    assert_eq!(own.get("b").unwrap().flag(), Some(true));
    assert!(YamlNode::parse("").unwrap().entries().is_empty());
}

const FIXTURES: [&str; 3] = [
    include_str!("../../tests/fixtures/litellm/team.yaml"),
    include_str!("../../tests/fixtures/litellm/deployments.yaml"),
    include_str!("../../tests/fixtures/litellm/local.yaml"),
];

proptest! {
    /// Whatever becomes of a file: an error, or a configuration that TOML's reader takes.
    #[test]
    fn a_damaged_file_is_an_error_or_becomes_valid_toml(
        fixture in 0..FIXTURES.len(),
        damages in prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8, "[ -~\n\u{e9}]{0,6}"), 1..6),
    ) {
        let mut text = FIXTURES[fixture].to_owned();
        for (at, kind, insert) in damages {
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            if places.is_empty() {
                break;
            }
            let at = places[at.index(places.len())];
            let end = text[at..].find('\n').map_or(text.len(), |length| at + length);
            match kind {
                0 => text.insert_str(at, &insert),
                1 => text.truncate(at),
                2 => text.replace_range(at..end, &insert),
                _ => text.replace_range(at..end, ""),
            }
        }
        if let Ok(imported) = import_litellm(&text, "f", &|_| None) {
            let parsed = imported.toml.parse::<toml_edit::DocumentMut>();
            prop_assert!(parsed.is_ok(), "{}\n{:?}", imported.toml, parsed);
        }
    }
}

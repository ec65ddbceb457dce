//! Proofs that the scanner reads Rust correctly and that each rule catches what it forbids.

use super::source::{Function, Source};
use super::{
    FILE_LINES_MAX, FUNCTION_LINES_MAX, empty_name, forbidden_imports, impurities,
    misplaced_protocols, missing_layer, overlong_file, overlong_functions, unlimited_queues,
    unordered_layers,
};

pub fn source(path: &str, text: &str) -> Source {
    Source::new(path, text)
}

fn caught(path: &str, text: &str, rule: fn(&Source) -> Vec<String>) -> Vec<String> {
    let place = |sentence: &String| sentence.split(": ").next().map(str::to_owned);
    rule(&source(path, text)).iter().filter_map(place).collect()
}

#[test]
fn comments_and_literals_are_not_code() {
    let text = r##"
        /// doc tokio
        fn a<'a>(b: &'a str) { /* one /* tokio */ tokio */ // tokio
            let c = ['"', '\'', 'é', b'{'];
            let d = ("tokio \" tokio", r#"tokio " tokio"#, br"tokio\", b"tokio\\");
            let r#type = 'x';
            tokio();
        }
    "##;

    let source = source("src/domain/a.rs", text);

    assert_eq!(source.words("tokio").len(), 1);
    assert_eq!(source.line(source.words("tokio")[0]), 7);
    assert_eq!(source.code.len(), source.text.len());
    let literals: Vec<_> = source.literals().map(|(_, text)| text).collect();
    let expected = [
        r#"tokio \" tokio"#,
        r#"tokio " tokio"#,
        r"tokio\",
        r"tokio\\",
    ];
    assert_eq!(literals, expected);
}

#[test]
fn use_trees_are_written_out() {
    let text = "use crate::{a, b::{c as d, e::*}, f::{self}};\nfn g() { crate::h::i::<J>(); }";

    let paths = source("src/a.rs", text).paths(&["crate"]);

    let written: Vec<_> = paths.iter().map(|(_, path)| path.join("::")).collect();
    let expected = [
        "crate::a",
        "crate::b::c",
        "crate::b::e",
        "crate::f::self",
        "crate::h::i",
    ];
    assert_eq!(written, expected);
}

#[test]
fn functions_are_measured_past_braces_in_literals() {
    let text = "trait A { fn none(&self) -> [u8; 2]; }\nfn a() {\n  '}';\n  \"}\";\n}\n\
                type B = fn(u8);\nconst fn b<T>() -> T where T: C { loop {} }";

    let functions = source("src/a.rs", text).functions();

    let function = |name: &str, line, lines| Function {
        name: name.to_owned(),
        line,
        lines,
    };
    assert_eq!(functions, [function("a", 2, 4), function("b", 7, 1)]);
}

#[test]
fn a_cycle_in_the_table_is_caught() {
    assert!(unordered_layers(&[("a", &[]), ("b", &["a"])]).is_empty());
    assert_eq!(unordered_layers(&[("a", &["b"]), ("b", &["a"])]).len(), 1);
    assert_eq!(unordered_layers(&[("a", &["a"])]).len(), 1);
    assert_eq!(unordered_layers(&[("a", &[]), ("a", &[])]).len(), 1);
}

#[test]
fn an_import_across_a_boundary_is_caught_in_every_form() {
    let rule = forbidden_imports;
    assert_eq!(
        caught("src/tui/a.rs", "use crate::engine::Handle;", rule),
        ["src/tui/a.rs:1"]
    );
    assert_eq!(
        caught("src/tui/a.rs", "use crate::{client, engine};", rule).len(),
        1
    );
    assert_eq!(
        caught(
            "src/tui/a.rs",
            "use crate::{\n  client::C,\n  engine::{H, I},\n};",
            rule
        ),
        ["src/tui/a.rs:3", "src/tui/a.rs:3"]
    );
    assert_eq!(
        caught("src/tui/a.rs", "fn a() {\n crate::engine::b(); }", rule).len(),
        1
    );
    assert_eq!(
        caught("src/tui/a.rs", "use ::aibal_tui::engine::H;", rule).len(),
        1
    );
    assert_eq!(
        caught("src/tui/a.rs", "pub(crate) use crate :: engine;", rule).len(),
        1
    );
    assert_eq!(
        caught(
            "src/domain/a.rs",
            "mod tests { use crate::clock::now; }",
            rule
        )
        .len(),
        1
    );
    assert_eq!(
        caught("src/main.rs", "fn main() { aibal_tui::engine::a(); }", rule).len(),
        1
    );

    assert!(
        caught(
            "src/tui/a.rs",
            "use crate::{client, contract::A, tui::b};",
            rule
        )
        .is_empty()
    );
    assert!(
        caught(
            "src/tui/a.rs",
            "// crate::engine\nconst A: &str = \"crate::engine\";",
            rule
        )
        .is_empty()
    );
    assert!(caught("src/app.rs", "use crate::{domain, server, cli};", rule).is_empty());
    assert!(caught("src/tui/a.rs", "use other::crate_a::engine;", rule).is_empty());
}

#[test]
fn leaving_a_module_by_super_is_caught() {
    let rule = forbidden_imports;
    assert_eq!(
        caught("src/tui/a.rs", "use super::super::engine;", rule),
        ["src/tui/a.rs:1"]
    );
    assert_eq!(
        caught("src/tui/mod.rs", "use super::engine;", rule).len(),
        1
    );
    assert_eq!(
        caught("src/tui/a.rs", "use super::{b, super::engine};", rule).len(),
        1
    );
    assert_eq!(
        caught("src/clock.rs", "mod tests { use super::super::a; }", rule).len(),
        1
    );
    assert_eq!(
        caught("src/clock.rs", "fn a() { self::super::b::c(); }", rule).len(),
        1
    );

    assert!(caught("src/tui/a.rs", "use super::b;", rule).is_empty());
    assert!(caught("src/tui/a.rs", "mod tests { use super::super::b; }", rule).is_empty());
    assert!(caught("src/clock.rs", "mod tests { use super::*; }", rule).is_empty());
}

#[test]
fn a_module_without_a_row_is_caught() {
    assert_eq!(
        caught("src/unknown/mod.rs", "", missing_layer),
        ["src/unknown/mod.rs:1"]
    );
    assert!(caught("src/engine/run.rs", "", missing_layer).is_empty());
}

#[test]
fn an_impure_domain_is_caught() {
    let rule = impurities;
    assert_eq!(
        caught("src/domain/a.rs", "\nuse tokio::sync::watch;", rule),
        ["src/domain/a.rs:2"]
    );
    assert_eq!(
        caught(
            "src/domain/a.rs",
            "use std::time::{Duration, Instant};",
            rule
        )
        .len(),
        1
    );
    assert_eq!(
        caught("src/domain/a.rs", "use std::{fmt, fs::read};", rule).len(),
        1
    );
    assert_eq!(
        caught(
            "src/domain/a.rs",
            "fn a() { std::net::b(); println!(); }",
            rule
        )
        .len(),
        2
    );
    assert_eq!(
        caught(
            "src/domain/a.rs",
            "#[derive(serde::Serialize)] struct A;",
            rule
        )
        .len(),
        1
    );

    assert!(caught("src/domain/a.rs", "use std::{fmt, time::Duration};", rule).is_empty());
}

#[test]
fn too_many_lines_are_caught() {
    let lines = |count: usize| "let a = 0;\n".repeat(count);
    let function = |count| format!("fn a() {{\n{}}}\n", lines(count - 2));
    let (file_max, function_max) = (FILE_LINES_MAX, FUNCTION_LINES_MAX);

    let long = caught("src/a.rs", &lines(file_max + 1), overlong_file);
    assert_eq!(long, [format!("src/a.rs:{}", file_max + 1)]);
    assert!(caught("src/a.rs", &lines(file_max), overlong_file).is_empty());
    let long = caught("src/a.rs", &function(function_max + 1), overlong_functions);
    assert_eq!(long, ["src/a.rs:1"]);
    assert!(caught("src/a.rs", &function(function_max), overlong_functions).is_empty());
}

#[test]
fn a_protocol_named_outside_its_module_is_caught() {
    let rule = misplaced_protocols;
    assert_eq!(
        caught("src/engine/a.rs", "\nconst A: &str = \"openai\";", rule),
        ["src/engine/a.rs:2"]
    );
    assert_eq!(
        caught("src/cli.rs", "fn a() { b(r\"XAI_API_KEY\"); }", rule).len(),
        1
    );
    assert_eq!(
        caught("src/cli.rs", "fn a() { b(\"http://a/v1/models\"); }", rule).len(),
        1
    );
    let after_tests = "#[cfg(test)]\nmod tests { const A: &str = \"xai\"; }\nfn a() { \"xai\"; }";
    assert_eq!(caught("src/cli.rs", after_tests, rule), ["src/cli.rs:3"]);

    assert!(
        caught(
            "src/cli.rs",
            "/// \"openai\"\nfn a() {} // \"openai\"",
            rule
        )
        .is_empty()
    );
    assert!(
        caught(
            "src/cli.rs",
            "fn a() { b(\"the OpenAI shape\"); openai(); }",
            rule
        )
        .is_empty()
    );
    assert!(caught("src/protocols/a.rs", "const A: &str = \"openai\";", rule).is_empty());
    assert!(caught("src/gateway/a.rs", "const A: &str = \"/v1/models\";", rule).is_empty());
}

#[test]
fn an_empty_name_is_caught() {
    assert_eq!(
        caught("src/tui/utils.rs", "", empty_name),
        ["src/tui/utils.rs:1"]
    );
    assert_eq!(caught("tests/common/mod.rs", "", empty_name).len(), 1);
    assert!(caught("src/config/imports.rs", "", empty_name).is_empty());
}

#[test]
fn an_unlimited_queue_is_caught() {
    let text = "use tokio::sync::mpsc::{self, unbounded_channel as queue};";
    assert_eq!(caught("src/a.rs", text, unlimited_queues), ["src/a.rs:1"]);
    assert!(caught("src/a.rs", "// unbounded_channel", unlimited_queues).is_empty());
}

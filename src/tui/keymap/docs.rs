//! The action table as docs/dashboard.md shows it.

use super::binding::Binding;
use super::table::BINDINGS;
use crate::tui::input_context::SCREENS;

/// The table in Markdown.
fn docs_table() -> String {
    let row = |binding: &Binding| {
        let keys: Vec<String> = binding.keys.iter().map(|key| format!("`{key}`")).collect();
        let contexts: Vec<&str> = binding
            .contexts
            .iter()
            .map(|context| context.as_str())
            .collect();
        let context = if binding.contexts == SCREENS {
            "everywhere".to_owned()
        } else {
            contexts.join(", ")
        };
        format!(
            "| {} | {} | {} | {context} |",
            keys.join(" "),
            binding.id,
            binding.text
        )
    };
    let head = [
        "| key | action | does | where |",
        "| --- | --- | --- | --- |",
    ]
    .map(str::to_owned);
    head.into_iter()
        .chain(BINDINGS.iter().map(row))
        .map(|line| line + "\n")
        .collect()
}

/// The page that shows the table, and the marks around it.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/dashboard.md");
const START: &str = "<!-- keys -->\n";
const END: &str = "<!-- /keys -->";

/// Compares the page with the table; with `UPDATE_DOCS=1` in the environment it rewrites the page.
#[test]
fn the_page_shows_the_action_table() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(START).expect(START);
    let (shown, after) = rest.split_once(END).expect(END);
    let table = docs_table();
    if shown != table && std::env::var_os("UPDATE_DOCS").is_some_and(|it| it == "1") {
        let page = [before, START, &table, END, after].concat();
        std::fs::write(PAGE, page).unwrap();
        return;
    }
    assert_eq!(shown, table, "UPDATE_DOCS=1 cargo test rewrites {PAGE}");
}

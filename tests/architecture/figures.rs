//! Figures of the code in `src`: size, names, cycles, functions and documentation.

use std::collections::BTreeMap;

use super::cycles::{count, graphs};
use super::items::{FileItems, Item, Visibility};
use super::source::Source;
use super::type_names::types;

/// The figures as lines of text.
pub fn figures(sources: &[Source]) -> String {
    let lines: usize = sources
        .iter()
        .map(|source| source.text.lines().count())
        .sum();
    let types = types(sources);
    let mut by_name: BTreeMap<&str, usize> = BTreeMap::new();
    for one in &types {
        *by_name.entry(one.name).or_default() += 1;
    }
    let repeated = by_name.values().filter(|count| **count > 1);
    let mut text = format!(
        "files in src: {}\nlines of src: {lines}\ntypes: {}, distinct names: {}, names of several \
         types: {} (held by {} types)\n",
        sources.len(),
        types.len(),
        by_name.len(),
        repeated.clone().count(),
        repeated.sum::<usize>(),
    );
    text += &cycles(sources);
    text += &functions(sources);
    text += &documentation(sources);
    text
}

fn cycles(sources: &[Source]) -> String {
    let (mut number, mut files, mut of, mut modules) = (0, 0, 0, Vec::new());
    for (module, graph) in graphs(sources) {
        let cycles = graph.cycles();
        of += graph.files.len();
        number += cycles.len();
        files += count(&cycles);
        if !cycles.is_empty() {
            let sizes: Vec<_> = cycles.iter().map(|cycle| cycle.len().to_string()).collect();
            modules.push(format!("{module} {} ({})", count(&cycles), sizes.join("+")));
        }
    }
    format!(
        "cycles: {number} with {files} of {of} files outside tests: {}\n",
        modules.join(", ")
    )
}

fn functions(sources: &[Source]) -> String {
    let functions = sources.iter().flat_map(Source::functions);
    let mut lines: Vec<usize> = functions.map(|function| function.lines).collect();
    lines.sort_unstable();
    let rank = |share: usize| {
        let place = (lines.len() * share / 100).min(lines.len().saturating_sub(1));
        lines.get(place).copied().unwrap_or(0)
    };
    format!(
        "functions with a body, tests included: {}, lines: median {}, p99 {}, most {}\n",
        lines.len(),
        rank(50),
        rank(99),
        rank(100)
    )
}

fn documentation(sources: &[Source]) -> String {
    let (mut public, mut documented) = (0, 0);
    for source in sources {
        let items = FileItems::read(source).items;
        for item in items
            .iter()
            .filter(|item| item.visibility == Visibility::Public)
        {
            public += 1;
            documented += usize::from(is_documented(source, item));
        }
    }
    let share = documented * 100 / public.max(1);
    format!("public items: {public}, with a doc comment: {documented} ({share} %)\n")
}

/// Whether a doc comment stands above an item and its attributes.
fn is_documented(source: &Source, item: &Item) -> bool {
    let above: Vec<&str> = source.text.lines().take(item.line - 1).collect();
    for line in above.iter().rev().map(|line| line.trim()) {
        if line.starts_with("///") || line.starts_with("#[doc") || line.ends_with("*/") {
            return true;
        }
        if line.is_empty() || line.ends_with([';', '{', '}']) || line.starts_with("//") {
            return false;
        }
    }
    false
}

//! What the success panel shows where there is room: each model, and the failures by class.
//!
//! ```text
//! MODEL                  STATE    REQUESTS    OK%
//! gpt-5.1                ●OK          2049   99.4
//! FAILURES
//! timeout       12  google 9, xai 3
//! ```

use crate::contract::Status;
use crate::tui::format;
use crate::tui::model::Model;
use ratatui::text::{Line, Span};
use std::collections::BTreeMap;

const NAME: usize = 30;
const NUMBER: usize = 8;
/// Cells of the state and the numbers of a model.
const NUMBERS: usize = 3 * (NUMBER + 1);
/// Cells of a class of failures.
const KIND: usize = 18;

/// The rows, the most important first.
pub fn rows<'a>(model: &Model, status: &'a Status, width: u16) -> Vec<Line<'a>> {
    let theme = model.theme();
    let name = NAME.min(usize::from(width).saturating_sub(NUMBERS));
    let mut rows = vec![Line::default()];
    let failures = failures(status);
    if !failures.is_empty() {
        rows.push(Line::styled("FAILED ATTEMPTS", theme.dim()));
    }
    rows.extend(failures.into_iter().map(|(kind, count, by)| {
        Line::from(vec![
            Span::styled(format::left(kind, KIND), theme.warn()),
            Span::raw(format!(
                "{}  {by}",
                format::right(&format::count(count), NUMBER)
            )),
        ])
    }));
    rows.push(Line::styled(
        format!(
            "{} {} {} {}",
            format::left("MODEL", name),
            format::left("STATE", NUMBER),
            format::right("REQUESTS", NUMBER),
            format::right("OK%", NUMBER)
        ),
        theme.dim(),
    ));
    let models = status.providers.iter().flat_map(|provider| {
        let performance = &provider.performance;
        performance
            .models
            .iter()
            .map(|it| (&performance.provider, it))
    });
    rows.extend(models.map(|(provider, it)| {
        Line::from(vec![
            Span::styled(format::left(&it.model, name), model.identity(provider)),
            Span::styled(
                format!(" {}", format::left(&theme.state_word(it.state), NUMBER)),
                theme.state(it.state),
            ),
            Span::raw(format!(
                " {} {}",
                format::right(&format::count(it.requests), NUMBER),
                format::right(&format::percent(it.success_rate), NUMBER)
            )),
        ])
    }));
    rows
}

/// The failures of all providers by class, the most frequent first, with who had them.
fn failures(status: &Status) -> Vec<(&str, u64, String)> {
    let mut kinds: BTreeMap<&str, Vec<(&str, u64)>> = BTreeMap::new();
    for provider in &status.providers {
        for failure in provider.failures.iter().filter(|it| it.count > 0) {
            let of = kinds.entry(&failure.kind).or_default();
            of.push((&provider.performance.provider, failure.count));
        }
    }
    let mut all: Vec<(&str, u64, String)> = kinds
        .into_iter()
        .map(|(kind, mut by)| {
            by.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            let count = by.iter().map(|(_, count)| count).sum();
            let words: Vec<String> = by
                .iter()
                .map(|(name, count)| format!("{name} {count}"))
                .collect();
            (kind, count, words.join(", "))
        })
        .collect();
    all.sort_by_key(|(_, count, _)| std::cmp::Reverse(*count));
    all
}

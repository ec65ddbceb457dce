//! The help: the meaning of the signs and words, then the keys, in two columns where they fit.

use crate::tui::format;
use crate::tui::input_context::InputContext;
use crate::tui::keymap::{Action, Binding};
use crate::tui::model::{Help, Model};

/// Cells of the keys of a row.
const KEYS: usize = 10;
/// Cells from which on keys are listed in two columns.
const TWO_COLUMNS: usize = 70;

/// The title, and all rows in `width` cells.
pub fn rows(model: &Model, help: &Help, width: usize) -> (String, Vec<String>) {
    let ascii = model.theme().ascii;
    let keymap = &model.options.keymap;
    let search = keymap.hint(InputContext::Help, Action::HelpSearch, ascii);
    let title = match (help.is_typing, help.search.is_empty()) {
        (true, _) => format!("HELP /{}_", help.search),
        (false, true) => format!("HELP: {}, {search} searches", model.screen.as_str()),
        (false, false) => format!("HELP /{}", help.search),
    };
    let words = words(ascii);
    let wrap = |text: &str| format::wrap(text, width, KEYS + 2);
    let all: Vec<(&Binding, Vec<String>)> =
        keymap.at(InputContext::On(model.screen), ascii).collect();
    if !help.search.is_empty() {
        let wanted = help.search.to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&wanted);
        let found = words.into_iter().filter(|line| has(line));
        let mut rows: Vec<String> = found.flat_map(&wrap).collect();
        let keys = all
            .iter()
            .filter(|(binding, keys)| has(binding.text) || has(binding.id) || has(&keys.join(" ")));
        rows.extend(
            keys.flat_map(|(binding, keys)| wrap(&row(model, binding, keys, binding.text))),
        );
        if rows.is_empty() {
            rows.push(format!(" nothing matches {:?}; Esc clears", help.search));
        }
        return (title, rows);
    }
    let mut rows: Vec<String> = words.into_iter().flat_map(wrap).collect();
    rows.push(String::new());
    rows.extend(columns(model, &all, width));
    (title, rows)
}

/// The keys, the first half left of the second.
fn columns(model: &Model, all: &[(&Binding, Vec<String>)], width: usize) -> Vec<String> {
    if width < TWO_COLUMNS {
        let rows = all
            .iter()
            .map(|(binding, keys)| row(model, binding, keys, binding.text));
        return rows
            .flat_map(|line| format::wrap(&line, width, KEYS + 2))
            .collect();
    }
    let half = width / 2;
    let cell = |(binding, keys): &(&Binding, Vec<String>)| -> Vec<String> {
        let text = binding.text;
        let fits = KEYS + 2 + text.chars().count() < half;
        let text = if fits { text } else { brief(text) };
        format::wrap(&row(model, binding, keys, text), half - 1, KEYS + 2)
    };
    let (left, right) = all.split_at(all.len().div_ceil(2));
    let left: Vec<String> = left.iter().flat_map(cell).collect();
    let right: Vec<String> = right.iter().flat_map(cell).collect();
    let row = |at: usize| {
        let side = |lines: &[String]| lines.get(at).cloned().unwrap_or_default();
        format!("{}{}", format::left(&side(&left), half), side(&right))
    };
    (0..left.len().max(right.len())).map(row).collect()
}

/// The first part of a text: `open the provider` of `open the provider, or review the draft`.
fn brief(text: &str) -> &str {
    let end = text.find([',', ';', ':']).unwrap_or(text.len());
    &text[..end]
}

/// A row of keys and text; `*` marks keys from the configuration.
pub fn row(model: &Model, binding: &Binding, keys: &[String], text: &str) -> String {
    let changed = if model.options.keymap.is_changed(binding) {
        "*"
    } else {
        " "
    };
    format!("{changed}{} {text}", format::left(&keys.join(" "), KEYS))
}

/// The meaning of signs and words.
fn words(ascii: bool) -> Vec<&'static str> {
    let signs = if ascii {
        [
            " STATES    + OK  ! SLOW 429 ERR  X OPEN DOWN  ~ HALF  - DRAIN OFF  ? NODAT",
            " SUCCESS   # >=99.9  + >=99  : >=95  _ below  blank: no requests",
        ]
    } else {
        [
            " STATES    ● OK  ▲ SLOW 429 ERR  ✗ OPEN DOWN  ◐ HALF  ◌ DRAIN OFF  ? NODAT",
            " SUCCESS   ▇ ≥99.9  ▅ ≥99  ▃ ≥95  ▁ below  · no requests",
        ]
    };
    let mut words = signs.to_vec();
    words.extend([
        " OPEN      its circuit breaker keeps requests away until a next try; HALF: that try runs",
        " ERR 429   many of its answers fail; it limits our rate. NODAT: no request so far",
        " COLUMNS   RUN requests that run now, TTFT time to the first token, SHARE part of the attempts of 60 s",
        " TIMES     in milliseconds, or seconds with s; clock in UTC",
        " KEYS      * marks a key from the configuration",
    ]);
    words
}

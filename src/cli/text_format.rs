//! Text for scripts and pipes: no escape byte, no control character, no line longer than a
//! terminal is wide.

use crate::foreign::{EscapeControls, is_unsafe};
use unicode_width::UnicodeWidthChar;

/// Columns of the widest line.
pub(super) const COLUMNS: usize = 100;

/// A line without control characters that fits; a longer text ends in `...`.
pub(super) fn line(text: &str) -> String {
    let clean = text.trim_end().chars().map(visible);
    let mut line = cut(clean, COLUMNS);
    line.push('\n');
    line
}

/// A cell of a table, padded or cut to a number of columns.
pub(super) fn cell(text: &str, columns: usize) -> String {
    let mut cell = cut(text.chars().map(visible), columns);
    let used: usize = cell.chars().map(width).sum();
    cell.extend(std::iter::repeat_n(' ', columns.saturating_sub(used)));
    cell
}

/// A text as one field of comma-separated values (RFC 4180): on one line, quoted where needed, and
/// never a formula of a spreadsheet.
pub(super) fn csv_field(text: &str) -> String {
    let mut field = EscapeControls::line(text).to_string();
    if field.starts_with(['=', '+', '-', '@']) {
        field.insert(0, '\'');
    }
    if field.contains([',', '"']) {
        return format!("\"{}\"", field.replace('"', "\"\""));
    }
    field
}

/// The value as text, or a dash where it is unknown.
pub(super) fn or_dash<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), show)
}

pub(super) fn percent(part: f64) -> String {
    format!("{:.1} %", part * 100.0)
}

pub(super) fn milliseconds(ms: f64) -> String {
    format!("{ms:.0} ms")
}

/// A score 0..1 as points of 100.
pub(super) fn score_points(score: f64) -> String {
    format!("{:.1}", score * 100.0)
}

/// Dollars; small amounts have more digits, and zero has no sign.
pub(super) fn dollars(usd: f64) -> String {
    let size = usd.abs();
    let amount = if size == 0.0 || size >= 1.0 {
        format!("${size:.2}")
    } else if size >= 0.001 {
        format!("${size:.4}")
    } else {
        format!("${size:.8}")
    };
    let is_negative = usd < 0.0 && amount.contains(|c: char| matches!(c, '1'..='9'));
    if is_negative {
        format!("-{amount}")
    } else {
        amount
    }
}

fn cut(text: impl Iterator<Item = char>, columns: usize) -> String {
    let all: Vec<char> = text.collect();
    if all.iter().copied().map(width).sum::<usize>() <= columns {
        return all.into_iter().collect();
    }
    let mut left = columns.saturating_sub(3);
    let mut kept: String = all
        .into_iter()
        .take_while(|&char| {
            let fits = width(char) <= left;
            left = left.saturating_sub(width(char));
            fits
        })
        .collect();
    kept.push_str("...");
    kept
}

fn visible(char: char) -> char {
    if is_unsafe(char) { '?' } else { char }
}

fn width(char: char) -> usize {
    char.width().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_holds_no_escape_and_fits() {
        assert_eq!(line("a\u{1b}[2J\r\u{202e}b "), "a?[2J??b\n");
        let long = line(&"é界".repeat(80));
        assert!(long.trim_end().chars().map(width).sum::<usize>() <= COLUMNS);
        assert!(long.ends_with("...\n"));
    }

    #[test]
    fn a_cell_fills_its_columns() {
        assert_eq!(cell("ab", 4), "ab  ");
        assert_eq!(cell("abcdef", 5), "ab...");
        assert_eq!(cell("界", 4), "界  ");
    }

    #[test]
    fn small_amounts_keep_their_digits() {
        let shown = [0.0, 12.345, 0.0123, 0.000_001_2].map(dollars);

        assert_eq!(shown, ["$0.00", "$12.35", "$0.0123", "$0.00000120"]);
    }

    #[test]
    fn a_sign_stands_before_the_currency_and_never_before_zero() {
        let shown = [-0.0, -1e-12, -0.25, -3.0].map(dollars);

        assert_eq!(shown, ["$0.00", "$0.00000000", "-$0.2500", "-$3.00"]);
    }
}

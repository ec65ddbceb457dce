//! Numbers and texts in few cells.

use crate::contract::CostBasisCounts;
use crate::tui::theme::Theme;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The text of an empty cell.
pub const EMPTY_CELL: &str = "-";

/// A latency: `412` (milliseconds), `1.9s`, `12s`.
pub fn latency(milliseconds: Option<f64>) -> String {
    match milliseconds {
        None => EMPTY_CELL.to_owned(),
        Some(ms) if ms < 999.5 => format!("{ms:.0}"),
        Some(ms) if ms < 9_950.0 => format!("{:.1}s", ms / 1e3),
        Some(ms) => format!("{:.0}s", ms / 1e3),
    }
}

/// The range of a latency, `1.2s..1.4s`, or the latency where there is none.
pub fn latency_range(milliseconds: Option<f64>, range: Option<[f64; 2]>) -> String {
    let bounds = range.map(|bounds| bounds.map(|ms| latency(Some(ms))));
    match bounds {
        Some([low, high]) if low != high => format!("{low}..{high}"),
        _ => latency(milliseconds),
    }
}

/// A rate 0..1 as percent: `99.9`, `100`, `7.5`.
pub fn percent(rate: Option<f64>) -> String {
    match rate {
        None => EMPTY_CELL.to_owned(),
        Some(rate) if rate >= 1.0 => "100".to_owned(),
        // A rate below 1 is never shown as 100.
        Some(rate) => format!("{:.1}", (rate * 100.0).min(99.9)),
    }
}

/// Whole percent of a share: `35`, `<1`, `0`.
pub fn share(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 0.5 {
        "<1".to_owned()
    } else {
        format!("{percent:.0}")
    }
}

/// A score 0..1 as points of 100: `82`.
pub fn score(score: Option<f64>) -> String {
    score.map_or_else(
        || EMPTY_CELL.to_owned(),
        |score| format!("{:.0}", score * 100.0),
    )
}

/// An amount: `$0.0031`, `$4.12`, `$1846`, or `$***` if masked.
pub fn usd(amount: Option<f64>, theme: Theme) -> String {
    match amount {
        None => "n/a".to_owned(),
        Some(_) if theme.masked => format!("${}", theme.secret("")),
        Some(amount) => {
            let text = plain_usd(amount.abs());
            let is_negative = amount < 0.0 && text.contains(|c: char| matches!(c, '1'..='9'));
            format!("{}${text}", if is_negative { "-" } else { "" })
        }
    }
}

/// A sum with its accuracy: `~$4.12` partly estimated, `≥$4.12` with unknown parts.
pub fn sum(amount: Option<f64>, basis: CostBasisCounts, theme: Theme) -> String {
    if theme.masked {
        return usd(amount, theme);
    }
    let mark = amount.map_or_else(String::new, |amount| mark(amount, basis, theme));
    mark + &usd(amount, theme)
}

/// The mark alone. An estimated sum of 0 has none.
pub fn mark(amount: f64, basis: CostBasisCounts, theme: Theme) -> String {
    let shown = |mark: char| theme.mark(mark, if mark == '≥' { '>' } else { mark });
    let mark = basis.mark().filter(|mark| *mark == '≥' || amount > 0.0);
    mark.map(shown).into_iter().collect()
}

/// An amount without the currency sign.
pub fn plain_usd(amount: f64) -> String {
    if amount == 0.0 {
        "0".to_owned()
    } else if amount < 0.0995 {
        format!("{amount:.4}")
    } else if amount < 99.5 {
        format!("{amount:.2}")
    } else {
        format!("{amount:.0}")
    }
}

/// A count: `950`, `12.4k`, `1.2M`.
pub fn count(number: u64) -> String {
    let number = number as f64;
    if number < 9_999.5 {
        format!("{number:.0}")
    } else if number < 999_950.0 {
        format!("{:.1}k", number / 1e3)
    } else {
        format!("{:.1}M", number / 1e6)
    }
}

/// A rate per second: `38.2`, `0.5`, `120`.
pub fn rate(per_second: f64) -> String {
    if per_second < 99.95 {
        format!("{per_second:.1}")
    } else {
        format!("{per_second:.0}")
    }
}

/// The time of day of an RFC 3339 time: `03:14:07`.
pub fn clock(time: &str) -> &str {
    time.get(11..19).unwrap_or(EMPTY_CELL)
}

/// The time between two RFC 3339 times: `40s`, `4m`, `3h`, `2d`.
pub fn between(from: &str, to: &str) -> String {
    let Some(seconds) = seconds_between(from, to) else {
        return EMPTY_CELL.to_owned();
    };
    match seconds {
        ..=119 => format!("{seconds}s"),
        120..=7_199 => format!("{}m", seconds / 60),
        7_200..=172_799 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A stretch of time: `40 s`, `2 min`, `90 s`.
pub fn span(seconds: u64) -> String {
    if seconds >= 60 && seconds.is_multiple_of(60) {
        format!("{} min", seconds / 60)
    } else {
        format!("{seconds} s")
    }
}

/// Seconds between two RFC 3339 times, 0 if the second is earlier; `None` if one is invalid.
pub fn seconds_between(from: &str, to: &str) -> Option<i64> {
    let time = |text: &str| text.parse::<jiff::Timestamp>().ok();
    let (from, to) = (time(from)?, time(to)?);
    Some((to.as_second() - from.as_second()).max(0))
}

/// Minutes and seconds that are left: `1:42`.
pub fn countdown(seconds: u64) -> String {
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// An RFC 3339 time in Unix seconds; `None` if it is invalid.
pub fn unix_seconds(time: &str) -> Option<u64> {
    let time = time.parse::<jiff::Timestamp>().ok()?;
    u64::try_from(time.as_second()).ok()
}

/// The hour and minute of a time in Unix seconds (UTC).
pub fn minute(unix_seconds: u64) -> String {
    format!(
        "{:02}:{:02}",
        unix_seconds / 3_600 % 24,
        unix_seconds / 60 % 60
    )
}

/// Cut to `width` cells, padded on the right.
pub fn left(text: &str, width: usize) -> String {
    let text = cut(text, width);
    let missing = width.saturating_sub(text.width());
    text + &" ".repeat(missing)
}

/// Cut to `width` cells, padded on the left, for numbers.
pub fn right(text: &str, width: usize) -> String {
    let text = cut(text, width);
    " ".repeat(width.saturating_sub(text.width())) + &text
}

/// Cut to `width` cells; `~` marks a cut.
pub fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut cells = 0;
    for c in text.chars() {
        cells += c.width().unwrap_or(0);
        if cells >= width {
            break;
        }
        kept.push(c);
    }
    if width > 0 {
        kept.push('~');
    }
    let missing = width.saturating_sub(kept.width());
    kept + &" ".repeat(missing)
}

/// Wraps a text into lines of at most `width` cells, between words if possible; lines after the
/// first start with `indent` spaces.
pub fn wrap(text: &str, width: usize, indent: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = text.to_owned();
    // A narrower line would hold nothing but its indent.
    while rest.width() > width && width > indent + 1 {
        let (mut cells, mut space, mut end) = (0, None, rest.len());
        for (at, c) in rest.char_indices() {
            if c == ' ' && cells > indent {
                space = Some(at);
            }
            cells += c.width().unwrap_or(0);
            if cells > width {
                end = at;
                break;
            }
        }
        let end = space.unwrap_or(end);
        lines.push(rest[..end].trim_end().to_owned());
        rest = " ".repeat(indent) + rest[end..].trim_start();
    }
    lines.push(rest);
    lines
}

/// Text with only ASCII characters, if the theme asks for it.
pub fn plain(text: &str, ascii: bool) -> String {
    if ascii {
        text.replace('→', ">")
            .replace('·', "-")
            .replace(|c: char| !c.is_ascii(), "?")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_fit_their_columns() {
        assert_eq!(
            [
                Some(0.4),
                Some(412.0),
                Some(999.6),
                Some(1_940.0),
                Some(12_345.0),
                None
            ]
            .map(latency),
            ["0", "412", "1.0s", "1.9s", "12s", "-"]
        );
        assert_eq!(
            [Some(1.0), Some(0.9999), Some(0.075), None].map(percent),
            ["100", "99.9", "7.5", "-"]
        );
        assert_eq!([0.0, 0.001, 0.346].map(share), ["0", "<1", "35"]);
        assert_eq!(
            [Some(0.0031), Some(4.123), Some(1_846.2), Some(0.0), None]
                .map(|amount| usd(amount, Theme::default())),
            ["$0.0031", "$4.12", "$1846", "$0", "n/a"]
        );
        assert_eq!(
            [Some(-0.0), Some(-4.123), Some(-0.000_001)]
                .map(|amount| usd(amount, Theme::default())),
            ["$0", "-$4.12", "$0.0000"]
        );
        assert_eq!(
            [950, 12_400, 1_230_000].map(count),
            ["950", "12.4k", "1.2M"]
        );
    }

    #[test]
    fn a_time_span_has_its_own_unit() {
        let between = |to: &str| between("2026-11-24T03:00:00.000Z", to);
        assert_eq!(between("2026-11-24T03:00:40.000Z"), "40s");
        assert_eq!(between("2026-11-24T03:04:10.000Z"), "4m");
        assert_eq!(between("2026-11-24T06:00:00.000Z"), "3h");
        assert_eq!(between("yesterday"), "-");
    }

    #[test]
    fn a_sum_shows_its_accuracy_and_an_unknown_one_has_no_number() {
        let basis = |estimated, unknown| CostBasisCounts {
            exact: 9,
            estimated,
            unknown,
        };
        let shown = |amount, basis| sum(amount, basis, Theme::default());

        assert_eq!(shown(Some(4.123), basis(0, 0)), "$4.12");
        assert_eq!(shown(Some(4.123), basis(1, 0)), "~$4.12");
        assert_eq!(shown(Some(4.123), basis(1, 1)), "≥$4.12");
        assert_eq!(shown(Some(0.0), basis(1, 0)), "$0");
        assert_eq!(shown(None, basis(0, 1)), "n/a");
    }

    #[test]
    fn a_long_text_continues_on_the_next_line() {
        assert_eq!(wrap("short", 20, 2), ["short"]);
        assert_eq!(
            wrap("key   what it does, in some words", 18, 6),
            ["key   what it", "      does, in", "      some words"]
        );
        assert_eq!(wrap("日本語日本語", 5, 1), ["日本", " 語日", " 本語"]);
    }

    proptest! {
        #[test]
        fn no_line_is_too_wide_and_no_word_is_lost(
            text in "[a-z日]{1,9}( [a-z日]{1,9}){0,20}", width in 4_usize..40, indent in 0_usize..12,
        ) {
            let lines = wrap(&text, width, indent);
            let letters = |text: &str| text.replace(' ', "");
            prop_assert_eq!(letters(&lines.concat()), letters(&text));
            let is_narrow = |line: &String| line.width() <= width;
            prop_assert!(width <= indent + 1 || lines.iter().all(is_narrow), "{lines:?}");
        }
    }

    #[test]
    fn a_cut_text_is_marked_and_keeps_its_width() {
        assert_eq!(left("anthropic", 5), "anth~");
        assert_eq!(left("日本語", 4), "日~ ");
        assert_eq!(right("7", 3), "  7");
        assert_eq!(cut("abc", 0), "");
    }
}

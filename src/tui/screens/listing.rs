//! Parts that screens with lists share.

use crate::tui::model::Listing;
use crate::tui::theme::Theme;
use ratatui::layout::Rect;

/// The rows of an area from `from` on, at most `height` of them.
pub(super) fn rows(area: Rect, from: u16, height: u16) -> Rect {
    let from = from.min(area.height);
    Rect {
        y: area.y + from,
        height: height.min(area.height - from),
        ..area
    }
}

/// The first visible row, so that the row `at` under the cursor is visible in `available` rows.
pub(super) fn first_row(at: usize, available: usize) -> usize {
    (at + 1).saturating_sub(available)
}

/// The text of a list without rows: an error, that it is loading, or `nothing`.
pub(super) fn emptiness<T>(list: &Listing<T>, nothing: &str) -> Option<String> {
    match (&list.error, list.is_known) {
        (Some(why), _) => Some(format!("  no reply: {why}")),
        (None, false) => Some("  loading …".to_owned()),
        (None, true) if list.rows.is_empty() => Some(format!("  {nothing}")),
        _ => None,
    }
}

/// Text with only ASCII characters, if the theme asks for it.
pub(super) fn plain(text: &str, theme: Theme) -> String {
    if theme.ascii {
        text.replace('→', "->")
            .replace('…', "...")
            .replace(|c: char| !c.is_ascii(), "?")
    } else {
        text.to_owned()
    }
}

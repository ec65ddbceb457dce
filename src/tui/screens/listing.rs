//! The parts that all screens with lists share.

use crate::tui::model::Listing;
use crate::tui::theme::Theme;
use ratatui::layout::Rect;

/// A part of the body, from a row on, so many rows high.
pub(super) fn rows(area: Rect, from: u16, height: u16) -> Rect {
    let from = from.min(area.height);
    Rect {
        y: area.y + from,
        height: height.min(area.height - from),
        ..area
    }
}

/// The first row that is drawn, so that the one under the cursor is seen.
pub(super) fn first_row(at: usize, room: usize) -> usize {
    (at + 1).saturating_sub(room)
}

/// What is said where there are no rows: that nothing came yet, why, or that there is nothing.
pub(super) fn emptiness<T>(list: &Listing<T>, nothing: &str) -> Option<String> {
    match (&list.error, list.is_known) {
        (Some(why), _) => Some(format!("  no answer: {why}")),
        (None, false) => Some("  asking …".to_owned()),
        (None, true) if list.rows.is_empty() => Some(format!("  {nothing}")),
        _ => None,
    }
}

/// Text of ours in characters that every terminal has.
pub(super) fn plain(text: &str, theme: Theme) -> String {
    if theme.ascii {
        text.replace('→', "->")
            .replace('…', "...")
            .replace(|c: char| !c.is_ascii(), "?")
    } else {
        text.to_owned()
    }
}

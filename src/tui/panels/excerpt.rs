//! The part of a confirm dialog that is shown if it is longer than the screen: always its fields
//! and choices, because keys act on them, and as many of its lines as fit.

use crate::tui::confirm_dialog::ConfirmDialog;
use ratatui::layout::Rect;

/// Rows of a box that its border takes.
const BORDER: u16 = 2;
/// With this many rows besides the choices, one shows their keys.
const KEYS: usize = 4;

/// From this height on, a box leaves the header, the service and the trouble visible above it, and
/// the keys below it; on a smaller screen only the header.
const TALL: u16 = 20;

/// Rows that stay visible above and below a box on a screen of this height.
pub fn around(screen: u16) -> (u16, u16) {
    match screen {
        TALL.. => (3, 1),
        4.. => (1, 0),
        _ => (0, 0),
    }
}

/// Rows inside a box on a screen of this height.
pub fn inside(screen: u16) -> usize {
    let (above, below) = around(screen);
    usize::from(screen.saturating_sub(above + below + BORDER))
}

/// Returns whether all fields and choices fit on a screen of this size.
pub fn fits(dialog: &ConfirmDialog, screen: Rect) -> bool {
    stops(dialog) <= inside(screen.height)
}

/// Rows of fields and choices, Cancel included.
fn stops(dialog: &ConfirmDialog) -> usize {
    // A phrase has a row that demands it.
    let phrase = if dialog.phrase.is_some() { 2 } else { 0 };
    let reason = usize::from(dialog.reason.is_some());
    phrase + reason + 1 + dialog.choices.len()
}

/// The use of the rows besides fields and choices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The lines that fit.
    pub lines: Vec<String>,
    /// Blank rows between the parts fit.
    pub is_loose: bool,
    /// A row of keys fits.
    pub has_keys: bool,
}

/// The lines of a dialog in a box with `rows` rows inside, besides its fields and choices.
/// `wrapped` holds its lines with long ones continued; if those do not fit, each line is cut
/// instead.
pub fn excerpt(dialog: &ConfirmDialog, wrapped: &[String], rows: usize) -> Excerpt {
    let stops = stops(dialog);
    let fits = wrapped.len() + stops < rows;
    let lines = if fits { wrapped } else { &dialog.lines };
    let count = lines.len();
    // Three blank rows, and one for the keys.
    let is_loose = count + stops + 4 <= rows;
    let available = rows.saturating_sub(stops);
    let has_keys = is_loose || available > count || available >= KEYS;
    let available = available.saturating_sub(usize::from(has_keys));
    Excerpt {
        lines: shortened(lines, available),
        is_loose,
        has_keys,
    }
}

/// At most `available` lines, one of them a count of those left out. Indented list rows are left
/// out before other lines, the last ones first.
fn shortened(lines: &[String], available: usize) -> Vec<String> {
    if lines.len() <= available {
        return lines.to_vec();
    }
    let Some(kept) = available.checked_sub(1) else {
        return Vec::new();
    };
    let (listed, others): (Vec<usize>, Vec<usize>) =
        (0..lines.len()).partition(|&at| lines[at].starts_with(' '));
    let order = listed.iter().rev().chain(others.iter().rev()).copied();
    let left_out: Vec<usize> = order.take(lines.len() - kept).collect();
    let first = left_out.iter().min();
    let line = |(at, line): (usize, &String)| {
        if Some(&at) == first {
            Some(format!("  +{} more", left_out.len()))
        } else {
            (!left_out.contains(&at)).then(|| line.clone())
        }
    };
    lines.iter().enumerate().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::confirm_dialog::{DialogAction, DialogChoice, DialogKind};
    use crate::tui::keymap::Action;

    fn dialog(rows: usize) -> ConfirmDialog {
        let mut lines: Vec<String> = (0..rows).map(|at| format!("  row {at}")).collect();
        lines.push("effect".to_owned());
        lines.push("where".to_owned());
        let answer = DialogChoice {
            label: "Yes".to_owned(),
            key: Some(Action::Yes),
            action: DialogAction::Nothing,
        };
        let mut dialog = ConfirmDialog::new(DialogKind::Undo, lines, vec![answer.clone(), answer]);
        dialog.reason = Some(String::new());
        dialog
    }

    #[test]
    fn list_rows_are_left_out_before_other_lines() {
        let dialog = dialog(5);
        let lines = |rows| excerpt(&dialog, &dialog.lines, rows).lines;

        assert_eq!(lines(40).len(), 7);
        assert_eq!(
            lines(10),
            ["  row 0", "  row 1", "  +3 more", "effect", "where"]
        );
        assert_eq!(lines(7), ["  +5 more", "effect", "where"]);
        assert_eq!(lines(6), ["  +6 more", "effect"]);
        assert!(lines(4).is_empty());
    }

    #[test]
    fn an_excerpt_never_uses_more_rows_than_there_are() {
        for lines in 0..30 {
            let dialog = dialog(lines);
            for rows in stops(&dialog)..40 {
                let excerpt = excerpt(&dialog, &dialog.lines, rows);
                let loose = if excerpt.is_loose { 3 } else { 0 };
                let used = excerpt.lines.len() + loose + usize::from(excerpt.has_keys);
                assert!(used + stops(&dialog) <= rows, "{lines} in {rows}");
            }
        }
    }
}

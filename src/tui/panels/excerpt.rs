//! What of a question is shown where it is longer than the screen: its fields and its answers
//! always, for keys act on them; of what would change as much as has room.

use crate::tui::confirm_dialog::ConfirmDialog;
use ratatui::layout::Rect;

/// Rows of a box that are none of its inside.
const BORDER: u16 = 2;
/// From so many rows beside the answers on one is for their keys.
const KEYS: usize = 4;

/// Rows inside a box on a screen of this height; the header stays above it.
pub fn inside(screen: u16) -> usize {
    usize::from(screen.saturating_sub(u16::from(screen > 3) + BORDER))
}

/// Whether everything that keys act on is on a screen of this size.
pub fn fits(confirm: &ConfirmDialog, screen: Rect) -> bool {
    stops(confirm) <= inside(screen.height)
}

/// Fields and answers, one row each; Cancel is one of them.
fn stops(confirm: &ConfirmDialog) -> usize {
    let fields = [confirm.reason.is_some(), confirm.phrase.is_some()];
    let fields = fields.into_iter().filter(|is_there| *is_there).count();
    fields + 1 + confirm.choices.len()
}

/// How the rows beside fields and answers are used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// What would change, as much of it as has room.
    pub lines: Vec<String>,
    /// There is room for blank rows between the parts.
    pub is_loose: bool,
    /// There is room for the keys.
    pub has_keys: bool,
}

/// What a box with so many rows inside shows of a question, besides its fields and answers. `wrapped`
/// are its lines with the long ones continued; where these have no room each is one line, cut.
pub fn excerpt(confirm: &ConfirmDialog, wrapped: &[String], rows: usize) -> Excerpt {
    let stops = stops(confirm);
    let has_room = wrapped.len() + stops < rows;
    let lines = if has_room { wrapped } else { &confirm.lines };
    let count = lines.len();
    // A blank row before, between and after, and one for the keys.
    let is_loose = count + stops + 4 <= rows;
    let room = rows.saturating_sub(stops);
    let has_keys = is_loose || room > count || room >= KEYS;
    let room = room.saturating_sub(usize::from(has_keys));
    Excerpt {
        lines: shortened(lines, room),
        is_loose,
        has_keys,
    }
}

/// At most so many lines, and a note in the place of those left out. The rows of a list, which are
/// set off by a blank, give way before what is said of all of them, and the last ones first.
fn shortened(lines: &[String], room: usize) -> Vec<String> {
    if lines.len() <= room {
        return lines.to_vec();
    }
    let Some(kept) = room.checked_sub(1) else {
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

    fn confirm(lines: usize) -> ConfirmDialog {
        let mut said: Vec<String> = (0..lines).map(|at| format!("  row {at}")).collect();
        said.push("effect".to_owned());
        said.push("where".to_owned());
        let answer = DialogChoice {
            label: "Yes".to_owned(),
            key: Action::Yes,
            action: DialogAction::Nothing,
        };
        let mut confirm = ConfirmDialog::new(DialogKind::Undo, said, vec![answer.clone(), answer]);
        confirm.reason = Some(String::new());
        confirm
    }

    #[test]
    fn rows_of_a_list_give_way_before_what_is_said_of_all_of_them() {
        let confirm = confirm(5);
        let lines = |rows| excerpt(&confirm, &confirm.lines, rows).lines;

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
    fn whatever_the_size_no_more_rows_are_used_than_there_are() {
        for lines in 0..30 {
            let confirm = confirm(lines);
            for rows in stops(&confirm)..40 {
                let excerpt = excerpt(&confirm, &confirm.lines, rows);
                let loose = if excerpt.is_loose { 3 } else { 0 };
                let used = excerpt.lines.len() + loose + usize::from(excerpt.has_keys);
                assert!(used + stops(&confirm) <= rows, "{lines} in {rows}");
            }
        }
    }
}

//! Parts of a whole in one row, told apart by cuts and names, and not by colour alone:
//!
//! ```text
//! [anthropic 35        |azure 25     |bedrock 20  |groq 10|mi|]
//! ```

use crate::tui::format;

/// A row of exactly `width` cells; every part above 0 has at least its cut.
pub fn stack(parts: &[(&str, f64)], width: usize) -> String {
    let Some(room) = width.checked_sub(2) else {
        return " ".repeat(width);
    };
    let parts: Vec<&(&str, f64)> = parts.iter().filter(|(_, part)| *part > 0.0).collect();
    let cells = largest_remainder(
        &parts.iter().map(|(_, part)| *part).collect::<Vec<_>>(),
        room,
    );
    let mut row = String::new();
    for ((name, part), cells) in parts.iter().zip(cells) {
        let Some(inside) = cells.checked_sub(1) else {
            continue;
        };
        let label = format!("{name} {}", format::share(*part));
        let label = if unicode_width::UnicodeWidthStr::width(label.as_str()) <= inside {
            label
        } else {
            format::cut(name, inside)
        };
        row.push_str(&format::left(&label, inside));
        row.push('|');
    }
    format!("[{}]", format::left(&row, room))
}

/// Whole cells that add up to `room` where the parts have a sum above 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a part of the room, at least 0"
)]
fn largest_remainder(parts: &[f64], room: usize) -> Vec<usize> {
    let sum: f64 = parts.iter().sum();
    if sum <= 0.0 {
        return vec![0; parts.len()];
    }
    let exact: Vec<f64> = parts.iter().map(|part| part / sum * room as f64).collect();
    let mut cells: Vec<usize> = exact.iter().map(|cells| cells.floor() as usize).collect();
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by(|&a, &b| exact[b].fract().total_cmp(&exact[a].fract()));
    let missing = room.saturating_sub(cells.iter().sum());
    for &at in order.iter().cycle().take(missing) {
        cells[at] += 1;
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parts_are_named_where_there_is_room() {
        let parts = [("alpha", 0.5), ("beta", 0.3), ("gam", 0.2), ("off", 0.0)];
        assert_eq!(
            stack(&parts, 42),
            "[alpha 50           |beta 30    |gam 20 |]"
        );
        assert_eq!(stack(&[], 6), "[    ]");
    }

    proptest! {
        #[test]
        fn a_stack_is_as_wide_as_it_was_asked_for(
            parts in prop::collection::vec(0.0..1.0_f64, 0..20), width in 0_usize..200,
        ) {
            let parts: Vec<(&str, f64)> = parts.into_iter().map(|part| ("名name", part)).collect();
            prop_assert_eq!(unicode_width::UnicodeWidthStr::width(stack(&parts, width).as_str()), width);
        }
    }
}

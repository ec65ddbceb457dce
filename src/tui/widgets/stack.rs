//! Parts of a whole in one row, separated by bars and names, not only by colour:
//!
//! ```text
//! [anthropic 35        |azure 25     |bedrock 20  |groq 10|mi|]
//! ```

use crate::tui::format;

/// A row of exactly `width` cells. If there is room, every part above 0 has at least its bar.
pub fn stack(parts: &[(&str, f64)], width: usize) -> String {
    let Some(available) = width.checked_sub(2) else {
        return " ".repeat(width);
    };
    let parts: Vec<&(&str, f64)> = parts.iter().filter(|(_, part)| *part > 0.0).collect();
    let cells = cells(
        &parts.iter().map(|(_, part)| *part).collect::<Vec<_>>(),
        available,
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
    format!("[{}]", format::left(&row, available))
}

/// With at least this many cells per part, a part without a cell gets one. With fewer, that would
/// distort the largest part too much.
const CELLS_EACH: usize = 4;

/// Whole cells by largest remainder; they add up to `available` if the sum of the parts is above 0.
/// If there is room, a part above 0 has at least one cell, taken from the largest part.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a part of the room, at least 0"
)]
pub fn cells(parts: &[f64], available: usize) -> Vec<usize> {
    let sum: f64 = parts.iter().sum();
    if sum <= 0.0 {
        return vec![0; parts.len()];
    }
    let exact: Vec<f64> = parts
        .iter()
        .map(|part| part / sum * available as f64)
        .collect();
    let mut cells: Vec<usize> = exact.iter().map(|cells| cells.floor() as usize).collect();
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by(|&a, &b| exact[b].fract().total_cmp(&exact[a].fract()));
    let missing = available.saturating_sub(cells.iter().sum());
    for &at in order.iter().cycle().take(missing) {
        cells[at] += 1;
    }
    let present = parts.iter().filter(|part| **part > 0.0).count();
    if available < present * CELLS_EACH {
        return cells;
    }
    for at in 0..parts.len() {
        if parts[at] > 0.0 && cells[at] == 0 {
            let largest = (0..cells.len()).max_by_key(|&other| cells[other]);
            let largest = largest.expect("there is a part");
            cells[largest] -= 1;
            cells[at] = 1;
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parts_are_named_if_their_name_fits() {
        let parts = [("alpha", 0.5), ("beta", 0.3), ("gam", 0.2), ("off", 0.0)];
        assert_eq!(
            stack(&parts, 42),
            "[alpha 50           |beta 30    |gam 20 |]"
        );
        assert_eq!(stack(&[], 6), "[    ]");
    }

    proptest! {
        #[test]
        fn cells_add_up_and_no_part_is_lost_if_there_is_room(
            parts in prop::collection::vec(prop_oneof![Just(0.0), 0.0..1.0_f64, 0.0..1e-6_f64], 1..12),
            available in 0_usize..200,
        ) {
            let given = cells(&parts, available);
            let sum: f64 = parts.iter().sum();
            prop_assert_eq!(given.iter().sum::<usize>(), if sum > 0.0 { available } else { 0 });
            let present = parts.iter().filter(|part| **part > 0.0).count();
            for (&part, &given) in parts.iter().zip(&given) {
                prop_assert!(part > 0.0 || given == 0);
                prop_assert!(part == 0.0 || given > 0 || available < present * CELLS_EACH);
            }
        }

        #[test]
        fn a_stack_has_the_requested_width(
            parts in prop::collection::vec(0.0..1.0_f64, 0..20), width in 0_usize..200,
        ) {
            let parts: Vec<(&str, f64)> = parts.into_iter().map(|part| ("名name", part)).collect();
            prop_assert_eq!(unicode_width::UnicodeWidthStr::width(stack(&parts, width).as_str()), width);
        }
    }
}

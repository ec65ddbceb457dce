//! Weights on the drawing board: cost, latency and reliability share exactly 100 whole points, so
//! what one takes the other two give in proportion; load and priority stand beside them.

use crate::contract::{WeightPoints, WeightsChange};

/// The five rows, in their order on the screen.
pub const NAMES: [&str; 5] = ["cost", "latency", "reliability", "load", "priority"];
/// The rows that share the 100 points.
const SHARED: usize = 3;

/// A draft on top of a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Points in the order of [`NAMES`].
    points: [u8; 5],
    /// What is in force, as whole points.
    from: [u8; 5],
    /// The revision it was drafted on.
    pub revision: u64,
    /// The row that is being moved.
    pub row: usize,
    /// Digits typed so far.
    typed: String,
}

impl Draft {
    pub fn new(weights: &WeightPoints, revision: u64) -> Self {
        let from = whole(weights);
        Self {
            points: from,
            from,
            revision,
            row: 0,
            typed: String::new(),
        }
    }

    pub fn points(&self) -> [u8; 5] {
        self.points
    }

    pub fn weights(&self) -> WeightPoints {
        let [cost, latency, reliability, load, priority] = self.points.map(f64::from);
        WeightPoints {
            cost,
            latency,
            reliability,
            load,
            priority,
        }
    }

    /// What is in force, row by row.
    pub fn from(&self) -> [u8; 5] {
        self.from
    }

    pub fn is_changed(&self) -> bool {
        self.points != self.from
    }

    /// Other weights came into force: the draft stays, what it is compared with moves.
    pub fn rebase(&mut self, weights: &WeightPoints, revision: u64) {
        let untouched = !self.is_changed();
        self.from = whole(weights);
        self.revision = revision;
        if untouched {
            self.points = self.from;
        }
    }

    pub fn select(&mut self, step: isize) {
        self.typed.clear();
        self.row = self.row.saturating_add_signed(step).min(NAMES.len() - 1);
    }

    /// Moves the row by so many points.
    pub fn nudge(&mut self, step: i16) {
        self.typed.clear();
        let moved = i16::from(self.points[self.row]) + step;
        self.set(u8::try_from(moved.clamp(0, 100)).unwrap_or(0));
    }

    /// A digit of a value that is being typed.
    pub fn digit(&mut self, digit: char) {
        if self.typed.len() >= 3 {
            self.typed.clear();
        }
        self.typed.push(digit);
        if let Ok(value) = self.typed.parse::<u8>()
            && value <= 100
        {
            self.set(value);
        } else {
            self.typed = digit.to_string();
            self.set(
                digit
                    .to_digit(10)
                    .and_then(|digit| u8::try_from(digit).ok())
                    .unwrap_or(0),
            );
        }
    }

    pub fn reset(&mut self) {
        self.points = self.from;
        self.typed.clear();
    }

    /// What differs, as a change on the draft's revision.
    pub fn change(&self) -> WeightsChange {
        let changed =
            |row: usize| (self.points[row] != self.from[row]).then(|| f64::from(self.points[row]));
        // All three objectives go together, so that their sum holds whatever came between.
        let shared = |row: usize| {
            (0..SHARED)
                .any(|at| changed(at).is_some())
                .then(|| f64::from(self.points[row]))
        };
        WeightsChange {
            cost: shared(0),
            latency: shared(1),
            reliability: shared(2),
            load: changed(3),
            priority: changed(4),
            revision: Some(self.revision),
            reason: None,
            revert_after_seconds: None,
        }
    }

    fn set(&mut self, value: u8) {
        if self.row >= SHARED {
            self.points[self.row] = value;
            return;
        }
        self.points[self.row] = value;
        let others: Vec<usize> = (0..SHARED).filter(|&row| row != self.row).collect();
        let rest = 100 - u16::from(value);
        let (a, b) = (
            u16::from(self.points[others[0]]),
            u16::from(self.points[others[1]]),
        );
        let first = match a + b {
            // Nothing to be in proportion to: halves.
            0 => rest / 2,
            sum => (rest * a + sum / 2) / sum,
        };
        self.points[others[0]] = u8::try_from(first).unwrap_or(100);
        self.points[others[1]] = u8::try_from(rest - first).unwrap_or(0);
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rounded and clamped to 0..=100"
)]
fn whole(weights: &WeightPoints) -> [u8; 5] {
    let round = |value: f64| value.round().clamp(0.0, 100.0) as u8;
    let (cost, latency) = (
        round(weights.cost),
        round(weights.latency).min(100 - round(weights.cost)),
    );
    [
        cost,
        latency,
        100 - cost - latency,
        round(weights.load),
        round(weights.priority),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn founding() -> Draft {
        let weights = WeightPoints {
            cost: 30.0,
            latency: 40.0,
            reliability: 30.0,
            load: 10.0,
            priority: 10.0,
        };
        Draft::new(&weights, 7)
    }

    #[test]
    fn the_others_give_way_in_proportion() {
        let mut draft = founding();
        draft.nudge(30);
        assert_eq!(draft.points(), [60, 23, 17, 10, 10]);
        draft.nudge(100);
        assert_eq!(draft.points(), [100, 0, 0, 10, 10]);
        draft.nudge(-20);
        assert_eq!(draft.points(), [80, 10, 10, 10, 10]);
    }

    #[test]
    fn digits_type_a_value() {
        let mut draft = founding();
        for digit in "100".chars() {
            draft.digit(digit);
        }
        assert_eq!(draft.points()[0], 100);
        draft.digit('7');
        assert_eq!(draft.points()[0], 7);
    }

    #[test]
    fn a_change_carries_its_revision_and_only_what_moved() {
        let mut draft = founding();
        draft.select(3);
        draft.nudge(5);
        let change = draft.change();
        assert_eq!(
            (change.cost, change.load, change.revision),
            (None, Some(15.0), Some(7))
        );
    }

    #[test]
    fn a_change_from_elsewhere_does_not_move_a_draft() {
        let mut draft = founding();
        draft.nudge(10);
        let points = draft.points();
        let other = WeightPoints {
            cost: 10.0,
            latency: 80.0,
            reliability: 10.0,
            load: 10.0,
            priority: 10.0,
        };
        draft.rebase(&other, 8);
        assert_eq!(
            (draft.points(), draft.from()[1], draft.revision),
            (points, 80, 8)
        );
    }

    proptest! {
        #[test]
        fn the_objectives_always_share_a_hundred_points(
            steps in prop::collection::vec((0_usize..3, -120_i16..120), 0..40),
        ) {
            let mut draft = founding();
            for (row, step) in steps {
                draft.row = row;
                draft.nudge(step);
                let sum: u16 = draft.points()[..3].iter().map(|&points| u16::from(points)).sum();
                prop_assert_eq!(sum, 100);
            }
        }
    }
}

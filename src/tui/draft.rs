//! Weights on the drawing board: cost, latency and reliability share exactly 100 whole points, so
//! what one takes the other two give in proportion; load and priority stand beside them.

use super::change::Change;
use crate::contract::{ProviderChange, WeightPoints, WeightsChange};
use std::collections::BTreeMap;

/// The five rows, in their order on the screen.
pub const NAMES: [&str; 5] = ["cost", "latency", "reliability", "load", "priority"];
/// The rows that share the 100 points.
const SHARED: usize = 3;

/// What is being moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// One of [`NAMES`].
    Objective(usize),
    /// The priority of this provider.
    Provider(String),
}

/// A draft on top of a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Points in the order of [`NAMES`].
    points: [u8; 5],
    /// What is in force, as whole points.
    from: [u8; 5],
    /// The revision it was drafted on.
    pub revision: u64,
    pub row: Row,
    /// Priorities of providers that were touched: what is in force, and what is wished for.
    priorities: BTreeMap<String, (u8, u8)>,
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
            row: Row::Objective(0),
            priorities: BTreeMap::new(),
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
        self.points != self.from || self.moved().next().is_some()
    }

    /// Priorities that differ from what is in force: name, from, to.
    pub fn moved(&self) -> impl Iterator<Item = (&str, u8, u8)> {
        self.priorities
            .iter()
            .filter(|(_, (from, to))| from != to)
            .map(|(name, &(from, to))| (name.as_str(), from, to))
    }

    /// The priority wished for, where it was touched.
    pub fn priority(&self, provider: &str) -> Option<u8> {
        self.priorities.get(provider).map(|&(_, to)| to)
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

    /// To another row: the objectives, then the providers in the order of the screen.
    pub fn select(&mut self, step: isize, providers: &[String]) {
        self.typed.clear();
        let at = match &self.row {
            Row::Objective(at) => *at,
            Row::Provider(name) => {
                let place = providers.iter().position(|provider| provider == name);
                NAMES.len() + place.unwrap_or(0)
            }
        };
        let last = NAMES.len() + providers.len() - 1;
        let next = at.saturating_add_signed(step).min(last);
        self.row = match next.checked_sub(NAMES.len()) {
            Some(provider) => Row::Provider(providers[provider].clone()),
            None => Row::Objective(next),
        };
    }

    /// From the objectives to the providers, and back.
    pub fn cross(&mut self, provider: Option<String>) {
        self.typed.clear();
        self.row = match (&self.row, provider) {
            (Row::Objective(_), Some(name)) => Row::Provider(name),
            _ => Row::Objective(0),
        };
    }

    /// Moves the row by so many points; `priority` is what is in force where it is a provider's.
    pub fn nudge(&mut self, step: i16, priority: u8) {
        self.typed.clear();
        let moved = i16::from(self.value(priority)) + step;
        self.set(u8::try_from(moved.clamp(0, 100)).unwrap_or(0), priority);
    }

    /// The value of the row.
    fn value(&self, priority: u8) -> u8 {
        match &self.row {
            Row::Objective(at) => self.points[*at],
            Row::Provider(name) => self.priority(name).unwrap_or(priority),
        }
    }

    /// A digit of a value that is being typed.
    pub fn digit(&mut self, digit: char, priority: u8) {
        if self.typed.len() >= 3 {
            self.typed.clear();
        }
        self.typed.push(digit);
        if let Ok(value) = self.typed.parse::<u8>()
            && value <= 100
        {
            self.set(value, priority);
        } else {
            self.typed = digit.to_string();
            self.set(
                digit
                    .to_digit(10)
                    .and_then(|digit| u8::try_from(digit).ok())
                    .unwrap_or(0),
                priority,
            );
        }
    }

    pub fn reset(&mut self) {
        self.points = self.from;
        self.priorities.clear();
        self.typed.clear();
    }

    /// This row back to what is in force; objectives that share points go back together.
    pub fn reset_row(&mut self) {
        self.typed.clear();
        match self.row.clone() {
            Row::Objective(at) if at >= SHARED => self.points[at] = self.from[at],
            Row::Objective(_) => self.points[..SHARED].copy_from_slice(&self.from[..SHARED]),
            Row::Provider(name) => {
                self.priorities.remove(&name);
            }
        }
    }

    /// A known mix of cost, latency and reliability.
    pub fn mix(&mut self, shared: [u8; SHARED]) {
        self.typed.clear();
        self.points[..SHARED].copy_from_slice(&shared);
    }

    /// All five weights at once.
    pub fn set_all(&mut self, weights: &WeightPoints) {
        self.typed.clear();
        self.points = whole(weights);
    }

    /// Everything that differs, weights first: they carry the revision.
    pub fn changes(&self) -> Vec<Change> {
        let weights = (self.points != self.from).then(|| Change::Weights(self.change()));
        let priorities = self.moved().map(|(name, _, to)| priority_change(name, to));
        weights.into_iter().chain(priorities).collect()
    }

    /// What undoes the priorities.
    pub fn priorities_back(&self) -> Vec<Change> {
        self.moved()
            .map(|(name, from, _)| priority_change(name, from))
            .collect()
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

    fn set(&mut self, value: u8, priority: u8) {
        let row = match &self.row {
            Row::Objective(at) => *at,
            Row::Provider(name) => {
                let moved = self.priorities.entry(name.clone());
                moved.or_insert((priority, value)).1 = value;
                return;
            }
        };
        self.points[row] = value;
        if row >= SHARED {
            return;
        }
        let others: Vec<usize> = (0..SHARED).filter(|&other| other != row).collect();
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

fn priority_change(name: &str, to: u8) -> Change {
    Change::Provider {
        name: name.to_owned(),
        change: ProviderChange {
            priority: Some(f64::from(to)),
            ..ProviderChange::default()
        },
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
        draft.nudge(30, 0);
        assert_eq!(draft.points(), [60, 23, 17, 10, 10]);
        draft.nudge(100, 0);
        assert_eq!(draft.points(), [100, 0, 0, 10, 10]);
        draft.nudge(-20, 0);
        assert_eq!(draft.points(), [80, 10, 10, 10, 10]);
    }

    #[test]
    fn digits_type_a_value() {
        let mut draft = founding();
        for digit in "100".chars() {
            draft.digit(digit, 0);
        }
        assert_eq!(draft.points()[0], 100);
        draft.digit('7', 0);
        assert_eq!(draft.points()[0], 7);
    }

    #[test]
    fn a_change_carries_its_revision_and_only_what_moved() {
        let mut draft = founding();
        draft.select(3, &[]);
        draft.nudge(5, 0);
        let change = draft.change();
        assert_eq!(
            (change.cost, change.load, change.revision),
            (None, Some(15.0), Some(7))
        );
    }

    #[test]
    fn a_priority_is_moved_by_its_provider_and_undone() {
        let mut draft = founding();
        draft.select(5, &["a".to_owned(), "b".to_owned()]);
        draft.nudge(10, 50);
        assert_eq!(draft.row, Row::Provider("a".to_owned()));
        assert_eq!(draft.moved().collect::<Vec<_>>(), [("a", 50, 60)]);
        assert_eq!(draft.changes(), [priority_change("a", 60)]);
        assert_eq!(draft.priorities_back(), [priority_change("a", 50)]);
        draft.nudge(-10, 50);
        assert!(!draft.is_changed());
        draft.select(9, &["a".to_owned(), "b".to_owned()]);
        assert_eq!(draft.row, Row::Provider("b".to_owned()));
    }

    #[test]
    fn a_change_from_elsewhere_does_not_move_a_draft() {
        let mut draft = founding();
        draft.nudge(10, 0);
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
                draft.row = Row::Objective(row);
                draft.nudge(step, 0);
                let sum: u16 = draft.points()[..3].iter().map(|&points| u16::from(points)).sum();
                prop_assert_eq!(sum, 100);
            }
        }
    }
}

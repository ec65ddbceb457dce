//! Weights on the drawing board: cost, latency and reliability share exactly 100 whole points, so
//! what one takes the other two give in proportion; load and priority stand beside them.

mod points;
mod provider;
#[cfg(test)]
mod tests;

pub use points::{NAMES, effective, overriding};
pub use provider::{CurrentSettings, DraftedProvider};

use super::change::Change;
use crate::contract::{ProviderDraft, WeightPoints, WeightsChange};
use points::{SHARED, shared_out, whole};
use std::collections::BTreeMap;

/// What is being moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DraftRow {
    /// One of [`NAMES`].
    Objective(usize),
    /// The priority of this provider.
    Provider(String),
    /// One of the first three of [`NAMES`], for this provider alone.
    Own(String, usize),
}

impl DraftRow {
    /// The provider that it is about.
    pub fn provider(&self) -> Option<&str> {
        match self {
            Self::Objective(_) => None,
            Self::Provider(name) | Self::Own(name, _) => Some(name),
        }
    }
}

/// A draft on top of a revision.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Points in the order of [`NAMES`].
    points: [u8; 5],
    /// What is in force, as whole points.
    from: [u8; 5],
    /// The revision it was drafted on.
    pub revision: u64,
    pub row: DraftRow,
    /// Providers that were touched.
    wishes: BTreeMap<String, DraftedProvider>,
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
            row: DraftRow::Objective(0),
            wishes: BTreeMap::new(),
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

    /// Providers that differ from what is in force.
    pub fn moved(&self) -> impl Iterator<Item = (&str, &DraftedProvider)> {
        let all = self.wishes.iter().map(|(name, wish)| (name.as_str(), wish));
        all.filter(|(_, wish)| wish.is_moved())
    }

    /// The priority wished for, where the provider was touched.
    pub fn priority(&self, provider: &str) -> Option<u8> {
        self.wishes.get(provider).map(|wish| wish.priority)
    }

    /// The own weights wished for, or in force where the provider was not touched; nothing where it
    /// is to have none.
    pub fn own(&self, provider: &str, in_force: &CurrentSettings) -> Option<[u8; SHARED]> {
        let untouched = || in_force.own.map(|own| own.points);
        self.wishes
            .get(provider)
            .map_or_else(untouched, |wish| wish.own)
    }

    /// Whether the own weights of a provider differ from what is in force.
    pub fn moves_own(&self, provider: &str) -> bool {
        self.wishes
            .get(provider)
            .is_some_and(DraftedProvider::moves_own)
    }

    /// Settings of single providers, for asking what they would have done.
    pub fn providers(&self) -> BTreeMap<String, ProviderDraft> {
        self.moved()
            .map(|(name, wish)| (name.to_owned(), wish.draft()))
            .collect()
    }

    /// Something else came into force: what was moved stays, what was not follows it.
    pub fn rebase(&mut self, weights: &WeightPoints, revision: u64) {
        let now = whole(weights);
        // Those that share their points stand or follow together.
        for rows in [0..SHARED, SHARED..SHARED + 1, SHARED + 1..NAMES.len()] {
            if self.points[rows.clone()] == self.from[rows.clone()] {
                self.points[rows.clone()].copy_from_slice(&now[rows]);
            }
        }
        self.from = now;
        self.revision = revision;
    }

    /// The same for providers: what is in force of them, or nothing where one is gone.
    pub fn renew(&mut self, in_force: impl Fn(&str) -> Option<CurrentSettings>) {
        self.wishes.retain(|name, wish| match in_force(name) {
            Some(now) => {
                wish.renew(now);
                wish.is_moved()
            }
            None => false,
        });
    }

    /// Whether it was drafted on just this.
    pub fn is_on(
        &self,
        weights: &WeightPoints,
        in_force: impl Fn(&str) -> Option<CurrentSettings>,
    ) -> bool {
        let is_same =
            |(name, wish): (&String, &DraftedProvider)| in_force(name) == Some(wish.in_force);
        self.from == whole(weights) && self.wishes.iter().all(is_same)
    }

    /// Whether it is what is in force.
    pub fn is_in_force(
        &self,
        weights: &WeightPoints,
        in_force: impl Fn(&str) -> Option<CurrentSettings>,
    ) -> bool {
        let holds =
            |(name, wish): (&str, &DraftedProvider)| in_force(name).is_some_and(|now| wish.is(now));
        self.points == whole(weights) && self.moved().all(holds)
    }

    /// Nothing is wished for of a provider any more.
    pub fn forget(&mut self, provider: &str) {
        self.wishes.remove(provider);
    }

    /// Providers that were moved and moved back were not touched.
    pub fn forget_unmoved(&mut self) {
        self.wishes.retain(|_, wish| wish.is_moved());
    }

    /// All rows in the order of the screen: the objectives, then each provider, and below it its own
    /// weights where it has or is to have some. A provider comes with what is in force.
    pub fn rows(&self, providers: &[(String, CurrentSettings)]) -> Vec<DraftRow> {
        let mut rows: Vec<DraftRow> = (0..NAMES.len()).map(DraftRow::Objective).collect();
        for (name, in_force) in providers {
            rows.push(DraftRow::Provider(name.clone()));
            if self.own(name, in_force).is_some() {
                rows.extend((0..SHARED).map(|at| DraftRow::Own(name.clone(), at)));
            }
        }
        rows
    }

    /// To another row.
    pub fn select(&mut self, step: isize, providers: &[(String, CurrentSettings)]) {
        self.typed.clear();
        let rows = self.rows(providers);
        let at = rows.iter().position(|row| *row == self.row).unwrap_or(0);
        let next = at.saturating_add_signed(step).min(rows.len() - 1);
        self.row = rows[next].clone();
    }

    /// From the objectives to the providers, and back.
    pub fn cross(&mut self, provider: Option<String>) {
        self.typed.clear();
        self.row = match (&self.row, provider) {
            (DraftRow::Objective(_), Some(name)) => DraftRow::Provider(name),
            _ => DraftRow::Objective(0),
        };
    }

    /// Moves the row by so many points.
    pub fn nudge(&mut self, step: i16, in_force: CurrentSettings) {
        self.typed.clear();
        let moved = i16::from(self.value(&in_force)) + step;
        self.set(u8::try_from(moved.clamp(0, 100)).unwrap_or(0), in_force);
    }

    /// The value of the row.
    fn value(&self, in_force: &CurrentSettings) -> u8 {
        match &self.row {
            DraftRow::Objective(at) => self.points[*at],
            DraftRow::Provider(name) => self.priority(name).unwrap_or(in_force.priority),
            DraftRow::Own(name, at) => self.own(name, in_force).map_or(0, |own| own[*at]),
        }
    }

    /// A digit of a value that is being typed.
    pub fn digit(&mut self, digit: char, in_force: CurrentSettings) {
        if self.typed.len() >= 3 {
            self.typed.clear();
        }
        self.typed.push(digit);
        let value = self.typed.parse::<u8>().ok().filter(|value| *value <= 100);
        let value = value.unwrap_or_else(|| {
            self.typed = digit.to_string();
            digit
                .to_digit(10)
                .and_then(|digit| u8::try_from(digit).ok())
                .unwrap_or(0)
        });
        self.set(value, in_force);
    }

    /// Weights of its own for the provider of the row, to begin with the global ones, or none any
    /// more; false where the row is no provider's.
    pub fn toggle_own(&mut self, in_force: CurrentSettings) -> bool {
        self.typed.clear();
        let Some(name) = self.row.provider().map(str::to_owned) else {
            return false;
        };
        let shared = self.shared();
        let wish = self.wish(&name, in_force);
        if wish.own.take().is_some() {
            self.row = DraftRow::Provider(name);
        } else {
            wish.own = Some(wish.in_force.own.map_or(shared, |own| own.points));
            self.row = DraftRow::Own(name, 0);
        }
        true
    }

    pub fn reset(&mut self) {
        self.points = self.from;
        self.wishes.clear();
        self.typed.clear();
        if let DraftRow::Own(name, _) = &self.row {
            self.row = DraftRow::Provider(name.clone());
        }
    }

    /// This row back to what is in force; objectives that share points go back together.
    pub fn reset_row(&mut self) {
        self.typed.clear();
        match self.row.clone() {
            DraftRow::Objective(at) if at >= SHARED => self.points[at] = self.from[at],
            DraftRow::Objective(_) => self.points[..SHARED].copy_from_slice(&self.from[..SHARED]),
            DraftRow::Provider(name) => {
                self.wishes.remove(&name);
            }
            DraftRow::Own(name, _) => {
                if let Some(wish) = self.wishes.get_mut(&name) {
                    wish.own = wish.in_force.own.map(|own| own.points);
                }
                self.row = DraftRow::Provider(name);
            }
        }
    }

    /// A known mix of cost, latency and reliability, for the provider whose own weights are in hand
    /// or for all.
    pub fn mix(&mut self, shared: [u8; SHARED], in_force: CurrentSettings) {
        self.typed.clear();
        match self.row.clone() {
            DraftRow::Own(name, _) => self.wish(&name, in_force).own = Some(shared),
            _ => self.points[..SHARED].copy_from_slice(&shared),
        }
    }

    /// All five weights at once.
    pub fn set_all(&mut self, weights: &WeightPoints) {
        self.typed.clear();
        self.points = whole(weights);
    }

    /// Everything that differs, weights first, on the draft's revision.
    pub fn changes(&self) -> Vec<Change> {
        let weights = (self.points != self.from).then(|| Change::Weights(self.change()));
        let on = self.revision;
        let providers = self.moved().map(|(name, wish)| wish.change(name).on(on));
        weights.into_iter().chain(providers).collect()
    }

    /// What undoes the changes of providers.
    pub fn providers_back(&self) -> Vec<Change> {
        self.moved().map(|(name, wish)| wish.back(name)).collect()
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

    fn set(&mut self, value: u8, in_force: CurrentSettings) {
        match self.row.clone() {
            DraftRow::Provider(name) => self.wish(&name, in_force).priority = value,
            DraftRow::Own(name, at) => {
                let wish = self.wish(&name, in_force);
                wish.own = wish.own.map(|own| shared_out(own, at, value));
            }
            DraftRow::Objective(row) if row < SHARED => {
                let shared = shared_out(self.shared(), row, value);
                self.points[..SHARED].copy_from_slice(&shared);
            }
            DraftRow::Objective(row) => self.points[row] = value,
        }
    }

    /// Cost, latency and reliability.
    fn shared(&self) -> [u8; SHARED] {
        let [cost, latency, reliability, ..] = self.points;
        [cost, latency, reliability]
    }

    /// What is wished for of a provider, to begin with what is in force.
    fn wish(&mut self, name: &str, in_force: CurrentSettings) -> &mut DraftedProvider {
        let wish = self.wishes.entry(name.to_owned());
        wish.or_insert_with(|| DraftedProvider::from(in_force))
    }
}

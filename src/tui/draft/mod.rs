//! A draft of the weights. Cost, latency and reliability share exactly 100 whole points: raising
//! one lowers the other two in proportion. Load and priority are independent of them.

mod points;
mod provider;
mod settings;
#[cfg(test)]
mod tests;

pub use points::{NAMES, effective, overriding};
pub use provider::{CurrentSettings, DraftedProvider};
pub use settings::{DraftedSettings, Setting};

use super::change::Change;
use crate::contract::{
    ProviderDraft, SettingsChange, SettingsValues, Status, WeightPoints, WeightsChange,
};
use points::{SHARED, shared_out, whole};
use std::collections::BTreeMap;

/// Digits of the largest amount that can be typed.
const MAX_TYPED_DIGITS: usize = 7;

/// A row of the draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DraftRow {
    /// One of [`NAMES`].
    Objective(usize),
    /// A setting of the whole instance.
    Setting(Setting),
    /// The priority of this provider.
    Provider(String),
    /// One of the first three of [`NAMES`], for this provider only.
    Own(String, usize),
}

impl DraftRow {
    /// The provider of the row.
    pub fn provider(&self) -> Option<&str> {
        match self {
            Self::Objective(_) | Self::Setting(_) => None,
            Self::Provider(name) | Self::Own(name, _) => Some(name),
        }
    }
}

/// A draft based on a revision.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Points in the order of [`NAMES`].
    points: [u8; 5],
    /// The points in effect.
    from: [u8; 5],
    /// The revision it is based on.
    pub revision: u64,
    pub row: DraftRow,
    /// Strategy, budgets and breakers; none where the instance does not state them.
    settings: Option<DraftedSettings>,
    /// Drafted settings of providers.
    providers: BTreeMap<String, DraftedProvider>,
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
            settings: None,
            providers: BTreeMap::new(),
            typed: String::new(),
        }
    }

    /// An unchanged draft of what is in effect.
    pub fn of(status: &Status) -> Self {
        Self {
            settings: status.settings.as_ref().map(DraftedSettings::new),
            ..Self::new(&status.weights, status.revision)
        }
    }

    /// Strategy, budgets and breakers.
    pub fn settings(&self) -> Option<&DraftedSettings> {
        self.settings.as_ref()
    }

    /// Those of them that the draft changes.
    pub fn moved_settings(&self) -> impl Iterator<Item = Setting> {
        self.settings.iter().flat_map(DraftedSettings::moved)
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

    /// The points in effect.
    pub fn from(&self) -> [u8; 5] {
        self.from
    }

    pub fn is_changed(&self) -> bool {
        self.points != self.from
            || self.moved_settings().next().is_some()
            || self.moved().next().is_some()
    }

    /// Providers whose draft differs from their current settings.
    pub fn moved(&self) -> impl Iterator<Item = (&str, &DraftedProvider)> {
        let all = self
            .providers
            .iter()
            .map(|(name, provider)| (name.as_str(), provider));
        all.filter(|(_, provider)| provider.is_moved())
    }

    /// The drafted priority of a provider, if it has a draft.
    pub fn priority(&self, provider: &str) -> Option<u8> {
        self.providers
            .get(provider)
            .map(|provider| provider.priority)
    }

    /// The drafted own weights of a provider, the current ones if it has no draft; `None` for no
    /// own weights.
    pub fn own(&self, provider: &str, current: &CurrentSettings) -> Option<[u8; SHARED]> {
        let unchanged = || current.own.map(|own| own.points);
        self.providers
            .get(provider)
            .map_or_else(unchanged, |provider| provider.own)
    }

    /// Returns whether the drafted own weights of a provider differ from the current ones.
    pub fn moves_own(&self, provider: &str) -> bool {
        self.providers
            .get(provider)
            .is_some_and(DraftedProvider::moves_own)
    }

    /// The drafted settings of providers, for a forecast.
    pub fn provider_drafts(&self) -> BTreeMap<String, ProviderDraft> {
        self.moved()
            .map(|(name, provider)| (name.to_owned(), provider.draft()))
            .collect()
    }

    /// Takes in new weights in effect: changed rows stay, unchanged rows follow.
    pub fn rebase(&mut self, weights: &WeightPoints, revision: u64) {
        let now = whole(weights);
        // Rows that share points stay or follow together.
        for rows in [0..SHARED, SHARED..SHARED + 1, SHARED + 1..NAMES.len()] {
            if self.points[rows.clone()] == self.from[rows.clone()] {
                self.points[rows.clone()].copy_from_slice(&now[rows]);
            }
        }
        self.from = now;
        self.revision = revision;
    }

    /// Takes in new settings in effect: changed ones stay, unchanged ones follow.
    pub fn rebase_settings(&mut self, now: &SettingsValues) {
        match &mut self.settings {
            Some(settings) => settings.rebase(now),
            None => self.settings = Some(DraftedSettings::new(now)),
        }
    }

    /// Takes in new settings of providers; drafts of removed providers are dropped.
    pub fn renew(&mut self, current: impl Fn(&str) -> Option<CurrentSettings>) {
        self.providers.retain(|name, provider| match current(name) {
            Some(now) => {
                provider.renew(now);
                provider.is_moved()
            }
            None => false,
        });
    }

    /// Returns whether it is based on these settings.
    pub fn is_on(
        &self,
        status: &Status,
        current: impl Fn(&str) -> Option<CurrentSettings>,
    ) -> bool {
        let is_same =
            |(name, provider): (&String, &DraftedProvider)| current(name) == Some(provider.current);
        let mut settings = self.settings.iter().zip(&status.settings);
        self.from == whole(&status.weights)
            && settings.all(|(drafted, now)| drafted.from == *now)
            && self.providers.iter().all(is_same)
    }

    /// Returns whether these settings are what it drafts.
    pub fn is_in_force(
        &self,
        status: &Status,
        current: impl Fn(&str) -> Option<CurrentSettings>,
    ) -> bool {
        let holds = |(name, provider): (&str, &DraftedProvider)| {
            current(name).is_some_and(|now| provider.is(now))
        };
        let mut settings = self.settings.iter().zip(&status.settings);
        self.points == whole(&status.weights)
            && settings.all(|(drafted, now)| drafted.to == *now)
            && self.moved().all(holds)
    }

    /// Drops the draft of a provider.
    pub fn forget(&mut self, provider: &str) {
        self.providers.remove(provider);
    }

    /// Drops the draft of strategy, budgets and breakers, which is in effect now.
    pub fn forget_settings(&mut self) {
        if let Some(settings) = &mut self.settings {
            *settings = DraftedSettings::new(&settings.to);
        }
    }

    /// Drops drafts that are equal to the current settings again.
    pub fn forget_unmoved(&mut self) {
        self.providers.retain(|_, provider| provider.is_moved());
    }

    /// All rows in display order: the objectives, the settings, then each provider with its own
    /// weights, if any.
    pub fn rows(&self, providers: &[(String, CurrentSettings)]) -> Vec<DraftRow> {
        let mut rows: Vec<DraftRow> = (0..NAMES.len()).map(DraftRow::Objective).collect();
        if self.settings.is_some() {
            rows.extend(Setting::ALL.map(DraftRow::Setting));
        }
        for (name, current) in providers {
            rows.push(DraftRow::Provider(name.clone()));
            if self.own(name, current).is_some() {
                rows.extend((0..SHARED).map(|at| DraftRow::Own(name.clone(), at)));
            }
        }
        rows
    }

    /// Selects another row.
    pub fn select(&mut self, step: isize, providers: &[(String, CurrentSettings)]) {
        self.typed.clear();
        let rows = self.rows(providers);
        let at = rows.iter().position(|row| *row == self.row).unwrap_or(0);
        let next = at.saturating_add_signed(step).min(rows.len() - 1);
        self.row = rows[next].clone();
    }

    /// Goes on to the next or the previous group of rows: objectives, settings, providers.
    pub fn cross(&mut self, step: isize, provider: Option<String>) {
        self.typed.clear();
        let mut groups = vec![DraftRow::Objective(0)];
        if self.settings.is_some() {
            groups.push(DraftRow::Setting(Setting::Strategy));
        }
        let at = match &self.row {
            DraftRow::Objective(_) => 0,
            DraftRow::Setting(_) => 1,
            DraftRow::Provider(_) | DraftRow::Own(..) => groups.len(),
        };
        groups.extend(provider.map(DraftRow::Provider));
        let count = groups.len();
        let next = if step < 0 { at + count - 1 } else { at + 1 };
        self.row = groups.swap_remove(next % count);
    }

    /// Changes the selected row by `step` points.
    pub fn nudge(&mut self, step: i16, current: CurrentSettings) {
        self.typed.clear();
        if let DraftRow::Setting(setting) = self.row {
            if let Some(settings) = &mut self.settings {
                settings.nudge(setting, step);
            }
            return;
        }
        let moved = i16::from(self.value(&current)) + step;
        self.set(u8::try_from(moved.clamp(0, 100)).unwrap_or(0), current);
    }

    /// The value of the selected row.
    fn value(&self, current: &CurrentSettings) -> u8 {
        match &self.row {
            DraftRow::Objective(at) => self.points[*at],
            DraftRow::Setting(_) => 0,
            DraftRow::Provider(name) => self.priority(name).unwrap_or(current.priority),
            DraftRow::Own(name, at) => self.own(name, current).map_or(0, |own| own[*at]),
        }
    }

    /// Adds a digit to the value that is being typed.
    pub fn digit(&mut self, digit: char, current: CurrentSettings) {
        if let DraftRow::Setting(setting) = self.row {
            self.setting_digit(setting, digit);
            return;
        }
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
        self.set(value, current);
    }

    fn setting_digit(&mut self, setting: Setting, digit: char) {
        if self.typed.len() >= MAX_TYPED_DIGITS {
            self.typed.clear();
        }
        self.typed.push(digit);
        if let (Ok(number), Some(settings)) = (self.typed.parse(), &mut self.settings) {
            settings.put(setting, number);
        }
    }

    /// Gives the provider of the row its own weights, initially the global ones, or removes them;
    /// false if the row belongs to no provider.
    pub fn toggle_own(&mut self, current: CurrentSettings) -> bool {
        self.typed.clear();
        let Some(name) = self.row.provider().map(str::to_owned) else {
            return false;
        };
        let shared = self.shared();
        let provider = self.provider_mut(&name, current);
        if provider.own.take().is_some() {
            self.row = DraftRow::Provider(name);
        } else {
            provider.own = Some(provider.current.own.map_or(shared, |own| own.points));
            self.row = DraftRow::Own(name, 0);
        }
        true
    }

    pub fn reset(&mut self) {
        self.points = self.from;
        if let Some(settings) = &mut self.settings {
            *settings = DraftedSettings::new(&settings.from);
        }
        self.providers.clear();
        self.typed.clear();
        if let DraftRow::Own(name, _) = &self.row {
            self.row = DraftRow::Provider(name.clone());
        }
    }

    /// Resets the selected row; objectives that share points are reset together.
    pub fn reset_row(&mut self) {
        self.typed.clear();
        match self.row.clone() {
            DraftRow::Objective(at) if at >= SHARED => self.points[at] = self.from[at],
            DraftRow::Objective(_) => self.points[..SHARED].copy_from_slice(&self.from[..SHARED]),
            DraftRow::Setting(setting) => {
                if let Some(settings) = &mut self.settings {
                    settings.reset(setting);
                }
            }
            DraftRow::Provider(name) => {
                self.providers.remove(&name);
            }
            DraftRow::Own(name, _) => {
                if let Some(provider) = self.providers.get_mut(&name) {
                    provider.own = provider.current.own.map(|own| own.points);
                }
                self.row = DraftRow::Provider(name);
            }
        }
    }

    /// Sets cost, latency and reliability, for the provider whose own weights are selected or for
    /// all.
    pub fn mix(&mut self, shared: [u8; SHARED], current: CurrentSettings) {
        self.typed.clear();
        match self.row.clone() {
            DraftRow::Own(name, _) => self.provider_mut(&name, current).own = Some(shared),
            _ => self.points[..SHARED].copy_from_slice(&shared),
        }
    }

    /// Sets all five weights.
    pub fn set_all(&mut self, weights: &WeightPoints) {
        self.typed.clear();
        self.points = whole(weights);
    }

    /// All changes, weights first, based on the draft's revision.
    pub fn changes(&self) -> Vec<Change> {
        let weights = (self.points != self.from).then(|| Change::Weights(self.change()));
        let on = self.revision;
        let settings = self.settings.as_ref().filter(|it| it.is_changed());
        let settings = settings.map(|it| {
            Change::Settings(SettingsChange {
                revision: Some(on),
                ..it.change()
            })
        });
        let providers = self
            .moved()
            .map(|(name, provider)| provider.change(name).on(on));
        weights
            .into_iter()
            .chain(settings)
            .chain(providers)
            .collect()
    }

    /// The changes that undo those of settings and providers.
    pub fn settings_back(&self) -> Vec<Change> {
        let settings = self.settings.iter().filter(|it| it.is_changed());
        let settings = settings.map(|it| Change::Settings(it.back()));
        let providers = self.moved().map(|(name, provider)| provider.back(name));
        settings.chain(providers).collect()
    }

    /// The change of weights, based on the draft's revision.
    pub fn change(&self) -> WeightsChange {
        let changed =
            |row: usize| (self.points[row] != self.from[row]).then(|| f64::from(self.points[row]));
        // The three objectives are sent together, so that their sum stays 100 whatever changed
        // meanwhile.
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

    fn set(&mut self, value: u8, current: CurrentSettings) {
        match self.row.clone() {
            DraftRow::Setting(_) => {}
            DraftRow::Provider(name) => self.provider_mut(&name, current).priority = value,
            DraftRow::Own(name, at) => {
                let provider = self.provider_mut(&name, current);
                provider.own = provider.own.map(|own| shared_out(own, at, value));
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

    /// The draft of a provider, initially its current settings.
    fn provider_mut(&mut self, name: &str, current: CurrentSettings) -> &mut DraftedProvider {
        let provider = self.providers.entry(name.to_owned());
        provider.or_insert_with(|| DraftedProvider::from(current))
    }
}

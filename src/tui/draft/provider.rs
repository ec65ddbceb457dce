//! The draft of one provider: its priority and its own weights.

use super::points::{SHARED, effective, overriding, whole};
use crate::contract::{
    ProviderChange, ProviderDraft, ProviderStatus, WeightOverride, WeightPoints,
};
use crate::tui::change::Change;

/// The own weights in effect.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProviderWeights {
    /// As set; missing values come from the global weights.
    pub set: WeightOverride,
    /// Effective cost, latency and reliability in whole points.
    pub points: [u8; SHARED],
}

/// The settings of a provider that are in effect.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CurrentSettings {
    pub priority: u8,
    pub own: Option<ProviderWeights>,
}

impl CurrentSettings {
    pub fn new(provider: &ProviderStatus, weights: &WeightPoints) -> Self {
        let own = provider.weights.map(|set| {
            let [cost, latency, reliability, ..] = whole(&effective(weights, Some(&set)));
            ProviderWeights {
                set,
                points: [cost, latency, reliability],
            }
        });
        Self {
            priority: provider.priority,
            own,
        }
    }
}

/// A drafted provider.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DraftedProvider {
    pub current: CurrentSettings,
    pub priority: u8,
    /// `None` for no own weights.
    pub own: Option<[u8; SHARED]>,
}

impl From<CurrentSettings> for DraftedProvider {
    fn from(current: CurrentSettings) -> Self {
        Self {
            current,
            priority: current.priority,
            own: current.own.map(|own| own.points),
        }
    }
}

impl DraftedProvider {
    pub fn moves_priority(&self) -> bool {
        self.priority != self.current.priority
    }

    pub fn moves_own(&self) -> bool {
        self.own != self.current.own.map(|own| own.points)
    }

    /// Returns whether these settings are what it drafts.
    pub(super) fn is(&self, current: CurrentSettings) -> bool {
        self.priority == current.priority && self.own == current.own.map(|own| own.points)
    }

    /// Takes in new settings; unchanged values follow them.
    pub(super) fn renew(&mut self, current: CurrentSettings) {
        if !self.moves_priority() {
            self.priority = current.priority;
        }
        if !self.moves_own() {
            self.own = current.own.map(|own| own.points);
        }
        self.current = current;
    }

    pub(super) fn is_moved(&self) -> bool {
        self.moves_priority() || self.moves_own()
    }

    /// The draft for a forecast.
    pub(super) fn draft(&self) -> ProviderDraft {
        ProviderDraft {
            priority: self.moves_priority().then_some(f64::from(self.priority)),
            weights: self.moves_own().then(|| self.weights()),
        }
    }

    pub(super) fn change(&self, name: &str) -> Change {
        let ProviderDraft { priority, weights } = self.draft();
        change(name, priority, weights)
    }

    /// The change that undoes [`Self::change`].
    pub(super) fn back(&self, name: &str) -> Change {
        let before = self.current;
        let priority = self.moves_priority().then_some(f64::from(before.priority));
        let set = before.own.map(|own| own.set).unwrap_or_default();
        change(name, priority, self.moves_own().then_some(set))
    }

    /// The own weights as sent; empty for none.
    fn weights(&self) -> WeightOverride {
        self.own.map_or_else(WeightOverride::default, overriding)
    }
}

pub(super) fn change(name: &str, priority: Option<f64>, weights: Option<WeightOverride>) -> Change {
    Change::Provider {
        name: name.to_owned(),
        change: ProviderChange {
            priority,
            weights,
            ..ProviderChange::default()
        },
    }
}

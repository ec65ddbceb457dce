//! What is wished for of one provider: its priority, and weights of its own.

use super::points::{SHARED, effective, overriding, whole};
use crate::contract::{
    ProviderChange, ProviderDraft, ProviderStatus, WeightOverride, WeightPoints,
};
use crate::tui::change::Change;

/// Own weights that are in force.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProviderWeights {
    /// As they are set; what is missing comes from the global weights.
    pub set: WeightOverride,
    /// As they take effect, in whole points: cost, latency and reliability.
    pub points: [u8; SHARED],
}

/// What is in force of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CurrentSettings {
    pub priority: u8,
    pub own: Option<ProviderWeights>,
}

impl CurrentSettings {
    pub fn of(provider: &ProviderStatus, weights: &WeightPoints) -> Self {
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

/// A provider that was touched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DraftedProvider {
    pub in_force: CurrentSettings,
    pub priority: u8,
    /// Nothing where it is to have none of its own.
    pub own: Option<[u8; SHARED]>,
}

impl From<CurrentSettings> for DraftedProvider {
    fn from(in_force: CurrentSettings) -> Self {
        Self {
            in_force,
            priority: in_force.priority,
            own: in_force.own.map(|own| own.points),
        }
    }
}

impl DraftedProvider {
    pub fn moves_priority(&self) -> bool {
        self.priority != self.in_force.priority
    }

    pub fn moves_own(&self) -> bool {
        self.own != self.in_force.own.map(|own| own.points)
    }

    /// Whether it is what is in force.
    pub(super) fn is(&self, in_force: CurrentSettings) -> bool {
        self.priority == in_force.priority && self.own == in_force.own.map(|own| own.points)
    }

    /// Something else is in force: what was not moved follows it.
    pub(super) fn renew(&mut self, in_force: CurrentSettings) {
        if !self.moves_priority() {
            self.priority = in_force.priority;
        }
        if !self.moves_own() {
            self.own = in_force.own.map(|own| own.points);
        }
        self.in_force = in_force;
    }

    pub(super) fn is_moved(&self) -> bool {
        self.moves_priority() || self.moves_own()
    }

    /// For asking what it would have done.
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

    /// What undoes that.
    pub(super) fn back(&self, name: &str) -> Change {
        let before = self.in_force;
        let priority = self.moves_priority().then_some(f64::from(before.priority));
        let set = before.own.map(|own| own.set).unwrap_or_default();
        change(name, priority, self.moves_own().then_some(set))
    }

    /// As they are sent; empty for none.
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

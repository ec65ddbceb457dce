//! Settings to try out.

use crate::domain::balancer::BalancerState;
use crate::domain::command::{Command, CommandError, ProviderPatch, WeightsPatch};
use crate::domain::index::ProviderIdx;
use crate::domain::random::SplitMix64;
use crate::domain::snapshot::Strategy;
use crate::domain::units::{Money, UnixTime};
use crate::domain::weights::Weights;
use std::collections::BTreeMap;

/// Author of the changes in a copy of the state.
const WHO: &str = "forecast";

/// Settings that differ from those in force; missing ones keep their value.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SettingsDraft {
    /// Global weights.
    pub weights: Option<Weights>,
    /// Strategy.
    pub strategy: Option<Strategy>,
    /// Budgets of all requests together.
    pub budget: BudgetDraft,
    /// Settings of single providers.
    pub providers: BTreeMap<ProviderIdx, ProviderPatch>,
}

/// Budgets of all requests together; `None` keeps a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BudgetDraft {
    /// Limit per day.
    pub per_day: Option<Money>,
    /// Limit per month.
    pub per_month: Option<Money>,
}

impl SettingsDraft {
    /// Returns a seed that is equal for equal drafts on one revision.
    pub fn seed(&self, revision: u64) -> u64 {
        let text = format!("{self:?}");
        let mix = |seed: u64, byte: u8| SplitMix64::mix(seed ^ u64::from(byte));
        text.bytes().fold(revision, mix)
    }

    /// Applies the settings to a copy of the state.
    ///
    /// # Errors
    ///
    /// A value is invalid, or a provider is unknown.
    pub fn apply(&self, fork: &mut BalancerState, now: UnixTime) -> Result<(), CommandError> {
        if let Some(weights) = self.weights {
            let patch = WeightsPatch {
                cost: Some(weights.cost),
                latency: Some(weights.latency),
                reliability: Some(weights.reliability),
                load: Some(weights.load),
                priority: Some(weights.priority),
                who: WHO.to_owned(),
                ..WeightsPatch::default()
            };
            fork.execute(Command::SetWeights(patch), now)?;
        }
        if let Some(strategy) = self.strategy {
            fork.set_strategy(strategy);
        }
        fork.set_shared_budgets(self.budget.per_day, self.budget.per_month);
        for (provider, patch) in &self.providers {
            let spec = fork.catalogue().providers.get(provider.get());
            let Some(name) = spec.map(|spec| spec.name.to_string()) else {
                continue;
            };
            let command = Command::ChangeProvider {
                name,
                patch: patch.clone(),
                who: WHO.to_owned(),
            };
            fork.execute(command, now)?;
        }
        Ok(())
    }
}

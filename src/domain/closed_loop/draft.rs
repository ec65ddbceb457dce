//! Settings to try out.

use crate::domain::balancer::BalancerState;
use crate::domain::command::{Command, CommandError, ProviderPatch, SettingsPatch, WeightsPatch};
use crate::domain::index::ProviderIdx;
use crate::domain::random::SplitMix64;
use crate::domain::units::UnixTime;
use crate::domain::weights::Weights;
use std::collections::BTreeMap;

/// Author of the changes in a copy of the state.
const WHO: &str = "forecast";

/// Settings that differ from those in force; missing ones keep their value.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SettingsDraft {
    /// Global weights.
    pub weights: Option<Weights>,
    /// Strategy, budgets and breakers.
    pub settings: SettingsPatch,
    /// Settings of single providers.
    pub providers: BTreeMap<ProviderIdx, ProviderPatch>,
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
        if self.settings != SettingsPatch::default() {
            fork.execute(Command::ChangeSettings(self.settings.clone()), now)?;
        }
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

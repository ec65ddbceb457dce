//! Changes of a reloaded configuration.

use super::balancer::GlobalLimits;
use super::global_settings::GlobalSetting;
use super::strategy::Strategy;
use super::target::Catalogue;
use super::tuning::Tuning;
use super::weights::{Objective, Weights};
use crate::domain::index::ProviderIdx;

/// Reloaded configuration. Changes that an operator made at run time stay, unless the file changed
/// the same setting.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigUpdate {
    /// New catalogue; keeps all indices of the current one.
    pub catalogue: Catalogue,
    /// Configured strategy.
    pub strategy: Strategy,
    /// Configured tuning.
    pub tuning: Tuning,
    /// Configured global weights.
    pub weights: Weights,
    /// Configured global limits.
    pub allowances: GlobalLimits,
    /// Weights that differ from the previous configuration.
    pub objectives: Vec<Objective>,
    /// Settings of the whole instance that differ from the previous configuration.
    pub global_settings: Vec<GlobalSetting>,
    /// Settings of known providers that differ from the previous configuration.
    pub settings: Vec<(ProviderIdx, ProviderSetting)>,
    /// Known providers with another key or address.
    pub renewals: Vec<(ProviderIdx, EndpointChange)>,
    /// Descriptions of the changes. No revision is recorded if it is empty.
    pub changes: Vec<String>,
    /// Author of the revision.
    pub who: String,
    /// Reason of the revision.
    pub reason: Option<String>,
}

/// Setting of a provider that can also be changed at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderSetting {
    /// Enabled or disabled.
    Enabled,
    /// Priority, 0..100.
    Priority,
    /// Limit on concurrent requests.
    MaxConcurrent,
    /// Weight override.
    Weights,
}

/// Change of a provider that invalidates measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointChange {
    /// New key: authentication failures and rate limits of the old one are discarded.
    Key,
    /// New address or protocol: all measurements are discarded.
    Address,
}

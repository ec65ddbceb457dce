//! A configuration that was read again, as the rules see it.

use super::balancer::GlobalLimits;
use super::snapshot::Strategy;
use super::target::Catalogue;
use super::tuning::Tuning;
use super::weights::{Objective, Weights};
use crate::domain::index::ProviderIdx;

/// What shall hold from now on. What an operator changed while running stays, unless the
/// configuration now says something else of it than it did before.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigUpdate {
    /// Continues the present one.
    pub catalogue: Catalogue,
    pub strategy: Strategy,
    pub tuning: Tuning,
    /// As configured.
    pub weights: Weights,
    pub allowances: GlobalLimits,
    /// Those of them that the configuration changed.
    pub objectives: Vec<Objective>,
    /// What the configuration changed of providers that are known, by their places.
    pub settings: Vec<(ProviderIdx, ProviderSetting)>,
    /// Providers that are reached in another way than before, by their places.
    pub renewals: Vec<(ProviderIdx, EndpointChange)>,
    /// What changed, in words, one for each; where nothing did, nothing is recorded.
    pub changes: Vec<String>,
    pub who: String,
    pub reason: Option<String>,
}

/// A setting of a provider that may be changed while running, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderSetting {
    Enabled,
    Priority,
    MaxConcurrent,
    Weights,
}

/// How a provider is another than it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointChange {
    /// Another key: what it said of the old one's rights and limits does not hold.
    Key,
    /// Another address or protocol: nothing that was learnt holds.
    Address,
}

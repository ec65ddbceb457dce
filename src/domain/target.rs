//! The configuration: providers, their models, and routes.

use super::capability::Capabilities;
use super::ids::TargetId;
use super::key_pool::ProviderKeys;
use super::model_type::ModelTypes;
use super::pricing::Price;
use super::rate_limiter::RateLimits;
use super::weights::WeightOverride;
use crate::domain::index::{PerProvider, PerTarget, ProviderIdx, TargetIdx};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A configured vendor endpoint, without its address and key.
#[derive(Debug, Clone, PartialEq)]
pub struct Provider {
    /// Unique name.
    pub name: Arc<str>,
    /// Name of its protocol.
    pub kind: Arc<str>,
    /// Priority, 0..100.
    pub priority: u8,
    /// Limit on concurrent requests; `None` is no limit.
    pub max_concurrent: Option<u32>,
    /// Limits per minute on requests and tokens.
    pub rates: RateLimits,
    /// False if an operator disabled it.
    pub enabled: bool,
    /// Reason that it cannot be used at all, for example a missing key.
    pub off: Option<Arc<str>>,
    /// Weight override for its targets.
    pub weights: WeightOverride,
    /// Its keys, where it has several.
    pub keys: ProviderKeys,
}

impl PerProvider for Provider {}

impl Provider {
    /// Makes an enabled provider of priority 50, without limits and own weights.
    pub fn new(name: &str, kind: &str) -> Self {
        Self {
            name: name.into(),
            kind: kind.into(),
            priority: 50,
            max_concurrent: None,
            rates: RateLimits::default(),
            enabled: true,
            off: None,
            weights: WeightOverride::default(),
            keys: ProviderKeys::default(),
        }
    }
}

/// Provider + model: the unit of balancing.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Id, `provider/model`.
    pub id: TargetId,
    /// Its provider.
    pub provider: ProviderIdx,
    /// Types of work for which the balancer may select it.
    pub types: ModelTypes,
    /// Stated capabilities of the model.
    pub capabilities: Capabilities,
    /// Price; `None` if unknown.
    pub price: Option<Price>,
    /// Limit on concurrent requests; `None` is no limit.
    pub max_concurrent: Option<u32>,
}

impl PerTarget for Target {}

/// A model name for clients, and the targets that may serve it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Name for clients.
    pub model: Arc<str>,
    /// Targets in the configured order of preference.
    pub targets: Vec<TargetIdx>,
    /// How one of them is selected.
    pub order: RouteOrder,
}

/// How a route selects among its eligible targets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RouteOrder {
    /// By the strategy.
    #[default]
    Balanced,
    /// Always the first one.
    Strict,
    /// By fixed shares, in proportion to these weights, one for each target of the route.
    Weighted(Vec<u32>),
}

/// All providers, targets and routes, in the order of the configuration. Indices are permanent:
/// removed entries keep theirs as retired, and new entries are appended
/// ([`Catalogue::merged_with`]).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalogue {
    /// Providers by index, retired ones included.
    pub providers: Vec<Provider>,
    /// Targets by index, retired ones included.
    pub targets: Vec<Target>,
    /// Configured routes.
    pub routes: Vec<Route>,
    /// Name that requests with an unknown model name are served under.
    pub default_model: Option<Arc<str>>,
    /// Indices of removed entries.
    pub retired: RemovedEntries,
}

/// Indices of entries that are no longer configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemovedEntries {
    /// Removed providers.
    pub providers: BTreeSet<ProviderIdx>,
    /// Removed targets.
    pub targets: BTreeSet<TargetIdx>,
}

impl Catalogue {
    /// Returns the index of a configured provider.
    pub fn provider(&self, name: &str) -> Option<ProviderIdx> {
        self.active_providers()
            .find(|(_, provider)| &*provider.name == name)
            .map(|(index, _)| index)
    }

    /// Returns the index of a configured target.
    pub fn target(&self, provider: &str, model: &str) -> Option<TargetIdx> {
        self.active_targets()
            .find(|(_, target)| &*target.id.provider == provider && &*target.id.model == model)
            .map(|(index, _)| index)
    }

    /// Iterates over configured providers with their indices.
    pub fn active_providers(&self) -> impl Iterator<Item = (ProviderIdx, &Provider)> {
        let all = ProviderIdx::enumerate(&self.providers);
        all.filter(|(index, _)| !self.retired.providers.contains(index))
    }

    /// Iterates over configured targets with their indices.
    pub fn active_targets(&self) -> impl Iterator<Item = (TargetIdx, &Target)> {
        let all = TargetIdx::enumerate(&self.targets);
        all.filter(|(index, _)| !self.retired.targets.contains(index))
    }
}

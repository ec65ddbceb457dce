//! The endpoints of all providers and the traits of all models, by their catalogue indices.

use super::{ConnectionConfig, Endpoint, ModelTraits};
use crate::domain::{PerProvider, PerTarget, ProviderIdx, TargetIdx};

impl PerProvider for Option<Endpoint> {}

impl PerTarget for ModelTraits {}

/// Endpoints and model traits, by the catalogue's indices.
#[derive(Debug, Clone, Default)]
pub struct EndpointRegistry {
    /// Endpoints by provider; `None` for providers that are off.
    pub endpoints: Vec<Option<Endpoint>>,
    /// Traits of each target's model.
    pub traits: Vec<ModelTraits>,
}

impl EndpointRegistry {
    /// Returns a provider's endpoint; `None` where it is off or unknown.
    pub fn endpoint(&self, provider: ProviderIdx) -> Option<&Endpoint> {
        self.endpoints.get(provider.get()).and_then(Option::as_ref)
    }

    /// Returns the connection settings of each provider, by index.
    pub fn connections(&self) -> Vec<ConnectionConfig> {
        let connection = |endpoint: &Option<Endpoint>| {
            endpoint
                .as_ref()
                .map(|endpoint| endpoint.connection.clone())
        };
        let connections = self.endpoints.iter().map(connection);
        connections.map(Option::unwrap_or_default).collect()
    }

    /// Returns the traits of a target's model; the default ones where it is unknown.
    pub fn traits(&self, target: TargetIdx) -> &ModelTraits {
        self.traits
            .get(target.get())
            .unwrap_or(&ModelTraits::UNSTATED)
    }
}

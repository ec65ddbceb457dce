//! The endpoints of all providers and the traits of all models, by their catalogue indices.

use super::{ConnectionConfig, Endpoint, ModelTraits};
use crate::domain::{PerProvider, PerTarget, ProviderIdx, TargetIdx};

impl PerProvider for Option<Endpoint> {}

impl PerTarget for ModelTraits {}

/// What is known of providers and models beside the rules, by their places in the catalogue.
#[derive(Debug, Clone, Default)]
pub struct EndpointRegistry {
    /// Nothing for providers that are off.
    pub endpoints: Vec<Option<Endpoint>>,
    /// What is peculiar to each target's model.
    pub traits: Vec<ModelTraits>,
}

impl EndpointRegistry {
    pub fn endpoint(&self, provider: ProviderIdx) -> Option<&Endpoint> {
        self.endpoints.get(provider.get()).and_then(Option::as_ref)
    }

    /// How each provider is reached, by index.
    pub fn connections(&self) -> Vec<ConnectionConfig> {
        let line =
            |endpoint: &Option<Endpoint>| endpoint.as_ref().map(|endpoint| endpoint.line.clone());
        let lines = self.endpoints.iter().map(line);
        lines.map(Option::unwrap_or_default).collect()
    }

    pub fn traits(&self, target: TargetIdx) -> &ModelTraits {
        self.traits
            .get(target.get())
            .unwrap_or(&ModelTraits::UNSTATED)
    }
}

//! The endpoints of all providers and the traits of all models, by their catalogue indices.

use super::quoted_keys::remove_keys;
use super::{ConnectionConfig, Endpoint, ModelTraits, UpstreamError};
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

    /// Removes every key in use from the texts of an error, whichever provider they come from.
    pub fn remove_keys(&self, error: &mut UpstreamError) {
        let endpoints = self.endpoints.iter().flatten();
        remove_keys(error, endpoints.flat_map(Endpoint::secrets));
    }

    /// Reads the keys that commands print again, in the background.
    pub fn refresh_keys(&self) {
        self.endpoints
            .iter()
            .flatten()
            .for_each(Endpoint::refresh_keys);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Failure;
    use crate::protocols::{EndpointKey, OpenAiErrorFields, by_kind};

    #[test]
    fn no_text_of_an_error_holds_a_key_of_any_provider() {
        let protocol = by_kind("openai-compatible").unwrap();
        let endpoint = |key| Endpoint::new("http://h/v1", Some(key), "openai-compatible", protocol);
        let two = ["sk-unused-key", "sk-other-secret"].map(EndpointKey::Fixed);
        let registry = EndpointRegistry {
            endpoints: vec![
                endpoint("sk-first-secret"),
                None,
                endpoint("sk-unused-key").and_then(|it| it.with_keys(&two)),
                endpoint("none"),
            ],
            traits: Vec::new(),
        };
        let told = "Bearer sk-first-secret and sk-other-secret, none";
        let mut error = UpstreamError::without_response(Failure::Auth, told);
        error.code = Some("sk-first-secret".to_owned());
        error.openai = Some(Box::new(OpenAiErrorFields {
            kind: "x sk-other-secret".to_owned(),
            param: Some("sk-first-secret".to_owned()),
        }));

        registry.remove_keys(&mut error);

        assert_eq!(error.message, "Bearer [key] and [key], none");
        assert_eq!(error.code.as_deref(), Some("[key]"));
        let shape = error.openai.unwrap();
        assert_eq!(
            (&*shape.kind, shape.param.as_deref()),
            ("x [key]", Some("[key]"))
        );
    }
}

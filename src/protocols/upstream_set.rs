//! The endpoints of all providers and the connections to them, as one configuration has them.

use super::endpoint_registry::EndpointRegistry;
use super::transport::{Transport, TransportOptions};
use crate::domain::{Catalogue, CatalogueMerge, EndpointChange, ProviderIdx};

/// Endpoints and connections by catalogue index. A routing table never meets a set that is older than
/// itself: the set is published first, and keeps what an older table may still select.
#[derive(Debug, Clone)]
pub struct UpstreamSet {
    /// Endpoints by catalogue index.
    pub registry: EndpointRegistry,
    /// Connections by the same index.
    pub transport: Transport,
}

/// The difference between two configurations.
#[derive(Debug, Clone, Copy)]
pub struct UpstreamUpdate<'a> {
    /// The catalogue before the update.
    pub earlier: &'a Catalogue,
    /// Indices that the merge of both catalogues assigned.
    pub merge: &'a CatalogueMerge,
    /// Providers whose key or address changed.
    pub endpoint_changes: &'a [(ProviderIdx, EndpointChange)],
}

impl UpstreamUpdate<'_> {
    fn was_usable(&self, provider: ProviderIdx) -> bool {
        let spec = self.earlier.providers.get(provider.get());
        spec.is_some_and(|spec| spec.off.is_none())
    }

    fn endpoint_change(&self, provider: ProviderIdx) -> Option<EndpointChange> {
        let mut own = self
            .endpoint_changes
            .iter()
            .filter(|(index, _)| *index == provider);
        own.next().map(|(_, change)| *change)
    }
}

impl UpstreamSet {
    /// Builds the set of the first configuration.
    pub fn new(
        registry: EndpointRegistry,
        options: TransportOptions,
    ) -> Result<Self, reqwest::Error> {
        Ok(Self {
            transport: Transport::over(&registry.connections(), options)?,
            registry,
        })
    }

    /// Builds the set of a new configuration, whose endpoints are in its own order. A provider with
    /// an unchanged address keeps its connections, its token and its cached reasoning. A provider
    /// that was removed or lost its key stays reachable until the next update, because a selection
    /// may be under way.
    pub fn updated(
        &self,
        next: EndpointRegistry,
        options: TransportOptions,
        update: UpstreamUpdate<'_>,
    ) -> Result<Self, reqwest::Error> {
        let CatalogueMerge {
            catalogue,
            providers,
            targets,
        } = update.merge;
        let was_retired = &update.earlier.retired.providers;
        let mut registry = EndpointRegistry {
            endpoints: vec![None; catalogue.providers.len()],
            traits: self.registry.traits.clone(),
        };
        for (index, endpoint) in ProviderIdx::enumerate(&self.registry.endpoints) {
            if !was_retired.contains(&index) {
                registry.endpoints[index].clone_from(endpoint);
            }
        }
        for (&index, endpoint) in providers.iter().zip(next.endpoints) {
            let change = update.endpoint_change(index);
            let old = self.registry.endpoint(index);
            let old = old.filter(|_| change != Some(EndpointChange::Address));
            registry.endpoints[index] = match (endpoint, old) {
                (Some(endpoint), Some(old)) => Some(endpoint.carrying_over(old, change.is_none())),
                (None, Some(old)) if update.was_usable(index) => Some(old.clone()),
                (endpoint, _) => endpoint,
            };
        }
        registry
            .traits
            .resize(catalogue.targets.len(), super::ModelTraits::UNSTATED);
        for (&index, traits) in targets.iter().zip(next.traits) {
            registry.traits[index] = traits;
        }
        let reuse =
            |index: ProviderIdx| update.endpoint_change(index) != Some(EndpointChange::Address);
        let transport = self
            .transport
            .updated(&registry.connections(), options, reuse)?;
        Ok(Self {
            registry,
            transport,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Endpoint, ModelTraits, by_kind};
    use super::*;
    use crate::domain::Provider;
    use std::time::Duration;

    const OPTIONS: TransportOptions = TransportOptions::new(Duration::from_secs(1));

    fn catalogue(names: &[&str]) -> Catalogue {
        let provider = |name: &&str| Provider::new(name, "openai");
        Catalogue {
            providers: names.iter().map(provider).collect(),
            ..Catalogue::default()
        }
    }

    fn registry(keys: &[Option<&str>]) -> EndpointRegistry {
        let protocol = by_kind("openai").unwrap();
        let endpoint =
            |key: &str| Endpoint::new("http://127.0.0.1:9", Some(key), "openai", protocol);
        EndpointRegistry {
            endpoints: keys.iter().map(|key| key.and_then(endpoint)).collect(),
            traits: Vec::new(),
        }
    }

    fn keys(upstreams: &UpstreamSet) -> Vec<Option<String>> {
        let indices = ProviderIdx::all(upstreams.registry.endpoints.len());
        let key = |index| {
            let key = upstreams.registry.endpoint(index)?.key()?;
            Some(key.to_str().unwrap().to_owned())
        };
        indices.map(key).collect()
    }

    #[tokio::test]
    async fn a_provider_that_was_removed_or_lost_its_key_is_reached_until_the_next_update() {
        let mut earlier = catalogue(&["a", "b"]);
        let first = registry(&[Some("key-a"), Some("key-b")]);
        let mut upstreams = UpstreamSet::new(first, OPTIONS).unwrap();
        let mut apply =
            |names: &[&str],
             sent: &[Option<&str>],
             endpoint_changes: &[(ProviderIdx, EndpointChange)]| {
                let mut next = catalogue(names);
                for (provider, key) in next.providers.iter_mut().zip(sent) {
                    provider.off = key.is_none().then(|| "no key".into());
                }
                let merge = earlier.merged_with(next);
                let update = UpstreamUpdate {
                    earlier: &earlier,
                    merge: &merge,
                    endpoint_changes,
                };
                upstreams = upstreams.updated(registry(sent), OPTIONS, update).unwrap();
                earlier = merge.catalogue;
                keys(&upstreams)
            };
        let some = |key: &str| Some(key.to_owned());

        // Without a change of the key, the key in use stays.
        let reuse = apply(&["c", "a"], &[Some("key-c"), Some("other")], &[]);
        assert_eq!(reuse, [some("key-a"), some("key-b"), some("key-c")]);
        let endpoint_changes = [(0.into(), EndpointChange::Key)];
        let rekeyed = apply(&["a", "c"], &[Some("other"), None], &endpoint_changes);
        assert_eq!(rekeyed, [some("other"), None, some("key-c")]);
        let later = apply(&["a", "c"], &[Some("other"), None], &[]);
        assert_eq!(later, [some("other"), None, None]);
        let moved = [(0.into(), EndpointChange::Address)];
        let back = apply(&["b", "a"], &[Some("key-b"), Some("moved")], &moved);
        assert_eq!(back, [some("moved"), some("key-b"), None]);
        assert_eq!(upstreams.registry.traits(7.into()), &ModelTraits::UNSTATED);
    }
}

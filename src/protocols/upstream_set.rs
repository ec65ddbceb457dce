//! Where all providers are and the connections to them, as one configuration has them.

use super::endpoint_registry::EndpointRegistry;
use super::transport::{Transport, TransportOptions};
use crate::domain::ProviderIdx;
use crate::domain::{Catalogue, CatalogueMerge, EndpointChange};

/// By the places of the catalogue. A table never meets upstreams that are older than itself: they are
/// published first, and keep what an older table may still choose.
#[derive(Debug, Clone)]
pub struct UpstreamSet {
    pub directory: EndpointRegistry,
    pub transport: Transport,
}

/// A configuration that comes after another.
#[derive(Debug, Clone, Copy)]
pub struct UpstreamUpdate<'a> {
    /// The catalogue before it.
    pub earlier: &'a Catalogue,
    pub succession: &'a CatalogueMerge,
    /// Providers with another key or address than before, by their places.
    pub renewals: &'a [(ProviderIdx, EndpointChange)],
}

impl UpstreamUpdate<'_> {
    fn was_usable(&self, provider: ProviderIdx) -> bool {
        let spec = self.earlier.providers.get(provider.get());
        spec.is_some_and(|spec| spec.off.is_none())
    }

    fn renewed(&self, provider: ProviderIdx) -> Option<EndpointChange> {
        let mut own = self.renewals.iter().filter(|(place, _)| *place == provider);
        own.next().map(|(_, renewal)| *renewal)
    }
}

impl UpstreamSet {
    pub fn new(
        directory: EndpointRegistry,
        options: TransportOptions,
    ) -> Result<Self, reqwest::Error> {
        Ok(Self {
            transport: Transport::over(&directory.connections(), options)?,
            directory,
        })
    }

    /// What follows these when `next`, in the order of its own configuration, arrives. Who is where
    /// they were keeps their connections and what was fetched or remembered for them. Who has just
    /// been removed or lost their key can be reached until the next arrival, for a choice may be
    /// under way.
    pub fn updated(
        &self,
        next: EndpointRegistry,
        options: TransportOptions,
        arrival: UpstreamUpdate<'_>,
    ) -> Result<Self, reqwest::Error> {
        let CatalogueMerge {
            catalogue,
            providers,
            targets,
        } = arrival.succession;
        let was_retired = &arrival.earlier.retired.providers;
        let mut directory = EndpointRegistry {
            endpoints: vec![None; catalogue.providers.len()],
            traits: self.directory.traits.clone(),
        };
        for (place, endpoint) in ProviderIdx::enumerate(&self.directory.endpoints) {
            if !was_retired.contains(&place) {
                directory.endpoints[place].clone_from(endpoint);
            }
        }
        for (&place, endpoint) in providers.iter().zip(next.endpoints) {
            let renewal = arrival.renewed(place);
            let old = self.directory.endpoint(place);
            let old = old.filter(|_| renewal != Some(EndpointChange::Address));
            directory.endpoints[place] = match (endpoint, old) {
                (Some(endpoint), Some(old)) => Some(endpoint.carrying_over(old, renewal.is_none())),
                (None, Some(old)) if arrival.was_usable(place) => Some(old.clone()),
                (endpoint, _) => endpoint,
            };
        }
        directory
            .traits
            .resize(catalogue.targets.len(), super::ModelTraits::UNSTATED);
        for (&place, traits) in targets.iter().zip(next.traits) {
            directory.traits[place] = traits;
        }
        let kept = |place: ProviderIdx| arrival.renewed(place) != Some(EndpointChange::Address);
        let transport = self
            .transport
            .updated(&directory.connections(), options, kept)?;
        Ok(Self {
            directory,
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

    fn directory(keys: &[Option<&str>]) -> EndpointRegistry {
        let protocol = by_kind("openai").unwrap();
        let endpoint =
            |key: &str| Endpoint::new("http://127.0.0.1:9", Some(key), "openai", protocol);
        EndpointRegistry {
            endpoints: keys.iter().map(|key| key.and_then(endpoint)).collect(),
            traits: Vec::new(),
        }
    }

    fn keys(upstreams: &UpstreamSet) -> Vec<Option<String>> {
        let places = ProviderIdx::all(upstreams.directory.endpoints.len());
        let key = |place| {
            let key = upstreams.directory.endpoint(place)?.key()?;
            Some(key.to_str().unwrap().to_owned())
        };
        places.map(key).collect()
    }

    #[tokio::test]
    async fn who_was_just_removed_or_lost_their_key_is_reached_until_the_next_arrival() {
        let mut earlier = catalogue(&["a", "b"]);
        let first = directory(&[Some("key-a"), Some("key-b")]);
        let mut upstreams = UpstreamSet::new(first, OPTIONS).unwrap();
        let mut arrive =
            |names: &[&str], sent: &[Option<&str>], renewals: &[(ProviderIdx, EndpointChange)]| {
                let mut next = catalogue(names);
                for (provider, key) in next.providers.iter_mut().zip(sent) {
                    provider.off = key.is_none().then(|| "no key".into());
                }
                let succession = earlier.merged_with(next);
                let arrival = UpstreamUpdate {
                    earlier: &earlier,
                    succession: &succession,
                    renewals,
                };
                upstreams = upstreams
                    .updated(directory(sent), OPTIONS, arrival)
                    .unwrap();
                earlier = succession.catalogue;
                keys(&upstreams)
            };
        let some = |key: &str| Some(key.to_owned());

        // Without a renewal the key that was fetched or given stays; with one it is the new one.
        let kept = arrive(&["c", "a"], &[Some("key-c"), Some("other")], &[]);
        assert_eq!(kept, [some("key-a"), some("key-b"), some("key-c")]);
        let renewals = [(0.into(), EndpointChange::Key)];
        let rekeyed = arrive(&["a", "c"], &[Some("other"), None], &renewals);
        assert_eq!(rekeyed, [some("other"), None, some("key-c")]);
        let later = arrive(&["a", "c"], &[Some("other"), None], &[]);
        assert_eq!(later, [some("other"), None, None]);
        let moved = [(0.into(), EndpointChange::Address)];
        let back = arrive(&["b", "a"], &[Some("key-b"), Some("moved")], &moved);
        assert_eq!(back, [some("moved"), some("key-b"), None]);
        assert_eq!(upstreams.directory.traits(7.into()), &ModelTraits::UNSTATED);
    }
}

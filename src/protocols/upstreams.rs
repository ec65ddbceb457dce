//! Where all providers are and the connections to them, as one configuration has them.

use super::directory::Directory;
use super::transport::{Transport, TransportOptions};
use crate::domain::{Catalogue, Renewal, Succession};

/// By the places of the catalogue. A table never meets upstreams that are older than itself: they are
/// published first, and keep what an older table may still choose.
#[derive(Debug, Clone)]
pub struct Upstreams {
    pub directory: Directory,
    pub transport: Transport,
}

/// A configuration that comes after another.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// The catalogue before it.
    pub earlier: &'a Catalogue,
    pub succession: &'a Succession,
    /// Providers with another key or address than before, by their places.
    pub renewals: &'a [(usize, Renewal)],
}

impl Arrival<'_> {
    fn was_usable(&self, provider: usize) -> bool {
        let spec = self.earlier.providers.get(provider);
        spec.is_some_and(|spec| spec.off.is_none())
    }

    fn renewed(&self, provider: usize) -> Option<Renewal> {
        let mut own = self.renewals.iter().filter(|(place, _)| *place == provider);
        own.next().map(|(_, renewal)| *renewal)
    }
}

impl Upstreams {
    pub fn new(directory: Directory, options: TransportOptions) -> Result<Self, reqwest::Error> {
        Ok(Self {
            transport: Transport::to(&directory, options)?,
            directory,
        })
    }

    /// What follows these when `next`, in the order of its own configuration, arrives. Who is where
    /// they were keeps their connections and what was fetched or remembered for them. Who has just
    /// been removed or lost their key can be reached until the next arrival, for a choice may be
    /// under way.
    pub fn succeeded_by(
        &self,
        next: Directory,
        options: TransportOptions,
        arrival: Arrival<'_>,
    ) -> Result<Self, reqwest::Error> {
        let Succession {
            catalogue,
            providers,
            targets,
        } = arrival.succession;
        let was_retired = &arrival.earlier.retired.providers;
        let mut directory = Directory {
            endpoints: vec![None; catalogue.providers.len()],
            traits: self.directory.traits.clone(),
        };
        for (place, endpoint) in self.directory.endpoints.iter().enumerate() {
            if !was_retired.contains(&place) {
                directory.endpoints[place].clone_from(endpoint);
            }
        }
        for (&place, endpoint) in providers.iter().zip(next.endpoints) {
            let renewal = arrival.renewed(place);
            let old = self.directory.endpoint(place);
            let old = old.filter(|_| renewal != Some(Renewal::Address));
            directory.endpoints[place] = match (endpoint, old) {
                (Some(endpoint), Some(old)) => Some(endpoint.continuing(old, renewal.is_none())),
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
        let kept = |place: usize| arrival.renewed(place) != Some(Renewal::Address);
        let transport = self.transport.succeeded_by(&directory, options, kept)?;
        Ok(Self {
            directory,
            transport,
        })
    }
}

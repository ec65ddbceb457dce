//! ALL VENDORS TOGETHER: started, found by their addresses, faulted by hand, ended on drop.

use super::fault::Fault;
use super::model_list::Embedder;
use super::pace::Pace;
use super::profile::{PROFILES, Profile};
use super::scenario::Scenario;
use super::scenario_runner::{self, VendorList};
use super::server;
use super::vendor::Vendor;
use super::vendor_behaviour::Behaviour;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Where a vendor is, and what a gateway's configuration says about it.
#[derive(Debug, Clone, PartialEq)]
pub struct VendorEndpoint {
    /// The provider's name, unique.
    pub name: &'static str,
    /// The word of the protocol that it speaks.
    pub kind: &'static str,
    /// Such as `http://127.0.0.1:41234/v1`; what it ends in depends on the kind.
    pub base_url: String,
    /// The one model it serves.
    pub model: &'static str,
    /// What the model can do: `chat`, `vision`, `reasoning`.
    pub types: &'static [&'static str],
    /// USD per million prompt tokens.
    pub input_usd_per_1m: f64,
    /// USD per million answer tokens.
    pub output_usd_per_1m: f64,
    /// The model that makes vectors, where the vendor has one.
    pub embedder: Option<Embedder>,
    /// Requests it should get at once, at most.
    pub max_concurrent: u32,
    /// The key it wants, or none. Made up: it opens nothing outside of this process.
    pub api_key: Option<&'static str>,
}

/// The running vendors. Dropping this ends them, also in the middle of an answer.
#[derive(Debug)]
pub struct Vendors {
    cast: VendorList,
    endpoints: Vec<VendorEndpoint>,
    _stop: DropGuard,
}

/// Says: `no vendor is called "acme"; known are openai, anthropic, xai, google, ollama`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no vendor is called {name:?}; known are {}", PROFILES.each_ref().map(|profile| profile.name).join(", "))]
pub struct UnknownVendor {
    /// What was asked for.
    pub name: String,
}

impl Vendors {
    /// Starts the five vendors on free loopback ports, and the scenario. The same seed brings the
    /// same luck to every vendor's n-th request.
    ///
    /// # Errors
    /// Where a loopback port cannot be opened.
    pub async fn start(seed: u64, scenario: Scenario) -> io::Result<Self> {
        Self::start_at(seed, scenario, 1.0).await
    }

    /// Like [`Vendors::start`], in a world that runs `pace` times as fast as the real one
    /// (0.001 to 10 000): latencies, limits and the scenario alike.
    pub async fn start_at(seed: u64, scenario: Scenario, pace: f64) -> io::Result<Self> {
        Self::start_many(seed, scenario, pace, PROFILES.len()).await
    }

    /// Like [`Vendors::start_at`], with so many vendors: the five, then others of their natures
    /// called `openai-2` and so on.
    ///
    /// # Errors
    /// Where a loopback port cannot be opened.
    pub async fn start_many(
        seed: u64,
        scenario: Scenario,
        pace: f64,
        count: usize,
    ) -> io::Result<Self> {
        let (pace, stop) = (Pace::new(pace), CancellationToken::new());
        let guard = stop.clone().drop_guard();
        let mut cast = Vec::with_capacity(count);
        let mut endpoints = Vec::with_capacity(count);

        for place in 0..count {
            let (again, profile) = (place / PROFILES.len(), &PROFILES[place % PROFILES.len()]);
            let profile = if again == 0 {
                profile
            } else {
                profile.namesake(again + 1)
            };
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            endpoints.push(endpoint(profile, listener.local_addr()?));
            let behaviour = Arc::new(Behaviour::new(profile, seed, pace));
            let router = Vendor::new(profile.wire, Arc::clone(&behaviour)).router();
            cast.push(Arc::clone(&behaviour));
            tokio::spawn(server::serve(listener, behaviour, router, stop.clone()));
        }
        let cast = VendorList::from(cast);
        scenario_runner::play(scenario, &cast, pace, &stop);

        Ok(Self {
            cast,
            endpoints,
            _stop: guard,
        })
    }

    /// Where they are, in a fixed order.
    pub fn endpoints(&self) -> &[VendorEndpoint] {
        &self.endpoints
    }

    /// Turns a vendor's fault on, whatever the scenario says; `None` gives it back to the scenario.
    pub fn set_fault(&self, vendor: &str, fault: Option<Fault>) -> Result<(), UnknownVendor> {
        self.named(vendor)?.switch.turn_by_hand(fault);
        Ok(())
    }

    /// The fault that holds at a vendor now.
    pub fn fault(&self, vendor: &str) -> Result<Option<Fault>, UnknownVendor> {
        Ok(self.named(vendor)?.switch.current())
    }

    /// Well-formed chat requests that a vendor took up since the start. Probes do not count, nor does
    /// what an outage, a hang or a reset met before it was read.
    pub fn requests(&self, vendor: &str) -> Result<u64, UnknownVendor> {
        Ok(self.named(vendor)?.requests())
    }

    fn named(&self, name: &str) -> Result<&Behaviour, UnknownVendor> {
        self.cast
            .iter()
            .find(|vendor| vendor.profile.name == name)
            .map(Arc::as_ref)
            .ok_or_else(|| UnknownVendor {
                name: name.to_owned(),
            })
    }
}

fn endpoint(profile: &Profile, address: SocketAddr) -> VendorEndpoint {
    VendorEndpoint {
        name: profile.name,
        kind: profile.wire.kind(),
        base_url: format!("http://{address}{}", profile.wire.base_path()),
        model: profile.model,
        types: profile.types,
        input_usd_per_1m: profile.input_usd_per_1m,
        output_usd_per_1m: profile.output_usd_per_1m,
        embedder: profile.embedder,
        max_concurrent: profile.max_concurrent,
        api_key: profile.api_key,
    }
}

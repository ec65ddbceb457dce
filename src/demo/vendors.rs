//! All vendors: starts them, finds them by name, injects faults, stops them on drop.

use super::behaviour::Behaviour;
use super::fault::Fault;
use super::model_list::Embedder;
use super::pace::Pace;
use super::profile::{PROFILES, Profile};
use super::scenario::Scenario;
use super::scenario_runner::{self, VendorList};
use super::server;
use super::vendor::Vendor;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Where a vendor listens, and what a gateway's configuration says about it.
#[derive(Debug, Clone, PartialEq)]
pub struct VendorEndpoint {
    /// The provider's name, unique.
    pub name: &'static str,
    /// The name of its protocol in a gateway's configuration.
    pub kind: &'static str,
    /// Such as `http://127.0.0.1:41234/v1`; the path depends on the kind.
    pub base_url: String,
    /// The chat model.
    pub model: &'static str,
    /// The model's types: `chat`, `vision`, `reasoning`.
    pub types: &'static [&'static str],
    /// USD per million prompt tokens.
    pub input_usd_per_1m: f64,
    /// USD per million output tokens.
    pub output_usd_per_1m: f64,
    /// The embedding model, if the vendor has one.
    pub embedder: Option<Embedder>,
    /// Most requests that a gateway should send at once.
    pub max_concurrent: u32,
    /// The expected key, if any. It is made up and works only in this process.
    pub api_key: Option<&'static str>,
}

/// The running vendors. Dropping this stops them, also in the middle of a response.
#[derive(Debug)]
pub struct Vendors {
    list: VendorList,
    endpoints: Vec<VendorEndpoint>,
    _stop: DropGuard,
}

/// Reads: `no vendor is called "acme"; known are openai, anthropic, xai, google, ollama`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no vendor is called {name:?}; known are {}", PROFILES.each_ref().map(|profile| profile.name).join(", "))]
pub struct UnknownVendor {
    /// The unknown name.
    pub name: String,
}

impl Vendors {
    /// Starts the five vendors on free loopback ports, and the scenario. With the same seed, the
    /// n-th request to a vendor always behaves the same.
    ///
    /// # Errors
    /// If a loopback port cannot be opened.
    pub async fn start(seed: u64, scenario: Scenario) -> io::Result<Self> {
        Self::start_at(seed, scenario, 1.0).await
    }

    /// Like [`Vendors::start`], `pace` times as fast as real time (0.001 to 10 000): latencies,
    /// limits and the scenario alike.
    pub async fn start_at(seed: u64, scenario: Scenario, pace: f64) -> io::Result<Self> {
        Self::start_many(seed, scenario, pace, PROFILES.len()).await
    }

    /// Like [`Vendors::start_at`], with `count` vendors: the five, then copies of them that are
    /// called `openai-2` and so on.
    ///
    /// # Errors
    /// If a loopback port cannot be opened.
    pub async fn start_many(
        seed: u64,
        scenario: Scenario,
        pace: f64,
        count: usize,
    ) -> io::Result<Self> {
        let (pace, stop) = (Pace::new(pace), CancellationToken::new());
        let guard = stop.clone().drop_guard();
        let mut vendors = Vec::with_capacity(count);
        let mut endpoints = Vec::with_capacity(count);

        for index in 0..count {
            let (round, profile) = (index / PROFILES.len(), &PROFILES[index % PROFILES.len()]);
            let profile = if round == 0 {
                profile
            } else {
                profile.numbered_copy(round + 1)
            };
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            endpoints.push(endpoint(profile, listener.local_addr()?));
            let behaviour = Arc::new(Behaviour::new(profile, seed, pace));
            let router = Vendor::new(profile.wire, Arc::clone(&behaviour)).router();
            vendors.push(Arc::clone(&behaviour));
            tokio::spawn(server::serve(listener, behaviour, router, stop.clone()));
        }
        let list = VendorList::from(vendors);
        scenario_runner::run(scenario, &list, pace, &stop);

        Ok(Self {
            list,
            endpoints,
            _stop: guard,
        })
    }

    /// All vendors, in a fixed order.
    pub fn endpoints(&self) -> &[VendorEndpoint] {
        &self.endpoints
    }

    /// Sets the fault of a vendor, which overrides the scenario; `None` returns the control to it.
    pub fn set_fault(&self, vendor: &str, fault: Option<Fault>) -> Result<(), UnknownVendor> {
        self.behaviour(vendor)?.switch.set_manual(fault);
        Ok(())
    }

    /// The fault in force at a vendor.
    pub fn fault(&self, vendor: &str) -> Result<Option<Fault>, UnknownVendor> {
        Ok(self.behaviour(vendor)?.switch.current())
    }

    /// Valid chat requests of a vendor since the start, without probes and without what an outage,
    /// a hang or a reset rejected unread.
    pub fn requests(&self, vendor: &str) -> Result<u64, UnknownVendor> {
        Ok(self.behaviour(vendor)?.requests())
    }

    fn behaviour(&self, name: &str) -> Result<&Behaviour, UnknownVendor> {
        self.list
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

//! What can be changed of an instance while it runs, and the one way to change it.

use super::instance::InstanceConfig;
use crate::access::TokenAuth;
use crate::client::{ApiError, LocalClient};
use crate::contract::{self, ReloadReport};
use crate::domain::{Catalogue, CatalogueMerge, Command, CommandReply, ConfigUpdate};
use crate::engine::{EngineError, EngineHandle};
use crate::gateway::{BodyBuffer, Cache, Gateway, GatewayConfig, ShutdownSignal, TargetTimeouts};
use crate::protocols::{TransportOptions, UpstreamSet, UpstreamUpdate};
use arc_swap::ArcSwap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// An engine that is busy is asked again that often, after a pause each.
const MAX_TRIES: u32 = 20;
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// Threads that serve model traffic: one for each core.
pub fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Somebody wants the configuration read again.
#[derive(Debug)]
pub struct ReloadRequest {
    pub who: String,
    pub reason: Option<String>,
    /// Where to answer; without one, mistakes are logged and shown.
    pub reply: Option<oneshot::Sender<Result<ReloadReport, ApiError>>>,
}

/// The parts of a running instance that a configuration decides about.
#[derive(Debug)]
pub struct ReloadableState {
    pub handle: EngineHandle,
    pub local: LocalClient,
    pub upstreams: Arc<ArcSwap<UpstreamSet>>,
    pub limits: Arc<ArcSwap<GatewayConfig>>,
    pub probe_interval: watch::Sender<Option<Duration>>,
    /// Of the control door, and of the door for model traffic.
    pub access: TokenAuth,
    pub gateway_access: TokenAuth,
    pub drain: watch::Sender<Duration>,
}

/// What a configuration that was read again brings, beside the blueprint that it makes.
#[derive(Debug)]
pub struct CatalogueUpdate {
    pub succession: CatalogueMerge,
    pub reconfiguration: ConfigUpdate,
}

impl ReloadableState {
    /// Of an instance that is being built.
    pub fn new(handle: EngineHandle, blueprint: InstanceConfig) -> anyhow::Result<Self> {
        let options = TransportOptions {
            connect_timeout: blueprint.connect_timeout,
            thread_pools: workers(),
        };
        let upstreams = UpstreamSet::new(blueprint.directory, options)?;
        let who = contract::InstanceInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            environment: blueprint.environment,
        };
        Ok(Self {
            local: LocalClient::new(handle.clone(), who).with_saved_to(&blueprint.saved),
            handle,
            upstreams: Arc::new(ArcSwap::from_pointee(upstreams)),
            limits: Arc::new(ArcSwap::from_pointee(blueprint.limits)),
            probe_interval: watch::Sender::new(blueprint.probe_interval),
            access: blueprint.access,
            gateway_access: blueprint.gateway_access,
            drain: watch::Sender::new(blueprint.drain),
        })
    }

    /// The door for model traffic, which follows what is changed here.
    pub fn gateway(&self, cache: Option<Arc<Cache>>, closing: ShutdownSignal) -> Gateway {
        Gateway {
            handle: self.handle.clone(),
            upstreams: Arc::clone(&self.upstreams),
            limits: Arc::clone(&self.limits),
            cache,
            closing,
            bodies: BodyBuffer::default(),
        }
    }

    /// The catalogue in force.
    pub fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.handle.routing_table().catalogue)
    }

    /// Puts a configuration in force, all of it at once; says under which revision. An error has
    /// changed nothing.
    pub async fn apply(
        &self,
        blueprint: InstanceConfig,
        news: CatalogueUpdate,
    ) -> anyhow::Result<u64> {
        let CatalogueUpdate {
            succession,
            reconfiguration,
        } = news;
        let earlier = self.catalogue();
        let arrival = UpstreamUpdate {
            earlier: &earlier,
            merge: &succession,
            endpoint_changes: &reconfiguration.renewals,
        };
        let options = TransportOptions {
            connect_timeout: blueprint.connect_timeout,
            thread_pools: workers(),
        };
        let (upstreams, limits) = (self.upstreams.load_full(), self.limits.load_full());
        let next = upstreams.updated(blueprint.directory, options, arrival)?;
        // Before the table: whoever reads a new one finds everybody who is in it.
        self.upstreams.store(Arc::new(next));
        let targets = placed(&blueprint.limits.targets, &succession);
        self.limits.store(Arc::new(GatewayConfig {
            targets,
            ..blueprint.limits
        }));
        let answer = self.reconfigure(reconfiguration).await;
        let revision = match answer {
            Ok(revision) => revision,
            Err(error) => {
                self.upstreams.store(upstreams);
                self.limits.store(limits);
                return Err(error.into());
            }
        };
        self.access.follow(&blueprint.access);
        self.gateway_access.follow(&blueprint.gateway_access);
        self.probe_interval.send_replace(blueprint.probe_interval);
        self.drain.send_replace(blueprint.drain);
        self.local
            .reconfigured(&blueprint.environment, &blueprint.saved);
        Ok(revision)
    }

    async fn reconfigure(&self, next: ConfigUpdate) -> Result<u64, EngineError> {
        let mut tries = 0;
        loop {
            let command = Command::Reconfigure(Box::new(next.clone()));
            match self.handle.execute(command).await {
                Ok(CommandReply::Reconfigured(revision)) => return Ok(revision),
                Err(EngineError::Busy(_)) if tries < MAX_TRIES => {
                    tries += 1;
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                Err(error) => return Err(error),
                Ok(_) => unreachable!("the fleet answers a command in its own kind"),
            }
        }
    }
}

/// What differs for single targets, by the places of the catalogue.
fn placed(own: &[TargetTimeouts], succession: &CatalogueMerge) -> Vec<TargetTimeouts> {
    let mut targets = vec![TargetTimeouts::default(); succession.catalogue.targets.len()];
    for (&place, own) in succession.targets.iter().zip(own) {
        targets[place] = *own;
    }
    targets
}

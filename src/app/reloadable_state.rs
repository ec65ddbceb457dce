//! The parts of a running instance that a configuration decides, and the only way to change them.

use super::instance_config::InstanceConfig;
use crate::access::TokenAuth;
use crate::client::{ApiError, LocalClient};
use crate::contract::{self, ReloadReport};
use crate::domain::{
    Catalogue, CatalogueMerge, Command, CommandReply, ConfigUpdate, GroupDefinition, RunLimits,
    WeightsSchedule,
};
use crate::engine::{EngineError, EngineHandle};
use crate::gateway::{
    AnswerMemory, BodyBuffer, BodyWork, Cache, CountMeter, Gateway, GatewayConfig, OwnedObjects,
    RequestTags, ShutdownSignal, TargetTimeouts,
};
use crate::protocols::{ResponseStore, TransportOptions, UpstreamSet, UpstreamUpdate};
use crate::store::Store;
#[cfg(feature = "otlp")]
use crate::telemetry::otlp;
use crate::telemetry::{Metrics, SpanSink};
use crate::webhooks::Webhooks;
use arc_swap::ArcSwap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// Attempts to hand a configuration to a busy engine, with a pause between them.
const MAX_TRIES: u32 = 20;
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// Number of threads that serve requests: one for each core.
pub fn worker_count() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The receiver of where changes are saved.
pub type SaveQuery = oneshot::Sender<String>;

/// A request to reload the configuration.
#[derive(Debug)]
pub struct ReloadRequest {
    pub who: String,
    pub reason: Option<String>,
    /// Receives the result; without it, errors are logged and shown as events.
    pub reply: Option<oneshot::Sender<Result<ReloadReport, ApiError>>>,
}

/// The parts of a running instance that a configuration decides about.
#[derive(Debug)]
pub struct ReloadableState {
    pub handle: EngineHandle,
    pub local: LocalClient,
    pub upstreams: Arc<ArcSwap<UpstreamSet>>,
    pub gateway_config: Arc<ArcSwap<GatewayConfig>>,
    pub probe_interval: watch::Sender<Option<Duration>>,
    /// Tokens of the management API.
    pub access: TokenAuth,
    /// Tokens of the model API.
    pub gateway_access: TokenAuth,
    pub drain: watch::Sender<Duration>,
    pub pre_stop: watch::Sender<Duration>,
    pub schedules: watch::Sender<Arc<[WeightsSchedule]>>,
    /// What the tokens of a group share.
    pub groups: watch::Sender<Arc<[GroupDefinition]>>,
    pub metrics: Arc<Metrics>,
    pub spans: SpanSink,
    pub webhooks: Webhooks,
}

/// The changes of a reload, by the indices of the merged catalogue.
#[derive(Debug)]
pub struct CatalogueUpdate {
    pub merge: CatalogueMerge,
    pub update: ConfigUpdate,
}

impl ReloadableState {
    /// Builds the state of a new instance.
    pub fn new(
        handle: EngineHandle,
        config: InstanceConfig,
        webhooks: Webhooks,
        store: &Store,
    ) -> anyhow::Result<Self> {
        let options = TransportOptions {
            connect_timeout: config.connect_timeout,
            thread_pools: worker_count(),
        };
        let upstreams = UpstreamSet::new(config.endpoints, options)?;
        let version = env!("CARGO_PKG_VERSION");
        let spans = exported_spans(version);
        let metrics = Metrics::new(handle.clone(), version, config.metrics_cache);
        let metrics = metrics.with_spans(spans.clone());
        webhooks.configure(config.webhooks, &config.environment);
        let who = contract::InstanceInfo {
            version: version.to_owned(),
            environment: config.environment,
        };
        for access in [&config.access, &config.gateway_access] {
            let handle = handle.clone();
            access.report_failures_to(move |text| handle.emit_refusal(text));
        }
        let local = LocalClient::new(handle.clone(), who)
            .with_saved_to(&config.saved)
            .with_store(store.clone());
        local.set_run_limits(run_limits(&config.gateway));
        local.configure_performance(config.token_groups, config.metrics_cache);
        let schedules: Arc<[WeightsSchedule]> = config.schedules.into();
        local.set_schedules(Arc::clone(&schedules));
        Ok(Self {
            local,
            handle,
            upstreams: Arc::new(ArcSwap::from_pointee(upstreams)),
            gateway_config: Arc::new(ArcSwap::from_pointee(config.gateway)),
            probe_interval: watch::Sender::new(config.probe_interval),
            access: config.access,
            gateway_access: config.gateway_access,
            drain: watch::Sender::new(config.drain),
            pre_stop: watch::Sender::new(config.pre_stop),
            schedules: watch::Sender::new(schedules),
            groups: watch::Sender::new(config.groups.into()),
            metrics: Arc::new(metrics),
            spans,
            webhooks,
        })
    }

    /// The model API, which follows changes of this state.
    pub fn gateway(&self, cache: Option<Arc<Cache>>, shutdown: ShutdownSignal) -> Gateway {
        Gateway {
            handle: self.handle.clone(),
            upstreams: Arc::clone(&self.upstreams),
            config: Arc::clone(&self.gateway_config),
            cache,
            shutdown,
            spans: self.spans.clone(),
            bodies: BodyBuffer::default(),
            answers: AnswerMemory::default(),
            body_work: BodyWork::default(),
            counts: CountMeter::default(),
            tags: RequestTags::default(),
            responses: ResponseStore::default(),
            objects: OwnedObjects::default(),
            prompt_caches: Arc::default(),
        }
    }

    /// The catalogue in force.
    pub fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.handle.routing_table().catalogue)
    }

    /// Applies a configuration as a whole and returns its revision. After an error nothing has
    /// changed.
    pub async fn apply(
        &self,
        config: InstanceConfig,
        changes: CatalogueUpdate,
    ) -> anyhow::Result<u64> {
        let CatalogueUpdate { merge, update } = changes;
        let earlier = self.catalogue();
        let upstream_update = UpstreamUpdate {
            earlier: &earlier,
            merge: &merge,
            endpoint_changes: &update.renewals,
        };
        let options = TransportOptions {
            connect_timeout: config.connect_timeout,
            thread_pools: worker_count(),
        };
        let upstreams = self.upstreams.load_full();
        let gateway_config = self.gateway_config.load_full();
        let next = upstreams.updated(config.endpoints, options, upstream_update)?;
        // Before the table: a reader of the new table must find every address in it.
        self.upstreams.store(Arc::new(next));
        let limits = run_limits(&config.gateway);
        let targets = by_catalogue_index(&config.gateway.targets, &merge);
        self.gateway_config.store(Arc::new(GatewayConfig {
            targets,
            ..config.gateway
        }));
        let revision = match self.reconfigure(update).await {
            Ok(revision) => revision,
            Err(error) => {
                self.upstreams.store(upstreams);
                self.gateway_config.store(gateway_config);
                return Err(error.into());
            }
        };
        self.access.follow(&config.access);
        self.gateway_access.follow(&config.gateway_access);
        self.probe_interval.send_replace(config.probe_interval);
        self.drain.send_replace(config.drain);
        self.pre_stop.send_replace(config.pre_stop);
        self.metrics.set_cache_time(config.metrics_cache);
        self.webhooks
            .configure(config.webhooks, &config.environment);
        self.local.reconfigured(&config.environment, &config.saved);
        self.local.set_run_limits(limits);
        self.local
            .configure_performance(config.token_groups, config.metrics_cache);
        let schedules: Arc<[WeightsSchedule]> = config.schedules.into();
        self.local.set_schedules(Arc::clone(&schedules));
        self.schedules.send_replace(schedules);
        self.groups.send_replace(config.groups.into());
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
                Ok(_) => unreachable!("each command has its own kind of reply"),
            }
        }
    }
}

/// Where spans go: to an OpenTelemetry collector, if the environment names one.
#[cfg(feature = "otlp")]
fn exported_spans(version: &'static str) -> SpanSink {
    let settings = otlp::OtlpSettings::from_environment();
    otlp::start(&settings, version).unwrap_or_else(|error| {
        tracing::warn!("no traces and metrics are exported over OTLP: {error}");
        SpanSink::default()
    })
}

/// Where spans go: nowhere, without the feature `otlp`.
#[cfg(not(feature = "otlp"))]
fn exported_spans(_version: &'static str) -> SpanSink {
    SpanSink::default()
}

/// The limits of the gateway as a forecast has them.
fn run_limits(gateway: &GatewayConfig) -> RunLimits {
    RunLimits {
        first_token_s: gateway.first_token_timeout.as_secs_f64(),
        response_s: gateway.timeout.as_secs_f64(),
        max_retries: gateway.max_retries,
    }
}

/// The timeouts of single targets, by the indices of the merged catalogue.
fn by_catalogue_index(own: &[TargetTimeouts], merge: &CatalogueMerge) -> Vec<TargetTimeouts> {
    let mut targets = vec![TargetTimeouts::default(); merge.catalogue.targets.len()];
    for (&index, own) in merge.targets.iter().zip(own) {
        targets[index] = *own;
    }
    targets
}

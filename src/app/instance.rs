//! A running instance: its parts are built, started in order, and stopped in the order of their
//! dependencies.

use super::instance_config::InstanceConfig;
use super::instance_controls::RunningInstance;
use super::ledger_task::LedgerTask;
use super::reloadable_state::{ReloadRequest, ReloadableState, SaveQuery, worker_count};
use super::schedule_task::ScheduleTask;
use super::service_notifier::ServiceNotifier;
use super::store::{restore, restore_later};
use super::token_task::{TokenControls, TokenTask};
use super::watchdog::LivingParts;
use crate::api::{self, Api};
use crate::client::{Client, LocalClient, socket_path};
use crate::domain::{BalancerState, UnixTime};
use crate::engine::{self, Engine, EngineHandle, PersistQueue};
use crate::gateway::{self, Cache, ShutdownSignal};
use crate::logs::Logs;
use crate::probe::{ManualProbe, ModelListUpdate, Probe};
use crate::protocols::use_thread_pool;
use crate::server::{Drain, WorkerThreads};
use crate::store::Store;
use crate::telemetry::SpanSink;
use crate::webhooks::{RetryPolicy, Webhooks};
use crate::{clock, server};
use anyhow::Context as _;
use axum::Router;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Event streams take at most one of so many connections, so that they cannot lock clients out.
const FEED_SHARE: usize = 4;
/// Most event streams at once.
const MAX_FEEDS: usize = 64;
/// Reload requests that wait; they are handled one at a time.
const RELOAD_QUEUE: usize = 16;
/// Lists of models that wait to be compared with the catalogue.
const LIST_QUEUE: usize = 16;
/// Time in which the last spans have to be sent.
const SPANS_TIMEOUT: Duration = Duration::from_secs(3);

/// A running instance.
#[derive(Debug)]
pub struct Instance {
    pub handle: EngineHandle,
    pub client: Client,
    pub address: SocketAddr,
    /// Changes to write to the configuration.
    pub persist_queue: Option<PersistQueue>,
    /// Questions where the changes so far are saved, until the configuration task takes them.
    pub save_queries: Option<mpsc::Receiver<SaveQuery>>,
    /// Requests a reload of the configuration.
    pub reloads: mpsc::Sender<ReloadRequest>,
    /// The state that a reload changes and the requests for it, until the configuration task takes
    /// them.
    pub reloadable: Option<(ReloadableState, mpsc::Receiver<ReloadRequest>)>,
    /// Lists of models that probes read, until the configuration task takes them.
    pub listed: Option<mpsc::Receiver<ModelListUpdate>>,
    /// What started the process, once the instance is announced to it.
    pub notifier: ServiceNotifier,
    /// What has to answer while the instance lives.
    pub parts: LivingParts,
    /// Says that the instance is not ready any more.
    leaving: CancellationToken,
    /// Time between that and the drain.
    pre_stop: watch::Receiver<Duration>,
    /// Time that the drain may take.
    drain_time: watch::Receiver<Duration>,
    /// Stops the listeners.
    listeners: CancellationToken,
    /// Stops probes and engine.
    background: CancellationToken,
    server: JoinHandle<std::io::Result<()>>,
    probe: JoinHandle<()>,
    engine: JoinHandle<()>,
    ledger: JoinHandle<()>,
    store: Store,
    spans: SpanSink,
    /// A dedicated thread, so that waking the engine never competes with request workers.
    _engine_thread: WorkerThreads,
}

impl Instance {
    /// Starts all parts behind a listener that is already bound.
    pub async fn start(
        mut config: InstanceConfig,
        store: Store,
        listener: TcpListener,
        logs: &Logs,
    ) -> anyhow::Result<Self> {
        let (address, started) = (listener.local_addr()?, clock::now());
        let [listeners, background, leaving] = [(); 3].map(|()| CancellationToken::new());
        let (engine, handle, persist_queue) = engine(&mut config, &store, &background).await;
        let (engine, threads) = start_engine(engine, &background)?;
        let ledger = start_ledger(&store, &handle, &background);
        let (mut limits, cache) = (config.server.clone(), config.cache);
        let webhooks = webhooks(&handle, address, &background)?;
        let reloadable = ReloadableState::new(handle.clone(), config, webhooks.clone(), &store)?;
        let (lists, listed) = mpsc::channel(LIST_QUEUE);
        let (probe, probes) = probe(&reloadable, lists);
        let cache = cache.map(|limits| Arc::new(Cache::new(limits)));
        let (closer, closing) = ShutdownSignal::channel();
        limits.drain = Drain::new(reloadable.drain.subscribe(), closer);
        let workers = WorkerThreads::start("worker", worker_count(), use_thread_pool)?;
        let parts = LivingParts::new(handle.clone(), workers.handles());
        let gateway = reloadable.gateway(cache.clone(), closing);
        let (reloads, reload_requests) = mpsc::channel(RELOAD_QUEUE);
        let (saves, save_queries) = mpsc::channel(RELOAD_QUEUE);
        let (recent, lost) = (logs.recent.clone(), logs.lost.clone());
        let local = reloadable.local.clone().with_logs(recent, lost);
        let local = local.with_controls(RunningInstance {
            probes,
            reloads: reloads.clone(),
            saves,
            cache,
            webhooks,
            tokens: start_tokens(&reloadable, &store, &background).await,
        });
        start_schedules(&local, &reloadable, (&store, started), &background);
        let feeds = (limits.connections / FEED_SHARE).clamp(1, MAX_FEEDS);
        let api = api(&reloadable, &local, (&leaving, &listeners), feeds);
        let server = tokio::spawn(server::serve(
            listener,
            local_socket(address.port()),
            router(&reloadable, gateway, api),
            limits,
            workers,
            listeners.clone(),
        ));
        Ok(Self {
            handle,
            client: local.into(),
            address,
            persist_queue: Some(persist_queue),
            save_queries: Some(save_queries),
            reloads,
            notifier: ServiceNotifier::default(),
            parts,
            pre_stop: reloadable.pre_stop.subscribe(),
            drain_time: reloadable.drain.subscribe(),
            spans: reloadable.spans.clone(),
            reloadable: Some((reloadable, reload_requests)),
            listed: Some(listed),
            leaving,
            listeners,
            probe: tokio::spawn(probe.run(background.clone())),
            background,
            server,
            engine,
            ledger,
            store,
            _engine_thread: threads,
        })
    }

    /// Longest time that a stop takes; one that `leaves` tells load balancers first.
    pub fn stop_time(&self, leaves: bool) -> Duration {
        let drain = *self.drain_time.borrow();
        let pre_stop = if leaves {
            *self.pre_stop.borrow()
        } else {
            Duration::ZERO
        };
        drain.saturating_add(pre_stop)
    }

    /// Says "not ready" and goes on serving, for as long as load balancers need to notice.
    pub async fn leave(&self) {
        let time = *self.pre_stop.borrow();
        self.leaving.cancel();
        if !time.is_zero() {
            tracing::info!("not ready any more; serving for {} s", time.as_secs());
            tokio::time::sleep(time).await;
        }
    }

    /// Stops accepting, waits for running requests up to the drain timeout, then stops the
    /// background tasks.
    pub async fn drain(self) {
        self.leaving.cancel();
        self.listeners.cancel();
        let _ = self.server.await;
        self.background.cancel();
        let _ = tokio::join!(self.probe, self.engine, self.ledger);
        self.store.close().await;
        let _sent_or_late = tokio::time::timeout(SPANS_TIMEOUT, self.spans.flush()).await;
    }

    /// Resolves when a part has ended by itself, which is a fault, and names it.
    pub async fn broken(&mut self) -> &'static str {
        tokio::select! {
            _ = &mut self.server => "the server",
            _ = &mut self.probe => "the probes",
            _ = &mut self.engine => "the engine",
        }
    }
}

/// The management API of an instance.
fn api(
    reloadable: &ReloadableState,
    local: &LocalClient,
    (leaving, stop): (&CancellationToken, &CancellationToken),
    max_feeds: usize,
) -> Api {
    Api {
        local: local.clone(),
        access: reloadable.access.clone(),
        metrics: Arc::clone(&reloadable.metrics),
        leaving: leaving.clone(),
        stop: stop.clone(),
        max_feeds,
    }
}

/// The task that sends alerts; the configuration adds its receivers.
fn webhooks(
    handle: &EngineHandle,
    address: SocketAddr,
    stop: &CancellationToken,
) -> anyhow::Result<Webhooks> {
    let (instance, policy) = (address.to_string(), RetryPolicy::default());
    let webhooks = Webhooks::new(handle.clone(), &instance, policy, stop.clone())?;
    tokio::spawn(webhooks.clone().run());
    Ok(webhooks)
}

/// Both APIs, with what they follow of the configuration.
fn router(reloadable: &ReloadableState, gateway: gateway::Gateway, api: Api) -> Router {
    let router = server::build_router(
        gateway::with_auth(gateway::router(gateway), reloadable.gateway_access.clone()),
        api::router(api),
    );
    server::with_cors(router, reloadable.access.clone())
}

/// The task that probes, which sends `lists` of models, and the queue of manual probes.
fn probe(
    reloadable: &ReloadableState,
    lists: mpsc::Sender<ModelListUpdate>,
) -> (Probe, mpsc::Sender<ManualProbe>) {
    let (probe, manual) = Probe::new(
        reloadable.handle.clone(),
        Arc::clone(&reloadable.upstreams),
        reloadable.probe_interval.subscribe(),
    );
    (probe.with_lists(lists), manual)
}

/// Runs the engine on a thread of its own.
fn start_engine(
    engine: Engine,
    stop: &CancellationToken,
) -> anyhow::Result<(JoinHandle<()>, WorkerThreads)> {
    let mut threads = WorkerThreads::start("engine", 1, |_| ())?;
    let thread = threads.next_worker().context("the engine has no thread")?;
    Ok((thread.spawn(engine.run(stop.clone())), threads))
}

/// Starts what keeps the ledger ahead of spending.
fn start_ledger(store: &Store, handle: &EngineHandle, stop: &CancellationToken) -> JoinHandle<()> {
    tokio::spawn(LedgerTask::new(store.clone(), handle.clone()).run(stop.clone()))
}

/// Puts the tokens of the store in force, and starts what follows them.
async fn start_tokens(
    reloadable: &ReloadableState,
    store: &Store,
    stop: &CancellationToken,
) -> TokenControls {
    let (mut task, controls) = TokenTask::new(reloadable, store);
    task.begin().await;
    tokio::spawn(task.run(stop.clone()));
    controls
}

/// Starts what changes the weights at given hours.
fn start_schedules(
    local: &LocalClient,
    reloadable: &ReloadableState,
    (store, started): (&Store, UnixTime),
    stop: &CancellationToken,
) {
    let not_before = (store.is_on() && store.is_away()).then_some(started);
    let schedules = reloadable.schedules.subscribe();
    let task = ScheduleTask::new(local.clone(), schedules, not_before);
    tokio::spawn(task.run(stop.clone()));
}

/// The engine with the past that the store holds, or will hold once it is reached.
async fn engine(
    config: &mut InstanceConfig,
    store: &Store,
    stop: &CancellationToken,
) -> (Engine, EngineHandle, PersistQueue) {
    let now = clock::now();
    let mut state = balancer(config);
    let (journal, restored) = restore(store, &mut state, now).await;
    let (engine, handle, persist_queue) = engine::build(state, config.seed);
    if restored.is_none() {
        tokio::spawn(restore_later(store.clone(), handle.clone(), stop.clone()));
    }
    let effects = restored.unwrap_or_default();
    let engine = engine.with_journal(journal).with_effects(effects);
    (engine, handle, persist_queue)
}

fn balancer(config: &mut InstanceConfig) -> BalancerState {
    match config.prepared.take() {
        Some(state) => *state,
        None => balancer_since(config, clock::now()),
    }
}

/// A balancer of this configuration whose statistics begin at a time.
pub(super) fn balancer_since(config: &mut InstanceConfig, since: UnixTime) -> BalancerState {
    let catalogue = std::mem::take(&mut config.catalogue);
    BalancerState::new(
        catalogue,
        config.strategy,
        config.weights,
        config.seed,
        since,
    )
    .with_tuning(config.tuning)
    .with_limits(&config.limits)
}

/// Binds the Unix socket, which only its owner can open. Without `XDG_RUNTIME_DIR` there is none;
/// where it cannot be bound, the instance serves on its port alone.
fn local_socket(port: u16) -> Option<UnixListener> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty())?;
    let path = socket_path(Path::new(&runtime), port);
    server::bind_socket(&path)
        .inspect_err(|error| tracing::warn!("no local socket at {}: {error}", path.display()))
        .ok()
}

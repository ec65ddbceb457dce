//! One running instance: every part built, started in order, and stopped in the order of who
//! depends on whom.

use super::instance_controls::RunningInstance;
use super::reloadable_state::{ReloadRequest, ReloadableState, workers};
use crate::access::TokenAuth;
use crate::api::{self, Api};
use crate::client::{Client, socket_path};
use crate::domain::{BalancerState, Catalogue, GlobalLimits, Strategy, Tuning, Weights};
use crate::engine::{self, EngineHandle, PersistQueue};
use crate::gateway::{self, Cache, CacheLimits, GatewayConfig, ShutdownSignal};
use crate::logs::DroppedLines;
use crate::probe::Probe;
use crate::protocols::{EndpointRegistry, use_thread_pool};
use crate::server::{Drain, WorkerThreads};
use crate::{clock, server};
use anyhow::Context as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Wishes to read the configuration again; one at a time is read.
const RELOAD_QUEUE: usize = 16;

/// All that is needed to start.
#[derive(Debug)]
pub struct InstanceConfig {
    pub catalogue: Catalogue,
    pub directory: EndpointRegistry,
    pub strategy: Strategy,
    pub tuning: Tuning,
    pub weights: Weights,
    pub limits: GatewayConfig,
    pub allowances: GlobalLimits,
    pub connect_timeout: Duration,
    /// Nothing where no answer is given twice.
    pub cache: Option<CacheLimits>,
    /// Nothing where probes are switched off.
    pub probe_interval: Option<Duration>,
    /// Of the control door.
    pub access: TokenAuth,
    /// Of the door for model traffic.
    pub gateway_access: TokenAuth,
    pub environment: String,
    pub server: server::ConnectionLimits,
    pub drain: Duration,
    /// Where changes go, for the answers to those who make them.
    pub saved: String,
    pub seed: u64,
}

/// It runs.
#[derive(Debug)]
pub struct Instance {
    pub handle: EngineHandle,
    pub client: Client,
    pub address: SocketAddr,
    /// Changes that want to be written to the configuration.
    pub keepsakes: Option<PersistQueue>,
    /// Asks for the configuration to be read again.
    pub reloads: mpsc::Sender<ReloadRequest>,
    /// For whoever reads it: what to change, and who asks.
    pub reloading: Option<(ReloadableState, mpsc::Receiver<ReloadRequest>)>,
    doors: CancellationToken,
    rest: CancellationToken,
    server: JoinHandle<std::io::Result<()>>,
    probe: JoinHandle<()>,
    engine: JoinHandle<()>,
    /// The engine's thread: one that it shares is one that must be woken for it, and hands it on.
    _engine_thread: WorkerThreads,
}

impl Instance {
    /// Starts everything behind a listener that is already bound.
    pub fn start(
        mut blueprint: InstanceConfig,
        listener: TcpListener,
        lost_lines: DroppedLines,
    ) -> anyhow::Result<Self> {
        let address = listener.local_addr()?;
        let (engine, handle, keepsakes) = engine::build(fleet(&mut blueprint), blueprint.seed);
        let (doors, rest) = (CancellationToken::new(), CancellationToken::new());
        let mut quarters = WorkerThreads::start("engine", 1, |_| ())?;
        let thread = quarters.next_worker().context("the engine has no thread")?;
        let engine = thread.spawn(engine.run(rest.clone()));
        let listener_limits = blueprint.server.clone();
        let cache = blueprint.cache;
        let controls = ReloadableState::new(handle.clone(), blueprint)?;
        let (probe, probes) = Probe::new(
            handle.clone(),
            Arc::clone(&controls.upstreams),
            controls.probe_interval.subscribe(),
        );
        let probe = tokio::spawn(probe.run(rest.clone()));
        let cache = cache.map(|limits| Arc::new(Cache::new(limits)));
        let (closer, closing) = ShutdownSignal::channel();
        let listener_limits = server::ConnectionLimits {
            drain: Drain::new(controls.drain.subscribe(), closer),
            ..listener_limits
        };
        let workers = WorkerThreads::start("worker", workers(), use_thread_pool)?;
        let gateway = controls.gateway(cache.clone(), closing);
        let (reloads, wishes) = mpsc::channel(RELOAD_QUEUE);
        let local = controls.local.clone();
        let local = local
            .with_dropped_lines(lost_lines)
            .with_controls(RunningInstance {
                probes,
                reloads: reloads.clone(),
                cache,
            });
        let api = Api {
            local: local.clone(),
            access: controls.access.clone(),
            stop: doors.clone(),
        };
        let router = server::build_router(
            gateway::with_auth(gateway::router(gateway), controls.gateway_access.clone()),
            api::router(api),
        );
        let socket = local_socket(address.port());
        let server = tokio::spawn(server::serve(
            listener,
            socket,
            router,
            listener_limits,
            workers,
            doors.clone(),
        ));
        Ok(Self {
            handle,
            client: local.into(),
            address,
            keepsakes: Some(keepsakes),
            reloads,
            reloading: Some((controls, wishes)),
            doors,
            rest,
            server,
            probe,
            engine,
            _engine_thread: quarters,
        })
    }

    /// Stops accepting, lets running requests end for as long as the drain time allows, then
    /// stops the rest.
    pub async fn drain(self) {
        self.doors.cancel();
        let _ = self.server.await;
        self.rest.cancel();
        let _ = tokio::join!(self.probe, self.engine);
    }

    /// Resolves when a part has ended by itself, which none should.
    pub async fn broken(&mut self) -> &'static str {
        tokio::select! {
            _ = &mut self.server => "the server",
            _ = &mut self.probe => "the probes",
            _ = &mut self.engine => "the engine",
        }
    }
}

fn fleet(blueprint: &mut InstanceConfig) -> BalancerState {
    let catalogue = std::mem::take(&mut blueprint.catalogue);
    BalancerState::new(
        catalogue,
        blueprint.strategy,
        blueprint.weights,
        blueprint.seed,
        clock::now(),
    )
    .with_tuning(blueprint.tuning)
    .with_limits(&blueprint.allowances)
}

/// The socket that only its owner can open; without a folder for it there is none, and where it
/// cannot be made the port is there all the same.
fn local_socket(port: u16) -> Option<UnixListener> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty())?;
    let path = socket_path(Path::new(&runtime), port);
    server::bind_socket(&path)
        .inspect_err(|error| tracing::warn!("no local socket at {}: {error}", path.display()))
        .ok()
}

//! THE ONE WRITER: a task that owns the [`BalancerState`], and the [`EngineHandle`] through which everybody
//! else talks to it.
//!
//! State travels by `watch`, things people may watch by `broadcast`, wishes by a bounded `mpsc`
//! with a reply. Every bounded queue counts what it drops.

mod run;
mod wake;

use crate::clock;
use crate::domain::{
    BalancerState, Command, CommandError, CommandReply, DecisionId, DecisionRecord, Effect, Event,
    Observation, PerformanceReport, RandomDraw, Revision, RoutingTable, Snapshot, SplitMix64,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
pub use wake::DeferredWake;
use wake::{EngineWaker, Urgency};

/// Wishes of people and scripts: a handful at once is many.
const COMMAND_QUEUE: usize = 64;
/// Eight seconds of a thousand requests a second; losing a sample beyond that is harmless,
/// delaying a request is not.
const OBSERVATION_QUEUE: usize = 8_192;
/// News; a reader that is further behind re-reads the snapshot.
const EVENT_QUEUE: usize = 512;
/// Changes waiting to be written to the configuration file.
const PERSIST_QUEUE: usize = 16;

/// Lengths of the windows that can be watched, in seconds.
pub const WINDOWS_S: [u64; 6] = [60, 300, 900, 3_600, 21_600, 86_400];

/// The engine is gone or has too much to do; nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the engine is busy, try again in a moment")]
pub struct Busy;

/// Why a wish was not granted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EngineError {
    #[error(transparent)]
    Rejected(#[from] CommandError),
    #[error(transparent)]
    Busy(#[from] Busy),
}

/// What the engine hears besides observations.
#[derive(Debug)]
enum EngineRequest {
    Execute(Command, oneshot::Sender<Result<CommandReply, CommandError>>),
    EmitInfo { text: String, bad: bool },
    Snapshot(u64, oneshot::Sender<Arc<Snapshot>>),
    Performance(u32, oneshot::Sender<PerformanceReport>),
    Decisions(oneshot::Sender<Vec<Arc<DecisionRecord>>>),
    Decision(DecisionId, oneshot::Sender<Option<Arc<DecisionRecord>>>),
    Revisions(oneshot::Sender<Vec<Revision>>),
    Weights(oneshot::Sender<CommandReply>),
}

/// What queues had to drop since the start.
#[derive(Debug, Default)]
pub struct DropCounters {
    observations: AtomicU64,
    events: AtomicU64,
    held_answers: AtomicU64,
}

impl DropCounters {
    /// Observations that the full queue did not take.
    pub fn observations(&self) -> u64 {
        self.observations.load(Ordering::Relaxed)
    }

    /// Events that slow readers missed.
    pub fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    /// Answers that were too much to be held back.
    pub fn held_answers(&self) -> u64 {
        self.held_answers.load(Ordering::Relaxed)
    }
}

/// The way to the engine; cheap to clone.
#[derive(Debug, Clone)]
pub struct EngineHandle {
    wishes: mpsc::Sender<EngineRequest>,
    observations: mpsc::Sender<Observation>,
    bell: Arc<EngineWaker>,
    routes: watch::Receiver<Arc<RoutingTable>>,
    pictures: Arc<[watch::Sender<Arc<Snapshot>>]>,
    events: broadcast::Sender<Event>,
    losses: Arc<DropCounters>,
    luck: Arc<AtomicU64>,
    decisions: Arc<AtomicU64>,
}

/// The engine with its ends of the channels, ready to run.
#[derive(Debug)]
pub struct Engine {
    fleet: BalancerState,
    wishes: mpsc::Receiver<EngineRequest>,
    observations: mpsc::Receiver<Observation>,
    bell: Arc<EngineWaker>,
    routes: watch::Sender<Arc<RoutingTable>>,
    pictures: Arc<[watch::Sender<Arc<Snapshot>>]>,
    events: broadcast::Sender<Event>,
    keepsakes: mpsc::Sender<Effect>,
}

/// Changes that want to be written to the configuration file.
pub type PersistQueue = mpsc::Receiver<Effect>;

/// Makes the engine, the way to it, and the stream of changes to keep. `seed` is the source of
/// all chance.
pub fn build(fleet: BalancerState, seed: u64) -> (Engine, EngineHandle, PersistQueue) {
    let now = clock::now();
    let (wish_in, wishes) = mpsc::channel(COMMAND_QUEUE);
    let (observation_in, observations) = mpsc::channel(OBSERVATION_QUEUE);
    let bell = Arc::new(EngineWaker::default());
    let (routes, routes_out) = watch::channel(Arc::new(fleet.routing_table(now)));
    let pictures: Arc<[_]> = WINDOWS_S
        .iter()
        .map(|&window| watch::channel(Arc::new(fleet.snapshot(window, now))).0)
        .collect();
    let (events, _) = broadcast::channel(EVENT_QUEUE);
    let (keepsakes, kept) = mpsc::channel(PERSIST_QUEUE);
    let handle = EngineHandle {
        wishes: wish_in,
        observations: observation_in,
        bell: Arc::clone(&bell),
        routes: routes_out,
        pictures: Arc::clone(&pictures),
        events: events.clone(),
        losses: Arc::default(),
        luck: Arc::new(AtomicU64::new(seed)),
        // Unique across restarts, and in the order of time: the start in microseconds, then one up.
        decisions: Arc::new(AtomicU64::new(now.micros() << 8)),
    };
    (
        Engine {
            fleet,
            wishes,
            observations,
            bell,
            routes,
            pictures,
            events,
            keepsakes,
        },
        handle,
        kept,
    )
}

impl Engine {
    /// Runs until told to stop, or until nobody is left who could say anything.
    pub async fn run(self, stop: CancellationToken) {
        run::run(self, stop).await;
    }
}

impl EngineHandle {
    /// The newest table; a pointer's copy, and no waiting.
    pub fn routing_table(&self) -> Arc<RoutingTable> {
        Arc::clone(&self.routes.borrow())
    }

    /// Tells what happened. Never waits: with the queue full the observation is lost and counted.
    pub fn observe(&self, observation: Observation) {
        self.bell.wake(self.queue(observation));
    }

    /// The same, with the engine woken only once what is returned is dropped. Whoever reads before
    /// sees the observation all the same.
    pub fn observe_deferred(&self, observation: Observation) -> DeferredWake {
        DeferredWake::new(&self.bell, self.queue(observation))
    }

    fn queue(&self, observation: Observation) -> Urgency {
        let urgency = Urgency::of(&observation);
        if self.observations.try_send(observation).is_err() {
            self.losses.observations.fetch_add(1, Ordering::Relaxed);
        }
        urgency
    }

    /// Chance for the next choice.
    pub fn random_draw(&self) -> RandomDraw {
        let step = SplitMix64::next_state();
        let state = self.luck.fetch_add(step.wrapping_mul(2), Ordering::Relaxed);
        RandomDraw {
            gate: SplitMix64::f64_at(state),
            draw: SplitMix64::f64_at(state.wrapping_add(step)),
        }
    }

    pub fn next_decision(&self) -> DecisionId {
        DecisionId(self.decisions.fetch_add(1, Ordering::Relaxed))
    }

    /// Asks for a change.
    pub async fn execute(&self, command: Command) -> Result<CommandReply, EngineError> {
        Ok(self
            .ask(|reply| EngineRequest::Execute(command, reply))
            .await??)
    }

    /// Tells everybody something about the instance; lost where the engine is busy.
    pub fn emit_info(&self, text: String, bad: bool) {
        let _lost_is_fine = self.wishes.try_send(EngineRequest::EmitInfo { text, bad });
    }

    /// A fresh picture over a window of so many seconds.
    pub async fn snapshot(&self, window: u64) -> Result<Arc<Snapshot>, Busy> {
        self.ask(|reply| EngineRequest::Snapshot(window, reply))
            .await
    }

    /// Pictures over a window, renewed at most four times a second while somebody watches. Windows
    /// other than [`WINDOWS_S`] are answered with the next longer one.
    pub fn watch(&self, window: u64) -> watch::Receiver<Arc<Snapshot>> {
        let place = WINDOWS_S
            .iter()
            .position(|&known| known >= window)
            .unwrap_or(WINDOWS_S.len() - 1);
        self.pictures[place].subscribe()
    }

    /// The numbers of the last so many hours.
    pub async fn performance(&self, hours: u32) -> Result<PerformanceReport, Busy> {
        self.ask(|reply| EngineRequest::Performance(hours, reply))
            .await
    }

    /// All decisions that are still remembered, newest first.
    pub async fn decisions(&self) -> Result<Vec<Arc<DecisionRecord>>, Busy> {
        self.ask(EngineRequest::Decisions).await
    }

    /// One decision, where it is still remembered.
    pub async fn decision(&self, id: DecisionId) -> Result<Option<Arc<DecisionRecord>>, Busy> {
        self.ask(|reply| EngineRequest::Decision(id, reply)).await
    }

    /// Every change that is still remembered, newest first.
    pub async fn revisions(&self) -> Result<Vec<Revision>, Busy> {
        self.ask(EngineRequest::Revisions).await
    }

    pub async fn weights(&self) -> Result<CommandReply, Busy> {
        self.ask(EngineRequest::Weights).await
    }

    /// News from now on.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    pub fn drop_counters(&self) -> &DropCounters {
        &self.losses
    }

    /// A reader of [`EngineHandle::events`] was too slow for so many.
    pub fn missed_events(&self, count: u64) {
        self.losses.events.fetch_add(count, Ordering::Relaxed);
    }

    /// An answer was too much to be held back, and went on live.
    pub fn count_unbuffered(&self) {
        self.losses.held_answers.fetch_add(1, Ordering::Relaxed);
    }

    async fn ask<T>(
        &self,
        wish: impl FnOnce(oneshot::Sender<T>) -> EngineRequest,
    ) -> Result<T, Busy> {
        let (reply, answer) = oneshot::channel();
        self.wishes.try_send(wish(reply)).map_err(|_| Busy)?;
        answer.await.map_err(|_| Busy)
    }
}

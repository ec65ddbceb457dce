//! Handle to the engine, and the messages that it sends.

use super::ledger_signal::LedgerSignal;
use super::wake::{DeferredWake, EngineWaker, Urgency};
use crate::clock;
use crate::domain::{
    AlertDetails, AlertError, AlertId, AlertNotice, ClientsSnapshot, Command, CommandError,
    CommandReply, Counters, DecisionId, DecisionLog, DecisionRecord, Event, ForecastReport,
    LossCounts, Observation, PerformanceReport, RandomDraw, Revision, RoutingTable, Snapshot,
    SplitMix64, TrafficData, UnixTime,
};
use crate::store::StoredHistory;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

/// Lengths of the windows that can be watched, in seconds.
pub const WINDOWS_S: [u64; 6] = [60, 300, 900, 3_600, 21_600, 86_400];

/// The engine has ended or its queue is full; nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the engine is busy, try again in a moment")]
pub struct Busy;

/// Error of a command.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EngineError {
    #[error(transparent)]
    Rejected(#[from] CommandError),
    #[error(transparent)]
    Busy(#[from] Busy),
}

/// Minimum time between two events about refused calls.
const REFUSAL_EVENT_INTERVAL: Duration = Duration::from_secs(2);

/// The last event about a refused call, and the number of calls refused since.
#[derive(Debug, Default)]
pub(super) struct RefusalEvents {
    last: UnixTime,
    suppressed: u64,
}

/// Requests of the last 24 hours that failed, or that a later attempt saved.
#[derive(Debug, Clone, Default)]
pub struct TroubledRequests {
    /// The latest end first.
    pub decisions: Vec<Arc<DecisionRecord>>,
    /// Number of those that were removed before they were 24 hours old.
    pub dropped: u64,
}

impl TroubledRequests {
    pub(super) fn of(log: &DecisionLog) -> Self {
        let troubled = log.troubled();
        Self {
            decisions: troubled.iter().cloned().collect(),
            dropped: troubled.dropped(),
        }
    }
}

/// Commands and queries to the engine.
#[derive(Debug)]
pub(super) enum EngineRequest {
    Execute(Command, oneshot::Sender<Result<CommandReply, CommandError>>),
    EmitInfo {
        text: String,
        bad: bool,
    },
    Snapshot(u64, oneshot::Sender<Arc<Snapshot>>),
    Performance(u32, oneshot::Sender<PerformanceReport>),
    Clients(u64, oneshot::Sender<ClientsSnapshot>),
    Counters(oneshot::Sender<Counters>),
    Decisions(oneshot::Sender<Vec<Arc<DecisionRecord>>>),
    Decision(DecisionId, oneshot::Sender<Option<Arc<DecisionRecord>>>),
    Troubled(oneshot::Sender<TroubledRequests>),
    Revisions(oneshot::Sender<Vec<Revision>>),
    Weights(oneshot::Sender<CommandReply>),
    Settings(oneshot::Sender<CommandReply>),
    TrafficData(oneshot::Sender<Box<TrafficData>>),
    Restore(Box<StoredHistory>),
    Alerts(oneshot::Sender<Vec<AlertDetails>>),
    ChangeAlert(
        AlertAction,
        oneshot::Sender<Result<AlertDetails, AlertError>>,
    ),
    TestAlert(oneshot::Sender<AlertNotice>),
    Forecast(usize, oneshot::Sender<ForecastReport>),
    Ping(oneshot::Sender<()>),
}

/// What an operator does with an alert.
#[derive(Debug, Clone)]
pub struct AlertAction {
    /// The alert.
    pub id: AlertId,
    /// What is done with it.
    pub operation: AlertOperation,
    /// Author.
    pub who: String,
}

/// What can be done with an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertOperation {
    /// An operator knows of it.
    Acknowledge,
    /// No operator knows of it, after all.
    Withdraw,
    /// Silence for this time; zero ends it.
    Mute(Duration),
}

/// Counts of what bounded queues dropped since the start.
#[derive(Debug, Default)]
pub struct DropCounters {
    observations: AtomicU64,
    events: AtomicU64,
    held_answers: AtomicU64,
    refused_answers: AtomicU64,
    deliveries: AtomicU64,
}

impl DropCounters {
    /// Observations dropped because the queue was full.
    pub fn observations(&self) -> u64 {
        self.observations.load(Ordering::Relaxed)
    }

    /// Events that slow readers missed.
    pub fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    /// Responses that ended because all together took too much memory.
    pub fn refused_answers(&self) -> u64 {
        self.refused_answers.load(Ordering::Relaxed)
    }

    /// Deliveries of alerts that were given up.
    pub fn deliveries(&self) -> u64 {
        self.deliveries.load(Ordering::Relaxed)
    }

    /// The losses that raise an alert.
    pub(super) fn losses(&self) -> LossCounts {
        LossCounts {
            observations: self.observations(),
            deliveries: self.deliveries(),
            ..LossCounts::default()
        }
    }

    /// Responses that were too large to hold back.
    pub fn held_answers(&self) -> u64 {
        self.held_answers.load(Ordering::Relaxed)
    }
}

/// Handle to the engine; cheap to clone.
#[derive(Debug, Clone)]
pub struct EngineHandle {
    pub(super) requests: mpsc::Sender<EngineRequest>,
    pub(super) observations: mpsc::Sender<Observation>,
    pub(super) waker: Arc<EngineWaker>,
    pub(super) routes: watch::Receiver<Arc<RoutingTable>>,
    pub(super) snapshots: Arc<[watch::Sender<Arc<Snapshot>>]>,
    pub(super) events: broadcast::Sender<Event>,
    pub(super) drops: Arc<DropCounters>,
    pub(super) random: Arc<AtomicU64>,
    pub(super) decisions: Arc<AtomicU64>,
    pub(super) refusals: Arc<Mutex<RefusalEvents>>,
    pub(super) ledger: Arc<LedgerSignal>,
}

impl EngineHandle {
    /// Returns the newest table: copies a pointer and never waits.
    pub fn routing_table(&self) -> Arc<RoutingTable> {
        Arc::clone(&self.routes.borrow())
    }

    /// Queues an observation. Never waits: with the queue full it is dropped and counted.
    pub fn observe(&self, observation: Observation) {
        self.waker.wake(self.queue(observation));
    }

    /// Queues an observation, and wakes the engine once the returned guard is dropped. Queries made
    /// before that see the observation nevertheless.
    pub fn observe_deferred(&self, observation: Observation) -> DeferredWake {
        DeferredWake::new(&self.waker, self.queue(observation))
    }

    fn queue(&self, observation: Observation) -> Urgency {
        let urgency = Urgency::from(&observation);
        if self.observations.try_send(observation).is_err() {
            self.drops.observations.fetch_add(1, Ordering::Relaxed);
        }
        urgency
    }

    /// Draws the random numbers of the next selection.
    pub fn random_draw(&self) -> RandomDraw {
        let step = SplitMix64::next_state();
        let state = self
            .random
            .fetch_add(step.wrapping_mul(2), Ordering::Relaxed);
        RandomDraw {
            gate: SplitMix64::f64_at(state),
            draw: SplitMix64::f64_at(state.wrapping_add(step)),
        }
    }

    /// Returns the signals between requests and the ledger.
    pub fn ledger_signal(&self) -> &LedgerSignal {
        &self.ledger
    }

    /// Returns a new decision id, which no client can guess: responses and reports name it.
    pub fn next_decision(&self) -> DecisionId {
        let mut bytes = [0; 8];
        let random = match aws_lc_rs::rand::fill(&mut bytes) {
            Ok(()) => u64::from_le_bytes(bytes),
            // Without a source of random numbers it is at least unique.
            Err(_) => self.decisions.fetch_add(1, Ordering::Relaxed),
        };
        DecisionId::at(clock::now(), random)
    }

    /// Executes a command.
    pub async fn execute(&self, command: Command) -> Result<CommandReply, EngineError> {
        Ok(self
            .ask(|reply| EngineRequest::Execute(command, reply))
            .await??)
    }

    /// Emits an event about the instance; dropped while the engine is busy.
    pub fn emit_info(&self, text: String, bad: bool) {
        let _lost_is_fine = self
            .requests
            .try_send(EngineRequest::EmitInfo { text, bad });
    }

    /// Emits an event about a call that was refused, at most one in two seconds; it counts the others.
    pub fn emit_refusal(&self, text: &str) {
        let now = clock::now();
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if now.since(refusals.last) < REFUSAL_EVENT_INTERVAL {
            refusals.suppressed += 1;
            return;
        }
        let more = match refusals.suppressed {
            0 => String::new(),
            more => format!(" (and {more} more refusals since the last)"),
        };
        *refusals = RefusalEvents {
            last: now,
            suppressed: 0,
        };
        drop(refusals);
        self.emit_info(format!("{text}{more}"), true);
    }

    /// Computes a snapshot over a window in seconds.
    pub async fn snapshot(&self, window: u64) -> Result<Arc<Snapshot>, Busy> {
        self.ask(|reply| EngineRequest::Snapshot(window, reply))
            .await
    }

    /// Subscribes to the snapshots over a window in seconds, renewed four times a second while they
    /// have subscribers. A window that is not in [`WINDOWS_S`] means the next longer one.
    pub fn watch(&self, window: u64) -> watch::Receiver<Arc<Snapshot>> {
        let place = WINDOWS_S
            .iter()
            .position(|&known| known >= window)
            .unwrap_or(WINDOWS_S.len() - 1);
        self.snapshots[place].subscribe()
    }

    /// Computes the figures of the last `hours` hours.
    pub async fn performance(&self, hours: u32) -> Result<PerformanceReport, Busy> {
        self.ask(|reply| EngineRequest::Performance(hours, reply))
            .await
    }

    /// Computes what each client did over a window in seconds.
    pub async fn clients(&self, window: u64) -> Result<ClientsSnapshot, Busy> {
        self.ask(|reply| EngineRequest::Clients(window, reply))
            .await
    }

    /// Returns the counts since the start.
    pub async fn counters(&self) -> Result<Counters, Busy> {
        self.ask(EngineRequest::Counters).await
    }

    /// Returns all stored decisions, newest first.
    pub async fn decisions(&self) -> Result<Vec<Arc<DecisionRecord>>, Busy> {
        self.ask(EngineRequest::Decisions).await
    }

    /// Returns the requests of the last 24 hours that failed or were saved.
    pub async fn troubled(&self) -> Result<TroubledRequests, Busy> {
        self.ask(EngineRequest::Troubled).await
    }

    /// Returns one decision if it is still stored.
    pub async fn decision(&self, id: DecisionId) -> Result<Option<Arc<DecisionRecord>>, Busy> {
        self.ask(|reply| EngineRequest::Decision(id, reply)).await
    }

    /// Returns all stored revisions, newest first.
    pub async fn revisions(&self) -> Result<Vec<Revision>, Busy> {
        self.ask(EngineRequest::Revisions).await
    }

    /// Returns the weights in force.
    pub async fn weights(&self) -> Result<CommandReply, Busy> {
        self.ask(EngineRequest::Weights).await
    }

    /// Returns strategy, budgets and breakers in force.
    pub async fn settings(&self) -> Result<CommandReply, Busy> {
        self.ask(EngineRequest::Settings).await
    }

    /// Adds the past that a store held when it was reached after the start.
    pub async fn restore(&self, history: StoredHistory) -> Result<(), Busy> {
        let request = EngineRequest::Restore(Box::new(history));
        self.requests.send(request).await.map_err(|_| Busy)
    }

    /// Returns the active alerts and then the ended ones, newest first.
    pub async fn alerts(&self) -> Result<Vec<AlertDetails>, Busy> {
        self.ask(EngineRequest::Alerts).await
    }

    /// Acknowledges or mutes an alert, or undoes that.
    pub async fn change_alert(
        &self,
        action: AlertAction,
    ) -> Result<Result<AlertDetails, AlertError>, Busy> {
        self.ask(|reply| EngineRequest::ChangeAlert(action, reply))
            .await
    }

    /// Returns the forecasts of the next hours.
    pub async fn forecast(&self, hours: usize) -> Result<ForecastReport, Busy> {
        self.ask(|reply| EngineRequest::Forecast(hours, reply))
            .await
    }

    /// Emits an alert that tests the delivery, and returns it.
    pub async fn test_alert(&self) -> Result<AlertNotice, Busy> {
        self.ask(EngineRequest::TestAlert).await
    }

    /// Copies the state and the recorded traffic, for a forecast on another thread.
    pub async fn traffic_data(&self) -> Result<Box<TrafficData>, Busy> {
        self.ask(EngineRequest::TrafficData).await
    }

    /// Returns once the engine has handled what was requested before.
    pub async fn ping(&self) -> Result<(), Busy> {
        self.ask(EngineRequest::Ping).await
    }

    /// Subscribes to events from now on.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Returns the counts of dropped items.
    pub fn drop_counters(&self) -> &DropCounters {
        &self.drops
    }

    /// Counts events that a slow reader of [`EngineHandle::events`] missed.
    pub fn missed_events(&self, count: u64) {
        self.drops.events.fetch_add(count, Ordering::Relaxed);
    }

    /// Counts a response that ended because all together took too much memory.
    pub fn count_refused_answer(&self) {
        self.drops.refused_answers.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts deliveries of alerts that were given up.
    pub fn count_lost_deliveries(&self, count: u64) {
        self.drops.deliveries.fetch_add(count, Ordering::Relaxed);
    }

    /// Counts a response that was too large to hold back and went on live.
    pub fn count_unbuffered(&self) {
        self.drops.held_answers.fetch_add(1, Ordering::Relaxed);
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> EngineRequest,
    ) -> Result<T, Busy> {
        let (sender, receiver) = oneshot::channel();
        self.requests.try_send(request(sender)).map_err(|_| Busy)?;
        receiver.await.map_err(|_| Busy)
    }
}

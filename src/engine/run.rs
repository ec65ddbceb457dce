//! The loop of the engine: receive, update the state, perform the effects.

use super::handle::{
    AlertAction, AlertOperation, DropCounters, EngineRequest, TroubledRequests, WINDOWS_S,
};
use super::wake::{EngineWaker, Urgency};
use crate::clock;
use crate::domain::{
    AlertDetails, AlertError, BalancerState, Command, CommandError, CommandReply, Effect, Event,
    LossCounts, Observation, RoutingTable, Snapshot, TrafficData, UnixTime,
};
use crate::store::Journal;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

/// Interval of the time-driven rules and of new snapshots: people cannot read faster.
const TICK_INTERVAL: Duration = Duration::from_millis(250);
/// Finished requests are processed together, this long after the first.
const BATCH_DELAY: Duration = Duration::from_millis(2);
/// Observations processed before the table is published again.
const OBSERVATIONS_PER_TURN: usize = 256;

/// The engine with its ends of the channels.
#[derive(Debug)]
pub struct Engine {
    pub(super) state: BalancerState,
    pub(super) requests: mpsc::Receiver<EngineRequest>,
    pub(super) observations: mpsc::Receiver<Observation>,
    pub(super) waker: Arc<EngineWaker>,
    pub(super) routes: watch::Sender<Arc<RoutingTable>>,
    pub(super) snapshots: Arc<[watch::Sender<Arc<Snapshot>>]>,
    pub(super) events: broadcast::Sender<Event>,
    pub(super) persist: mpsc::Sender<Effect>,
    pub(super) journal: Journal,
    pub(super) drops: Arc<DropCounters>,
}

impl Engine {
    /// Writes what happens to a journal.
    #[must_use]
    pub fn with_journal(self, journal: Journal) -> Self {
        Self { journal, ..self }
    }

    /// Performs effects from before the start, such as events of what a restart restored.
    #[must_use]
    pub fn with_effects(mut self, effects: Vec<Effect>) -> Self {
        self.perform(effects);
        self
    }

    /// Runs until cancelled, or until every handle is dropped.
    pub async fn run(mut self, stop: CancellationToken) {
        self.receive(stop).await;
        let mut batch = Vec::new();
        self.catch_up(&mut batch);
        self.journal.stop(&self.state, clock::now());
    }

    async fn receive(&mut self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(TICK_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut batch = Vec::with_capacity(OBSERVATIONS_PER_TURN);
        let mut batch_timer = pin!(tokio::time::sleep(Duration::ZERO));
        let mut is_batching = false;
        let waker = Arc::clone(&self.waker);
        loop {
            // Biased, so that a stop or a command never waits behind a flood of observations.
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Some(request) = self.requests.recv() => {
                    // The reply includes all observations queued before.
                    self.catch_up(&mut batch);
                    self.handle_request(request);
                }
                _ = tick.tick() => {
                    if self.observations.is_closed() {
                        return; // Every handle is dropped.
                    }
                    self.observe_batch(&mut batch);
                    self.tick();
                }
                () = waker.wait_immediate() => self.observe_batch(&mut batch),
                () = &mut batch_timer, if is_batching => {
                    is_batching = false;
                    waker.acknowledge();
                    self.observe_batch(&mut batch);
                }
                () = waker.wait_batched(), if !is_batching => {
                    batch_timer.as_mut().reset(Instant::now() + BATCH_DELAY);
                    is_batching = true;
                }
            }
        }
    }

    /// Processes the observations that were queued when this began.
    fn catch_up(&mut self, batch: &mut Vec<Observation>) {
        self.take(self.observations.len(), batch);
        if !batch.is_empty() {
            self.observe(batch);
        }
    }

    /// Processes queued observations; what exceeds one turn follows in the next.
    fn observe_batch(&mut self, batch: &mut Vec<Observation>) {
        self.take(OBSERVATIONS_PER_TURN, batch);
        if !batch.is_empty() {
            self.observe(batch);
        }
        if !self.observations.is_empty() {
            self.waker.wake(Urgency::Immediate);
        }
    }

    fn take(&mut self, most: usize, batch: &mut Vec<Observation>) {
        let next = || self.observations.try_recv().ok();
        batch.extend(std::iter::from_fn(next).take(most));
    }

    fn handle_request(&mut self, request: EngineRequest) {
        let now = clock::now();
        // The caller may be gone; a reply without a receiver is dropped.
        match request {
            EngineRequest::Execute(command, reply) => {
                let _ = reply.send(self.execute(command, now));
            }
            EngineRequest::EmitInfo { text, bad } => {
                let effects = self.state.emit_info(text, bad, now);
                self.perform(effects);
            }
            EngineRequest::Snapshot(window, reply) => {
                let _ = reply.send(Arc::new(self.state.snapshot(window, now)));
            }
            EngineRequest::Performance(hours, reply) => {
                let _ = reply.send(self.state.performance(hours, now));
            }
            EngineRequest::Clients(window, reply) => {
                let _ = reply.send(self.state.clients(window, now));
            }
            EngineRequest::Counters(reply) => {
                let _ = reply.send(self.state.counters().clone());
            }
            EngineRequest::Decisions(reply) => {
                let _ = reply.send(self.state.decisions().iter().cloned().collect());
            }
            EngineRequest::Troubled(reply) => {
                let _ = reply.send(TroubledRequests::of(self.state.decisions()));
            }
            EngineRequest::Decision(id, reply) => {
                let _ = reply.send(self.state.decisions().get(id).cloned());
            }
            EngineRequest::Revisions(reply) => {
                let _ = reply.send(self.state.revisions().cloned().collect());
            }
            EngineRequest::Restore(history) => {
                let (effects, start) = history.apply(&mut self.state, now);
                self.perform(effects);
                self.journal.restored(start);
            }
            EngineRequest::TrafficData(reply) => {
                let _ = reply.send(Box::new(TrafficData::of(&self.state, now)));
            }
            EngineRequest::Weights(reply) => {
                let _ = reply.send(self.state.weights(now));
            }
            EngineRequest::Ping(reply) => {
                let _ = reply.send(());
            }
            EngineRequest::Settings(reply) => {
                let _ = reply.send(self.state.settings());
            }
            EngineRequest::Alerts(reply) => {
                let _ = reply.send(self.state.all_alerts(now));
            }
            EngineRequest::ChangeAlert(action, reply) => {
                let _ = reply.send(self.change_alert(action, now));
            }
            EngineRequest::Forecast(hours, reply) => {
                let _ = reply.send(self.state.forecast(hours, now));
            }
            EngineRequest::TestAlert(reply) => {
                let (notice, effects) = self.state.test_alert(now);
                self.perform(effects);
                let _ = reply.send(notice);
            }
        }
    }

    fn execute(&mut self, command: Command, now: UnixTime) -> Result<CommandReply, CommandError> {
        let result = self.state.execute(command, now).map(|(reply, effects)| {
            self.perform(effects);
            reply
        });
        self.journal.changed(&self.state, now);
        self.publish_routes();
        self.publish_snapshots();
        result
    }

    fn change_alert(
        &mut self,
        action: AlertAction,
        now: UnixTime,
    ) -> Result<AlertDetails, AlertError> {
        let AlertAction { id, operation, who } = action;
        let (alert, effects) = match operation {
            AlertOperation::Mute(time) => self.state.mute_alert(id, time, &who, now)?,
            AlertOperation::Acknowledge => self.state.acknowledge_alert(id, &who, now)?,
            AlertOperation::Withdraw => (self.state.withdraw_acknowledgement(id)?, Vec::new()),
        };
        self.perform(effects);
        self.publish_snapshots();
        Ok(self.state.with_details(alert, now))
    }

    fn tick(&mut self) {
        let now = clock::now();
        self.state.set_losses(LossCounts {
            store_rows: self.journal.dropped_rows(),
            ..self.drops.losses()
        });
        let effects = self.state.tick(now);
        self.perform(effects);
        self.journal.changed(&self.state, now);
        if let Some((text, bad)) = self.journal.tick(&self.state, now) {
            let effects = self.state.emit_info(text, bad, now);
            self.perform(effects);
        }
        self.publish_routes();
        self.publish_snapshots();
    }

    fn observe(&mut self, batch: &mut Vec<Observation>) {
        let now = clock::now();
        for observation in batch.drain(..) {
            let effects = self.state.observe(&observation, now);
            self.journal.observed(&observation, &self.state);
            self.perform(effects);
        }
        self.publish_routes();
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Emit(event) => {
                    let (kind, provider) = (event.kind, event.provider.as_deref());
                    if event.bad {
                        tracing::warn!(?kind, provider, "{}", event.text);
                    } else {
                        tracing::info!(?kind, provider, "{}", event.text);
                    }
                    self.journal.event(&event);
                    // Without subscribers the state still keeps the latest events.
                    let _ = self.events.send(event);
                }
                change @ (Effect::PersistWeights(_)
                | Effect::PersistSettings(_)
                | Effect::PersistProvider(_)) => {
                    if self.persist.try_send(change).is_err() {
                        tracing::warn!(
                            "a change was not queued for the configuration file; it holds until the restart"
                        );
                    }
                }
            }
        }
    }

    fn publish_routes(&self) {
        self.routes
            .send_replace(Arc::new(self.state.routing_table(clock::now())));
    }

    fn publish_snapshots(&self) {
        for (snapshot, window) in self.snapshots.iter().zip(WINDOWS_S) {
            if snapshot.receiver_count() > 0 {
                snapshot.send_replace(Arc::new(self.state.snapshot(window, clock::now())));
            }
        }
    }
}

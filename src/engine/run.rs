//! The loop: choose what to hear, let the fleet decide, perform the effects.

use super::wake::Urgency;
use super::{Engine, EngineRequest, WINDOWS_S};
use crate::clock;
use crate::domain::{Effect, Observation};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

/// How often time is told to the fleet and pictures are renewed: people cannot read faster.
const TICK_INTERVAL: Duration = Duration::from_millis(250);
/// What finished requests bring is learnt together, this long after the first.
const BATCH_DELAY: Duration = Duration::from_millis(2);
/// How many observations are learnt before the table is published again.
const OBSERVATIONS_PER_TURN: usize = 256;

pub(super) async fn run(mut engine: Engine, stop: CancellationToken) {
    let mut tick = tokio::time::interval(TICK_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut batch = Vec::with_capacity(OBSERVATIONS_PER_TURN);
    let mut rest = pin!(tokio::time::sleep(Duration::ZERO));
    let mut is_resting = false;
    let bell = Arc::clone(&engine.bell);
    loop {
        // Biased so that a stop or an operator's wish never waits behind a flood of samples.
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            Some(wish) = engine.wishes.recv() => {
                // Whoever asks hears of all that was told before.
                engine.catch_up(&mut batch);
                engine.handle_request(wish);
            }
            _ = tick.tick() => {
                if engine.observations.is_closed() {
                    return; // Every handle is gone, so nobody is left to serve.
                }
                engine.observe_batch(&mut batch);
                engine.tick();
            }
            () = bell.wait_immediate() => engine.observe_batch(&mut batch),
            () = &mut rest, if is_resting => {
                is_resting = false;
                bell.acknowledge();
                engine.observe_batch(&mut batch);
            }
            () = bell.wait_batched(), if !is_resting => {
                rest.as_mut().reset(Instant::now() + BATCH_DELAY);
                is_resting = true;
            }
        }
    }
}

impl Engine {
    /// Learns what waits, up to as much as there was when this began.
    fn catch_up(&mut self, batch: &mut Vec<Observation>) {
        self.take(self.observations.len(), batch);
        if !batch.is_empty() {
            self.observe(batch);
        }
    }

    /// Learns what waits; where that is much the rest comes in another turn.
    fn observe_batch(&mut self, batch: &mut Vec<Observation>) {
        self.take(OBSERVATIONS_PER_TURN, batch);
        if !batch.is_empty() {
            self.observe(batch);
        }
        if !self.observations.is_empty() {
            self.bell.wake(Urgency::Immediate);
        }
    }

    fn take(&mut self, most: usize, batch: &mut Vec<Observation>) {
        let next = || self.observations.try_recv().ok();
        batch.extend(std::iter::from_fn(next).take(most));
    }

    fn handle_request(&mut self, wish: EngineRequest) {
        let now = clock::now();
        // Who asked may have left; then nobody hears the answer, and that is all.
        match wish {
            EngineRequest::Execute(command, reply) => {
                let verdict = self.fleet.execute(command, now).map(|(answer, effects)| {
                    self.perform(effects);
                    answer
                });
                self.publish_routes();
                self.publish_snapshots();
                let _ = reply.send(verdict);
            }
            EngineRequest::EmitInfo { text, bad } => {
                let effects = self.fleet.emit_info(text, bad, now);
                self.perform(effects);
            }
            EngineRequest::Snapshot(window, reply) => {
                let _ = reply.send(Arc::new(self.fleet.snapshot(window, now)));
            }
            EngineRequest::Performance(hours, reply) => {
                let _ = reply.send(self.fleet.performance(hours, now));
            }
            EngineRequest::Decisions(reply) => {
                let _ = reply.send(self.fleet.decisions().iter().cloned().collect());
            }
            EngineRequest::Decision(id, reply) => {
                let _ = reply.send(self.fleet.decisions().get(id).cloned());
            }
            EngineRequest::Revisions(reply) => {
                let _ = reply.send(self.fleet.revisions().cloned().collect());
            }
            EngineRequest::Weights(reply) => {
                let _ = reply.send(self.fleet.weights(now));
            }
        }
    }

    fn tick(&mut self) {
        let effects = self.fleet.tick(clock::now());
        self.perform(effects);
        self.publish_routes();
        self.publish_snapshots();
    }

    fn observe(&mut self, batch: &mut Vec<Observation>) {
        let now = clock::now();
        for observation in batch.drain(..) {
            let effects = self.fleet.observe(&observation, now);
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
                    // Nobody listens: fine, the fleet keeps the latest for those who come later.
                    let _ = self.events.send(event);
                }
                keep @ (Effect::PersistWeights(_) | Effect::PersistProvider(_)) => {
                    if self.keepsakes.try_send(keep).is_err() {
                        tracing::warn!(
                            "a change could not be handed over for saving; it holds until the restart"
                        );
                    }
                }
            }
        }
    }

    fn publish_routes(&self) {
        self.routes
            .send_replace(Arc::new(self.fleet.routing_table(clock::now())));
    }

    fn publish_snapshots(&self) {
        for (picture, window) in self.pictures.iter().zip(WINDOWS_S) {
            if picture.receiver_count() > 0 {
                picture.send_replace(Arc::new(self.fleet.snapshot(window, clock::now())));
            }
        }
    }
}

//! The engine: one task that owns the [`BalancerState`], and the [`EngineHandle`] to it.
//!
//! State is published via `watch`, events via `broadcast`, commands via bounded `mpsc` with
//! `oneshot` replies. Every bounded queue counts what it drops.

mod handle;
mod ledger_signal;
mod run;
mod wake;

pub use handle::{
    AlertAction, AlertOperation, Busy, DropCounters, EngineError, EngineHandle, TroubledRequests,
    WINDOWS_S,
};
pub use ledger_signal::LedgerSignal;
pub use run::Engine;
pub use wake::DeferredWake;

use crate::clock;
use crate::domain::{BalancerState, Effect};
use crate::store::Journal;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tokio::sync::{broadcast, mpsc, watch};
use wake::EngineWaker;

/// Commands and queries of operators and scripts.
const COMMAND_QUEUE: usize = 64;
/// Eight seconds of a thousand requests a second. Beyond that samples are dropped, because a lost
/// sample is harmless and a delayed request is not.
const OBSERVATION_QUEUE: usize = 8_192;
/// Events; a reader that is further behind reads the snapshot again.
const EVENT_QUEUE: usize = 512;
/// Changes waiting to be written to the configuration file.
const PERSIST_QUEUE: usize = 16;

/// Changes to write to the configuration file.
pub type PersistQueue = mpsc::Receiver<Effect>;

/// Makes the engine, its handle, and the stream of changes to persist. `seed` seeds the random
/// numbers of selections.
pub fn build(state: BalancerState, seed: u64) -> (Engine, EngineHandle, PersistQueue) {
    let now = clock::now();
    let (request_sender, requests) = mpsc::channel(COMMAND_QUEUE);
    let (observation_sender, observations) = mpsc::channel(OBSERVATION_QUEUE);
    let waker = Arc::new(EngineWaker::default());
    let (routes, routes_receiver) = watch::channel(Arc::new(state.routing_table(now)));
    let snapshots: Arc<[_]> = WINDOWS_S
        .iter()
        .map(|&window| watch::channel(Arc::new(state.snapshot(window, now))).0)
        .collect();
    let (events, _) = broadcast::channel(EVENT_QUEUE);
    let (persist, persist_queue) = mpsc::channel(PERSIST_QUEUE);
    let drops: Arc<DropCounters> = Arc::default();
    let handle = EngineHandle {
        requests: request_sender,
        observations: observation_sender,
        waker: Arc::clone(&waker),
        routes: routes_receiver,
        snapshots: Arc::clone(&snapshots),
        events: events.clone(),
        drops: Arc::clone(&drops),
        random: Arc::new(AtomicU64::new(seed)),
        // Unique across restarts: the start in microseconds, then counted.
        decisions: Arc::new(AtomicU64::new(now.micros() << 8)),
        refusals: Arc::default(),
        ledger: Arc::default(),
    };
    (
        Engine {
            state,
            requests,
            observations,
            waker,
            routes,
            snapshots,
            events,
            persist,
            journal: Journal::default(),
            drops,
        },
        handle,
        persist_queue,
    )
}

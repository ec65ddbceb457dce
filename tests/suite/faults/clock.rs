//! A clock that stands still until a test moves it. Sockets are real, so what happens on them is
//! waited for, and no limit is ever missed because the machine is slow.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, advance};

/// Stands still while it lives. A test that makes one is `#[tokio::test(start_paused = true)]`.
pub struct Clock {
    start: Instant,
    /// The runtime advances a paused clock by itself when no task is busy; while it waits for this,
    /// one is.
    _busy: mpsc::Sender<()>,
}

impl Clock {
    pub fn stopped() -> Self {
        let (busy, end) = mpsc::channel::<()>();
        spawn_blocking(move || end.recv());
        Self {
            start: Instant::now(),
            _busy: busy,
        }
    }

    /// Moves it, in steps so small that what falls due is done in order.
    pub async fn pass(&self, time: Duration) {
        const STEP: Duration = Duration::from_millis(250);
        let mut left = time;
        while left > Duration::ZERO {
            let step = left.min(STEP);
            advance(step).await;
            breathe().await;
            left -= step;
        }
    }

    /// Moves it at once, where nothing is under way.
    pub async fn leap(&self, time: Duration) {
        advance(time).await;
        breathe().await;
    }

    /// How far it was moved.
    pub fn passed(&self) -> Duration {
        self.start.elapsed()
    }

    /// How far it was moved since then.
    pub fn since(&self, then: Duration) -> Duration {
        self.passed().saturating_sub(then)
    }
}

/// Lets sockets do their work for a moment; the stopped clock does not see it.
#[expect(
    clippy::disallowed_methods,
    reason = "tokio's own clock stands still, and the thread is none of its workers"
)]
pub async fn breathe() {
    spawn_blocking(|| thread::sleep(Duration::from_millis(1)))
        .await
        .unwrap();
}

/// Waits for a condition, which only sockets and tasks can bring about.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..60_000 {
        if condition() {
            return;
        }
        breathe().await;
    }
    panic!("waited in vain for {what}");
}

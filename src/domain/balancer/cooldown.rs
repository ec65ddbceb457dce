//! Pause after a failure, of a target or of one key.

use crate::domain::failure::Failure;
use crate::domain::units::UnixTime;
use crate::domain::upstream_quota::MAX_LEARNT_WAIT;
use std::time::Duration;

/// First cooldown after a 429 without `retry-after`; doubles up to [`COOLDOWN_MAX`].
const COOLDOWN_FIRST: Duration = Duration::from_secs(1);
const COOLDOWN_MAX: Duration = Duration::from_secs(30);

/// The latest cooldown, and the length of the next one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cooldown {
    /// Its end and its reason.
    latest: Option<(UnixTime, Failure)>,
    backoff: Duration,
}

impl Default for Cooldown {
    fn default() -> Self {
        Self {
            latest: None,
            backoff: COOLDOWN_FIRST,
        }
    }
}

impl Cooldown {
    /// Starts the cooldown of a failure; a cooldown never gets shorter. `jitter` in 0..1 lengthens
    /// it by up to 10 %. Returns true if there was none.
    pub fn start(&mut self, failure: Failure, jitter: f64, now: UnixTime) -> bool {
        let pause = match (failure.cooldown(), failure) {
            (Some(pause), _) => pause.min(MAX_LEARNT_WAIT),
            (None, Failure::RateLimit(_)) => {
                let pause = self.backoff;
                self.backoff = (self.backoff * 2).min(COOLDOWN_MAX);
                pause
            }
            _ => return false,
        };
        let until = now.plus(pause.mul_f64(1.0 + 0.1 * jitter));
        let was = self.at(now);
        if was.is_none_or(|(old, _)| old < until) {
            self.latest = Some((until, failure));
        }
        was.is_none()
    }

    /// Ends it, and resets the backoff. Returns false if there was none.
    pub fn end(&mut self, now: UnixTime) -> bool {
        let was = self.at(now).is_some();
        *self = Self::default();
        was
    }

    /// Resets the backoff after a success.
    pub fn reset_backoff(&mut self) {
        self.backoff = COOLDOWN_FIRST;
    }

    /// Returns the end and the reason of the latest cooldown, which may be over.
    pub fn latest(&self) -> Option<(UnixTime, Failure)> {
        self.latest
    }

    /// Returns the end and the reason of the cooldown at `now`.
    pub fn at(&self, now: UnixTime) -> Option<(UnixTime, Failure)> {
        self.latest.filter(|&(until, _)| now < until)
    }
}

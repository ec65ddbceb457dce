use std::time::Duration;

/// Pause after the first failure.
const FIRST_BACKOFF: Duration = Duration::from_millis(250);
/// Longest pause.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// Pauses between attempts to reach an instance: each twice the last one, up to 5 s.
#[derive(Debug, Clone)]
pub(super) struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(FIRST_BACKOFF)
    }
}

impl Backoff {
    /// Pause before the next attempt.
    pub fn pause(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(MAX_BACKOFF);
        pause
    }

    /// Restarts with the first pause, after a success.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_within_their_bounds() {
        let mut backoff = Backoff::default();

        let pauses: Vec<u128> = (0..8).map(|_| backoff.pause().as_millis()).collect();

        assert_eq!(pauses, [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000]);
        backoff.reset();
        assert_eq!(backoff.pause(), FIRST_BACKOFF);
    }
}

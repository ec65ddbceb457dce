//! Rate limits of a provider per minute: requests, and tokens in and out.
//!
//! Both are token buckets with a constant refill and a capacity of one minute's amount, so bursts of
//! that size pass and no minute boundary admits twice the limit. A bucket is one number: the time at
//! which it would have been empty (the virtual schedule of the generic cell rate algorithm, ITU-T
//! I.371). A new limit keeps the remaining share: half full stays half full.
//!
//! A request counts when it is sent. Tokens are known only at the end of a response, so they are
//! *held* while it runs and *drained* at its end. Held tokens that were not used are free at once.

use super::limiter::Limiter;
use super::units::UnixTime;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The period of both limits, in nanoseconds.
const PERIOD_NS: u64 = 60_000_000_000;
const PER_MICRO: u64 = 1_000;
/// Remaining share of a limit below which selection probabilities fall in proportion; the same for
/// upstream limits.
const SOFT_LIMIT_SHARE: f64 = 0.15;

/// Limits per minute; `None` is no limit. Never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RateLimits {
    /// Requests per minute.
    pub requests: Option<u64>,
    /// Tokens per minute, in and out.
    pub tokens: Option<u64>,
}

impl RateLimits {
    /// Returns true if there is no limit.
    pub fn is_unlimited(self) -> bool {
        self == Self::default()
    }
}

/// Limit that a request exceeds, and the seconds until it fits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RateLimitExceeded {
    /// Requests per minute.
    Requests {
        /// Configured limit.
        limit: u64,
        /// Seconds until the request fits.
        seconds: f64,
    },
    /// Tokens per minute.
    Tokens {
        /// Configured limit.
        limit: u64,
        /// Seconds until the request fits.
        seconds: f64,
    },
}

impl RateLimitExceeded {
    /// Returns the time until the request fits.
    pub fn wait(self) -> Duration {
        Duration::try_from_secs_f64(self.seconds()).unwrap_or_default()
    }

    /// Returns the seconds until the request fits.
    pub fn seconds(self) -> f64 {
        match self {
            Self::Requests { seconds, .. } | Self::Tokens { seconds, .. } => seconds,
        }
    }
}

/// Formats for example `its requests_per_minute of 500 is used up for 3 s more`.
impl fmt::Display for RateLimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, limit) = match *self {
            Self::Requests { limit, .. } => ("requests_per_minute", limit),
            Self::Tokens { limit, .. } => ("tokens_per_minute", limit),
        };
        let seconds = self.seconds().ceil();
        write!(
            f,
            "its {name} of {limit} is used up for {seconds:.0} s more"
        )
    }
}

/// Remaining requests and tokens at one time; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RateLimitRemaining {
    /// Remaining requests.
    pub requests: Option<u64>,
    /// Remaining tokens.
    pub tokens: Option<u64>,
}

/// State of the limits of one provider; full at the start.
#[derive(Debug, Default)]
pub(super) struct RateLimiter {
    requests: GcraBucket,
    tokens: GcraBucket,
    /// Tokens that running attempts may use.
    held: Limiter,
}

impl RateLimiter {
    /// Returns an independent copy without running attempts.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            requests: self.requests.fork(),
            tokens: self.tokens.fork(),
            held: Limiter::default(),
        }
    }

    /// Takes one request and holds `tokens`; returns false and takes neither if one limit is exceeded.
    pub fn try_acquire(&self, rates: RateLimits, tokens: u64, now: UnixTime) -> bool {
        if let Some(limit) = rates.requests
            && !self.requests.try_acquire(limit, now)
        {
            return false;
        }
        let Some(limit) = rates.tokens else {
            return true;
        };
        // Holds at most the limit, so that the sum of all held tokens cannot overflow.
        let tokens = tokens.min(limit);
        let held = self.held.reserve(tokens);
        if fits(self.tokens.left(limit, now), held, tokens, limit) {
            return true;
        }
        self.held.release(tokens);
        if let Some(limit) = rates.requests {
            self.requests.give_back(limit);
        }
        false
    }

    /// Replaces the held tokens of an attempt by the tokens that it used.
    pub fn settle(&self, rates: RateLimits, (held, used): (u64, u64), now: UnixTime) {
        if let Some(limit) = rates.tokens {
            // Drained before released, so that the tokens count at every time.
            self.tokens.drain(limit, used, now);
            self.held.release(held.min(limit));
        }
    }

    /// Gives back a request that was taken and will not be sent.
    pub fn give_back(&self, rates: RateLimits, tokens: u64) {
        if let Some(limit) = rates.requests {
            self.requests.give_back(limit);
        }
        self.release(rates, tokens);
    }

    /// Releases the held tokens of an attempt that used none.
    pub fn release(&self, rates: RateLimits, held: u64) {
        if let Some(limit) = rates.tokens {
            self.held.release(held.min(limit));
        }
    }

    /// Returns the limit that one request of `tokens` tokens exceeds.
    pub fn check(
        &self,
        rates: RateLimits,
        tokens: u64,
        now: UnixTime,
    ) -> Option<RateLimitExceeded> {
        if let Some(limit) = rates.requests {
            let wait = self.requests.wait(limit, now);
            if wait > 0 {
                let seconds = wait as f64 / 1e9;
                return Some(RateLimitExceeded::Requests { limit, seconds });
            }
        }
        let limit = rates.tokens?;
        let (left, held) = (self.tokens.left(limit, now), self.held.in_use());
        if fits(left, held, tokens, limit) {
            return None;
        }
        // Held tokens may be released sooner; the refill alone covers what is missing.
        let missing = (held as f64 + tokens.min(limit) as f64 - left).min(limit as f64);
        let seconds = missing * 60.0 / limit as f64;
        Some(RateLimitExceeded::Tokens { limit, seconds })
    }

    /// Returns the factor for selection probabilities, 0..1: 1 while 15 % of both limits are left.
    pub fn headroom(&self, rates: RateLimits, now: UnixTime) -> f64 {
        let part = |left: Option<u64>, limit: Option<u64>| {
            left.zip(limit)
                .map_or(1.0, |(left, limit)| left as f64 / limit as f64)
        };
        let left = self.left(rates, now);
        let least = part(left.requests, rates.requests).min(part(left.tokens, rates.tokens));
        (least / SOFT_LIMIT_SHARE).clamp(0.0, 1.0)
    }

    /// Returns what is left of both limits.
    pub fn left(&self, rates: RateLimits, now: UnixTime) -> RateLimitRemaining {
        let requests = rates
            .requests
            .map(|limit| whole(self.requests.left(limit, now)));
        let tokens = rates.tokens.map(|limit| {
            let held = self.held.in_use();
            whole(self.tokens.left(limit, now)).saturating_sub(held)
        });
        RateLimitRemaining { requests, tokens }
    }
}

/// Maximum rounding error in tokens; times are whole nanoseconds.
const ROUNDING_TOKENS: f64 = 0.5;
/// Rounding tolerance in units, for display of the remaining amount.
const NEGLIGIBLE_UNITS: f64 = 0.001;

/// Returns true if `tokens` more fit beside the held ones. A request larger than the whole limit
/// fits if nothing is held or used, because it would otherwise wait forever.
fn fits(left: f64, held: u64, tokens: u64, limit: u64) -> bool {
    let needed = held.saturating_add(tokens.min(limit)) as f64;
    needed <= left + ROUNDING_TOKENS
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates, and negative amounts are clamped to 0"
)]
fn whole(units: f64) -> u64 {
    (units + NEGLIGIBLE_UNITS).max(0.0) as u64
}

/// Token bucket by GCRA. It shares no code with [`super::retry::AttemptBudget`], which also refills per
/// request, nor with the spending budgets, whose periods are calendar days and months.
#[derive(Debug, Default)]
struct GcraBucket {
    /// Nanoseconds since the epoch; in the future if more was drained than was left.
    empty_at: AtomicU64,
}

impl GcraBucket {
    fn fork(&self) -> Self {
        Self {
            empty_at: AtomicU64::new(self.empty_at.load(Ordering::Acquire)),
        }
    }

    /// Returns the remaining units; negative if overdrawn.
    fn left(&self, limit: u64, now: UnixTime) -> f64 {
        let empty_at = self.empty_at.load(Ordering::Acquire);
        let now = nanoseconds(now);
        let filled = if empty_at > now {
            -((empty_at - now) as f64)
        } else {
            (now - empty_at).min(PERIOD_NS) as f64
        };
        filled * limit as f64 / PERIOD_NS as f64
    }

    /// Takes one unit; returns false if none is left.
    fn try_acquire(&self, limit: u64, now: UnixTime) -> bool {
        let take = |empty_at: u64| {
            let (after, wait) = after_one(empty_at, limit, now);
            (wait == 0).then_some(after)
        };
        self.empty_at
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, take)
            .is_ok()
    }

    /// Returns the nanoseconds until a unit is available.
    fn wait(&self, limit: u64, now: UnixTime) -> u64 {
        after_one(self.empty_at.load(Ordering::Acquire), limit, now).1
    }

    /// Returns one unit that was taken and not used.
    fn give_back(&self, limit: u64) {
        let back = |empty_at: u64| Some(empty_at.saturating_sub(time_of(1, limit)));
        let _always = self
            .empty_at
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, back);
    }

    /// Takes `units`, even if fewer are left.
    fn drain(&self, limit: u64, units: u64, now: UnixTime) {
        let drain = |empty_at: u64| {
            let empty_at = empty_at.max(full(now));
            Some(empty_at.saturating_add(time_of(units, limit)))
        };
        let _always = self
            .empty_at
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, drain);
    }
}

/// Returns the new `empty_at` after one more unit, and the nanoseconds which that unit must wait.
/// Rounding up adds up to one nanosecond per unit; this much is tolerated, so that a whole minute's
/// amount fits.
fn after_one(empty_at: u64, limit: u64, now: UnixTime) -> (u64, u64) {
    let cost = time_of(1, limit);
    let after = empty_at.max(full(now)).saturating_add(cost);
    let slack = limit.min(cost / 2);
    (after, after.saturating_sub(nanoseconds(now) + slack))
}

fn nanoseconds(moment: UnixTime) -> u64 {
    moment.micros().saturating_mul(PER_MICRO)
}

/// Returns `empty_at` of a bucket that is full now.
fn full(now: UnixTime) -> u64 {
    nanoseconds(now).saturating_sub(PERIOD_NS)
}

/// Returns the nanoseconds that refill `units`, rounded up, so that rounding never admits more.
fn time_of(units: u64, limit: u64) -> u64 {
    let time = u128::from(units) * u128::from(PERIOD_NS);
    u64::try_from(time.div_ceil(u128::from(limit.max(1)))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;

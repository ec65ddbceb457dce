//! Rate limits of a provider per minute: requests, and tokens in and out.
//!
//! Both are token buckets that time fills evenly, up to a whole minute's amount, so that a burst of
//! that size is fine and no edge of a minute lets twice as much through. A bucket is one number:
//! the moment at which it would have been empty, had it been filled evenly ever since (the "virtual
//! schedule" of the generic cell rate algorithm, ITU-T I.371). A new limit keeps the part that is
//! left: half full stays half full.
//!
//! A request counts when it is sent. Tokens are known when an answer is whole, so they are *held*
//! while it runs and *drained* when it has ended: what was held and not used is free at once, and
//! whatever the order of things, what is drained never exceeds what time has filled.

use super::limiter::Limiter;
use super::units::UnixTime;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// The period of both limits, in nanoseconds.
const PERIOD_NS: u64 = 60_000_000_000;
const PER_MICRO: u64 = 1_000;
/// With less than this part of a limit left, odds fall in proportion: 15 %, as for learnt limits.
const SOFT_LIMIT_SHARE: f64 = 0.15;

/// The most in a minute; no limit where there is none. Never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RateLimits {
    pub requests: Option<u64>,
    /// In and out together.
    pub tokens: Option<u64>,
}

impl RateLimits {
    pub fn is_unlimited(self) -> bool {
        self == Self::default()
    }
}

/// Which of the two limits has no room, and for how many seconds more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RateLimitExceeded {
    Requests { limit: u64, seconds: f64 },
    Tokens { limit: u64, seconds: f64 },
}

impl RateLimitExceeded {
    /// Seconds until the limit may have room.
    pub fn seconds(self) -> f64 {
        match self {
            Self::Requests { seconds, .. } | Self::Tokens { seconds, .. } => seconds,
        }
    }
}

/// For example `its requests_per_minute of 500 is used up for 3 s more`.
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

/// What is left of both at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RateLimitRemaining {
    pub requests: Option<u64>,
    pub tokens: Option<u64>,
}

/// The state of one provider's limits; full at the start.
#[derive(Debug, Default)]
pub(super) struct RateLimiter {
    requests: GcraBucket,
    tokens: GcraBucket,
    /// Tokens that running attempts may use.
    held: Limiter,
}

impl RateLimiter {
    /// Takes one request and holds `tokens`: both, or neither.
    pub fn try_acquire(&self, rates: RateLimits, tokens: u64, now: UnixTime) -> bool {
        if let Some(limit) = rates.requests
            && !self.requests.try_acquire(limit, now)
        {
            return false;
        }
        let Some(limit) = rates.tokens else {
            return true;
        };
        // No more than the limit is held of it, so that the sum of what many hold cannot wrap.
        let tokens = tokens.min(limit);
        let held = self.held.reserve(tokens);
        if room(self.tokens.left(limit, now), held, tokens, limit) {
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
            // In this order the tokens are counted at every moment.
            self.tokens.drain(limit, used, now);
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
        if room(left, held, tokens, limit) {
            return None;
        }
        // What is held may come back sooner or be used; time alone fills what is missing.
        let missing = (held as f64 + tokens.min(limit) as f64 - left).min(limit as f64);
        let seconds = missing * 60.0 / limit as f64;
        Some(RateLimitExceeded::Tokens { limit, seconds })
    }

    /// What of the odds the limits leave, 0..1: everything while 15 % of both are left.
    pub fn headroom(&self, rates: RateLimits, now: UnixTime) -> f64 {
        let part = |left: Option<u64>, limit: Option<u64>| {
            left.zip(limit)
                .map_or(1.0, |(left, limit)| left as f64 / limit as f64)
        };
        let left = self.left(rates, now);
        let least = part(left.requests, rates.requests).min(part(left.tokens, rates.tokens));
        (least / SOFT_LIMIT_SHARE).clamp(0.0, 1.0)
    }

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

/// Tokens that rounding may have taken: times are whole nanoseconds.
const ROUNDING_TOKENS: f64 = 0.5;
/// A part of a unit that is as good as none, where what is left is shown.
const NEGLIGIBLE_UNITS: f64 = 0.001;

/// Whether `tokens` more fit beside what is held. A request larger than the whole limit fits where
/// nothing else does, for it would wait for ever.
fn room(left: f64, held: u64, tokens: u64, limit: u64) -> bool {
    let needed = held.saturating_add(tokens.min(limit)) as f64;
    needed <= left + ROUNDING_TOKENS
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates, and less than nothing is nothing"
)]
fn whole(units: f64) -> u64 {
    (units + NEGLIGIBLE_UNITS).max(0.0) as u64
}

/// A token bucket after GCRA. It shares no code with [`super::retry::RetryBudget`], which earns by
/// requests as well, nor with a budget of money, whose periods are calendar days and months.
#[derive(Debug, Default)]
struct GcraBucket {
    /// Nanoseconds since the epoch; later than now where more was drained than there was.
    empty_at: AtomicU64,
}

impl GcraBucket {
    /// Units that are left; fewer than none after a debt.
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

    /// Takes one unit, or nothing where there is none.
    fn try_acquire(&self, limit: u64, now: UnixTime) -> bool {
        let take = |empty_at: u64| {
            let (after, wait) = after_one(empty_at, limit, now);
            (wait == 0).then_some(after)
        };
        self.empty_at
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, take)
            .is_ok()
    }

    /// Nanoseconds until there is a unit to take.
    fn wait(&self, limit: u64, now: UnixTime) -> u64 {
        after_one(self.empty_at.load(Ordering::Acquire), limit, now).1
    }

    fn give_back(&self, limit: u64) {
        let back = |empty_at: u64| Some(empty_at.saturating_sub(time_of(1, limit)));
        let _always = self
            .empty_at
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, back);
    }

    /// Takes whatever was used.
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

/// Where a bucket that is empty at that time would be empty after one unit more, and how long that
/// one has to wait. Rounding up adds a nanosecond a unit, which is forgiven, so that a whole
/// minute's amount fits.
fn after_one(empty_at: u64, limit: u64, now: UnixTime) -> (u64, u64) {
    let cost = time_of(1, limit);
    let after = empty_at.max(full(now)).saturating_add(cost);
    let slack = limit.min(cost / 2);
    (after, after.saturating_sub(nanoseconds(now) + slack))
}

fn nanoseconds(moment: UnixTime) -> u64 {
    moment.micros().saturating_mul(PER_MICRO)
}

/// When a bucket that is full now would have been empty.
fn full(now: UnixTime) -> u64 {
    nanoseconds(now).saturating_sub(PERIOD_NS)
}

/// The time that fills so many units, rounded up, so that rounding never lets more through.
fn time_of(units: u64, limit: u64) -> u64 {
    let time = u128::from(units) * u128::from(PERIOD_NS);
    u64::try_from(time.div_ceil(u128::from(limit.max(1)))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;

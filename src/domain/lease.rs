//! The right to use a target for one attempt; counted while it lives, given back on drop, so that
//! a finished, failed or cancelled attempt is always counted out.

use super::limiter::Limiter;
use super::model_type::RequestClass;
use super::rate_limiter::{RateLimitExceeded, RateLimitRemaining, RateLimiter, RateLimits};
use super::units::UnixTime;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What moves with every request, and must be seen at once by the next choice.
#[derive(Debug, Default)]
pub struct LoadCounters {
    in_flight: Limiter,
    on_trial: AtomicBool,
    /// Streams without a first token: their number above, the sum of their starts below.
    waiting: AtomicU64,
    /// Microseconds since the epoch; 0 before the first.
    last_start: AtomicU64,
    /// Attempts and tokens sent since the process began.
    requests: AtomicU64,
    tokens: AtomicU64,
    /// What is left of a provider's limits per minute.
    rates: RateLimiter,
}

/// Bits of [`LoadCounters::waiting`] that hold the sum of starts, in milliseconds; sums wrap around, and
/// so do their differences. Half a million years of waiting fit.
const SUM_BITS: u32 = 44;
const SUM_MASK: u64 = (1 << SUM_BITS) - 1;

/// Streams that still wait for their first token.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PendingFirstTokens {
    pub count: u32,
    /// Mean time they have waited, in seconds.
    pub age: f64,
}

/// What was sent up to some moment, for those who compare two of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SentTotals {
    pub requests: u64,
    pub tokens: u64,
}

impl LoadCounters {
    /// Attempts that run now.
    pub fn in_flight(&self) -> u32 {
        u32::try_from(self.in_flight.in_use()).unwrap_or(u32::MAX)
    }

    /// Whether the one trial request of a half-open breaker is out.
    pub fn has_half_open_probe(&self) -> bool {
        self.on_trial.load(Ordering::Acquire)
    }

    /// Streams without a first token, and how long they have waited.
    pub fn waiting(&self, now: UnixTime) -> PendingFirstTokens {
        let packed = self.waiting.load(Ordering::Relaxed);
        let count = packed >> SUM_BITS;
        if count == 0 {
            return PendingFirstTokens::default();
        }
        let ages = count.wrapping_mul(milliseconds(now)).wrapping_sub(packed) & SUM_MASK;
        // More than half of the circle: the reader's clock is a little behind a start.
        let ages = if ages > SUM_MASK / 2 { 0 } else { ages };
        PendingFirstTokens {
            count: u32::try_from(count).unwrap_or(u32::MAX),
            age: ages as f64 / count as f64 / 1e3,
        }
    }

    /// When an attempt was last begun; the epoch where none was.
    pub fn last_start(&self) -> UnixTime {
        UnixTime::from_micros(self.last_start.load(Ordering::Relaxed))
    }

    /// All that was sent so far.
    pub fn sent_totals(&self) -> SentTotals {
        SentTotals {
            requests: self.requests.load(Ordering::Relaxed),
            tokens: self.tokens.load(Ordering::Relaxed),
        }
    }

    /// What keeps a request of so many tokens out under these limits per minute.
    pub fn check_rate_limits(
        &self,
        rates: RateLimits,
        tokens: u64,
        now: UnixTime,
    ) -> Option<RateLimitExceeded> {
        self.rates.check(rates, tokens, now)
    }

    /// What of the odds these limits per minute leave, 0..1.
    pub fn headroom(&self, rates: RateLimits, now: UnixTime) -> f64 {
        self.rates.headroom(rates, now)
    }

    /// What is left under these limits per minute.
    pub fn rates_left(&self, rates: RateLimits, now: UnixTime) -> RateLimitRemaining {
        self.rates.left(rates, now)
    }

    /// Counts one in, unless `limit` are in already.
    pub fn try_acquire(&self, limit: Option<u32>) -> bool {
        self.in_flight.try_reserve(1, limit.map(u64::from))
    }

    /// Counts one out; never below 0.
    pub fn release(&self) {
        self.in_flight.release(1);
    }

    fn start(&self, terms: &LeaseRequest, now: UnixTime) -> SentTotals {
        self.last_start.fetch_max(now.micros(), Ordering::Relaxed);
        let tokens = whole(terms.tokens);
        SentTotals {
            requests: self.requests.fetch_add(1, Ordering::Relaxed) + 1,
            tokens: self.tokens.fetch_add(tokens, Ordering::Relaxed) + tokens,
        }
    }

    fn await_first_token(&self, started: UnixTime) {
        self.shift_waiting(|count, sum| {
            (
                count + 1,
                sum.wrapping_add(milliseconds(started)) & SUM_MASK,
            )
        });
    }

    fn has_first_token(&self, started: UnixTime) {
        self.shift_waiting(|count, sum| {
            let sum = sum.wrapping_sub(milliseconds(started)) & SUM_MASK;
            (count.saturating_sub(1), sum)
        });
    }

    fn shift_waiting(&self, change: impl Fn(u64, u64) -> (u64, u64)) {
        let update = |packed: u64| {
            let (count, sum) = change(packed >> SUM_BITS, packed & SUM_MASK);
            Some(count << SUM_BITS | sum)
        };
        let _always = self
            .waiting
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, update);
    }

    fn end_half_open_probe(&self) {
        self.on_trial.store(false, Ordering::Release);
    }
}

fn milliseconds(moment: UnixTime) -> u64 {
    (moment.micros() / 1_000) & SUM_MASK
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates, and what is no number counts as none"
)]
fn whole(tokens: f64) -> u64 {
    tokens.max(0.0) as u64
}

/// On what terms a place is taken.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LeaseRequest {
    /// Most attempts at the provider at once.
    pub limit: Option<u32>,
    /// Most attempts at the target at once.
    pub own_limit: Option<u32>,
    /// Most requests and tokens that the provider is sent in a minute.
    pub rates: RateLimits,
    /// Tokens in and out that it may come to: so many are held of the limit per minute.
    pub most_tokens: u64,
    /// As the one trial of a half-open breaker.
    pub trial: bool,
    /// Tokens expected in and out.
    pub tokens: f64,
    /// Estimated tokens of the prompt.
    pub prompt: f64,
    pub class: RequestClass,
}

/// How things stood when an attempt began; what it teaches is read against that.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct AttemptStart {
    pub started: UnixTime,
    /// `ln(1 + attempts at the target)`, this one not counted.
    pub load: f64,
    /// All that was sent to the target, this attempt included.
    pub ledger: SentTotals,
    pub class: RequestClass,
    /// Estimated tokens of the prompt.
    pub prompt: f64,
}

/// One attempt's place at a target and at its provider.
#[derive(Debug)]
pub struct Lease {
    target: Arc<LoadCounters>,
    provider: Arc<LoadCounters>,
    ticket: AttemptStart,
    rates: RateLimits,
    /// Tokens held of the limit per minute; nothing once they are settled.
    held: Option<u64>,
    /// Tokens that were expected of it.
    expected: u64,
    trial: bool,
    /// No first token yet, and the trial, where it is one, still open.
    waits: bool,
}

impl Lease {
    /// Takes a place, or nothing where the provider is full or another trial is out: between the
    /// selection and this call another request was faster.
    pub fn try_acquire(
        target: &Arc<LoadCounters>,
        provider: &Arc<LoadCounters>,
        terms: LeaseRequest,
        now: UnixTime,
    ) -> Option<Self> {
        if terms.trial && target.on_trial.swap(true, Ordering::AcqRel) {
            return None;
        }
        let load = f64::from(target.in_flight()).ln_1p();
        if !try_acquire_all(target, provider, &terms, now) {
            if terms.trial {
                target.end_half_open_probe();
            }
            return None;
        }
        provider.start(&terms, now);
        let ledger = target.start(&terms, now);
        if terms.class.is_streamed() {
            target.await_first_token(now);
        }
        Some(Self {
            target: Arc::clone(target),
            provider: Arc::clone(provider),
            ticket: AttemptStart {
                started: now,
                load,
                ledger,
                class: terms.class,
                prompt: terms.prompt,
            },
            rates: terms.rates,
            held: Some(terms.most_tokens),
            expected: whole(terms.tokens).min(terms.most_tokens),
            trial: terms.trial,
            waits: true,
        })
    }

    /// The first content is here: it waits no more, and as a trial it has told what it could.
    pub fn first_token(&mut self) {
        if !std::mem::take(&mut self.waits) {
            return;
        }
        if self.ticket.class.is_streamed() {
            self.target.has_first_token(self.ticket.started);
        }
        if self.trial {
            self.target.end_half_open_probe();
        }
    }

    /// Settles the tokens used, or the expected ones if unknown.
    pub fn settle(&mut self, used: Option<u64>, now: UnixTime) {
        if let Some(held) = self.held.take() {
            let used = used.unwrap_or(self.expected);
            self.provider.rates.settle(self.rates, (held, used), now);
        }
    }

    pub fn attempt_start(&self) -> AttemptStart {
        self.ticket
    }

    pub fn is_half_open_probe(&self) -> bool {
        self.trial
    }
}

/// Takes every place that an attempt needs, or none.
fn try_acquire_all(
    target: &LoadCounters,
    provider: &LoadCounters,
    terms: &LeaseRequest,
    now: UnixTime,
) -> bool {
    if !provider.try_acquire(terms.limit) {
        return false;
    }
    if target.try_acquire(terms.own_limit) {
        if provider
            .rates
            .try_acquire(terms.rates, terms.most_tokens, now)
        {
            return true;
        }
        target.release();
    }
    provider.release();
    false
}

/// A lease that was not settled counts as having used what was expected, as of its start.
impl Drop for Lease {
    fn drop(&mut self) {
        self.first_token();
        self.settle(None, self.ticket.started);
        self.target.release();
        self.provider.release();
    }
}

#[cfg(test)]
mod tests;

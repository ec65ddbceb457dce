//! Lease of one target and its provider for one attempt. Dropping it releases the capacity, so a
//! finished, failed or cancelled attempt always frees it.

use super::ids::KeyIdx;
use super::limiter::Limiter;
use super::model_type::RequestClass;
use super::rate_limiter::{RateLimitExceeded, RateLimitRemaining, RateLimiter, RateLimits};
use super::units::UnixTime;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Counters that change with every request and must be visible to the next selection at once.
#[derive(Debug, Default)]
pub struct LoadCounters {
    in_flight: Limiter,
    half_open_probes: AtomicU32,
    /// Streams without a first token: their number in the high bits, the sum of their start times
    /// in the low [`SUM_BITS`] bits.
    waiting: AtomicU64,
    /// First tokens of streams so far, and the sum of this count at the start of each stream that
    /// waits.
    first_tokens: AtomicU64,
    first_tokens_at_starts: AtomicU64,
    /// Start of the latest attempt, in microseconds since the epoch; 0 before the first.
    last_start: AtomicU64,
    sent: SentCounters,
    /// Use of a provider's limits per minute.
    rates: RateLimiter,
}

/// Attempts and tokens sent since the process started.
#[derive(Debug, Default)]
pub struct SentCounters {
    requests: AtomicU64,
    tokens: AtomicU64,
}

impl SentCounters {
    /// Returns the totals so far.
    pub fn totals(&self) -> SentTotals {
        SentTotals {
            requests: self.requests.load(Ordering::Relaxed),
            tokens: self.tokens.load(Ordering::Relaxed),
        }
    }

    /// Counts one attempt of so many expected tokens; returns the totals with it.
    fn add(&self, tokens: f64) -> SentTotals {
        let tokens = whole(tokens);
        SentTotals {
            requests: self.requests.fetch_add(1, Ordering::Relaxed) + 1,
            tokens: self.tokens.fetch_add(tokens, Ordering::Relaxed) + tokens,
        }
    }

    /// Returns an independent copy.
    #[must_use]
    pub fn fork(&self) -> Self {
        let sent = self.totals();
        Self {
            requests: AtomicU64::new(sent.requests),
            tokens: AtomicU64::new(sent.tokens),
        }
    }
}

/// Bits of [`LoadCounters::waiting`] that hold the sum of start times, in milliseconds. Sums wrap
/// around, and so do their differences; half a million years of waiting fit.
const SUM_BITS: u32 = 44;
const SUM_MASK: u64 = (1 << SUM_BITS) - 1;

/// Streams without a first token.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PendingFirstTokens {
    /// Number of such streams.
    pub count: u32,
    /// Mean time since their start, in seconds.
    pub age: f64,
    /// Mean number of first tokens of any stream since their start.
    pub arrived: f64,
}

impl PendingFirstTokens {
    /// Returns their mean age, but no more than Little's law gives for the wait of a stream: their
    /// number over the rate of first tokens since their start. So a stream that many others overtake
    /// is an outlier, and no sign that the target has become slow.
    pub fn age_without_outliers(&self) -> f64 {
        if self.arrived > f64::from(self.count) {
            self.age * f64::from(self.count) / self.arrived
        } else {
            self.age
        }
    }
}

/// Totals sent up to some moment; the difference of two gives what was sent between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SentTotals {
    /// Requests.
    pub requests: u64,
    /// Input and output tokens.
    pub tokens: u64,
}

impl LoadCounters {
    /// Returns the number of running attempts.
    pub fn in_flight(&self) -> u32 {
        u32::try_from(self.in_flight.in_use()).unwrap_or(u32::MAX)
    }

    /// Returns true while the probe request of a half-open breaker is running.
    pub fn half_open_probes(&self) -> u32 {
        self.half_open_probes.load(Ordering::Acquire)
    }

    /// Returns the streams without a first token and their mean waiting time.
    pub fn waiting(&self, now: UnixTime) -> PendingFirstTokens {
        let packed = self.waiting.load(Ordering::Relaxed);
        let count = packed >> SUM_BITS;
        if count == 0 {
            return PendingFirstTokens::default();
        }
        let ages = count.wrapping_mul(milliseconds(now)).wrapping_sub(packed) & SUM_MASK;
        // More than half of the range: the reader's clock is slightly behind a start.
        let ages = if ages > SUM_MASK / 2 { 0 } else { ages };
        PendingFirstTokens {
            count: u32::try_from(count).unwrap_or(u32::MAX),
            age: ages as f64 / count as f64 / 1e3,
            arrived: self.arrived_since_starts(count),
        }
    }

    fn arrived_since_starts(&self, count: u64) -> f64 {
        let all = count.wrapping_mul(self.first_tokens.load(Ordering::Relaxed));
        let since = all.wrapping_sub(self.first_tokens_at_starts.load(Ordering::Relaxed));
        // The counters are not read at the same moment: the difference can be just below 0.
        since.cast_signed().max(0) as f64 / count as f64
    }

    /// Returns the start of the latest attempt, or the epoch if there was none.
    pub fn last_start(&self) -> UnixTime {
        UnixTime::from_micros(self.last_start.load(Ordering::Relaxed))
    }

    /// Returns the attempts and tokens sent so far.
    pub fn sent_totals(&self) -> SentTotals {
        self.sent.totals()
    }

    /// Returns the limit per minute that a request of `tokens` tokens would exceed.
    pub fn check_rate_limits(
        &self,
        rates: RateLimits,
        tokens: u64,
        now: UnixTime,
    ) -> Option<RateLimitExceeded> {
        self.rates.check(rates, tokens, now)
    }

    /// Returns the factor, 0..1, that these limits per minute put on the selection probability.
    pub fn headroom(&self, rates: RateLimits, now: UnixTime) -> f64 {
        self.rates.headroom(rates, now)
    }

    /// Returns the remainder of these limits per minute.
    pub fn rates_left(&self, rates: RateLimits, now: UnixTime) -> RateLimitRemaining {
        self.rates.left(rates, now)
    }

    /// Counts one attempt in, unless `limit` are running.
    pub fn try_acquire(&self, limit: Option<u32>) -> bool {
        self.in_flight.try_reserve(1, limit.map(u64::from))
    }

    /// Counts one attempt out; the count never falls below 0.
    pub fn release(&self) {
        self.in_flight.release(1);
    }

    /// Returns an independent copy without running attempts.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            last_start: AtomicU64::new(self.last_start.load(Ordering::Relaxed)),
            sent: self.sent.fork(),
            rates: self.rates.fork(),
            ..Self::default()
        }
    }

    fn start(&self, request: &LeaseRequest, now: UnixTime) -> SentTotals {
        self.last_start.fetch_max(now.micros(), Ordering::Relaxed);
        self.sent.add(request.tokens)
    }

    fn start_waiting(&self, started: UnixTime) -> u64 {
        let first_tokens = self.first_tokens.load(Ordering::Relaxed);
        self.first_tokens_at_starts
            .fetch_add(first_tokens, Ordering::Relaxed);
        self.shift_waiting(|count, sum| {
            (
                count + 1,
                sum.wrapping_add(milliseconds(started)) & SUM_MASK,
            )
        });
        first_tokens
    }

    fn stop_waiting(&self, started: UnixTime, first_tokens: u64) {
        self.first_tokens_at_starts
            .fetch_sub(first_tokens, Ordering::Relaxed);
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

    fn start_half_open_probe(&self, limit: u32) -> bool {
        let more = |running: u32| (running < limit.max(1)).then_some(running + 1);
        self.half_open_probes
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, more)
            .is_ok()
    }

    fn end_half_open_probe(&self) {
        self.half_open_probes.fetch_sub(1, Ordering::Release);
    }
}

fn milliseconds(moment: UnixTime) -> u64 {
    (moment.micros() / 1_000) & SUM_MASK
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates, and NaN becomes 0"
)]
fn whole(tokens: f64) -> u64 {
    tokens.max(0.0) as u64
}

/// Limits and expectations of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LeaseRequest {
    /// Maximum number of concurrent attempts at the provider.
    pub limit: Option<u32>,
    /// Maximum number of concurrent attempts at the target.
    pub own_limit: Option<u32>,
    /// Maximum number of requests and tokens per minute at the provider.
    pub rates: RateLimits,
    /// Upper bound of input and output tokens, reserved from the limit per minute.
    pub most_tokens: u64,
    /// True for the probe request of a half-open breaker.
    pub trial: bool,
    /// Maximum number of such probes at once.
    pub max_trials: u32,
    /// Expected input and output tokens.
    pub tokens: f64,
    /// Estimated tokens of the prompt.
    pub prompt: f64,
    /// Those that the target's prompt cache is expected to hold.
    pub cached: f64,
    /// Class of the request.
    pub class: RequestClass,
    /// Seconds to the first token that are expected.
    pub expected_first_token: f64,
}

/// State at the start of an attempt; its observations are interpreted against it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct AttemptStart {
    /// Start of the attempt.
    pub started: UnixTime,
    /// `ln(1 + attempts at the target)`, without this one.
    pub load: f64,
    /// Totals sent to the target, including this attempt; with a key of its own quota, those sent
    /// with that key.
    pub ledger: SentTotals,
    /// The key that it uses, where its provider has several.
    pub key: Option<KeyIdx>,
    /// Class of the request.
    pub class: RequestClass,
    /// Estimated tokens of the prompt.
    pub prompt: f64,
    /// Those that the target's prompt cache is expected to hold.
    pub cached: f64,
    /// Seconds to the first token that were expected; 0 if unknown.
    pub expected_first_token: f64,
}

impl AttemptStart {
    /// Returns the estimated tokens of the prompt that the target has to read.
    pub fn uncached_prompt(&self) -> f64 {
        (self.prompt - self.cached).max(0.0)
    }
}

/// Capacity of a target and its provider, held by one attempt.
#[derive(Debug)]
pub struct Lease {
    target: Arc<LoadCounters>,
    provider: Arc<LoadCounters>,
    start: AttemptStart,
    rates: RateLimits,
    /// Tokens reserved from the limit per minute; `None` once settled.
    held: Option<u64>,
    /// Expected tokens, settled if the usage is unknown.
    expected: u64,
    half_open_probe: bool,
    /// True until the first token, or until the drop.
    awaits_first_token: bool,
    /// First tokens of the target's streams before this one.
    first_tokens: u64,
}

impl Lease {
    /// Acquires the capacity. Returns `None` if a limit is reached or another half-open probe is
    /// running: another request may have come between the selection and this call.
    pub fn try_acquire(
        target: &Arc<LoadCounters>,
        provider: &Arc<LoadCounters>,
        request: LeaseRequest,
        now: UnixTime,
    ) -> Option<Self> {
        if request.trial && !target.start_half_open_probe(request.max_trials) {
            return None;
        }
        let load = f64::from(target.in_flight()).ln_1p();
        if !try_acquire_all(target, provider, &request, now) {
            if request.trial {
                target.end_half_open_probe();
            }
            return None;
        }
        provider.start(&request, now);
        let ledger = target.start(&request, now);
        let first_tokens = if request.class.is_streamed() {
            target.start_waiting(now)
        } else {
            0
        };
        Some(Self {
            target: Arc::clone(target),
            provider: Arc::clone(provider),
            start: AttemptStart {
                started: now,
                load,
                ledger,
                key: None,
                class: request.class,
                prompt: request.prompt,
                cached: request.cached,
                expected_first_token: request.expected_first_token,
            },
            rates: request.rates,
            held: Some(request.most_tokens),
            expected: whole(request.tokens).min(request.most_tokens),
            half_open_probe: request.trial,
            awaits_first_token: true,
            first_tokens,
        })
    }

    /// Uses one of several keys, and counts the attempt in its totals. `has_own_quota` says whether
    /// these totals or those of the target are compared with the rate limits.
    #[must_use]
    pub fn with_key(
        mut self,
        key: KeyIdx,
        (sent, has_own_quota): (&SentCounters, bool),
        tokens: f64,
    ) -> Self {
        self.start.key = Some(key);
        let ledger = sent.add(tokens);
        if has_own_quota {
            self.start.ledger = ledger;
        }
        self
    }

    /// Ends the wait for the first content, and the half-open probe if this is one. Later calls
    /// have no effect.
    pub fn on_first_token(&mut self) {
        if self.awaits_first_token && self.start.class.is_streamed() {
            self.target.first_tokens.fetch_add(1, Ordering::Relaxed);
        }
        self.stop_waiting();
    }

    fn stop_waiting(&mut self) {
        if !std::mem::take(&mut self.awaits_first_token) {
            return;
        }
        if self.start.class.is_streamed() {
            self.target
                .stop_waiting(self.start.started, self.first_tokens);
        }
        if self.half_open_probe {
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

    /// Returns the state at the start of the attempt.
    pub fn attempt_start(&self) -> AttemptStart {
        self.start
    }

    /// Returns true for the probe request of a half-open breaker.
    pub fn is_half_open_probe(&self) -> bool {
        self.half_open_probe
    }
}

/// Acquires capacity under every limit, or under none.
fn try_acquire_all(
    target: &LoadCounters,
    provider: &LoadCounters,
    request: &LeaseRequest,
    now: UnixTime,
) -> bool {
    if !provider.try_acquire(request.limit) {
        return false;
    }
    if target.try_acquire(request.own_limit) {
        if provider
            .rates
            .try_acquire(request.rates, request.most_tokens, now)
        {
            return true;
        }
        target.release();
    }
    provider.release();
    false
}

/// Settles the expected tokens, as of the start, if [`Lease::settle`] was not called.
impl Drop for Lease {
    fn drop(&mut self) {
        self.stop_waiting();
        self.settle(None, self.start.started);
        self.target.release();
        self.provider.release();
    }
}

#[cfg(test)]
mod tests;

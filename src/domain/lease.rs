//! The right to use a target for one attempt; counted while it lives, given back on drop, so that
//! a finished, failed or cancelled attempt is always counted out.

use super::target::Class;
use super::units::Moment;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// What moves with every request, and must be seen at once by the next choice.
#[derive(Debug, Default)]
pub struct Gauge {
    in_flight: AtomicU32,
    on_trial: AtomicBool,
    /// Streams without a first token: their number above, the sum of their starts below.
    waiting: AtomicU64,
    /// Microseconds since the epoch; 0 before the first.
    last_start: AtomicU64,
    /// Attempts and tokens sent since the process began.
    requests: AtomicU64,
    tokens: AtomicU64,
}

/// Bits of [`Gauge::waiting`] that hold the sum of starts, in milliseconds; sums wrap around, and
/// so do their differences. Half a million years of waiting fit.
const SUM_BITS: u32 = 44;
const SUM_MASK: u64 = (1 << SUM_BITS) - 1;

/// Streams that still wait for their first token.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Waiting {
    pub count: u32,
    /// Mean time they have waited, in seconds.
    pub age: f64,
}

/// What was sent up to some moment, for those who compare two of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ledger {
    pub requests: u64,
    pub tokens: u64,
}

impl Gauge {
    /// Attempts that run now.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Whether the one trial request of a half-open breaker is out.
    pub fn on_trial(&self) -> bool {
        self.on_trial.load(Ordering::Acquire)
    }

    /// Streams without a first token, and how long they have waited.
    pub fn waiting(&self, now: Moment) -> Waiting {
        let packed = self.waiting.load(Ordering::Relaxed);
        let count = packed >> SUM_BITS;
        if count == 0 {
            return Waiting::default();
        }
        let ages = count.wrapping_mul(milliseconds(now)).wrapping_sub(packed) & SUM_MASK;
        // More than half of the circle: the reader's clock is a little behind a start.
        let ages = if ages > SUM_MASK / 2 { 0 } else { ages };
        Waiting {
            count: u32::try_from(count).unwrap_or(u32::MAX),
            age: ages as f64 / count as f64 / 1e3,
        }
    }

    /// When an attempt was last begun; the epoch where none was.
    pub fn last_start(&self) -> Moment {
        Moment::from_micros(self.last_start.load(Ordering::Relaxed))
    }

    /// All that was sent so far.
    pub fn ledger(&self) -> Ledger {
        Ledger {
            requests: self.requests.load(Ordering::Relaxed),
            tokens: self.tokens.load(Ordering::Relaxed),
        }
    }

    /// Counts one in, unless `limit` are in already.
    pub fn enter(&self, limit: Option<u32>) -> bool {
        let room =
            |now: u32| (limit.is_none_or(|limit| now < limit)).then(|| now.saturating_add(1));
        self.in_flight
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, room)
            .is_ok()
    }

    /// Counts one out; never below 0.
    pub fn leave(&self) {
        let less = |now: u32| Some(now.saturating_sub(1));
        let _always = self
            .in_flight
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, less);
    }

    fn start(&self, terms: &Terms, now: Moment) -> Ledger {
        self.last_start.fetch_max(now.micros(), Ordering::Relaxed);
        let tokens = whole(terms.tokens);
        Ledger {
            requests: self.requests.fetch_add(1, Ordering::Relaxed) + 1,
            tokens: self.tokens.fetch_add(tokens, Ordering::Relaxed) + tokens,
        }
    }

    fn await_first_token(&self, started: Moment) {
        self.shift_waiting(|count, sum| {
            (
                count + 1,
                sum.wrapping_add(milliseconds(started)) & SUM_MASK,
            )
        });
    }

    fn has_first_token(&self, started: Moment) {
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

    fn end_trial(&self) {
        self.on_trial.store(false, Ordering::Release);
    }
}

fn milliseconds(moment: Moment) -> u64 {
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
pub struct Terms {
    /// Most attempts at the provider at once.
    pub limit: Option<u32>,
    /// As the one trial of a half-open breaker.
    pub trial: bool,
    /// Tokens expected in and out.
    pub tokens: f64,
    pub class: Class,
}

/// How things stood when an attempt began; what it teaches is read against that.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Ticket {
    pub started: Moment,
    /// `ln(1 + attempts at the target)`, this one not counted.
    pub load: f64,
    /// All that was sent to the target, this attempt included.
    pub ledger: Ledger,
    pub class: Class,
}

/// One attempt's place at a target and at its provider.
#[derive(Debug)]
pub struct Lease {
    target: Arc<Gauge>,
    provider: Arc<Gauge>,
    ticket: Ticket,
    trial: bool,
    /// No first token yet, and the trial, where it is one, still open.
    waits: bool,
}

impl Lease {
    /// Takes a place, or nothing where the provider is full or another trial is out: between the
    /// choice and here somebody else was quicker.
    pub fn take(
        target: &Arc<Gauge>,
        provider: &Arc<Gauge>,
        terms: Terms,
        now: Moment,
    ) -> Option<Self> {
        if terms.trial && target.on_trial.swap(true, Ordering::AcqRel) {
            return None;
        }
        if !provider.enter(terms.limit) {
            if terms.trial {
                target.end_trial();
            }
            return None;
        }
        let load = f64::from(target.in_flight()).ln_1p();
        target.enter(None);
        provider.start(&terms, now);
        let ledger = target.start(&terms, now);
        if terms.class.is_streamed() {
            target.await_first_token(now);
        }
        Some(Self {
            target: Arc::clone(target),
            provider: Arc::clone(provider),
            ticket: Ticket {
                started: now,
                load,
                ledger,
                class: terms.class,
            },
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
            self.target.end_trial();
        }
    }

    pub fn ticket(&self) -> Ticket {
        self.ticket
    }

    pub fn is_trial(&self) -> bool {
        self.trial
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.first_token();
        self.target.leave();
        self.provider.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ModelType;

    const NOW: Moment = Moment::from_seconds(1_700_000_000);

    fn terms(limit: Option<u32>, trial: bool) -> Terms {
        Terms {
            limit,
            trial,
            tokens: 800.0,
            class: Class::new(ModelType::Chat, true),
        }
    }

    #[test]
    fn a_place_is_counted_while_the_lease_lives() {
        let (target, provider) = (Arc::default(), Arc::<Gauge>::default());
        let first = Lease::take(&target, &provider, terms(Some(1), false), NOW).unwrap();

        assert_eq!(provider.in_flight(), 1);
        assert!(Lease::take(&target, &provider, terms(Some(1), false), NOW).is_none());
        drop(first);
        assert_eq!((provider.in_flight(), target.in_flight()), (0, 0));
        assert_eq!(
            target.ledger(),
            Ledger {
                requests: 1,
                tokens: 800
            }
        );
    }

    #[test]
    fn only_one_trial_is_out_at_a_time_and_it_ends_with_its_first_token() {
        let (target, provider) = (Arc::default(), Arc::default());
        let mut trial = Lease::take(&target, &provider, terms(None, true), NOW).unwrap();

        assert!(Lease::take(&target, &provider, terms(None, true), NOW).is_none());
        trial.first_token();
        let second = Lease::take(&target, &provider, terms(None, true), NOW);
        drop(trial);
        assert!(
            target.on_trial(),
            "the first one's end does not end the second"
        );
        drop(second);
        assert!(!target.on_trial());
    }

    #[test]
    fn the_age_of_those_that_wait_is_their_mean() {
        let (target, provider) = (Arc::<Gauge>::default(), Arc::default());
        let at = |seconds: u64| Moment::from_seconds(1_700_000_000 + seconds);
        let mut first = Lease::take(&target, &provider, terms(None, false), at(0)).unwrap();
        let second = Lease::take(&target, &provider, terms(None, false), at(2)).unwrap();

        assert_eq!(target.waiting(at(4)), Waiting { count: 2, age: 3.0 });
        first.first_token();
        first.first_token();
        assert_eq!(target.waiting(at(4)), Waiting { count: 1, age: 2.0 });
        assert_eq!(target.waiting(at(1)).age, 0.0, "a clock behind sees no age");
        drop(second);
        assert_eq!(target.waiting(at(4)), Waiting::default());
    }

    #[test]
    fn a_count_never_falls_below_zero() {
        let gauge = Gauge::default();
        gauge.leave();

        assert_eq!(gauge.in_flight(), 0);
    }
}

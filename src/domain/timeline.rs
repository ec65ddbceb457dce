//! What happened when, in four widths of column: seconds for five minutes, quarters of a minute
//! for fifteen, minutes for a day, hours for a year. Columns are aligned to the epoch, so that a
//! chart moves by one cell at a time and two readers see the same columns.

use super::histogram::Histogram;
use super::observation::{AttemptEnd, Outcome};
use super::pricing::{CostBasisCounts, MeasuredUsage, cost_basis};
use super::rejection::{RejectionCounts, RejectionReason};
use super::units::{Money, UnixTime};
use std::collections::VecDeque;

/// Width in seconds and number of columns kept.
const TIERS: [(u64, usize); 4] = [(1, 301), (15, 61), (60, 1_441), (3_600, 8_761)];

/// What a column holds: something that can be added up.
pub trait Merge: Default {
    fn merge(&mut self, other: &Self);
}

/// A part of the past: the last columns of one width, the unfinished one included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketRange {
    /// Width of a column in seconds.
    pub width: u64,
    /// How many columns.
    pub columns: usize,
}

impl BucketRange {
    /// Sixty columns over `seconds`, one of the windows that the screen offers.
    pub const fn window(seconds: u64) -> Self {
        Self {
            width: seconds / 60,
            columns: 60,
        }
    }

    /// The last `hours`, by the minute for a day and by the hour beyond.
    pub const fn hours(hours: u32) -> Self {
        if hours <= 24 {
            Self {
                width: 60,
                columns: hours as usize * 60,
            }
        } else {
            Self {
                width: 3_600,
                columns: hours as usize,
            }
        }
    }

    /// Start of the oldest column.
    pub fn start(self, now: UnixTime) -> UnixTime {
        let last = now.unix_seconds() / self.width;
        UnixTime::from_seconds(last.saturating_sub(self.columns as u64 - 1) * self.width)
    }
}

/// One quantity over time. Only columns in which something happened take memory.
#[derive(Debug, Default)]
pub struct Timeline<T> {
    tiers: [VecDeque<(u64, T)>; TIERS.len()],
}

impl<T: Merge> Timeline<T> {
    /// Lets `change` add to the column of `now`, in every width.
    pub fn record(&mut self, now: UnixTime, change: impl Fn(&mut T)) {
        for (columns, (width, keep)) in self.tiers.iter_mut().zip(TIERS) {
            let index = now.unix_seconds() / width;
            if columns.back().is_none_or(|&(last, _)| last < index) {
                columns.push_back((index, T::default()));
                while columns
                    .front()
                    .is_some_and(|&(old, _)| old + (keep as u64) <= index)
                {
                    columns.pop_front();
                }
            }
            if let Some((_, column)) = columns.back_mut() {
                change(column);
            }
        }
    }

    /// The columns of `span`, oldest first; those with nothing in them are empty sums.
    pub fn buckets(&self, span: BucketRange, now: UnixTime) -> Vec<T> {
        let mut columns: Vec<T> = (0..span.columns).map(|_| T::default()).collect();
        let first = span.start(now).unix_seconds() / span.width;
        self.visit(span, now, |start, value| {
            let place = usize::try_from(start / span.width - first).unwrap_or(usize::MAX);
            if let Some(column) = columns.get_mut(place) {
                column.merge(value);
            }
        });
        columns
    }

    /// All of `span` added up.
    pub fn total(&self, span: BucketRange, now: UnixTime) -> T {
        let mut sum = T::default();
        self.visit(span, now, |_, value| sum.merge(value));
        sum
    }

    /// Start of the oldest column kept that lies in `span`.
    pub fn oldest(&self, span: BucketRange, now: UnixTime) -> Option<UnixTime> {
        let mut oldest = None;
        self.visit(span, now, |start, _| {
            oldest.get_or_insert(UnixTime::from_seconds(start));
        });
        oldest
    }

    fn visit(&self, span: BucketRange, now: UnixTime, mut see: impl FnMut(u64, &T)) {
        let from = span.start(now).unix_seconds();
        let seconds = span.width * span.columns as u64;
        // The widest columns that fit into those asked for and reach back far enough.
        let tier = TIERS
            .iter()
            .rposition(|&(width, keep)| {
                span.width.is_multiple_of(width) && seconds < width * keep as u64
            })
            .unwrap_or(TIERS.len() - 1);
        let width = TIERS[tier].0;
        for (index, value) in &self.tiers[tier] {
            if index * width >= from {
                see(index * width, value);
            }
        }
    }
}

/// Attempts, or client requests, of one column.
#[derive(Debug, Clone, Default)]
pub struct BucketCounts {
    pub succeeded: u64,
    pub failed: u64,
    /// The client left; counts in no rate.
    pub cancelled: u64,
    /// The client asked for something impossible; counts in no rate.
    pub client_errors: u64,
    /// Rejected requests; those without a target or over `max_in_flight` also count as failed.
    pub rejected: RejectionCounts,
    /// Attempts that followed the first of a client request.
    pub retries: u64,
    /// Milliseconds, successes only.
    pub latency: Histogram,
    pub latency_sum_ms: f64,
    /// Milliseconds, streams only.
    pub first_token: Histogram,
    pub cost: Money,
    /// How sure the costs of the attempts are.
    pub cost_basis: CostBasisCounts,
    /// Attempts that reported tokens.
    pub metered: u64,
    pub tokens: u64,
    /// Members of requests that were lost in translation.
    pub dropped_fields: u64,
    /// Failures that count in the rates, by their words.
    pub failures: Vec<(&'static str, u64)>,
}

impl BucketCounts {
    /// Counts one finished attempt.
    pub fn add(&mut self, end: &AttemptEnd) {
        match &end.outcome {
            Outcome::Success => {
                self.succeeded += 1;
                let milliseconds = end.seconds() * 1e3;
                self.latency.add(milliseconds);
                self.latency_sum_ms += milliseconds;
            }
            Outcome::Cancelled => self.cancelled += 1,
            Outcome::Failed(failure) if failure.is_client_error() => self.client_errors += 1,
            Outcome::Failed(failure) => {
                self.failed += 1;
                self.count_failure(failure.as_str(), 1);
            }
        }
        if let Some(seconds) = end.first_token.filter(|_| end.streamed) {
            self.first_token.add(seconds * 1e3);
        }
        self.dropped_fields += u64::from(end.dropped_fields);
        self.cost += end.cost.unwrap_or_default();
        self.cost_basis.add(cost_basis(end.usage, end.cost));
        // A refusal used nothing, and says nothing of how long answers are.
        let used = end.usage.filter(|used| *used != MeasuredUsage::ZERO);
        if let Some(MeasuredUsage { usage, .. }) = used {
            self.metered += 1;
            self.tokens += usage.input + usage.output;
        }
    }

    /// Counts requests that were refused. A budget that is used up is no failure.
    pub fn record_rejected(&mut self, want: RejectionReason, count: u64) {
        self.rejected.add(want, count);
        if want != RejectionReason::BudgetExceeded {
            self.failed += count;
        }
    }

    fn count_failure(&mut self, word: &'static str, times: u64) {
        match self.failures.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += times,
            None => self.failures.push((word, times)),
        }
    }

    /// What counts in the rates.
    pub fn rate_base(&self) -> u64 {
        self.succeeded + self.failed
    }

    /// Everything that was sent.
    pub fn all(&self) -> u64 {
        self.rate_base() + self.cancelled + self.client_errors + self.rejected.budget
    }

    /// 0..1; nothing with nothing behind it.
    pub fn success_rate(&self) -> Option<f64> {
        (self.rate_base() > 0).then(|| self.succeeded as f64 / self.rate_base() as f64)
    }

    pub fn mean_latency_ms(&self) -> Option<f64> {
        (self.succeeded > 0).then(|| self.latency_sum_ms / self.succeeded as f64)
    }

    /// What is known to have been spent; nothing where all that is known is that something is
    /// missing.
    pub fn known_cost(&self) -> Option<Money> {
        (self.cost > Money::ZERO || self.cost_basis.unknown == 0).then_some(self.cost)
    }
}

impl Merge for BucketCounts {
    fn merge(&mut self, other: &Self) {
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.cancelled += other.cancelled;
        self.client_errors += other.client_errors;
        self.rejected.merge(other.rejected);
        self.retries += other.retries;
        self.latency.merge(&other.latency);
        self.latency_sum_ms += other.latency_sum_ms;
        self.first_token.merge(&other.first_token);
        self.cost += other.cost;
        self.cost_basis.merge(other.cost_basis);
        self.metered += other.metered;
        self.tokens += other.tokens;
        self.dropped_fields += other.dropped_fields;
        for &(word, count) in &other.failures {
            self.count_failure(word, count);
        }
    }
}

/// How long a provider was watched, and how long of that it was usable.
#[derive(Debug, Clone, Copy, Default)]
pub struct Uptime {
    pub watched_us: u64,
    pub usable_us: u64,
}

impl Uptime {
    /// 0..1; nothing before the first look.
    pub fn part(self) -> Option<f64> {
        (self.watched_us > 0).then(|| self.usable_us as f64 / self.watched_us as f64)
    }
}

impl Merge for Uptime {
    fn merge(&mut self, other: &Self) {
        self.watched_us += other.watched_us;
        self.usable_us += other.usable_us;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AttemptStart, UpstreamLimits, Usage, UsageBasis};

    fn counted(at: &[u64]) -> Timeline<Uptime> {
        let mut timeline = Timeline::default();
        for &second in at {
            timeline.record(UnixTime::from_seconds(second), |column: &mut Uptime| {
                column.watched_us += 1;
            });
        }
        timeline
    }

    #[test]
    fn every_window_holds_what_happened_in_it_and_nothing_older() {
        let now = 1_000_000_000;
        let timeline = counted(&[
            now - 90_000,
            now - 3_000,
            now - 600,
            now - 100,
            now - 10,
            now,
        ]);
        let sum = |span| timeline.total(span, UnixTime::from_seconds(now)).watched_us;

        assert_eq!(sum(BucketRange::window(60)), 2);
        assert_eq!(sum(BucketRange::window(300)), 3);
        assert_eq!(sum(BucketRange::window(900)), 4);
        assert_eq!(sum(BucketRange::window(3_600)), 5);
        assert_eq!(sum(BucketRange::window(86_400)), 5);
        assert_eq!(sum(BucketRange::hours(24)), 5);
        assert_eq!(sum(BucketRange::hours(48)), 6);
    }

    #[test]
    fn columns_add_up_to_the_sum() {
        let now = 1_000_000_007;
        let timeline = counted(
            &(0..2_000)
                .map(|back| now - 2_000 + back)
                .collect::<Vec<_>>(),
        );
        for seconds in [60, 300, 900, 3_600, 21_600, 86_400] {
            let span = BucketRange::window(seconds);
            let columns = timeline.buckets(span, UnixTime::from_seconds(now));
            let sum: u64 = columns.iter().map(|column| column.watched_us).sum();

            assert_eq!(columns.len(), 60);
            assert_eq!(
                sum,
                timeline.total(span, UnixTime::from_seconds(now)).watched_us,
                "{seconds}"
            );
        }
    }

    #[test]
    fn every_attempt_is_exact_estimated_or_unknown_and_what_is_unknown_is_not_free() {
        let used = |basis| MeasuredUsage {
            usage: Usage {
                input: 10,
                output: 20,
                ..Usage::default()
            },
            basis,
        };
        let end = |usage, cost| AttemptEnd {
            target: 0.into(),
            started: UnixTime::from_seconds(1),
            ended: UnixTime::from_seconds(2),
            outcome: Outcome::Success,
            first_token: None,
            usage,
            cost,
            streamed: false,
            trial: false,
            dropped_fields: 0,
            ticket: AttemptStart::default(),
            limits: UpstreamLimits::default(),
            client_deadline_hit: false,
            abandoned_after: None,
        };
        let (exact, reckoned) = (used(UsageBasis::Exact), used(UsageBasis::Estimated));
        let mut unpriced = BucketCounts::default();
        unpriced.add(&end(Some(exact), None));
        assert_eq!(unpriced.known_cost(), None);

        let mut tally = BucketCounts::default();
        assert_eq!(tally.known_cost(), Some(Money::ZERO));
        tally.add(&end(Some(MeasuredUsage::ZERO), Some(Money::ZERO)));
        tally.add(&end(Some(exact), Some(Money::from_pico(3))));
        tally.add(&end(Some(reckoned), Some(Money::from_pico(4))));
        tally.merge(&unpriced);
        tally.add(&end(None, None));

        let basis = CostBasisCounts {
            exact: 2,
            estimated: 1,
            unknown: 2,
        };
        assert_eq!(tally.cost_basis, basis);
        assert_eq!(tally.known_cost(), Some(Money::from_pico(7)));
        assert_eq!((tally.metered, tally.tokens), (3, 90));
    }

    #[test]
    fn memory_is_bounded() {
        let timeline = counted(&(0..10_000).map(|second| second * 7).collect::<Vec<_>>());

        for (columns, (_, keep)) in timeline.tiers.iter().zip(TIERS) {
            assert!(columns.len() <= keep);
        }
    }
}

//! Time series in buckets of four widths: 1 s for 5 minutes, 15 s for 15 minutes, 1 min for a day,
//! 1 h for a year. Buckets are aligned to the epoch, so that a chart moves by one cell at a time and
//! all readers see the same buckets.

use super::histogram::Histogram;
use super::observation::{AttemptEnd, Outcome, RequestEnd, RequestOutcome};
use super::pricing::{CostBasisCounts, MeasuredUsage, cost_basis};
use super::rejection::{RejectionCounts, RejectionReason};
use super::units::{Money, UnixTime};
use std::collections::VecDeque;

/// Width in seconds and number of stored buckets.
const TIERS: [(u64, usize); 4] = [(1, 301), (15, 61), (60, 1_441), (3_600, 8_761)];

/// Content of a bucket, which can be summed.
pub trait Merge: Default {
    /// Width in seconds of the widest buckets that are kept.
    const WIDEST_S: u64 = 3_600;

    /// Adds `other`.
    fn merge(&mut self, other: &Self);
}

/// Range of the latest buckets of one width, including the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketRange {
    /// Width of a bucket in seconds.
    pub width: u64,
    /// Number of buckets.
    pub columns: usize,
}

impl BucketRange {
    /// Returns 60 buckets over `seconds`, one of the windows of the dashboard.
    pub const fn window(seconds: u64) -> Self {
        Self {
            width: seconds / 60,
            columns: 60,
        }
    }

    /// Returns the last `hours`: buckets of a minute up to 24 hours, else of an hour.
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

    /// Returns the start of the oldest bucket.
    pub fn start(self, now: UnixTime) -> UnixTime {
        let last = now.unix_seconds() / self.width;
        UnixTime::from_seconds(last.saturating_sub(self.columns as u64 - 1) * self.width)
    }
}

/// Time series. Empty buckets take no memory.
#[derive(Debug, Default)]
pub struct Timeline<T> {
    tiers: [VecDeque<(u64, T)>; TIERS.len()],
}

impl<T: Merge> Timeline<T> {
    /// Applies `change` to the bucket of `now` in every width.
    pub fn record(&mut self, now: UnixTime, change: impl Fn(&mut T)) {
        let tiers = self.tiers.iter_mut().zip(TIERS);
        for (columns, (width, keep)) in tiers.filter(|(_, (width, _))| *width <= T::WIDEST_S) {
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

    /// Returns the stored buckets of one width that end after `from`, oldest first, with their starts in
    /// seconds.
    pub fn stored(&self, width: u64, from: UnixTime) -> impl Iterator<Item = (u64, &T)> {
        let tier = TIERS.iter().position(|&(known, _)| known == width);
        let columns = tier.map(|tier| &self.tiers[tier]);
        let columns = columns.into_iter().flatten().rev();
        let first = from.unix_seconds() / width.max(1);
        let newest: Vec<(u64, &T)> = columns
            .take_while(|&&(index, _)| index >= first)
            .map(|(index, value)| (index * width, value))
            .collect();
        newest.into_iter().rev()
    }

    /// Adds a stored bucket of one width, where it is recent enough to be kept.
    pub fn restore(&mut self, width: u64, start: u64, value: &T, now: UnixTime) {
        let Some(tier) = TIERS.iter().position(|&(known, _)| known == width) else {
            return;
        };
        let (index, newest) = (start / width, now.unix_seconds() / width);
        if index > newest || index + (TIERS[tier].1 as u64) <= newest {
            return;
        }
        let columns = &mut self.tiers[tier];
        // Stored buckets come oldest first, so the place is mostly at the end.
        let after = columns
            .iter()
            .rev()
            .take_while(|&&(at, _)| at > index)
            .count();
        let place = columns.len() - after;
        match columns.get_mut(place.wrapping_sub(1)) {
            Some((at, column)) if *at == index => column.merge(value),
            _ => {
                let mut column = T::default();
                column.merge(value);
                columns.insert(place, (index, column));
            }
        }
    }

    /// Returns the buckets of `span`, oldest first; empty ones as the default.
    pub fn buckets(&self, span: BucketRange, now: UnixTime) -> Vec<T> {
        let mut columns: Vec<T> = (0..span.columns).map(|_| T::default()).collect();
        let first = span.start(now).unix_seconds() / span.width;
        self.visit(span, now, |start, value| {
            let index = usize::try_from(start / span.width - first).unwrap_or(usize::MAX);
            if let Some(column) = columns.get_mut(index) {
                column.merge(value);
            }
        });
        columns
    }

    /// Returns the sum over `span`.
    pub fn total(&self, span: BucketRange, now: UnixTime) -> T {
        let mut sum = T::default();
        self.visit(span, now, |_, value| sum.merge(value));
        sum
    }

    /// Returns the start of the oldest stored bucket in `span`.
    pub fn oldest(&self, span: BucketRange, now: UnixTime) -> Option<UnixTime> {
        let mut oldest = None;
        self.visit(span, now, |start, _| {
            oldest.get_or_insert(UnixTime::from_seconds(start));
        });
        oldest
    }

    /// Calls `see` with the start in seconds and the content of each stored bucket of `span`, oldest
    /// first.
    pub fn visit(&self, span: BucketRange, now: UnixTime, mut see: impl FnMut(u64, &T)) {
        let from = span.start(now).unix_seconds();
        let seconds = span.width * span.columns as u64;
        // The widest stored buckets that divide the requested ones and reach back far enough.
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

/// Attempts or client requests of one bucket.
#[derive(Debug, Clone, Default)]
pub struct BucketCounts {
    /// Successes.
    pub succeeded: u64,
    /// Failures that count in the rates.
    pub failed: u64,
    /// Cancelled by the client; counts in no rate.
    pub cancelled: u64,
    /// Failures that the client caused; counts in no rate.
    pub client_errors: u64,
    /// Rejected requests; those without a target or over `max_in_flight` also count as failed.
    pub rejected: RejectionCounts,
    /// Attempts after the first of a client request.
    pub retries: u64,
    /// Latency of successes in milliseconds.
    pub latency: Histogram,
    /// Sum of the latencies of successes in milliseconds.
    pub latency_sum_ms: f64,
    /// Time to the first token of streams in milliseconds.
    pub first_token: Histogram,
    /// Known cost.
    pub cost: Money,
    /// Attempts by basis of their cost.
    pub cost_basis: CostBasisCounts,
    /// Attempts with known usage.
    pub metered: u64,
    /// Tokens in and out.
    pub tokens: u64,
    /// Request fields dropped in translation.
    pub dropped_fields: u64,
    /// Failures that count in the rates, by code.
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
        // Rejected attempts used nothing and must not lower the mean response length.
        let used = end.usage.filter(|used| *used != MeasuredUsage::ZERO);
        if let Some(MeasuredUsage { usage, .. }) = used {
            self.metered += 1;
            self.tokens += usage.input + usage.output;
        }
    }

    /// Counts one client request that ended.
    pub fn add_request(&mut self, end: &RequestEnd) {
        // A rejected request, or one answered from the cache, has no attempts.
        self.retries += u64::from(end.retries());
        match end.outcome {
            RequestOutcome::Ok => {
                let milliseconds = end.ended.seconds_since(end.started) * 1e3;
                self.succeeded += 1;
                self.latency.add(milliseconds);
                self.latency_sum_ms += milliseconds;
            }
            RequestOutcome::Error(failure) if failure.is_client_error() => {
                self.client_errors += 1;
            }
            RequestOutcome::Error(_) => self.failed += 1,
            RequestOutcome::Rejected(reason) => self.record_rejected(reason, 1),
            RequestOutcome::Cancelled => self.cancelled += 1,
        }
        if let Some(seconds) = end.first_content {
            self.first_token.add(seconds * 1e3);
        }
    }

    /// Counts rejected requests. A used-up budget is not a failure.
    pub fn record_rejected(&mut self, reason: RejectionReason, count: u64) {
        self.rejected.add(reason, count);
        if !reason.is_intended() {
            self.failed += count;
        }
    }

    fn count_failure(&mut self, code: &'static str, times: u64) {
        match self.failures.iter_mut().find(|(known, _)| *known == code) {
            Some((_, count)) => *count += times,
            None => self.failures.push((code, times)),
        }
    }

    /// Returns the number that counts in the rates.
    pub fn rate_base(&self) -> u64 {
        self.succeeded + self.failed
    }

    /// Returns the number of all attempts or requests.
    pub fn all(&self) -> u64 {
        self.rate_base() + self.cancelled + self.client_errors + self.rejected.budget
    }

    /// Returns the share of successes, 0..1; `None` without attempts.
    pub fn success_rate(&self) -> Option<f64> {
        (self.rate_base() > 0).then(|| self.succeeded as f64 / self.rate_base() as f64)
    }

    /// Returns the mean latency of successes in milliseconds.
    pub fn mean_latency_ms(&self) -> Option<f64> {
        (self.succeeded > 0).then(|| self.latency_sum_ms / self.succeeded as f64)
    }

    /// Returns the known cost; `None` if it is 0 and the cost of some attempts is unknown.
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
        for &(code, count) in &other.failures {
            self.count_failure(code, count);
        }
    }
}

/// Monitored time of a provider, and the usable part of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Uptime {
    /// Monitored time in microseconds.
    pub watched_us: u64,
    /// Usable time in microseconds.
    pub usable_us: u64,
}

impl Uptime {
    /// Returns the usable share, 0..1; `None` before the first observation.
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
    use crate::domain::{AttemptStart, DecisionId, UpstreamLimits, Usage, UsageBasis};
    use std::sync::Arc;

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
    fn every_window_holds_its_events_and_no_older_ones() {
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
    fn buckets_sum_to_the_total() {
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
    fn unknown_costs_are_counted_apart_and_not_as_zero() {
        let used = |basis| MeasuredUsage {
            usage: Usage {
                input: 10,
                output: 20,
                ..Usage::default()
            },
            basis,
        };
        let end = |usage, cost| AttemptEnd {
            decision: DecisionId(0),
            identity: Arc::default(),
            target: 0.into(),
            started: UnixTime::from_seconds(1),
            ended: UnixTime::from_seconds(2),
            outcome: Outcome::Success,
            first_token: None,
            usage,
            cost,
            streamed: false,
            trial: false,
            number: 1,
            status: None,
            message: None,
            dropped_fields: 0,
            ticket: AttemptStart::default(),
            limits: UpstreamLimits::default(),
            client_deadline_hit: false,
            abandoned_after: None,
        };
        let (exact, estimated) = (used(UsageBasis::Exact), used(UsageBasis::Estimated));
        let mut unpriced = BucketCounts::default();
        unpriced.add(&end(Some(exact), None));
        assert_eq!(unpriced.known_cost(), None);

        let mut counts = BucketCounts::default();
        assert_eq!(counts.known_cost(), Some(Money::ZERO));
        counts.add(&end(Some(MeasuredUsage::ZERO), Some(Money::ZERO)));
        counts.add(&end(Some(exact), Some(Money::from_pico(3))));
        counts.add(&end(Some(estimated), Some(Money::from_pico(4))));
        counts.merge(&unpriced);
        counts.add(&end(None, None));

        let basis = CostBasisCounts {
            exact: 2,
            estimated: 1,
            unknown: 2,
        };
        assert_eq!(counts.cost_basis, basis);
        assert_eq!(counts.known_cost(), Some(Money::from_pico(7)));
        assert_eq!((counts.metered, counts.tokens), (3, 90));
    }

    #[test]
    fn memory_is_bounded() {
        let timeline = counted(&(0..10_000).map(|second| second * 7).collect::<Vec<_>>());

        for (columns, (_, keep)) in timeline.tiers.iter().zip(TIERS) {
            assert!(columns.len() <= keep);
        }
    }
}

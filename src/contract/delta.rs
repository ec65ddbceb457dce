//! Deltas of a [`Status`], sent once a second, and their application.
//!
//! A delta is a status with only the new and changed events and the new or changed buckets of its series: series
//! make up most of a status and change only at their end. The bucket that is still being filled
//! changes with every request; the sender decides how often it is included.

use super::event::EventReport;
use super::status::{ProviderStatus, Series, Status, TimeBucket};

/// Treatment of the bucket that is still being filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenBucket {
    /// Included as it is.
    Sent,
    /// Left out until it is complete.
    Left,
}

/// Number of events that are kept.
const MAX_EVENTS: usize = 100;

impl Status {
    /// Difference to `last`. Once a bucket has been completed, series begin with the bucket that was
    /// incomplete in `last`; before that they hold the open bucket alone, if it is to be sent. A
    /// provider that `last` lacks has all its buckets.
    #[must_use]
    pub fn delta(&self, last: &Self, newest: OpenBucket) -> Self {
        let mut delta = self.clone();
        let start = last.series.last_start;
        delta.series = self.series.since(start, newest);
        for (at, provider) in delta.providers.iter_mut().enumerate() {
            let name = &provider.performance.provider;
            let is_same = |old: &ProviderStatus| old.performance.provider == *name;
            let is_known = last.providers.get(at).is_some_and(is_same);
            if is_known || last.providers.iter().any(is_same) {
                provider.series = provider.series.since(start, newest);
            }
        }
        let newest = last.events.first().map_or(0, |event| event.id);
        // The event of a trouble changes while that lasts.
        let is_known = |event: &EventReport| last.events.contains(event);
        let is_new = |event: &EventReport| newest < event.id || !is_known(event);
        delta.events.retain(is_new);
        delta
    }

    /// Applies a delta: series that it leaves out stay, and new events come first. A full status is
    /// a delta as well.
    pub fn apply(&mut self, delta: Self) {
        let mut last = std::mem::replace(self, delta);
        self.series.precede(last.series);
        for provider in &mut self.providers {
            let name = &provider.performance.provider;
            let same = last
                .providers
                .iter_mut()
                .find(|old| old.performance.provider == *name);
            if let Some(old) = same {
                provider.series.precede(std::mem::take(&mut old.series));
            }
        }
        let new = std::mem::take(&mut self.events);
        let is_replaced = |event: &EventReport| new.iter().any(|it| it.id == event.id);
        let kept = last.events.into_iter().filter(|it| !is_replaced(it));
        let mut events: Vec<EventReport> = kept.collect();
        events.extend(new);
        events.sort_by_key(|event| std::cmp::Reverse(event.id));
        events.truncate(MAX_EVENTS);
        self.events = events;
    }
}

impl Series {
    /// Buckets from the one that starts at `start`. Where that is still the last, only that one, if
    /// it is to be sent and not empty.
    fn since(&self, start: u64, newest: OpenBucket) -> Self {
        let is_empty = self
            .buckets
            .last()
            .is_none_or(|last| *last == TimeBucket::default());
        if self.last_start == start && (newest == OpenBucket::Left || is_empty) {
            return Self::default();
        }
        let new = self.last_start.saturating_sub(start) / self.bucket_seconds.max(1) + 1;
        let new = usize::try_from(new).unwrap_or(usize::MAX);
        let kept = self.buckets.len().min(new);
        Self {
            buckets: self.buckets[self.buckets.len() - kept..].to_vec(),
            ..*self
        }
    }

    /// Prepends the buckets of `older` that precede its own, and keeps the length of `older`.
    fn precede(&mut self, older: Self) {
        if self.is_empty() {
            *self = older;
            return;
        }
        let (width, length) = (self.bucket_seconds.max(1), older.buckets.len());
        let own = self.buckets.len() as u64;
        // Number of the first own bucket, counted from the epoch.
        let first = (self.last_start / width + 1).saturating_sub(own);
        let before =
            first.saturating_sub((older.last_start / width + 1).saturating_sub(length as u64));
        let mut buckets = older.buckets;
        if older.bucket_seconds != self.bucket_seconds || before > length as u64 {
            return;
        }
        buckets.truncate(usize::try_from(before).unwrap_or(length));
        buckets.append(&mut self.buckets);
        let surplus = buckets.len().saturating_sub(length);
        self.buckets = buckets.split_off(surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Dropped, EventKind, InstanceInfo, TroubleReport, Window};
    use crate::domain::{
        BalancerState, Capabilities, Catalogue, ModelTypes, Provider, Strategy, Target, TargetId,
        UnixTime, Weights,
    };

    fn status(now: u64) -> Status {
        let provider = Provider::new("alpha", "word");
        let catalogue = Catalogue {
            providers: vec![provider],
            targets: vec![Target {
                id: TargetId::new("alpha", "one"),
                provider: 0.into(),
                types: ModelTypes::CHAT,
                capabilities: Capabilities::default(),
                price: None,
                max_concurrent: None,
            }],
            ..Catalogue::default()
        };
        let start = UnixTime::from_seconds(1_000_000);
        let balancer = BalancerState::new(catalogue, Strategy::Best, Weights::default(), 1, start);
        let snapshot = balancer.snapshot(900, UnixTime::from_seconds(1_000_000 + now));
        let instance = InstanceInfo {
            version: "1".to_owned(),
            environment: "test".to_owned(),
        };
        Status::new(&snapshot, Window::Quarter, &instance, Dropped::default())
    }

    fn with_events(mut status: Status, ids: std::ops::RangeInclusive<u64>) -> Status {
        status.events = ids
            .rev()
            .map(|id| EventReport {
                id,
                at: String::new(),
                kind: EventKind::Info,
                bad: false,
                provider: None,
                text: id.to_string(),
                alert: None,
                trouble: None,
            })
            .collect();
        status
    }

    #[test]
    fn a_delta_applied_to_the_last_status_is_the_newest_one() {
        for seconds in [1, 4, 20, 400] {
            let last = with_events(status(0), 1..=2);
            let newest = with_events(status(seconds), 1..=5);

            let mut seen = last.clone();
            seen.apply(newest.delta(&last, OpenBucket::Left));

            let mut expected = newest;
            if expected.series.last_start == last.series.last_start {
                expected.series = last.series;
                expected.providers[0].series = last.providers[0].series.clone();
            }
            assert_eq!(seen, expected, "{seconds} s later");
        }
    }

    #[test]
    fn completed_buckets_are_sent_alone_and_appended_to_the_older_ones() {
        let at = |last: u64| Series {
            bucket_seconds: 15,
            last_start: last * 15,
            buckets: (last - 59..=last)
                .map(|bucket| TimeBucket {
                    requests: u32::try_from(bucket).unwrap(),
                    ..TimeBucket::default()
                })
                .collect(),
        };
        for (later, sent) in [(0, 0), (1, 2), (3, 4), (59, 60), (60, 60), (200, 60)] {
            let (old, new) = (at(1_000), at(1_000 + later));
            let mut tail = new.since(old.last_start, OpenBucket::Left);
            assert_eq!(tail.buckets.len(), sent, "{later} buckets later");
            tail.precede(old);
            assert_eq!(tail, new, "{later} buckets later");
        }
    }

    #[test]
    fn the_open_bucket_replaces_its_earlier_state() {
        let bucket = |requests| TimeBucket {
            requests,
            ..TimeBucket::default()
        };
        let mut last = status(0);
        last.series.buckets[59] = bucket(1);
        last.providers[0].series.buckets[59] = bucket(1);
        let mut newest = last.clone();
        newest.series.buckets[59] = bucket(7);
        newest.providers[0].series.buckets[59] = bucket(5);

        let delta = newest.delta(&last, OpenBucket::Sent);
        assert_eq!(delta.series.buckets, [bucket(7)]);
        let mut seen = last.clone();
        seen.apply(delta);

        assert_eq!(seen, newest);
        let quiet = status(0).delta(&status(0), OpenBucket::Sent);
        assert!(quiet.series.is_empty(), "no request finished");
    }

    #[test]
    fn a_new_provider_comes_with_its_history() {
        let newest = status(20);
        let mut last = status(0);
        last.providers.clear();

        let mut seen = last.clone();
        seen.apply(newest.delta(&last, OpenBucket::Left));

        assert_eq!(seen.providers, newest.providers);
    }

    #[test]
    fn within_one_bucket_a_delta_has_no_series_and_only_new_events() {
        let last = with_events(status(0), 1..=2);
        let newest = with_events(status(1), 1..=3);

        let delta = newest.delta(&last, OpenBucket::Left);

        let json = serde_json::to_value(&delta).unwrap();
        assert!(json.get("series").is_none());
        assert!(json["providers"][0].get("series").is_none());
        assert_eq!(delta.events.len(), 1);
        let read: Status = serde_json::from_value(json).unwrap();
        assert_eq!(read, delta);
    }

    #[test]
    fn an_event_that_changed_takes_its_place() {
        let last = with_events(status(0), 1..=4);
        let mut newest = with_events(status(1), 1..=5);
        newest.events[3].trouble = Some(Box::new(TroubleReport {
            since: String::new(),
            until: None,
            worst: None,
            saved: 3,
            lost: 0,
        }));

        let delta = newest.delta(&last, OpenBucket::Left);
        let ids: Vec<u64> = delta.events.iter().map(|event| event.id).collect();
        assert_eq!(ids, [5, 2]);
        let mut seen = last.clone();
        seen.apply(delta);

        assert_eq!(seen.events, newest.events);
    }

    #[test]
    fn new_events_displace_the_oldest() {
        let mut seen = with_events(status(0), 1..=100);
        seen.apply(with_events(status(1), 101..=130));

        assert_eq!(seen.events.len(), 100);
        assert_eq!(seen.events[0].id, 130);
        assert_eq!(seen.events[99].id, 31);
    }
}

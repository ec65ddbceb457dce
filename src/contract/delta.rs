//! Deltas of a [`Status`]: what a watcher is sent once a second, and how it is put together again.
//! A delta is a status with only those columns of its series that are new or have changed, for
//! series are most of its length and change only at their end, and with only the events that are
//! new.

use super::status::{Series, Status};

/// At most so many events are kept.
const EVENTS_MOST: usize = 100;

impl Status {
    /// What `self` says beyond `last`: the series only once a column of time has been finished
    /// since, and then from the column on that was unfinished in `last`.
    #[must_use]
    pub fn delta(&self, last: &Self) -> Self {
        let mut delta = self.clone();
        delta.series = self.series.since(last.series.last_start);
        for provider in &mut delta.providers {
            provider.series = provider.series.since(last.series.last_start);
        }
        let newest = last.events.first().map_or(0, |event| event.id);
        delta.events.retain(|event| newest < event.id);
        delta
    }

    /// Puts a delta onto the last status: series that were left out stay as they were, and new
    /// events come before the old ones. A whole status is a delta too.
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
        let oldest = self.events.last().map_or(u64::MAX, |event| event.id);
        let older = last.events.into_iter().filter(|event| event.id < oldest);
        self.events.extend(older);
        self.events.truncate(EVENTS_MOST);
    }
}

impl Series {
    /// The columns from the one that starts at `start` on; nothing where that is still the last.
    fn since(&self, start: u64) -> Self {
        if self.last_start == start {
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

    /// Puts the columns before its own that `older` has, up to its length.
    fn precede(&mut self, older: Self) {
        if self.is_empty() {
            *self = older;
            return;
        }
        let (width, length) = (self.bucket_seconds.max(1), older.buckets.len());
        let own = self.buckets.len() as u64;
        // The last of the older columns that is not among the own ones.
        let first = (self.last_start / width + 1).saturating_sub(own);
        let before =
            first.saturating_sub((older.last_start / width + 1).saturating_sub(length as u64));
        let mut columns = older.buckets;
        if older.bucket_seconds != self.bucket_seconds || before > length as u64 {
            return;
        }
        columns.truncate(usize::try_from(before).unwrap_or(length));
        columns.append(&mut self.buckets);
        let surplus = columns.len().saturating_sub(length);
        self.buckets = columns.split_off(surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Bucket, Dropped, EventKind, EventReport, Instance, Window};
    use crate::domain::{
        Capabilities, Catalogue, Fleet, ModelTypes, Moment, Provider, Rates, Strategy, Target,
        TargetId, WeightOverride, Weights,
    };

    fn status(now: u64) -> Status {
        let provider = Provider {
            name: "alpha".into(),
            kind: "word".into(),
            priority: 50,
            max_concurrent: None,
            rates: Rates::default(),
            enabled: true,
            off: None,
            weights: WeightOverride::default(),
        };
        let catalogue = Catalogue {
            providers: vec![provider],
            targets: vec![Target {
                id: TargetId::new("alpha", "one"),
                provider: 0,
                types: ModelTypes::CHAT,
                capabilities: Capabilities::default(),
                price: None,
                max_concurrent: None,
            }],
            ..Catalogue::default()
        };
        let start = Moment::from_seconds(1_000_000);
        let fleet = Fleet::new(catalogue, Strategy::Best, Weights::default(), 1, start);
        let picture = fleet.snapshot(900, Moment::from_seconds(1_000_000 + now));
        let instance = Instance {
            version: "1".to_owned(),
            environment: "test".to_owned(),
        };
        Status::new(&picture, Window::Quarter, &instance, Dropped::default())
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
            })
            .collect();
        status
    }

    #[test]
    fn a_delta_put_onto_the_last_status_is_the_newest_one() {
        for seconds in [1, 4, 20, 400] {
            let last = with_events(status(0), 1..=2);
            let newest = with_events(status(seconds), 1..=5);

            let mut seen = last.clone();
            seen.apply(newest.delta(&last));

            let mut expected = newest;
            if expected.series.last_start == last.series.last_start {
                expected.series = last.series;
                expected.providers[0].series = last.providers[0].series.clone();
            }
            assert_eq!(seen, expected, "{seconds} s later");
        }
    }

    #[test]
    fn finished_columns_are_sent_alone_and_put_to_the_older_ones() {
        let at = |last: u64| Series {
            bucket_seconds: 15,
            last_start: last * 15,
            buckets: (last - 59..=last)
                .map(|column| Bucket {
                    requests: u32::try_from(column).unwrap(),
                    ..Bucket::default()
                })
                .collect(),
        };
        for (later, sent) in [(0, 0), (1, 2), (3, 4), (59, 60), (60, 60), (200, 60)] {
            let (old, new) = (at(1_000), at(1_000 + later));
            let mut tail = new.since(old.last_start);
            assert_eq!(tail.buckets.len(), sent, "{later} columns later");
            tail.precede(old);
            assert_eq!(tail, new, "{later} columns later");
        }
    }

    #[test]
    fn within_a_column_a_delta_has_no_series_and_only_new_events() {
        let last = with_events(status(0), 1..=2);
        let newest = with_events(status(1), 1..=3);

        let delta = newest.delta(&last);

        let json = serde_json::to_value(&delta).unwrap();
        assert!(json.get("series").is_none());
        assert!(json["providers"][0].get("series").is_none());
        assert_eq!(delta.events.len(), 1);
        let read: Status = serde_json::from_value(json).unwrap();
        assert_eq!(read, delta);
    }

    #[test]
    fn old_events_give_way_to_new_ones() {
        let mut seen = with_events(status(0), 1..=100);
        seen.apply(with_events(status(1), 101..=130));

        assert_eq!(seen.events.len(), 100);
        assert_eq!(seen.events[0].id, 130);
        assert_eq!(seen.events[99].id, 31);
    }
}

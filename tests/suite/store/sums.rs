//! Sums over a period: the database adds up what memory would.

use super::{TestDatabase, now, on_both};
use aibal_tui::domain::{BucketCounts, Histogram, Merge as _, Money};
use aibal_tui::store::{Record, RollUpFilter, RollUpKey, RollUpRow, Store, SumBy};
use std::collections::BTreeMap;

const HOUR_S: u64 = 3_600;
const DAY_S: u64 = 86_400;
const MINUTES: u64 = 3 * 24 * 60;

fn start() -> u64 {
    now().unix_seconds() / DAY_S * DAY_S - 2 * DAY_S
}

/// Sums of every seventeenth minute of three days, in all widths, as a journal writes them.
fn made() -> BTreeMap<RollUpKey, BucketCounts> {
    let mut sums: BTreeMap<RollUpKey, BucketCounts> = BTreeMap::new();
    for minute in (0..MINUTES).step_by(17) {
        let at = start() + minute * 60;
        let mut counts = BucketCounts {
            succeeded: minute,
            failed: 1,
            cost: Money::from_pico(minute * 7),
            latency_sum_ms: 0.5,
            failures: vec![("server", 1 + minute % 2)],
            ..BucketCounts::default()
        };
        let cell = u8::try_from(minute % 40).unwrap();
        counts.latency = Histogram::from_cells([(cell, 3), (cell + 1, 1)]);
        for width_s in [60, HOUR_S, DAY_S] {
            let key = RollUpKey {
                width_s,
                start_s: at / width_s * width_s,
                scope: "client",
                provider: ["near", "far"][usize::from(minute % 3 == 0)].into(),
                model: "m".into(),
                client: ["", "mail"][usize::from(minute % 2 == 0)].into(),
                tag: format!("team-{}", minute % 5).into(),
            };
            sums.entry(key).or_default().merge(&counts);
        }
    }
    sums
}

async fn filled(database: &TestDatabase) -> Store {
    let store = database.open().await;
    for (key, counts) in made() {
        let row = RollUpRow {
            key,
            counts,
            ..RollUpRow::default()
        };
        store.record(Record::RollUp(Box::new(row)));
    }
    store.flush().await;
    store
}

fn period(minutes: u64, width_s: u64) -> RollUpFilter {
    RollUpFilter {
        width_s,
        scope: "client",
        from_s: (start() + minutes * 60) / width_s * width_s,
        until_s: start() + 3 * DAY_S + 1,
        ..RollUpFilter::default()
    }
}

/// What [`Store::sum_roll_ups`] answers, from the sums of minutes alone.
fn expected(
    filter: &RollUpFilter,
    step_s: Option<u64>,
    name: impl Fn(&RollUpKey) -> RollUpKey,
) -> Vec<(RollUpKey, BucketCounts)> {
    let mut sums: BTreeMap<RollUpKey, BucketCounts> = BTreeMap::new();
    for (key, counts) in made() {
        let is_client = filter
            .client
            .as_deref()
            .is_none_or(|client| *client == *key.client);
        if key.width_s == 60 && key.start_s >= filter.from_s && is_client {
            let after = key.start_s - filter.from_s;
            let start_s = filter.from_s + step_s.map_or(0, |step| after / step * step);
            let key = RollUpKey {
                start_s,
                width_s: filter.width_s,
                scope: "client",
                ..name(&key)
            };
            sums.entry(key).or_default().merge(&counts);
        }
    }
    sums.into_iter().collect()
}

fn target(key: &RollUpKey) -> RollUpKey {
    RollUpKey {
        provider: key.provider.clone(),
        model: key.model.clone(),
        ..RollUpKey::default()
    }
}

fn shown(counts: &BucketCounts) -> String {
    let mut counts = counts.clone();
    counts.failures.sort_unstable();
    format!("{counts:?}")
}

on_both! {
    async fn sums_of_a_period_are_those_of_its_minutes(database: TestDatabase) {
        let store = filled(&database).await;
        for (minutes, width_s, step_s) in [
            (0, 60, None),
            (125, 60, None),
            (24 * 60 + 1, 60, None),
            (47 * 60 + 59, 60, None),
            (60, HOUR_S, None),
            (125, 60, Some(300)),
            (120, 60, Some(HOUR_S)),
            (125, 60, Some(HOUR_S)),
            (0, HOUR_S, Some(DAY_S)),
            (300, HOUR_S, Some(DAY_S)),
        ] {
            for client in [None, Some("mail".to_owned())] {
                let filter = RollUpFilter { client, ..period(minutes, width_s) };
                let found = store.sum_roll_ups(&filter, SumBy::Target, step_s).await.unwrap();

                let found: Vec<_> = found.iter().map(|row| (&row.key, shown(&row.counts))).collect();
                let expected = expected(&filter, step_s, target);
                let expected: Vec<_> =
                    expected.iter().map(|(key, counts)| (key, shown(counts))).collect();
                assert_eq!(found, expected, "{minutes} {width_s} {step_s:?}");
            }
        }
    }

    async fn sums_by_a_name_have_its_counts(database: TestDatabase) {
        let store = filled(&database).await;
        let filter = period(125, 60);
        let found = store.sum_roll_ups(&filter, SumBy::Tag, None).await.unwrap();

        let tag = |key: &RollUpKey| RollUpKey { tag: key.tag.clone(), ..RollUpKey::default() };
        let expected = expected(&filter, None, tag);
        assert_eq!(found.len(), expected.len());
        for (row, (key, counts)) in found.iter().zip(expected) {
            assert_eq!(row.key, key);
            let size = |counts: &BucketCounts| (counts.succeeded, counts.failed, counts.cost);
            assert_eq!(size(&row.counts), size(&counts));
        }
    }

    async fn an_older_database_gets_sums_of_days(database: TestDatabase) {
        let store = filled(&database).await;
        store.close().await;
        database.execute("DELETE FROM roll_ups WHERE width_s = 86400").await;
        database.execute("CREATE INDEX attempts_by_decision ON attempts (decision)").await;
        database.execute("DELETE FROM schema_version WHERE version > 1").await;
        let store = database.open().await;

        let filter = period(0, HOUR_S);
        let found = store.sum_roll_ups(&filter, SumBy::Target, None).await.unwrap();

        let found: Vec<String> = found.iter().map(|row| shown(&row.counts)).collect();
        let expected = expected(&filter, None, target);
        assert_eq!(found, expected.iter().map(|(_, counts)| shown(counts)).collect::<Vec<_>>());
    }
}

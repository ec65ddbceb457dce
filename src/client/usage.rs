//! Who spent what, from the sums of clients in the store.

use super::error::ApiError;
use super::local::LocalClient;
use crate::clock;
use crate::contract::{Problem, UsageBy, UsagePeriod, UsageReport, UsageRow, rfc3339};
use crate::domain::{BucketCounts, Merge as _, Money, UnixTime};
use crate::store::{RollUpFilter, RollUpKey, SumBy};
use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

/// Longest period that begins at a full minute; longer ones begin at a full hour.
const MAX_BY_MINUTE: Duration = Duration::from_hours(24);
/// Names in one report; the cheapest of more are summed under [`REST`].
const MAX_ROWS: usize = 1_000;
const REST: &str = "(all others)";

impl LocalClient {
    /// Sums of the attempts of a period, which ends now. They are at most some seconds old.
    pub async fn usage(&self, by: UsageBy, period: UsagePeriod) -> Result<UsageReport, ApiError> {
        if !self.store().is_on() {
            return Err(unavailable(
                "there is no store, so no usage is kept; see [store] url",
            ));
        }
        let now = clock::now();
        let width_s = if period.0 <= MAX_BY_MINUTE { 60 } else { 3_600 };
        let from_s = now.minus(period.0).unix_seconds() / width_s * width_s;
        let filter = RollUpFilter {
            width_s,
            scope: "client",
            from_s,
            until_s: now.unix_seconds() + 1,
            ..RollUpFilter::default()
        };
        let (sum_by, name): (SumBy, fn(&RollUpKey) -> &Arc<str>) = match by {
            UsageBy::Token => (SumBy::Client, |key| &key.client),
            UsageBy::Model => (SumBy::Model, |key| &key.model),
            UsageBy::Provider => (SumBy::Provider, |key| &key.provider),
            UsageBy::Tag => (SumBy::Tag, |key| &key.tag),
        };
        let rows = self.store().sum_roll_ups(&filter, sum_by, None).await;
        let rows =
            rows.map_err(|error| unavailable(&format!("the store does not answer: {error}")))?;
        let sums = rows.into_iter();
        let sums = sums.map(|row| (Arc::clone(name(&row.key)), row.counts));
        let period = (UnixTime::from_seconds(from_s), now);
        Ok(report(by, sums.collect(), period))
    }
}

fn report(
    by: UsageBy,
    mut sums: Vec<(Arc<str>, BucketCounts)>,
    (since, now): (UnixTime, UnixTime),
) -> UsageReport {
    let size = |counts: &BucketCounts| (counts.cost, counts.tokens, counts.all());
    sums.sort_by_key(|(_, counts)| Reverse(size(counts)));
    let mut total = BucketCounts::default();
    for (_, counts) in &sums {
        total.merge(counts);
    }
    if sums.len() > MAX_ROWS {
        let mut rest = BucketCounts::default();
        let others = sums.split_off(MAX_ROWS - 1);
        for (_, counts) in &others {
            rest.merge(counts);
        }
        sums.push((REST.into(), rest));
    }
    UsageReport {
        by,
        since: rfc3339(since),
        generated_at: rfc3339(now),
        usage: sums.iter().map(|(name, sum)| row(name, sum)).collect(),
        total: row("", &total),
    }
}

fn row(name: &str, counts: &BucketCounts) -> UsageRow {
    UsageRow {
        name: name.to_owned(),
        attempts: counts.all(),
        failed: counts.failed + counts.client_errors,
        cancelled: counts.cancelled,
        tokens: counts.tokens,
        cost_usd: counts.known_cost().map(Money::usd),
        cost_basis: counts.cost_basis.into(),
    }
}

fn unavailable(detail: &str) -> ApiError {
    ApiError::Other {
        problem: Problem::new(503, detail),
        retry_after: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::InstanceInfo;
    use crate::domain::{BalancerState, Catalogue, Strategy, Uptime, Weights};
    use crate::engine;
    use crate::store::{Record, RollUpRow, Store, StoreOptions};

    #[tokio::test]
    async fn sums_of_the_store_are_added_up_by_name() {
        let store = Store::open(StoreOptions::at("memory:")).await.unwrap();
        let now = clock::now();
        let hour = now.unix_seconds() / 3_600 * 3_600;
        let sums = |age: u64, client: &str, tag: &str, attempts: u64| {
            let at = hour - age * 3_600;
            for width_s in [3_600, 86_400] {
                let key = RollUpKey {
                    width_s,
                    start_s: at / width_s * width_s,
                    scope: "client",
                    provider: "p".into(),
                    model: "m".into(),
                    client: client.into(),
                    tag: tag.into(),
                };
                let counts = BucketCounts {
                    succeeded: attempts,
                    tokens: 10 * attempts,
                    cost: Money::from_usd(attempts as f64),
                    ..BucketCounts::default()
                };
                let uptime = Uptime::default();
                store.record(Record::RollUp(Box::new(RollUpRow {
                    key,
                    counts,
                    uptime,
                })));
            }
        };
        sums(0, "app", "nightly", 2);
        sums(5, "app", "", 1);
        sums(1, "batch", "nightly", 4);
        sums(24 * 8, "old", "", 100);
        store.flush().await;
        let (weights, best) = (Weights::default(), Strategy::Best);
        let state = BalancerState::new(Catalogue::default(), best, weights, 1, now);
        let (_engine, handle, _) = engine::build(state, 1);
        let instance = InstanceInfo {
            version: String::new(),
            environment: String::new(),
        };
        let client = LocalClient::new(handle, instance);
        let period = UsagePeriod::default();
        assert!(
            client.usage(UsageBy::Tag, period).await.is_err(),
            "no store"
        );
        let client = client.with_store(store);
        let usage = async |by| {
            let report = client.usage(by, period).await.unwrap();
            let rows = report.usage.into_iter();
            let rows = rows.map(|row| (row.name, row.attempts, row.cost_usd));
            (rows.collect::<Vec<_>>(), report.total.tokens)
        };

        let row = |name: &str, attempts: u64| (name.to_owned(), attempts, Some(attempts as f64));
        let by_token = (vec![row("batch", 4), row("app", 3)], 70);
        assert_eq!(usage(UsageBy::Token).await, by_token);
        let by_tag = (vec![row("nightly", 6), row("", 1)], 70);
        assert_eq!(usage(UsageBy::Tag).await, by_tag);
        assert_eq!(usage(UsageBy::Provider).await, (vec![row("p", 7)], 70));
    }

    #[test]
    fn the_dearest_come_first_and_further_names_are_summed() {
        let counts = |cost: u64| BucketCounts {
            succeeded: 1,
            tokens: 10,
            cost: Money::from_pico(cost),
            ..BucketCounts::default()
        };
        let sums = (0..1_500_u64).map(|number| (number.to_string().into(), counts(number)));
        let times = (UnixTime::from_seconds(0), UnixTime::from_seconds(60));

        let report = report(UsageBy::Tag, sums.collect(), times);

        assert_eq!(report.usage.len(), MAX_ROWS);
        assert_eq!(report.usage[0].name, "1499");
        let rest = &report.usage[MAX_ROWS - 1];
        assert_eq!((&*rest.name, rest.attempts), (REST, 501));
        assert_eq!(
            (report.total.attempts, report.total.tokens),
            (1_500, 15_000)
        );
        let sum: f64 = report.usage.iter().filter_map(|row| row.cost_usd).sum();
        assert!((sum - report.total.cost_usd.unwrap()).abs() < 1e-15);
    }
}

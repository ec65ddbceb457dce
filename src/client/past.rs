//! Windows of the past, from the sums and events in the store.

use super::error::ApiError;
use super::local::LocalClient;
use super::store_report::unavailable;
use crate::clock;
use crate::contract::{PastColumns, PastSums, Problem, Status, Window, rfc3339};
use crate::domain::{Merge as _, Revision, UnixTime};
use crate::store::{RollUpFilter, RollUpRow, SumBy};

/// The narrowest stored sums that are kept for long, in seconds. Windows begin and end with one.
const NARROWEST_S: u64 = 60;
/// Columns of a window.
const COLUMNS: u64 = 60;
/// Events of a window.
const MAX_EVENTS: u64 = 100;

impl LocalClient {
    /// Status of the window that ended at `until`, which is cut to a full minute.
    pub async fn past_status(&self, window: Window, until: UnixTime) -> Result<Status, ApiError> {
        let now = clock::now();
        let end = until.min(now).unix_seconds() / NARROWEST_S * NARROWEST_S;
        let mut past = PastSums {
            window,
            from: UnixTime::from_seconds(end.saturating_sub(window.seconds())),
            until: UnixTime::from_seconds(end),
            width_s: (window.seconds() / COLUMNS).max(NARROWEST_S),
            ..PastSums::default()
        };
        if !self.store().is_on() {
            let detail = "nothing is stored ([store] url is \"off\"), so there is no past to show";
            return Err(Problem::new(409, detail).into());
        }
        self.read_sums(&mut past).await?;
        let status = self.status(window).await?;
        if past.is_empty() {
            let (from, until) = (rfc3339(past.from), rfc3339(past.until));
            let detail = format!(
                "nothing is stored of {from} to {until}; figures reach back to {}",
                status.since
            );
            return Err(Problem::new(404, detail).into());
        }
        let events = self
            .store()
            .load_past_events(past.from, past.until, MAX_EVENTS);
        past.events = events.await.map_err(|error| unavailable(&error))?;
        let alerts = self.handle().alerts().await?.into_iter().map(|it| it.alert);
        let lasted = |from: UnixTime, until: Option<UnixTime>| {
            from < past.until && until.is_none_or(|until| until > past.from)
        };
        past.alerts = alerts.filter(|it| lasted(it.since, it.until)).collect();
        let revisions = self.handle().revisions().await?;
        let last = revisions.iter().find(|it| it.at <= past.until);
        let first: Option<&Revision> = revisions.last();
        past.weights = last.map(|it| it.after).or(first.map(|it| it.before));
        past.revision = last.cloned();
        Ok(status.of_past(&past))
    }

    async fn read_sums(&self, past: &mut PastSums) -> Result<(), ApiError> {
        for row in self.rows_of(past, "requests", SumBy::Target).await? {
            add(&mut past.requests, &row);
        }
        for row in self.rows_of(past, "target", SumBy::Target).await? {
            let key = (row.key.provider.clone(), row.key.model.clone());
            add(past.targets.entry(key).or_default(), &row);
        }
        for row in self.rows_of(past, "provider", SumBy::Provider).await? {
            let uptime = past.uptimes.entry(row.key.provider.clone()).or_default();
            uptime.merge(&row.uptime);
        }
        Ok(())
    }

    async fn rows_of(
        &self,
        past: &PastSums,
        scope: &'static str,
        by: SumBy,
    ) -> Result<Vec<RollUpRow>, ApiError> {
        let filter = RollUpFilter {
            width_s: NARROWEST_S,
            scope,
            from_s: past.from.unix_seconds(),
            until_s: past.until.unix_seconds(),
            ..RollUpFilter::default()
        };
        let sums = self.store().sum_roll_ups(&filter, by, Some(past.width_s));
        let rows = sums.await.map_err(|error| unavailable(&error))?;
        Ok(rows)
    }
}

fn add(columns: &mut PastColumns, row: &RollUpRow) {
    let column = columns.entry(row.key.start_s).or_default();
    column.merge(&row.counts);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{HealthState, InstanceInfo};
    use crate::domain::{
        BalancerState, BucketCounts, Capabilities, Catalogue, ModelTypes, Money, Provider,
        Strategy, Target, TargetId, Weights,
    };
    use crate::engine;
    use crate::store::{EventRow, Record, RollUpKey, Store, StoreOptions};
    use tokio_util::sync::CancellationToken;

    /// An instance with the provider `p`.
    fn client(stop: &CancellationToken) -> LocalClient {
        let catalogue = Catalogue {
            providers: vec![Provider::new("p", "openai-compatible")],
            targets: vec![Target {
                id: TargetId::new("p", "m"),
                provider: 0.into(),
                types: ModelTypes::CHAT,
                capabilities: Capabilities::default(),
                price: None,
                max_concurrent: None,
            }],
            ..Catalogue::default()
        };
        let weights = Weights::default();
        let state = BalancerState::new(catalogue, Strategy::Best, weights, 1, clock::now());
        let (engine, handle, _) = engine::build(state, 1);
        tokio::spawn(engine.run(stop.clone()));
        let instance = InstanceInfo {
            version: String::new(),
            environment: String::new(),
        };
        LocalClient::new(handle, instance)
    }

    fn record(store: &Store, scope: &'static str, start_s: u64, succeeded: u64, failed: u64) {
        let is_target = scope == "target";
        let name = |name: &str| if is_target { name.into() } else { "".into() };
        store.record(Record::RollUp(Box::new(RollUpRow {
            key: RollUpKey {
                width_s: 60,
                start_s,
                scope,
                provider: name("p"),
                model: name("m"),
                ..RollUpKey::default()
            },
            counts: BucketCounts {
                succeeded,
                failed,
                cost: Money::from_usd(if is_target { 0.5 } else { 0.0 }),
                ..BucketCounts::default()
            },
            ..RollUpRow::default()
        })));
    }

    #[tokio::test]
    async fn a_window_of_the_past_has_the_figures_of_the_store() {
        let store = Store::open(StoreOptions::at("memory:")).await.unwrap();
        let end = clock::now().unix_seconds() / 3_600 * 3_600 - 7_200;
        for (minute, failed) in [(1, 0), (30, 40)] {
            let start_s = end - minute * 60;
            record(&store, "requests", start_s, 60, 1);
            record(&store, "target", start_s, 60, failed);
        }
        // Outside of the window on both sides.
        for start_s in [end - 3_660, end] {
            record(&store, "target", start_s, 1_000, 0);
            record(&store, "requests", start_s, 1_000, 0);
        }
        store.record(Record::Event(EventRow {
            sequence: 1,
            at: UnixTime::from_seconds(end - 90),
            number: 5,
            kind: "breaker",
            text: "p: m OPEN".to_owned(),
            ..EventRow::default()
        }));
        store.flush().await;
        let stop = CancellationToken::new();
        let client = client(&stop);
        let until = UnixTime::from_seconds(end + 30);
        let error = client.past_status(Window::Hour, until).await.unwrap_err();
        assert!(error.to_string().contains("nothing is stored"), "{error}");

        let client = client.with_store(store);
        let status = client.past_status(Window::Hour, until).await.unwrap();
        let past = status.past.clone().unwrap();
        assert_eq!(past.until, rfc3339(UnixTime::from_seconds(end)));
        assert_eq!((status.totals.requests, status.totals.attempts), (122, 160));
        assert_eq!(status.totals.total_cost_usd, Some(1.0));
        let provider = &status.providers[0];
        assert_eq!(provider.performance.requests, 160);
        assert_eq!(provider.performance.state, HealthState::Failing);
        assert!((provider.share - 1.0).abs() < 1e-9 && provider.odds == 0.0);
        let buckets = &provider.series.buckets;
        assert_eq!((buckets.len(), provider.series.last_start), (60, end - 60));
        assert_eq!((buckets[59].requests, buckets[30].requests), (60, 100));
        assert_eq!(status.events[0].text, "p: m OPEN");

        let earlier = UnixTime::from_seconds(end - 86_400);
        let error = client.past_status(Window::Hour, earlier).await.unwrap_err();
        assert!(
            error.to_string().contains("figures reach back to"),
            "{error}"
        );
        stop.cancel();
    }
}

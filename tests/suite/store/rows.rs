//! Rows, sums and states that are written and read.

use super::{TestDatabase, now, on_both};
use aibal_tui::domain::{BucketCounts, Histogram, Money, UnixTime, Uptime};
use aibal_tui::store::{
    AttemptRow, EventRow, Explanation, Record, RequestFilter, RequestRow, RollUpFilter, RollUpKey,
    RollUpRow, Store, StoreState, TroubleFilter,
};
use std::sync::LazyLock;

/// One full second for all requests, in microseconds.
static SECOND: LazyLock<u64> = LazyLock::new(|| now().micros() / 1_000_000 * 1_000_000);

fn request(store: &Store, number: u64, provider: &str) -> RequestRow {
    RequestRow {
        sequence: store.next_sequence(),
        started: now(),
        at: UnixTime::from_micros(*SECOND + number),
        decision: format!("{number:016x}"),
        request_id: format!("req-{number}"),
        provider: provider.into(),
        model: "large".into(),
        outcome: if number.is_multiple_of(3) {
            "error"
        } else {
            "ok"
        },
        failure: if number.is_multiple_of(3) {
            "timeout"
        } else {
            ""
        },
        score: Some(0.25),
        reason: "drawn by share".to_owned(),
        attempts: 2,
        latency_us: 1_500,
        tokens: Some([10, 20, 3]),
        cost_pico: Some(7),
        cost_basis: "exact",
        explanation: Explanation::Json("{\"t\":[],\"r\":[]}".to_owned()),
        ..RequestRow::default()
    }
}

async fn with_requests(store: &Store, count: u64) {
    for number in 0..count {
        let provider = if number.is_multiple_of(2) {
            "near"
        } else {
            "far"
        };
        store.record(Record::Request(Box::new(request(store, number, provider))));
    }
    store.flush().await;
    store.close().await;
}

fn sums(succeeded: u64) -> RollUpRow {
    let mut latency = Histogram::default();
    for _ in 0..succeeded {
        latency.add(120.0);
    }
    let counts = BucketCounts {
        succeeded,
        latency,
        latency_sum_ms: 0.1 + 0.2,
        cost: Money::from_pico(123_456_789_012),
        failures: vec![("timeout", 2), ("server", 1)],
        ..BucketCounts::default()
    };
    RollUpRow {
        key: RollUpKey {
            width_s: 60,
            start_s: 1_700_000_040,
            scope: "target",
            provider: "near".into(),
            model: "large".into(),
            ..RollUpKey::default()
        },
        counts,
        uptime: Uptime::default(),
    }
}

fn minute() -> RollUpFilter {
    RollUpFilter {
        width_s: 60,
        scope: "target",
        until_s: u64::MAX,
        ..RollUpFilter::default()
    }
}

on_both! {
    async fn requests_are_read_newest_first_page_by_page(database: TestDatabase) {
        let store = database.open().await;
        with_requests(&store, 10).await;
        let store = database.open().await;

        let mut filter = RequestFilter { limit: 4, ..RequestFilter::default() };
        let mut seen = Vec::new();
        loop {
            let page = store.load_requests(&filter).await.unwrap();
            let Some(last) = page.last() else { break };
            filter.before = Some((last.at, last.sequence));
            seen.extend(page.iter().map(|row| row.request_id.clone()));
        }

        let expected: Vec<String> = (0..10).rev().map(|number| format!("req-{number}")).collect();
        assert_eq!(seen, expected);
    }

    async fn requests_are_filtered(database: TestDatabase) {
        let store = database.open().await;
        with_requests(&store, 12).await;
        let store = database.open().await;
        let found = async |filter: RequestFilter| {
            let filter = RequestFilter { limit: 100, ..filter };
            let rows = store.load_requests(&filter).await.unwrap();
            rows.iter().map(|row| row.request_id.clone()).collect::<Vec<_>>().join(" ")
        };
        let some = |text: &str| Some(text.to_owned());

        let near = RequestFilter { provider: some("near"), ..RequestFilter::default() };
        assert_eq!(found(near).await, "req-10 req-8 req-6 req-4 req-2 req-0");
        let failed = RequestFilter { outcome: some("error"), ..RequestFilter::default() };
        assert_eq!(found(failed).await, "req-9 req-6 req-3 req-0");
        let nobody = RequestFilter { client: some("unknown"), ..RequestFilter::default() };
        assert_eq!(found(nobody).await, "");
    }

    async fn requests_in_trouble_are_told_apart(database: TestDatabase) {
        let store = database.open().await;
        let mut saved = request(&store, 7, "near");
        saved.failure = "server";
        store.record(Record::Request(Box::new(saved)));
        with_requests(&store, 6).await;
        let store = database.open().await;
        let found = async |trouble: TroubleFilter, since: u64| {
            let filter = RequestFilter {
                limit: 100,
                trouble: Some(trouble),
                since: Some(request(&store, since, "near").at),
                ..RequestFilter::default()
            };
            let rows = store.load_requests(&filter).await.unwrap();
            rows.iter().map(|row| row.request_id.clone()).collect::<Vec<_>>().join(" ")
        };

        assert_eq!(found(TroubleFilter::Any, 0).await, "req-7 req-3 req-0");
        assert_eq!(found(TroubleFilter::Any, 1).await, "req-7 req-3");
        assert_eq!(found(TroubleFilter::Failed, 0).await, "req-3 req-0");
        assert_eq!(found(TroubleFilter::Saved, 0).await, "req-7");
    }

    async fn requests_are_found_by_the_beginning_of_an_id(database: TestDatabase) {
        let store = database.open().await;
        with_requests(&store, 12).await;
        let store = database.open().await;
        let found = async |start: &str| {
            let rows = store.find_requests(start, 3).await.unwrap();
            rows.iter().map(|row| row.request_id.clone()).collect::<Vec<_>>().join(" ")
        };

        assert_eq!(found("req-1").await, "req-11 req-10 req-1");
        assert_eq!(found("req-11").await, "req-11");
        assert_eq!(found("000000000000000b").await, "req-11");
        assert_eq!(found("00000000").await, "req-11 req-10 req-9", "at most three");
        // No pattern, and no other case.
        for nothing in ["req-_", "%", "REQ-1", "zz"] {
            assert_eq!(found(nothing).await, "", "{nothing}");
        }
    }

    async fn a_request_is_read_as_it_was_written(database: TestDatabase) {
        let store = database.open().await;
        let mut row = request(&store, 3, "near");
        "odd: \u{0} \u{1F600} 'quoted'".clone_into(&mut row.reason);
        store.record(Record::Request(Box::new(row.clone())));
        store.flush().await;
        store.close().await;
        let store = database.open().await;

        let read = store.load_request("0000000000000003").await.unwrap().unwrap();

        row.reason = row.reason.replace('\u{0}', "");
        assert_eq!(format!("{read:?}"), format!("{row:?}"));
    }

    async fn a_row_that_is_written_twice_stands_once(database: TestDatabase) {
        let store = database.open().await;
        let row = request(&store, 1, "near");
        let attempt = AttemptRow { sequence: store.next_sequence(), at: now(), ..AttemptRow::default() };
        for _ in 0..3 {
            store.record(Record::Request(Box::new(row.clone())));
            store.record(Record::Attempt(Box::new(attempt.clone())));
            store.flush().await;
        }
        store.close().await;
        let store = database.open().await;

        let filter = RequestFilter { limit: 9, ..RequestFilter::default() };
        assert_eq!(store.load_requests(&filter).await.unwrap().len(), 1);
    }

    async fn sums_are_absolute_and_only_grow(database: TestDatabase) {
        let store = database.open().await;
        for succeeded in [1, 5, 3] {
            store.record(Record::RollUp(Box::new(sums(succeeded))));
            store.flush().await;
        }
        // Twice in one transaction.
        store.record(Record::RollUp(Box::new(sums(7))));
        store.record(Record::RollUp(Box::new(sums(8))));
        store.close().await;
        let store = database.open().await;

        let read = store.load_roll_ups(&minute()).await.unwrap();

        assert_eq!(format!("{read:?}"), format!("{:?}", [sums(8)]));
    }

    async fn events_and_states_are_read_again(database: TestDatabase) {
        let store = database.open().await;
        for number in 1..=3 {
            store.record(Record::Event(EventRow {
                sequence: store.next_sequence(),
                at: now(),
                number,
                kind: "budget",
                bad: number == 2,
                provider: "near".into(),
                text: format!("event {number}"),
            }));
        }
        for (json, at) in [("{\"a\":1}", 5), ("{\"a\":2}", 9), ("{\"a\":0}", 7)] {
            let at = UnixTime::from_seconds(at);
            store.record(Record::State { name: "balancer", json: json.to_owned(), at });
            store.flush().await;
        }
        store.close().await;
        let store = database.open().await;

        let events = store.load_events(2).await.unwrap();
        let texts: Vec<&str> = events.iter().map(|event| &*event.text).collect();
        assert_eq!(texts, ["event 3", "event 2"]);
        assert_eq!((events[0].kind, events[1].bad), ("budget", true));
        let state = store.load_state("balancer").await.unwrap();
        assert_eq!(state, Some(("{\"a\":2}".to_owned(), UnixTime::from_seconds(9))));
        assert_eq!(store.load_state("none").await.unwrap(), None);
    }

    async fn another_instance_sees_nothing_of_it(database: TestDatabase) {
        let store = database.open().await;
        with_requests(&store, 2).await;
        let mut options = database.options.clone();
        "another".clone_into(&mut options.instance);
        let store = Store::open(options).await.unwrap();

        let filter = RequestFilter { limit: 9, ..RequestFilter::default() };
        assert!(store.load_requests(&filter).await.unwrap().is_empty());
        assert_eq!(store.status().state, StoreState::Ok);
    }
}

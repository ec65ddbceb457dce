//! Opening, closing, migrating, and what a failing database does.

use super::{TestDatabase, now, on_both};
use aibal_tui::store::{
    EventRow, Record, Store, StoreError, StoreOptions, StoreState, check_database,
};
use std::time::Duration;

fn event(store: &Store, text: &str) -> Record {
    Record::Event(EventRow {
        sequence: store.next_sequence(),
        at: now(),
        text: text.to_owned(),
        kind: "info",
        ..EventRow::default()
    })
}

#[tokio::test]
async fn a_store_that_is_off_keeps_nothing() {
    let store = Store::open(StoreOptions::at("off")).await.unwrap();

    store.record(event(&store, "nowhere"));

    assert!(!store.is_on());
    assert_eq!(store.status().state, StoreState::Off);
    assert!(store.load_events(9).await.is_err());
    let check = check_database(&StoreOptions::at("off"), false, now()).await;
    assert!(matches!(check, Err(StoreError::Off)), "{check:?}");
}

on_both! {
    async fn a_newer_database_is_refused_with_both_versions(database: TestDatabase) {
        database.open().await.close().await;
        database.execute("INSERT INTO schema_version (version, at) VALUES (77, 0)").await;

        let error = Store::open(database.options.clone()).await.unwrap_err();

        assert!(matches!(error, StoreError::Newer { found: 77, .. }), "{error}");
        assert!(error.to_string().contains("77"), "{error}");
    }

    async fn a_database_of_the_first_version_is_brought_to_the_newest(database: TestDatabase) {
        database.open().await.close().await;
        database.execute("CREATE INDEX attempts_by_decision ON attempts (decision)").await;
        database.execute("DELETE FROM schema_version WHERE version > 1").await;

        let store = database.open().await;
        store.record(event(&store, "here"));
        store.flush().await;

        assert_eq!(store.load_events(9).await.unwrap().len(), 1);
        // The second version has no such index.
        database.execute("CREATE INDEX attempts_by_decision ON attempts (decision)").await;
    }

    async fn many_starts_at_once_migrate_once(database: TestDatabase) {
        let opened = futures_util::future::join_all((0..4).map(|number| {
            let mut options = database.options.clone();
            options.instance = format!("number {number}");
            Store::open(options)
        }));
        for store in opened.await {
            let store = store.unwrap();
            store.record(event(&store, "here"));
            store.flush().await;
            assert_eq!(store.load_events(9).await.unwrap().len(), 1);
        }
    }

    async fn writing_resumes_once_the_tables_are_back(database: TestDatabase) {
        let store = database.open().await;
        database.execute("ALTER TABLE events RENAME TO gone").await;
        store.record(event(&store, "first"));
        while store.status().state != StoreState::Failing {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(store.status().last_error.is_some());
        assert_eq!(store.status().queued, 1);
        database.execute("ALTER TABLE gone RENAME TO events").await;

        while store.status().state != StoreState::Ok || store.status().queued > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(store.load_events(9).await.unwrap().len(), 1);
        assert_eq!(store.status().dropped, 0);
    }

    async fn what_waits_is_bounded_and_losses_are_counted(database: TestDatabase) {
        let store = database.open().await;
        database.execute("ALTER TABLE events RENAME TO gone").await;
        for number in 0..70_000 {
            store.record(event(&store, &number.to_string()));
        }
        let status = store.status();

        assert!(status.queued <= 65_536 + 2_000, "{}", status.queued);
        assert!(status.dropped >= 70_000 - 65_536 - 2_000, "{}", status.dropped);
        assert_eq!(status.dropped_kinds.get("events"), Some(&status.dropped));
    }

    async fn a_stop_writes_what_still_waits(database: TestDatabase) {
        let store = database.open().await;
        for number in 0..5_000 {
            store.record(event(&store, &number.to_string()));
        }
        store.close().await;
        store.record(event(&store, "too late"));
        let store = database.open().await;

        assert_eq!(store.load_events(9_000).await.unwrap().len(), 5_000);
    }
}

#[tokio::test]
async fn a_server_that_is_away_does_not_delay_the_start() {
    let store = Store::open(StoreOptions::at("postgres://u:pw@127.0.0.1:1/x"))
        .await
        .unwrap();
    store.record(event(&store, "waits"));

    let status = store.status();
    assert_eq!(status.state, StoreState::Failing);
    let text = format!("{status:?} {}", store.shown());
    assert!(!text.contains("pw"), "{text}");
    assert_eq!(store.shown(), "postgres://127.0.0.1:1/x");
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let mut options = StoreOptions::at("sqlite:below/aibal.db");
    options.folder = file;

    let error = Store::open(options).await.unwrap_err().to_string();

    assert!(error.contains("file/below"), "{error}");
}

#[tokio::test]
async fn a_store_in_memory_is_the_same_for_its_readers() {
    let store = Store::open(StoreOptions::memory()).await.unwrap();
    store.record(event(&store, "here"));
    store.flush().await;

    assert_eq!(store.load_events(9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn two_stores_in_memory_share_nothing() {
    let one = Store::open(StoreOptions::memory()).await.unwrap();
    let two = Store::open(StoreOptions::memory()).await.unwrap();
    one.record(event(&one, "here"));
    one.flush().await;

    assert!(two.load_events(9).await.unwrap().is_empty());
}

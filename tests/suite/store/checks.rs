//! `aibal-tui store`: a database looked at from outside, and migrated.

use super::{TestDatabase, now, on_both};
use crate::program::{program, run};
use aibal_tui::store::{
    DatabaseCheck, EventRow, Record, StoreError, StoreOptions, check_database, migrate_database,
};
use serde_json::{Value, json};
use tempfile::TempDir;

const EVENTS: u64 = 2_000;
const DAY_US: u64 = 86_400_000_000;

/// Opens a store and leaves it open, with some events of today and one of another day.
async fn filled(database: &TestDatabase) -> aibal_tui::store::Store {
    let store = database.open().await;
    for number in 0..EVENTS {
        let days = if number == 0 { 5 * DAY_US } else { 0 };
        store.record(Record::Event(EventRow {
            sequence: store.next_sequence(),
            at: aibal_tui::domain::UnixTime::from_micros(now().micros() - days),
            text: "x".repeat(200),
            kind: "info",
            ..EventRow::default()
        }));
    }
    store.flush().await;
    store
}

async fn checked(database: &TestDatabase, is_thorough: bool) -> DatabaseCheck {
    let check = check_database(&database.options, is_thorough, now()).await;
    check.unwrap()
}

on_both! {
    async fn a_whole_database_is_whole_beside_a_running_gateway(database: TestDatabase) {
        let store = filled(&database).await;

        for is_thorough in [false, true] {
            let check = checked(&database, is_thorough).await;

            assert_eq!(check.problems, Vec::<String>::new());
            assert_eq!((check.version, check.newest_version), (4, 4));
            assert!(check.bytes > 200 * EVENTS, "{} bytes", check.bytes);
            assert_eq!(check.tables.len(), 10);
            let events = check.tables.iter().find(|table| table.name == "events").unwrap();
            assert_eq!((events.rows, events.days), (EVENTS, 2));
            let (oldest, newest) = events.times.unwrap();
            assert!(newest.micros() - oldest.micros() > 4 * DAY_US);
            let requests = check.tables.iter().find(|table| table.name == "requests").unwrap();
            assert_eq!((requests.rows, requests.times), (0, None));
        }
        store.close().await;
    }

    async fn a_table_or_a_column_that_is_missing_is_damage(database: TestDatabase) {
        filled(&database).await.close().await;
        database.execute("ALTER TABLE events RENAME COLUMN text TO words").await;
        database.execute("DROP TABLE audit").await;

        let check = checked(&database, false).await;

        assert_eq!(check.problems.len(), 2, "{:?}", check.problems);
        let said = |words: [&str; 2]| {
            let mut problems = check.problems.iter();
            problems.any(|text| words.iter().all(|word| text.contains(word)))
        };
        assert!(said(["events", "text"]) && said(["audit", "audit"]), "{:?}", check.problems);
        assert_eq!(check.tables.len(), 8);
    }

    async fn a_migration_says_both_versions_and_refuses_a_newer_database(database: TestDatabase) {
        assert_eq!(migrate_database(&database.options, now()).await.unwrap(), (0, 4));
        assert_eq!(migrate_database(&database.options, now()).await.unwrap(), (4, 4));
        let store = filled(&database).await;
        assert_eq!(migrate_database(&database.options, now()).await.unwrap(), (4, 4));
        store.close().await;
        database.execute("INSERT INTO schema_version (version, at) VALUES (77, 0)").await;

        let refused = [
            migrate_database(&database.options, now()).await.unwrap_err(),
            check_database(&database.options, false, now()).await.unwrap_err(),
        ];

        for error in refused {
            assert!(matches!(error, StoreError::Newer { found: 77, known: 4 }), "{error}");
        }
    }

    async fn the_commands_print_text_or_json_and_say_damage_by_their_exit_code(
        database: TestDatabase
    ) {
        let home = TempDir::new().unwrap();
        let file = home.path().join("aibal.toml");
        std::fs::write(&file, database.table()).unwrap();
        let command = |arguments: &[&str]| {
            let (mut command, arguments) = (program(&home), arguments.to_vec());
            let result = tokio::task::block_in_place(|| run(command.args(arguments)));
            assert!(!result.1.contains("postgres:postgres"), "{}", result.1);
            result
        };
        let (code, out, _) = command(&["store", "migrate"]);
        assert_eq!((code, out.contains("from version 0 to 4")), (0, true), "{out}");
        let (code, out, _) = command(&["store", "migrate", "--json"]);
        let report: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((code, &report["from"], &report["to"]), (0, &json!(4), &json!(4)));
        let store = filled(&database).await;

        let (code, out, err) = command(&["store", "check"]);
        assert_eq!((code, out.contains(": whole\n")), (0, true), "{out}{err}");
        assert!(out.lines().any(|line| line.starts_with("events ") && line.contains(" 2000 ")));
        database.execute("DROP TABLE ledger").await;
        let (code, out, _) = command(&["store", "check", "--thorough", "--json"]);
        let report: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((code, &report["isWhole"]), (1, &json!(false)), "{out}");
        assert!(report["oldestRow"].as_str() < report["tables"][2]["newest"].as_str(), "{out}");
        store.close().await;

        let (code, out, err) = command(&["store", "check", "--url", "sqlite:nowhere.db"]);
        assert_eq!((code, out.as_str()), (2, ""));
        assert!(err.contains("there is no database at") && err.contains("nowhere.db"), "{err}");
        let (code, _, err) = command(&["store", "check", "--url", "memory:"]);
        assert_eq!((code, err.contains("in memory")), (2, true), "{err}");
        let (code, _, err) = command(&["store", "check", "--url", "postgres://u:pw@127.0.0.1:1/x"]);
        assert_eq!((code, err.contains("127.0.0.1:1"), err.contains("pw")), (2, true, false));
    }
}

#[tokio::test]
async fn a_partition_that_is_detached_or_gone_is_damage() {
    let Some(database) = TestDatabase::postgres().await else {
        return;
    };
    filled(&database).await.close().await;
    let today = now().unix_seconds() / 86_400;
    let (detached, gone) = (today - 5, today);
    let statements = [
        format!("ALTER TABLE events DETACH PARTITION events_{detached}"),
        format!("DROP TABLE requests_{gone}"),
    ];
    for statement in statements {
        database.execute(&statement).await;
    }

    let check = checked(&database, false).await;

    let expected = [
        format!("requests_{gone} is missing, the partition of a day"),
        format!("events_{detached} is no partition of its table any more"),
    ];
    assert_eq!(check.problems, expected);
    let events = check.tables.iter().find(|table| table.name == "events");
    assert_eq!(events.unwrap().partitions, Some(3));
}

#[tokio::test]
async fn a_damaged_file_is_damage_and_so_is_one_of_another_kind() {
    let database = TestDatabase::sqlite();
    filled(&database).await.close().await;
    let path = database.options.folder.join("aibal.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8_192].fill(0xa5);
    std::fs::write(&path, &bytes).unwrap();

    let check = checked(&database, false).await;
    assert!(!check.problems.is_empty());

    std::fs::write(&path, "no database at all ".repeat(100)).unwrap();
    let check = checked(&database, false).await;
    assert!(
        check.problems[0].contains("not a database"),
        "{:?}",
        check.problems
    );
}

#[tokio::test]
async fn a_check_makes_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = StoreOptions::at("sqlite:below/aibal.db");
    folder.path().clone_into(&mut options.folder);

    let error = check_database(&options, false, now()).await.unwrap_err();

    assert!(matches!(error, StoreError::Missing(_)), "{error}");
    assert!(!folder.path().join("below").exists());
}

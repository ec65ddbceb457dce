//! The chain of the audit log: what breaks it, and what does not.

use super::{TestDatabase, now, on_both};
use aibal_tui::domain::UnixTime;
use aibal_tui::store::{AuditCheck, AuditEntry, AuditRow, EventRow, Record, Store};
use aws_lc_rs::digest::{SHA256, digest};
use std::fmt::Write as _;
use std::time::Duration;

const DAY_US: u64 = 86_400_000_000;

fn entry(action: &'static str, subject: u64) -> AuditEntry {
    AuditEntry {
        actor: "bob".to_owned(),
        action,
        subject: subject.to_string(),
        ..AuditEntry::default()
    }
}

async fn open(database: &TestDatabase) -> Store {
    let store = database.open().await;
    // Reads the end of the chain.
    store.load_history(now()).await.unwrap();
    store
}

async fn checked(store: &Store) -> AuditCheck {
    let mut checks = store.audit_log().unwrap().check().await.unwrap();
    assert_eq!(checks.len(), 1);
    checks.remove(0)
}

/// An entry as the documentation describes it, written by another program.
fn row(store: &Store, at: UnixTime, previous: &str) -> AuditRow {
    let mut row = AuditRow {
        sequence: store.next_sequence(),
        at,
        actor: "bob \"b\"".to_owned(),
        action: "weights.set".to_owned(),
        outcome: "ok".to_owned(),
        previous: previous.to_owned(),
        ..AuditRow::default()
    };
    let content = serde_json::json!([
        store.instance(),
        row.sequence,
        at.micros(),
        row.actor,
        "",
        "weights.set",
        "",
        "ok",
        "",
        "",
        ""
    ]);
    for byte in digest(&SHA256, format!("{previous}\n{content}").as_bytes()).as_ref() {
        write!(row.hash, "{byte:02x}").unwrap();
    }
    row
}

on_both! {
    async fn a_row_that_is_changed_or_removed_breaks_the_chain(database: TestDatabase) {
        let store = open(&database).await;
        for number in 0..6 {
            store.audit(entry("weights.set", number));
        }
        store.flush().await;
        assert_eq!(checked(&store).await.broken, None);
        for (statement, why) in [
            ("UPDATE audit SET actor = 'eve' WHERE subject = '4'", "its content does not fit its hash"),
            ("DELETE FROM audit WHERE subject = '2'", "the entry before it is missing or changed"),
            ("DELETE FROM audit WHERE subject = '0'", "the entry before it is missing or changed"),
        ] {
            let before = checked(&store).await;
            database.execute(statement).await;

            let check = checked(&store).await;

            let (number, said) = check.broken.unwrap();
            assert_eq!(said, why, "{statement}");
            assert!(before.broken.is_none_or(|(broken, _)| number < broken), "{statement}");
        }
    }

    async fn entries_that_expire_leave_a_chain_that_can_be_checked(database: TestDatabase) {
        let mut options = database.options.clone();
        options.audit_days = 30;
        let store = Store::open(options).await.unwrap();
        let mut hash = String::new();
        let mut expired = 0;
        for (days, rows) in [(50, 2_500), (40, 1), (3, 5), (0, 5)] {
            for _ in 0..rows {
                let at = UnixTime::from_micros(now().micros() - days * DAY_US);
                let row = row(&store, at, &hash);
                hash.clone_from(&row.hash);
                if days > 30 {
                    expired = row.sequence;
                }
                store.record(Record::Audit(Box::new(row)));
            }
        }
        store.flush().await;
        while database.count("SELECT count(*) FROM audit").await > 10 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert_eq!(checked(&store).await.broken, None);
        }

        let check = checked(&store).await;
        assert_eq!((check.entries, check.broken), (10, None));
        assert_eq!(check.expired_up_to, Some(expired));
        assert_eq!(check.last_hash, hash);
        store.close().await;
        let store = open(&database).await;
        store.audit(entry("weights.set", 1));
        store.flush().await;
        let check = checked(&store).await;
        assert_eq!((check.entries, check.broken), (11, None));
        // What another program removes still shows.
        database.execute("DELETE FROM audit WHERE seq = (SELECT min(seq) FROM audit)").await;
        assert!(checked(&store).await.broken.is_some());
    }

    async fn a_flood_of_other_rows_costs_no_entry_and_a_flood_of_entries_is_told(
        database: TestDatabase
    ) {
        let store = open(&database).await;
        database.execute("ALTER TABLE audit RENAME TO gone").await;
        for number in 0..20 {
            store.audit(entry("weights.set", number));
        }
        for number in 0..80_000 {
            store.record(Record::Event(EventRow {
                sequence: store.next_sequence(),
                at: now(),
                number,
                kind: "info",
                ..EventRow::default()
            }));
        }
        let dropped = store.status().dropped_kinds;
        assert!(dropped.contains_key("events") && !dropped.contains_key("audit"), "{dropped:?}");
        for number in 0..12_000 {
            store.audit(entry("selection", number));
        }
        store.audit(entry("weights.set", 20));
        let lost = store.status().dropped_kinds["audit"];
        assert!((1..12_000).contains(&lost), "{lost} lost");
        database.execute("ALTER TABLE gone RENAME TO audit").await;
        store.flush().await;

        let check = checked(&store).await;
        assert_eq!((check.entries, check.broken), (20 + 12_000 - lost + 2, None));
        assert_eq!(database.count("SELECT count(*) FROM audit WHERE action = 'weights.set'").await, 21);
        let note = format!("SELECT count(*) FROM audit WHERE reason LIKE '{lost} entries are lost%'");
        assert_eq!(database.count(&note).await, 1);
    }
}

//! The audit log: what is in it, and that a changed row shows.

use super::gateway::Gateway;
use super::{TestDatabase, on_both};
use crate::upstream::{Behaviour, Upstream};
use aibal_tui::store::AuditEntry;
use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};

/// Entries without those of requests, oldest first: action, outcome.
async fn changes(gateway: &Gateway) -> Vec<(String, String)> {
    let log = gateway.get("/api/audit?since=1h").await;
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
    let entries = log["entries"].as_array().unwrap().iter().rev();
    entries
        .filter(|entry| entry["action"] != "selection")
        .map(|entry| (text(entry, "action"), text(entry, "outcome")))
        .collect()
}

on_both! {
    async fn changes_and_refused_ones_are_in_the_log_of_every_process(database: TestDatabase) {
        let upstream = Upstream::start(Behaviour::Good).await;
        let mut gateway = Gateway::start_with(&database, &upstream.base_url, "").await;
        let change = json!({"cost": 60, "latency": 10, "reason": "cheaper nights"});
        gateway.send("PUT", "/api/weights", change).await;
        gateway.send("PUT", "/api/weights", json!({"cost": 99})).await;
        gateway.send("PATCH", "/api/providers/a", json!({"draining": true})).await;
        gateway.send("PATCH", "/api/providers/a", json!({"draining": false})).await;
        gateway.ask().await;
        gateway.stop().await;
        gateway.begin().await;
        gateway.send("POST", "/api/revisions/1/rollback", json!({})).await;
        gateway.until_stored().await;

        let expected = [
            ("weights.set", "ok"),
            ("weights.set", "refused"),
            ("provider.change", "ok"),
            ("provider.change", "ok"),
            ("revision.rollback", "ok"),
        ];
        let expected = expected.map(|(action, outcome)| (action.to_owned(), outcome.to_owned()));
        assert_eq!(changes(&gateway).await, expected);
        let log = gateway.get("/api/audit").await;
        let entries = log["entries"].as_array().unwrap();
        let first = entries.iter().find(|entry| entry["reason"] == "cheaper nights").unwrap();
        let settings = |name: &str| -> Value {
            serde_json::from_str(first[name].as_str().unwrap()).unwrap()
        };
        assert_eq!(settings("before")["weights"]["cost"], 30.0);
        assert_eq!(settings("after")["weights"]["cost"], 60.0);
        assert!(first["origin"].as_str().unwrap().starts_with("127.0.0.1:"));
        let selection = entries.iter().find(|entry| entry["action"] == "selection").unwrap();
        assert!(selection["after"].as_str().unwrap().contains("a/m"), "{selection}");
        let check = gateway.get("/api/audit/check").await;
        assert_eq!((&check["isIntact"], &check["chains"][0]["entries"]), (&json!(true), &json!(6)));

        let page = gateway.get("/api/audit?limit=2").await;
        let next = page["next"].as_str().unwrap();
        let rest = gateway.get(&format!("/api/audit?before={}", next.replace('/', "%2F"))).await;
        assert_eq!(rest["entries"].as_array().unwrap().len(), 4);
    }
}

#[tokio::test]
async fn a_row_that_is_changed_or_removed_breaks_the_chain() {
    for (statement, why) in [
        (
            "UPDATE audit SET actor = 'eve' WHERE subject = '2'",
            "its content does not fit its hash",
        ),
        (
            "DELETE FROM audit WHERE subject = '2'",
            "the entry before it is missing or changed",
        ),
    ] {
        let database = TestDatabase::sqlite();
        let store = database.open().await;
        store.load_history(super::now()).await.unwrap();
        for number in 0..5 {
            store.audit(AuditEntry {
                actor: "bob".to_owned(),
                action: "weights.set",
                subject: number.to_string(),
                ..AuditEntry::default()
            });
        }
        store.flush().await;
        assert_eq!(store.check_audit().await.unwrap()[0].broken, None);
        let path = database.options.folder.join("aibal.db");
        let url = format!("sqlite:{}", path.display());
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        sqlx::query(statement)
            .execute(&mut connection)
            .await
            .unwrap();

        let check = store.check_audit().await.unwrap().remove(0);
        assert_eq!(check.broken.map(|(_, why)| why), Some(why), "{statement}");
    }
}

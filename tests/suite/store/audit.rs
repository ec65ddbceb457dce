//! The audit log of the program: what is in it, and its commands.

use super::gateway::Gateway;
use super::{TestDatabase, on_both};
use crate::upstream::{Behaviour, Upstream};
use serde_json::{Value, json};

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
    async fn reloads_by_a_signal_or_a_changed_file_are_in_the_log(database: TestDatabase) {
        let upstream = Upstream::start(Behaviour::Good).await;
        let gateway = Gateway::start(&database, &upstream.base_url).await;
        let reload = async |number: usize| loop {
            let log = gateway.get("/api/audit").await;
            let entries = log["entries"].as_array().unwrap();
            let reloads: Vec<&Value> =
                entries.iter().filter(|entry| entry["action"] == "configuration.reload").collect();
            if reloads.len() == number {
                return reloads[0].clone();
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        };
        let said = |entry: &Value| {
            let text = |name: &str| entry[name].as_str().unwrap().to_owned();
            (text("actor"), text("outcome"))
        };
        let settings = |entry: &Value, side: &str| -> Value {
            serde_json::from_str(entry[side].as_str().unwrap()).unwrap()
        };

        gateway.configure(&database, &upstream.base_url, "[server]\nenvironment = \"stage\"\n");
        let entry = reload(1).await;
        assert_eq!(said(&entry), ("file".to_owned(), "ok".to_owned()));
        assert_eq!(settings(&entry, "before")["settings"], json!({"server.environment": "dev"}));
        assert_eq!(settings(&entry, "after")["settings"], json!({"server.environment": "stage"}));
        let revision = |side: &str| settings(&entry, side)["revision"].as_u64().unwrap();
        assert_eq!(revision("before") + 1, revision("after"));

        gateway.configure(&database, &upstream.base_url, "[server]\ndrain_seconds = -1\n");
        let entry = reload(2).await;
        assert_eq!(said(&entry), ("file".to_owned(), "refused".to_owned()));
        assert!(entry["reason"].as_str().unwrap().contains("drain_seconds"), "{entry}");
        gateway.signal("HUP");
        let entry = reload(3).await;
        assert_eq!(said(&entry), ("signal".to_owned(), "refused".to_owned()));

        gateway.configure(&database, &upstream.base_url, "");
        let entry = reload(4).await;
        assert_eq!(said(&entry), ("file".to_owned(), "ok".to_owned()));
        gateway.signal("HUP");
        let entry = reload(5).await;
        assert_eq!(said(&entry), ("signal".to_owned(), "ok".to_owned()));
        assert_eq!(settings(&entry, "after")["settings"], json!({}));
        gateway.send("POST", "/api/reload", json!({})).await;
        assert_eq!(said(&reload(6).await), ("local".to_owned(), "ok".to_owned()));
    }

    async fn the_log_is_verified_and_exported_with_and_without_a_gateway(database: TestDatabase) {
        let upstream = Upstream::start(Behaviour::Good).await;
        let mut gateway = Gateway::start(&database, &upstream.base_url).await;
        for cost in [50, 40, 30] {
            gateway.send("PUT", "/api/weights", json!({"cost": cost, "latency": 70 - cost})).await;
        }
        gateway.ask().await;
        gateway.until_stored().await;
        while database.count("SELECT count(*) FROM audit").await < 4 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }

        let (code, verified, err) = gateway.command(&["audit", "verify"]);
        assert_eq!((code, err.as_str()), (0, ""), "{verified}");
        assert!(verified.contains(": intact, 4 entries"), "{verified}");
        let (code, exported, _) = gateway.command(&["audit", "export"]);
        assert_eq!(code, 0);
        let lines: Vec<Value> =
            exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[0]["previous"], "");
        assert!(lines.windows(2).all(|pair| pair[1]["previous"] == pair[0]["hash"]), "{exported}");
        let third = lines[2]["at"].as_str().unwrap();
        let part = |flag: &str| gateway.command(&["audit", "export", flag, third, "--csv"]).1;
        let (newer, older) = (part("--since"), part("--until"));
        assert_eq!(newer.lines().count() + older.lines().count(), 4 + 2, "{newer}{older}");
        gateway.stop().await;

        let (code, text, err) = gateway.command(&["audit", "verify"]);
        assert_eq!((code, text), (0, verified));
        assert!(err.contains("read from the store"), "{err}");
        let (code, text, _) = gateway.command(&["audit", "export", "--output", "log.jsonl"]);
        assert_eq!((code, text.as_str()), (0, ""));
        assert_eq!(std::fs::read_to_string(gateway.path("log.jsonl")).unwrap(), exported);
        let (code, _, err) = gateway.command(&["audit", "export", "--output", "log.jsonl"]);
        assert_eq!((code, err.contains("log.jsonl")), (2, true), "{err}");

        database.execute("UPDATE audit SET actor = 'eve' WHERE action = 'selection'").await;
        let (code, text, _) = gateway.command(&["audit", "verify"]);
        let number = lines[3]["number"].as_u64().unwrap();
        assert_eq!(code, 1);
        assert!(text.contains(&format!("first at entry {number}:")), "{text}");
        gateway.begin().await;
        let (code, text, _) = gateway.command(&["audit", "verify", "--json"]);
        let report: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((code, &report["chains"][0]["brokenAt"]), (1, &json!(number)));
    }
}

//! Weights at given hours, in a running program.

use super::{TestInstance, configuration, has_event, spare, weights};
use serde_json::{Value, json};

/// A schedule that began 12 hours ago, and one that begins in 11 hours.
fn schedules(cost: u32) -> String {
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let hours = jiff::SignedDuration::from_hours;
    let earlier = (&now - hours(12)).strftime("%H:00").to_string();
    let later = (&now + hours(11)).strftime("%H:00").to_string();
    format!(
        "[[schedules]]\nname = \"office hours\"\nat = \"{earlier}\"\n\
         weights = {{ cost = {cost}, latency = {}, reliability = 30, load = 0 }}\n\
         [[schedules]]\nname = \"night\"\nat = \"{later}\"\n\
         weights = {{ cost = 70, latency = 0, reliability = 30 }}\n",
        70 - cost
    )
}

fn latest_author(revisions: &Value) -> &Value {
    &revisions["revisions"][0]["who"]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_sets_the_weights_and_a_change_by_hand_holds() {
    let text = configuration(&(weights(30, 40) + &schedules(20)), &[spare()]);
    let instance = TestInstance::open(&text);
    instance.until_cost(20.0).await;

    let status = instance.get("/api/status").await;
    assert_eq!(status["schedule"]["current"]["name"], "office hours");
    assert_eq!(status["schedule"]["next"]["name"], "night");
    assert!(has_event(&status, "schedule office hours: cost 30→20"));
    assert_eq!(status["weights"]["load"], 0.0);
    let revisions = instance.get("/api/revisions").await;
    assert_eq!(latest_author(&revisions), "schedule office hours");
    instance
        .until("/api/audit", |audit| {
            let entries = audit["entries"].as_array().unwrap();
            let mut actors = entries.iter().map(|entry| &entry["actor"]);
            actors.any(|actor| *actor == "schedule office hours")
        })
        .await;

    let change = json!({"cost": 50, "latency": 20, "reliability": 30});
    let url = format!("{}/api/weights", instance.url);
    let answer = instance.client.put(url).json(&change).send().await;
    assert_eq!(answer.unwrap().status(), 200);
    let file = std::fs::read_to_string(instance.file()).unwrap();
    assert!(file.contains("cost = 50"), "{file}");
    // A reload looks at the schedules again, and finds the later change.
    instance.write(&file.replace("cost = 20, latency = 50", "cost = 25, latency = 45"));
    instance
        .until("/api/revisions", |all| {
            let what = all["revisions"][0]["what"].as_str().unwrap();
            what.contains("schedules[office hours].weights.cost")
        })
        .await;
    assert_eq!(instance.get("/api/weights").await["cost"], 50.0);
}

//! `kill -9` at any moment: what was answered more than a second before is stored, once. `KILLS` says
//! how often; a few by default.

use super::gateway::Gateway;
use super::{TestDatabase, on_both};
use crate::upstream::{Behaviour, Upstream};
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Kills without `KILLS`.
const KILLS: u64 = 3;
/// What a kill may lose.
const LOSS: Duration = Duration::from_secs(1);

#[expect(clippy::print_stderr, reason = "a long run says what it saw")]
fn report(text: &str) {
    eprintln!("{text}");
}

on_both! {
    async fn a_kill_loses_at_most_a_second_and_counts_nothing_twice(database: TestDatabase) {
        let kills = std::env::var("KILLS").ok().and_then(|kills| kills.parse().ok());
        let kills: u64 = kills.unwrap_or(KILLS);
        let upstream = Upstream::start(Behaviour::Good).await;
        let mut gateway = Gateway::start(&database, &upstream.base_url).await;
        let (mut least, mut most) = (0, 0);
        for kill in 0..kills {
            let answered: Arc<Mutex<Vec<Instant>>> = Arc::default();
            let mut clients = Vec::new();
            for _ in 0..4 {
                let (answered, url) = (Arc::clone(&answered), gateway.url.clone());
                let client = gateway.client.clone();
                clients.push(tokio::spawn(async move {
                    while Gateway::asked(&client, &url).await {
                        answered.lock().unwrap().push(Instant::now());
                    }
                }));
            }
            // Every moment between two transactions is met sooner or later.
            sleep(Duration::from_millis(1_300 + kill * 7_919 % 1_201)).await;
            let killed = Instant::now();
            gateway.kill().await;
            for client in clients {
                client.await.unwrap();
            }
            let times = answered.lock().unwrap().clone();
            least += times.iter().filter(|at| killed - **at > LOSS).count();
            // A request of each client may have been answered and not been read.
            most += times.len() + 4;
            gateway.begin().await;

            let rows = database.count("SELECT count(*) FROM requests").await;
            let decisions = database.count("SELECT count(DISTINCT decision) FROM requests").await;
            assert!((least..=most).contains(&rows), "{rows} rows, but {least} to {most} requests");
            assert_eq!(rows, decisions, "a request stands twice");
            let hour = gateway.get("/api/monitoring/performance?hours=1").await;
            let counted = usize::try_from(hour["totals"]["requests"].as_u64().unwrap()).unwrap();
            assert!((least..=most).contains(&counted), "{counted}, but {least} to {most} requests");
            database.check().await;
        }
        report(&format!("{kills} kills: {most} requests, of which {least} had to be stored"));
    }
}

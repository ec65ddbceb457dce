//! A real Prometheus beside a demo at speed. Run it with
//! `cargo test --test suite metrics::prometheus -- --ignored --nocapture`.

use crate::program::{Running, demo};
use aibal_tui::domain::DURATION_BOUNDS;
use serde_json::Value;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Time for which it scrapes every second.
const SCRAPING: Duration = Duration::from_mins(1);
/// Accuracy of the histograms behind the report.
const ACCURACY: f64 = 0.05;

/// Starts Prometheus for a target, and returns it with its address.
fn prometheus(home: &TempDir, target: &str) -> (Running, String) {
    let configuration = format!(
        "global: {{ scrape_interval: 1s }}\n\
         scrape_configs:\n  \
           - job_name: demo\n    \
             static_configs: [{{ targets: [\"{target}\"] }}]\n"
    );
    let path = home.path().join("prometheus.yml");
    fs::write(&path, configuration).unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let child = Command::new("prometheus")
        .arg(format!("--config.file={}", path.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            home.path().join("data").display()
        ))
        .arg(format!("--web.listen-address={address}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    (Running(child), format!("http://{address}"))
}

async fn query(prometheus: &str, query: &str) -> Option<f64> {
    let client = reqwest::Client::new();
    let url = format!("{prometheus}/api/v1/query");
    let answer = client.get(url).query(&[("query", query)]).send().await;
    let answer: Value = answer.ok()?.json().await.ok()?;
    answer["data"]["result"][0]["value"][1]
        .as_str()?
        .parse()
        .ok()
}

/// The bucket that holds a value in seconds.
fn bucket(seconds: f64) -> (f64, f64) {
    let above = DURATION_BOUNDS.iter().position(|bound| seconds <= *bound);
    let above = above.unwrap_or(DURATION_BOUNDS.len());
    let bound = |index: usize| DURATION_BOUNDS.get(index).copied().unwrap_or(f64::INFINITY);
    let below = above.checked_sub(1).map_or(0.0, bound);
    (below, bound(above))
}

#[tokio::test]
#[ignore = "needs Prometheus and a minute"]
async fn prometheus_finds_the_percentiles_of_the_report() {
    let home = TempDir::new().unwrap();
    let (_demo, address) = demo(&home, &["--rps", "200", "--seed", "7"]);
    let target = address.trim_start_matches("http://");
    let (_prometheus, prometheus) = prometheus(&home, target);
    tokio::time::sleep(SCRAPING).await;

    let report = format!("{address}/api/monitoring/performance?hours=1");
    let report: Value = reqwest::get(report).await.unwrap().json().await.unwrap();
    let scrapes = query(&prometheus, "count_over_time(up[5m])").await.unwrap();
    println!(
        "scrapes: {scrapes}, requests: {}",
        report["totals"]["requests"]
    );
    assert!(scrapes >= 30.0);
    let durations = "gen_ai_client_operation_duration_seconds_bucket";
    let mut compared = 0;
    for provider in report["providers"].as_array().unwrap() {
        let name = provider["provider"].as_str().unwrap();
        let Some(expected) = provider["latencyMs"]["p95"].as_f64() else {
            continue;
        };
        let labels = format!("error_type=\"\",aibal_provider=\"{name}\"");
        let found = format!(
            "histogram_quantile(0.95, sum by (le) (increase({durations}{{{labels}}}[5m])))"
        );
        let found = query(&prometheus, &found).await.unwrap();
        let (low, high) = bucket(found);
        let seconds = expected / 1e3;
        println!("{name}: report {seconds:.3} s, PromQL {found:.3} s in ({low}, {high}]");
        assert!(seconds >= low * (1.0 - ACCURACY) && seconds <= high * (1.0 + ACCURACY));
        compared += 1;
    }
    assert!(compared >= 3);
    let requests = "gen_ai_server_request_duration_seconds_bucket{error_type=\"\"}";
    let all = format!("histogram_quantile(0.95, sum by (le) (increase({requests}[5m])))");
    let all = query(&prometheus, &all).await.unwrap();
    let expected = report["totals"]["latencyMs"]["p95"].as_f64().unwrap() / 1e3;
    let (low, high) = bucket(all);
    println!("clients: report {expected:.3} s, PromQL {all:.3} s in ({low}, {high}]");
    assert!(expected >= low * (1.0 - ACCURACY) && expected <= high * (1.0 + ACCURACY));
}

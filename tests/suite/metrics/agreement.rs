use super::{Samples, busy, busy_with, chat, scrape};
use crate::bench::Bench;
use crate::store::TestDatabase;
use aibal_tui::contract::Performance;
use aibal_tui::store::Store;
use aibal_tui::telemetry::ExpositionFormat;
use futures_util::{StreamExt, stream};
use sqlx::sqlite::SqliteConnectOptions;

/// Relative difference that sums of floating point numbers may have.
const ROUNDING: f64 = 1e-6;

fn assert_close(one: f64, other: f64, about: &str) {
    let scale = one.abs().max(other.abs()).max(1e-12);
    assert!(
        (one - other).abs() <= scale * ROUNDING,
        "{about}: {one} is not {other}"
    );
}

async fn samples(bench: &Bench) -> Samples {
    Samples::read(&scrape(bench, ExpositionFormat::Text).await)
}

#[tokio::test]
async fn all_reports_of_one_hour_agree() {
    let database = TestDatabase::sqlite();
    let store = Store::open(database.options.clone()).await.unwrap();
    let (_a, _b, bench) = busy_with(store.clone()).await;
    bench.until(|snapshot| snapshot.totals.requests == 6).await;
    let snapshot = bench.handle.snapshot(3_600).await.unwrap();
    let report = Performance::from(&bench.handle.performance(1).await.unwrap());
    let samples = samples(&bench).await;
    let outcome = |class| samples.sum("aibal_requests_total", &[("outcome", class)]);

    assert_eq!((outcome("ok"), outcome("client_error")), (4.0, 2.0));
    assert_eq!(snapshot.totals.requests, 6);
    assert_eq!(report.totals.requests, 6);
    assert_eq!(samples.sum("aibal_requests_total", &[]), 6.0);
    let durations = "gen_ai_server_request_duration_seconds";
    let count = samples.sum(&format!("{durations}_count"), &[("error_type", "")]);
    let sum = samples.sum(&format!("{durations}_sum"), &[("error_type", "")]);
    assert_eq!(samples.sum(&format!("{durations}_count"), &[]), 4.0 + 2.0);
    assert_eq!(count, 4.0);
    let mean = report.totals.average_latency_ms.unwrap();
    assert_close(sum / count * 1e3, mean, "mean latency");
    assert_close(mean, snapshot.totals.mean_latency_ms.unwrap(), "on screen");
    let rated = outcome("ok") + outcome("error") + outcome("no_target");
    let rate = report.totals.success_rate.unwrap();
    assert_close(outcome("ok") / rated, rate, "success rate");
    let retries = samples.sum("aibal_retries_total", &[]);
    assert_eq!((retries, report.totals.retries), (2.0, 2));
    let cost = samples.sum("aibal_cost_usd_total", &[]);
    assert_close(cost, report.totals.total_cost_usd.unwrap(), "cost");
    assert_close(cost, snapshot.totals.cost.unwrap().usd(), "cost on screen");
    let unknown = samples.sum("aibal_unknown_costs_total", &[]);
    assert_eq!(unknown, report.totals.cost_basis.unknown as f64);
    assert_eq!(tokens(&samples, &[]), report.totals.total_tokens as f64);
    assert_eq!(snapshot.totals.tokens, report.totals.total_tokens);
    providers_agree(&samples, &report);
    store.flush().await;
    rows_agree(&database, &report).await;
}

fn tokens(samples: &Samples, of: &[(&str, &str)]) -> f64 {
    let kinds = ["input", "output"].map(|kind| {
        let mut labels = of.to_vec();
        labels.push(("gen_ai_token_type", kind));
        samples.sum("gen_ai_client_token_usage_sum", &labels)
    });
    kinds.iter().sum()
}

fn providers_agree(samples: &Samples, report: &Performance) {
    assert_eq!(report.providers.len(), 2);
    for provider in &report.providers {
        let name = &*provider.provider;
        let of = [("provider", name)];
        let attempts = samples.sum("aibal_attempts_total", &of);
        assert_eq!(attempts, provider.requests as f64, "{name}");
        let cost = samples.sum("aibal_cost_usd_total", &of);
        assert_close(cost, provider.total_cost_usd.unwrap(), name);
        let served = [("aibal_provider", name), ("error_type", "")];
        let durations = "gen_ai_client_operation_duration_seconds";
        let count = samples.sum(&format!("{durations}_count"), &served);
        let sum = samples.sum(&format!("{durations}_sum"), &served);
        assert!(count > 0.0, "{name}");
        let mean = provider.average_latency_ms.unwrap();
        assert_close(sum / count * 1e3, mean, name);
    }
    let shares = samples.sum("aibal_share", &[]);
    assert!((shares - 1.0).abs() < 0.01, "{shares}");
}

/// What SQL finds in the rows of requests and attempts.
async fn rows_agree(database: &TestDatabase, report: &Performance) {
    let file = database.options.folder.join("aibal.db");
    let pool = sqlx::SqlitePool::connect_with(SqliteConnectOptions::new().filename(file));
    let pool = pool.await.unwrap();
    let requests = "SELECT COUNT(*), SUM(outcome = 'ok'), SUM(latency_us * (outcome = 'ok')) / 1000.0 \
                    FROM requests";
    let (all, served, latency_ms): (i64, i64, f64) =
        sqlx::query_as(requests).fetch_one(&pool).await.unwrap();
    assert_eq!((all, served), (6, 4));
    let mean = report.totals.average_latency_ms.unwrap();
    assert_close(latency_ms / served as f64, mean, "mean latency by SQL");
    let attempts = "SELECT provider, COUNT(*), SUM(cost_pico), SUM(input_tokens + output_tokens) \
                    FROM attempts GROUP BY provider ORDER BY provider";
    let rows: Vec<(String, i64, i64, i64)> =
        sqlx::query_as(attempts).fetch_all(&pool).await.unwrap();
    assert_eq!(rows.len(), report.providers.len());
    for ((name, count, cost, _), provider) in rows.iter().zip(&report.providers) {
        assert_eq!(*name, provider.provider);
        assert_eq!(u64::try_from(*count), Ok(provider.requests), "{name}");
        let usd = provider.total_cost_usd.unwrap();
        assert_close(*cost as f64 / 1e12, usd, name);
    }
    let tokens: i64 = rows.iter().map(|(.., tokens)| tokens).sum();
    assert_eq!(u64::try_from(tokens), Ok(report.totals.total_tokens));
}

/// Names that no configuration has.
const JUNK: usize = 10_000;

#[tokio::test]
async fn junk_models_and_paths_add_no_series() {
    let (_a, _b, bench) = busy().await;
    bench.until(|snapshot| snapshot.totals.requests == 6).await;
    let before = samples(&bench).await;
    let junk = stream::iter(0..JUNK).map(|number| {
        let bench = &bench;
        async move {
            let path = match number % 4 {
                0 => format!("/junk-{number}"),
                _ => "/chat/completions".to_owned(),
            };
            let body = chat(&format!("junk-{number}"));
            bench.post_to(&path, &body, &[]).await.status().as_u16()
        }
    });
    let statuses: Vec<u16> = junk.buffer_unordered(64).collect().await;
    assert!(statuses.iter().all(|status| *status == 404));
    let requests = 6 + JUNK as u64 * 3 / 4;
    let all = |snapshot: &aibal_tui::domain::Snapshot| snapshot.totals.requests == requests;
    bench.until(all).await;
    let after = samples(&bench).await;

    assert_eq!(after.count(), before.count());
    let other = after.sum(
        "gen_ai_server_request_duration_seconds_count",
        &[("gen_ai_original_model", "other")],
    );
    assert_eq!(other, 1.0 + JUNK as f64 * 3.0 / 4.0);
    let text = scrape(&bench, ExpositionFormat::OpenMetrics).await;
    assert!(!text.contains("junk"));
}

#[tokio::test]
async fn an_exemplar_names_the_decision() {
    let (_a, _b, bench) = busy().await;
    let response = bench.post(&chat("only-a")).await;
    let decision = response.headers()["x-aibal-decision"].to_str().unwrap();
    let decision = decision.to_owned();
    bench.until(|snapshot| snapshot.totals.requests == 7).await;

    let text = scrape(&bench, ExpositionFormat::OpenMetrics).await;
    let named = format!(" # {{decision=\"{decision}\"}} ");
    let lines: Vec<&str> = text.lines().filter(|line| line.contains(&named)).collect();
    let is_of = |line: &&str, name: &str| line.starts_with(&format!("{name}_bucket{{"));
    let requests = "gen_ai_server_request_duration_seconds";
    let attempts = "gen_ai_client_operation_duration_seconds";
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines.iter().any(|line| is_of(line, requests)), "{lines:?}");
    assert!(lines.iter().any(|line| is_of(line, attempts)), "{lines:?}");
    assert!(!text.contains("aibal_exemplar"));
    let plain = scrape(&bench, ExpositionFormat::Text).await;
    assert!(!plain.contains(&decision));
}

use super::families::FAMILIES;
use super::{ExpositionFormat, Metrics, ProcessFacts, StoreFacts, series_names};
use crate::clock;
use crate::domain::{BalancerState, Catalogue, Strategy, Weights};
use crate::engine::{self, EngineHandle};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio_util::sync::{CancellationToken, DropGuard};

fn engine() -> (EngineHandle, DropGuard) {
    let state = BalancerState::new(
        Catalogue::default(),
        Strategy::Best,
        Weights::default(),
        1,
        clock::now(),
    );
    let (engine, handle, _) = engine::build(state, 1);
    let stop = CancellationToken::new();
    tokio::spawn(engine.run(stop.clone()));
    (handle, stop.drop_guard())
}

fn facts(lost: u64) -> ProcessFacts {
    ProcessFacts {
        dropped: vec![("events".into(), lost)],
        store: Some(StoreFacts {
            state: 2,
            queued: 7,
            written: 9,
        }),
    }
}

async fn scrape(metrics: &Metrics, format: ExpositionFormat, lost: u64) -> String {
    let text = metrics.scrape(format, facts(lost)).await.unwrap();
    String::from_utf8(text.to_vec()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn every_metric_is_described_in_both_formats() {
    let (handle, _stops) = engine();
    let metrics = Metrics::new(handle, "1.2.3", Duration::ZERO);
    let text = scrape(&metrics, ExpositionFormat::Text, 3).await;
    let open_metrics = scrape(&metrics, ExpositionFormat::OpenMetrics, 3).await;

    for family in FAMILIES {
        let described = format!("# TYPE {} ", family.name);
        assert!(open_metrics.contains(&described), "{described}");
    }
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let types: BTreeSet<&str> = types.filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(types.len(), FAMILIES.len());
    let names = series_names();
    for name in types {
        let is_listed = names.iter().any(|listed| listed.starts_with(name));
        assert!(is_listed, "{name}");
    }
    assert!(text.contains("\naibal_build_info{version=\"1.2.3\"} 1\n"));
    assert!(text.contains("\naibal_dropped_total{queue=\"events\"} 3"));
    assert!(text.contains("\naibal_retries_total 0"));
    assert!(text.contains("\naibal_store_state 2"));
    assert!(text.contains("\naibal_store_written_rows_total 9"));
    assert!(!text.contains("# EOF") && open_metrics.ends_with("# EOF\n"));
}

#[tokio::test(start_paused = true)]
async fn a_scrape_is_repeated_for_the_cache_time() {
    let (handle, _stops) = engine();
    let metrics = Metrics::new(handle, "1", Duration::from_secs(1));
    let first = scrape(&metrics, ExpositionFormat::Text, 1).await;

    tokio::time::advance(Duration::from_millis(900)).await;
    assert_eq!(scrape(&metrics, ExpositionFormat::Text, 2).await, first);
    let other_format = scrape(&metrics, ExpositionFormat::OpenMetrics, 2).await;
    assert!(other_format.contains("aibal_dropped_total{queue=\"events\"} 2"));
    tokio::time::advance(Duration::from_millis(200)).await;
    let later = scrape(&metrics, ExpositionFormat::Text, 3).await;
    assert!(later.contains("aibal_dropped_total{queue=\"events\"} 3"));

    metrics.set_cache_time(Duration::ZERO);
    let now = scrape(&metrics, ExpositionFormat::Text, 4).await;
    assert!(now.contains("aibal_dropped_total{queue=\"events\"} 4"));
}

#[tokio::test(start_paused = true)]
async fn a_stopped_engine_is_said_to_be_busy() {
    let (handle, stops) = engine();
    drop(stops);
    tokio::task::yield_now().await;
    let metrics = Metrics::new(handle, "1", Duration::ZERO);

    let answer = metrics.scrape(ExpositionFormat::Text, facts(0)).await;
    assert!(answer.is_err());
}

//! Scrapes on request, and a copy of the latest one for those that come right after.

use super::exposition::Exposition;
use super::format::ExpositionFormat;
use super::process_facts::ProcessFacts;
use super::spans::SpanSink;
use crate::clock;
use crate::domain::UnixTime;
use crate::engine::{Busy, EngineHandle};
use bytes::Bytes;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// Window of the snapshot that gauges come from, in seconds; none of them depends on it.
const SNAPSHOT_WINDOW_S: u64 = 60;

/// Makes the text that Prometheus scrapes.
#[derive(Debug)]
pub struct Metrics {
    handle: EngineHandle,
    version: &'static str,
    spans: SpanSink,
    started: UnixTime,
    /// Time in milliseconds for which a scrape is repeated.
    cache_ms: AtomicU64,
    plain_text: Mutex<Option<Scrape>>,
    openmetrics_text: Mutex<Option<Scrape>>,
}

#[derive(Debug)]
struct Scrape {
    at: UnixTime,
    text: Bytes,
}

impl Metrics {
    /// Makes the metrics of an engine; a scrape is repeated to those that come within `cache_time`.
    pub fn new(handle: EngineHandle, version: &'static str, cache_time: Duration) -> Self {
        let metrics = Self {
            handle,
            version,
            spans: SpanSink::default(),
            started: clock::now(),
            cache_ms: AtomicU64::default(),
            plain_text: Mutex::default(),
            openmetrics_text: Mutex::default(),
        };
        metrics.set_cache_time(cache_time);
        metrics
    }

    /// Adds where spans go, for their losses.
    #[must_use]
    pub fn with_spans(mut self, spans: SpanSink) -> Self {
        self.spans = spans;
        self
    }

    /// Changes the time for which a scrape is repeated.
    pub fn set_cache_time(&self, time: Duration) {
        let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.cache_ms.store(milliseconds, Ordering::Relaxed);
    }

    /// Returns all metrics in a format. Simultaneous callers share one scrape.
    pub async fn scrape(
        &self,
        format: ExpositionFormat,
        facts: ProcessFacts,
    ) -> Result<Bytes, Busy> {
        let cached = match format {
            ExpositionFormat::Text => &self.plain_text,
            ExpositionFormat::OpenMetrics => &self.openmetrics_text,
        };
        let mut cached = cached.lock().await;
        let now = clock::now();
        let cache_time = Duration::from_millis(self.cache_ms.load(Ordering::Relaxed));
        if let Some(scrape) = &*cached
            && now.since(scrape.at) < cache_time
        {
            return Ok(scrape.text.clone());
        }
        let counters = self.handle.counters().await?;
        let mut dropped = facts.dropped;
        dropped.extend(self.spans.lost().map(|lost| (Cow::from("otlp"), lost)));
        let exposition = Exposition {
            counters,
            snapshot: self.handle.snapshot(SNAPSHOT_WINDOW_S).await?,
            // The newest names: the counts may refer to all of them.
            table: self.handle.routing_table(),
            version: self.version,
            dropped,
            store: facts.store,
            started: self.started,
            with_exemplars: format == ExpositionFormat::OpenMetrics,
        };
        let text = Bytes::from(render(exposition, format));
        *cached = Some(Scrape {
            at: now,
            text: text.clone(),
        });
        Ok(text)
    }
}

fn render(exposition: Exposition, format: ExpositionFormat) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(exposition));
    let mut encoded = String::new();
    // Writing to a string cannot fail.
    let _written = encode(&mut encoded, &registry);
    format.convert(&encoded)
}

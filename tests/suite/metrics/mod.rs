//! What Prometheus scrapes, under real traffic.

mod agreement;
mod prometheus;
mod promtool;

use crate::bench::{Bench, start_stored};
use crate::upstream::{Behaviour, Upstream};
use aibal_tui::store::Store;
use aibal_tui::telemetry::{ExpositionFormat, Metrics, ProcessFacts};
use std::collections::BTreeMap;
use std::time::Duration;

const STREAM: &str =
    r#"{"model":"shared","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;

/// A chat with a model.
fn chat(model: &str) -> String {
    format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"hi"}}]}}"#)
}

async fn scrape(bench: &Bench, format: ExpositionFormat) -> String {
    let metrics = Metrics::new(bench.handle.clone(), "0.0.0", Duration::ZERO);
    let facts = ProcessFacts {
        dropped: vec![("observations".into(), 0)],
        ..ProcessFacts::default()
    };
    let text = metrics.scrape(format, facts).await.unwrap();
    String::from_utf8(text.to_vec()).unwrap()
}

/// Labels and value of one sample.
type Sample = (BTreeMap<String, String>, f64);

/// The samples of a scrape by name.
struct Samples(BTreeMap<String, Vec<Sample>>);

impl Samples {
    /// Reads the text format; the values of labels here hold no quotes and no commas.
    fn read(text: &str) -> Self {
        let mut samples: BTreeMap<String, Vec<Sample>> = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            let pairs = labels.trim_end_matches('}').split(',');
            let labels = pairs.filter_map(|pair| pair.split_once('='));
            let labels = labels
                .map(|(name, text)| (name.to_owned(), text.trim_matches('"').to_owned()))
                .collect();
            let rows = samples.entry(name.to_owned()).or_default();
            rows.push((labels, value.parse().unwrap()));
        }
        Self(samples)
    }

    /// The sum over all series with these labels.
    fn sum(&self, name: &str, wanted: &[(&str, &str)]) -> f64 {
        let rows = self.0.get(name).into_iter().flatten();
        let found = rows.filter(|(labels, _)| {
            wanted.iter().all(|(label, text)| {
                let value = labels.get(*label).map_or("", |value| value);
                value == *text
            })
        });
        found.map(|(_, value)| value).sum()
    }

    /// The number of all series.
    fn count(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }
}

/// Two upstreams, of which the first fails now and then, after traffic of every kind.
async fn busy() -> (Upstream, Upstream, Bench) {
    busy_with(Store::off()).await
}

/// The same with a store.
async fn busy_with(store: Store) -> (Upstream, Upstream, Bench) {
    let a = Upstream::start(Behaviour::Good).await;
    let b = Upstream::start(Behaviour::Good).await;
    let bench = start_stored(&[&a, &b], store).await;
    a.script([
        Behaviour::Good,
        Behaviour::Status(500, "{}", Vec::new()),
        Behaviour::Status(429, "{}", vec![("retry-after", "0")]),
    ]);
    for body in [chat("shared"), chat("shared"), chat("smart"), STREAM.into()] {
        let response = bench.post(&body).await;
        assert_eq!(response.status(), 200);
        response.text().await.unwrap();
    }
    b.script([Behaviour::Status(400, "{}", Vec::new())]);
    assert_eq!(bench.post(&chat("only-b")).await.status(), 400);
    assert_eq!(bench.post(&chat("unknown")).await.status(), 404);
    (a, b, bench)
}

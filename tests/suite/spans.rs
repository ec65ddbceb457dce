//! Traces and metrics that a collector gets over OTLP/HTTP.

use crate::bench::{Bench, start_traced};
use crate::upstream::{Behaviour, Upstream};
use aibal_tui::telemetry::SpanSink;
use aibal_tui::telemetry::otlp::{OtlpSettings, start};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const CHAT: &str = r#"{"model":"shared","messages":[{"role":"user","content":"hi"}]}"#;
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A collector that keeps what it gets, and answers with a status.
#[derive(Clone, Default)]
struct Collector {
    bodies: Arc<Mutex<Vec<(String, Bytes)>>>,
    fails: bool,
    hangs: bool,
}

async fn receive(State(collector): State<Collector>, uri: Uri, body: Bytes) -> StatusCode {
    if collector.hangs {
        std::future::pending::<()>().await;
    }
    let mut bodies = collector.bodies.lock().unwrap();
    bodies.push((uri.path().to_owned(), body));
    if collector.fails {
        StatusCode::BAD_REQUEST
    } else {
        StatusCode::OK
    }
}

impl Collector {
    /// Starts it, and an exporter to it.
    async fn start(self) -> (Self, SpanSink) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let paths = Router::new()
            .route("/v1/traces", post(receive))
            .route("/v1/metrics", post(receive))
            .with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, paths).await });
        let settings = OtlpSettings::read(|name| {
            (name == "OTEL_EXPORTER_OTLP_ENDPOINT").then(|| address.clone())
        });
        (self, start(&settings, "1.2.3").unwrap())
    }

    fn bodies(&self, path: &str) -> Vec<Bytes> {
        let bodies = self.bodies.lock().unwrap();
        let of_path = bodies.iter().filter(|(seen, _)| seen == path);
        of_path.map(|(_, body)| body.clone()).collect()
    }

    fn spans(&self) -> Vec<Span> {
        let requests = self.bodies("/v1/traces").into_iter();
        let requests = requests.map(|body| ExportTraceServiceRequest::decode(body).unwrap());
        let resources = requests.flat_map(|request| request.resource_spans);
        let scopes = resources.flat_map(|resource| resource.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }

    fn metrics(&self) -> Vec<Metric> {
        let requests = self.bodies("/v1/metrics").into_iter();
        let requests = requests.map(|body| ExportMetricsServiceRequest::decode(body).unwrap());
        let resources = requests.flat_map(|request| request.resource_metrics);
        let scopes = resources.flat_map(|resource| resource.scope_metrics);
        scopes.flat_map(|scope| scope.metrics).collect()
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |digit: u8| char::from_digit(u32::from(digit), 16).unwrap();
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(digit).collect()
}

/// The value of an attribute as text; empty where it is missing.
fn attribute(attributes: &[KeyValue], name: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == name);
    let value = found.and_then(|attribute| attribute.value.as_ref()?.value.clone());
    match value {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        Some(Value::BoolValue(is)) => is.to_string(),
        _ => String::new(),
    }
}

async fn ask(bench: &Bench, parent: &str) -> String {
    let response = bench.post_with(CHAT, &[("traceparent", parent)]).await;
    assert_eq!(response.status(), 200);
    let decision = response.headers()["x-aibal-decision"].to_str().unwrap();
    let decision = decision.to_owned();
    response.text().await.unwrap();
    decision
}

#[tokio::test]
async fn a_request_is_one_span_and_each_attempt_another_one_below_it() {
    let (collector, sink) = Collector::default().start().await;
    let a = Upstream::start(Behaviour::Good).await;
    let b = Upstream::start(Behaviour::Good).await;
    let bench = start_traced(&[&a, &b], sink.clone()).await;
    a.script([Behaviour::Status(500, "{}", Vec::new())]);
    let decision = ask(&bench, PARENT).await;
    bench.until(|snapshot| snapshot.totals.requests == 1).await;
    sink.flush().await;
    let spans = collector.spans();
    let of = |name: &str, provider: &str| {
        let mut found = spans.iter().filter(|span| {
            span.name == name && attribute(&span.attributes, "aibal.provider") == provider
        });
        found.next_back().unwrap()
    };

    assert_eq!(spans.len(), 3);
    let request = spans.iter().find(|span| span.kind == 2).unwrap();
    let (failed, served) = (
        of("chat shared", "a"),
        spans
            .iter()
            .find(|span| span.kind == 3 && attribute(&span.attributes, "aibal.provider") == "b"),
    );
    let served = served.unwrap();
    for span in &spans {
        assert_eq!(hex(&span.trace_id), TRACE);
        assert_eq!(attribute(&span.attributes, "aibal.decision"), decision);
        assert_eq!(attribute(&span.attributes, "gen_ai.operation.name"), "chat");
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
    }
    assert_eq!(hex(&request.parent_span_id), "00f067aa0ba902b7");
    assert_eq!(attribute(&request.attributes, "aibal.attempts"), "2");
    for attempt in [failed, served] {
        assert_eq!(attempt.parent_span_id, request.span_id);
        let address = attribute(&attempt.attributes, "server.address");
        assert_eq!(address, "127.0.0.1");
        let model = attribute(&attempt.attributes, "gen_ai.request.model");
        assert_eq!(model, "shared");
    }
    assert_eq!(attribute(&failed.attributes, "error.type"), "server");
    let status = attribute(&failed.attributes, "http.response.status_code");
    assert_eq!(status, "500");
    assert_eq!(failed.status.as_ref().unwrap().code, 2);
    let tokens = attribute(&served.attributes, "gen_ai.usage.output_tokens");
    assert_eq!(
        (
            tokens.as_str(),
            &*attribute(&served.attributes, "error.type")
        ),
        ("20", "")
    );
    let text = format!("{spans:?}");
    assert!(!text.contains("upstream-key") && !text.contains("\"hi\""));
}

#[tokio::test]
async fn the_trace_goes_on_only_at_providers_that_may_get_it() {
    let (collector, sink) = Collector::default().start().await;
    let a = Upstream::start(Behaviour::Good).await;
    let b = Upstream::start(Behaviour::Good).await;
    let bench = start_traced(&[&a, &b], sink.clone()).await;
    ask(&bench, PARENT).await;
    bench.post(&CHAT.replace("shared", "only-b")).await;
    bench.until(|snapshot| snapshot.totals.requests == 2).await;
    sink.flush().await;
    let handed = a.last().0["traceparent"].to_str().unwrap().to_owned();
    let spans = collector.spans();
    let attempt = spans
        .iter()
        .find(|span| span.kind == 3 && hex(&span.trace_id) == TRACE)
        .unwrap();

    assert_eq!(handed, format!("00-{TRACE}-{}-01", hex(&attempt.span_id)));
    assert!(!b.last().0.contains_key("traceparent"));
    // Without a client's trace one begins here.
    assert!(spans.iter().any(|span| span.parent_span_id.is_empty()));
}

#[tokio::test]
async fn a_client_that_records_nothing_has_no_spans_but_counts() {
    let (collector, sink) = Collector::default().start().await;
    let a = Upstream::start(Behaviour::Good).await;
    let bench = start_traced(&[&a], sink.clone()).await;
    ask(&bench, &PARENT.replace("-01", "-00")).await;
    bench.until(|snapshot| snapshot.totals.requests == 1).await;
    sink.flush().await;
    let handed = a.last().0["traceparent"].to_str().unwrap().to_owned();
    let metrics = collector.metrics();
    let counts = |name: &str| {
        let found = metrics.iter().find(|metric| metric.name == name).unwrap();
        match found.data.as_ref().unwrap() {
            metric::Data::Histogram(it) => it.data_points.iter().map(|it| it.count).sum::<u64>(),
            metric::Data::Sum(it) => it.data_points.len() as u64,
            _ => 0,
        }
    };

    assert!(handed.starts_with(&format!("00-{TRACE}-")) && handed.ends_with("-00"));
    assert!(collector.spans().is_empty());
    assert_eq!(counts("gen_ai.server.request.duration"), 1);
    assert_eq!(counts("gen_ai.client.operation.duration"), 1);
    assert_eq!(counts("gen_ai.client.token.usage"), 2);
    assert_eq!(counts("aibal.cost"), 1);
}

#[tokio::test]
async fn a_collector_that_refuses_or_hangs_costs_spans_and_no_request() {
    let refusing = Collector {
        fails: true,
        ..Collector::default()
    };
    let (_refusing, sink) = refusing.start().await;
    let a = Upstream::start(Behaviour::Good).await;
    let bench = start_traced(&[&a], sink.clone()).await;
    ask(&bench, PARENT).await;
    bench.until(|snapshot| snapshot.totals.requests == 1).await;
    sink.flush().await;
    assert_eq!(sink.lost(), Some(2));

    let hanging = Collector {
        hangs: true,
        ..Collector::default()
    };
    let (_hanging, sink) = hanging.start().await;
    let bench = start_traced(&[&a], sink.clone()).await;
    // More than the queue holds, while the first export hangs.
    let flush = tokio::spawn({
        let sink = sink.clone();
        async move { sink.flush().await }
    });
    for _ in 0..3 {
        tokio::time::timeout(Duration::from_secs(5), ask(&bench, PARENT))
            .await
            .unwrap();
    }
    flush.abort();
}

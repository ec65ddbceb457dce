//! Metrics of OpenTelemetry, counted from the same calls as the spans.

use crate::domain::{
    DURATION_BOUNDS, FIRST_TOKEN_BOUNDS, MeasuredUsage, OutcomeLabels, PER_TOKEN_BOUNDS,
    TOKEN_BOUNDS,
};
use crate::protocols::gen_ai_name;
use crate::telemetry::spans::{AttemptSpan, RequestSpan};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter, MeterProvider};
use opentelemetry_sdk::metrics::SdkMeterProvider;

/// All instruments.
pub(super) struct Instruments {
    requests: Histogram<f64>,
    first_token: Histogram<f64>,
    per_token: Histogram<f64>,
    operations: Histogram<f64>,
    tokens: Histogram<u64>,
    cost: Counter<f64>,
}

impl Instruments {
    pub fn new(provider: &SdkMeterProvider) -> Self {
        let meter = provider.meter(env!("CARGO_PKG_NAME"));
        let seconds = |name, bounds| seconds(&meter, name, bounds);
        Self {
            requests: seconds("gen_ai.server.request.duration", DURATION_BOUNDS),
            first_token: seconds("gen_ai.server.time_to_first_token", FIRST_TOKEN_BOUNDS),
            per_token: seconds("gen_ai.server.time_per_output_token", PER_TOKEN_BOUNDS),
            operations: seconds("gen_ai.client.operation.duration", DURATION_BOUNDS),
            tokens: meter
                .u64_histogram("gen_ai.client.token.usage")
                .with_unit("{token}")
                .with_boundaries(TOKEN_BOUNDS.to_vec())
                .build(),
            cost: meter.f64_counter("aibal.cost").with_unit("USD").build(),
        }
    }

    pub fn count_request(&self, span: &RequestSpan) {
        let seconds = span.end.ended.seconds_since(span.end.started);
        let mut attributes = vec![
            KeyValue::new("gen_ai.operation.name", span.end.identity.operation),
            KeyValue::new("aibal.provider", span.target.provider.to_string()),
            KeyValue::new("gen_ai.request.model", span.target.model.to_string()),
        ];
        let outcome = OutcomeLabels::from(span.end.outcome);
        let is_ok = outcome.error.is_empty();
        if let Some(first) = span.end.first_content.filter(|_| is_ok) {
            self.first_token.record(first, &attributes);
            let output = span.end.usage.map_or(0, |used| used.usage.output);
            if output > 1 {
                let rest = (seconds - first).max(0.0) / (output - 1) as f64;
                self.per_token.record(rest, &attributes);
            }
        }
        push_error(&mut attributes, outcome.error);
        self.requests.record(seconds, &attributes);
    }

    pub fn count_attempt(&self, span: &AttemptSpan) {
        let seconds = span.end.ended.seconds_since(span.end.started);
        let mut attributes = vec![
            KeyValue::new("gen_ai.operation.name", span.end.identity.operation),
            KeyValue::new("gen_ai.provider.name", vendor(span)),
            KeyValue::new("aibal.provider", span.target.provider.to_string()),
            KeyValue::new("gen_ai.request.model", span.target.model.to_string()),
        ];
        if let Some((address, _)) = server_address(span) {
            attributes.push(KeyValue::new("server.address", address));
        }
        if let Some(cost) = span.end.cost {
            self.cost.add(cost.usd(), &attributes);
        }
        let used = span.end.usage.filter(|used| *used != MeasuredUsage::ZERO);
        if let Some(MeasuredUsage { usage, .. }) = used {
            for (kind, count) in [("input", usage.input), ("output", usage.output)] {
                let mut of_kind = attributes.clone();
                of_kind.push(KeyValue::new("gen_ai.token.type", kind));
                self.tokens.record(count, &of_kind);
            }
        }
        push_error(&mut attributes, OutcomeLabels::from(span.end.outcome).error);
        self.operations.record(seconds, &attributes);
    }
}

fn seconds(meter: &Meter, name: &'static str, bounds: &[f64]) -> Histogram<f64> {
    let histogram = meter.f64_histogram(name).with_unit("s");
    histogram.with_boundaries(bounds.to_vec()).build()
}

fn push_error(attributes: &mut Vec<KeyValue>, error: &'static str) {
    if !error.is_empty() {
        attributes.push(KeyValue::new("error.type", error));
    }
}

/// OpenTelemetry's name of the vendor, or the provider's own.
pub(super) fn vendor(span: &AttemptSpan) -> String {
    let endpoint = span.trace.endpoint.as_ref();
    let vendor = endpoint.and_then(|(kind, _)| gen_ai_name(kind));
    vendor.unwrap_or(&span.target.provider).to_owned()
}

/// Host and port of the provider.
pub(super) fn server_address(span: &AttemptSpan) -> Option<(String, Option<u16>)> {
    let (_, address) = span.trace.endpoint.as_ref()?;
    let url = reqwest::Url::parse(address).ok()?;
    Some((url.host_str()?.to_owned(), url.port_or_known_default()))
}

//! Finished calls as spans of OpenTelemetry, with the attributes of its conventions for generative AI.

use super::instruments::{server_address, vendor};
use crate::domain::{MeasuredUsage, Money, OutcomeLabels, UnixTime};
use crate::telemetry::spans::{AttemptSpan, RequestSpan};
use crate::telemetry::trace_context::TraceContext;
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The span of a client request.
pub(super) fn request_span(span: &RequestSpan) -> SpanData {
    let outcome = OutcomeLabels::from(span.end.outcome);
    let mut attributes = vec![
        KeyValue::new("gen_ai.operation.name", span.end.identity.operation),
        KeyValue::new("gen_ai.request.model", span.end.identity.model.to_string()),
        KeyValue::new("aibal.decision", span.end.decision.to_string()),
        KeyValue::new("aibal.attempts", i64::from(span.end.attempts)),
    ];
    if !span.target.provider.is_empty() {
        let (provider, model) = (&span.target.provider, &span.target.model);
        attributes.push(KeyValue::new("aibal.provider", provider.to_string()));
        attributes.push(KeyValue::new("gen_ai.response.model", model.to_string()));
    }
    push_seconds(
        &mut attributes,
        "gen_ai.response.time_to_first_chunk",
        span.end.first_content,
    );
    push_status(&mut attributes, span.end.status);
    push_result(&mut attributes, outcome, span.end.usage, span.end.cost);
    let name = span_name(span.end.identity.operation, &span.target.model);
    SpanData {
        span_context: context(span.trace.context),
        parent_span_id: SpanId::from(span.trace.parent.unwrap_or_default()),
        parent_span_is_remote: span.trace.parent.is_some(),
        span_kind: SpanKind::Server,
        start_time: system_time(span.end.started),
        end_time: system_time(span.end.ended),
        attributes,
        status: status(outcome),
        ..empty(name)
    }
}

/// The span of an attempt.
pub(super) fn attempt_span(span: &AttemptSpan) -> SpanData {
    let outcome = OutcomeLabels::from(span.end.outcome);
    let model = &span.target.model;
    let mut attributes = vec![
        KeyValue::new("gen_ai.operation.name", span.end.identity.operation),
        KeyValue::new("gen_ai.provider.name", vendor(span)),
        KeyValue::new("gen_ai.request.model", model.to_string()),
        KeyValue::new("gen_ai.request.stream", span.end.streamed),
        KeyValue::new("aibal.provider", span.target.provider.to_string()),
        KeyValue::new("aibal.attempt", i64::from(span.end.number)),
        KeyValue::new("aibal.decision", span.end.decision.to_string()),
    ];
    if let Some((address, port)) = server_address(span) {
        attributes.push(KeyValue::new("server.address", address));
        attributes.extend(port.map(|port| KeyValue::new("server.port", i64::from(port))));
    }
    push_seconds(
        &mut attributes,
        "gen_ai.response.time_to_first_chunk",
        span.end.first_token.filter(|_| span.end.streamed),
    );
    push_status(&mut attributes, span.end.status);
    push_result(&mut attributes, outcome, span.end.usage, span.end.cost);
    SpanData {
        span_context: context(span.trace.context),
        parent_span_id: SpanId::from(span.trace.parent),
        span_kind: SpanKind::Client,
        start_time: system_time(span.end.started),
        end_time: system_time(span.end.ended),
        attributes,
        status: status(outcome),
        ..empty(span_name(span.end.identity.operation, model))
    }
}

fn empty(name: String) -> SpanData {
    SpanData {
        span_context: SpanContext::NONE,
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: name.into(),
        start_time: UNIX_EPOCH,
        end_time: UNIX_EPOCH,
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
            .with_version(env!("CARGO_PKG_VERSION"))
            .build(),
    }
}

fn span_name(operation: &str, model: &str) -> String {
    if model.is_empty() {
        operation.to_owned()
    } else {
        format!("{operation} {model}")
    }
}

fn context(context: TraceContext) -> SpanContext {
    SpanContext::new(
        TraceId::from(context.trace),
        SpanId::from(context.span),
        TraceFlags::SAMPLED,
        false,
        TraceState::NONE,
    )
}

fn system_time(time: UnixTime) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(time.micros())
}

fn status(outcome: OutcomeLabels) -> Status {
    match outcome.error {
        // That a client left is no error.
        "" | "cancelled" => Status::Unset,
        error => Status::error(error),
    }
}

fn push_status(attributes: &mut Vec<KeyValue>, status: Option<u16>) {
    let status = status.map(i64::from);
    attributes.extend(status.map(|status| KeyValue::new("http.response.status_code", status)));
}

fn push_seconds(attributes: &mut Vec<KeyValue>, name: &'static str, seconds: Option<f64>) {
    attributes.extend(seconds.map(|seconds| KeyValue::new(name, seconds)));
}

fn push_result(
    attributes: &mut Vec<KeyValue>,
    outcome: OutcomeLabels,
    usage: Option<MeasuredUsage>,
    cost: Option<Money>,
) {
    if !outcome.error.is_empty() {
        attributes.push(KeyValue::new("error.type", outcome.error));
    }
    if let Some(MeasuredUsage { usage, .. }) = usage {
        let counts = [
            ("gen_ai.usage.input_tokens", usage.input),
            ("gen_ai.usage.output_tokens", usage.output),
            ("gen_ai.usage.cache_read.input_tokens", usage.cached),
            ("gen_ai.usage.cache_creation.input_tokens", usage.written),
            ("gen_ai.usage.reasoning.output_tokens", usage.reasoning),
        ];
        for (name, count) in counts {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            attributes.push(KeyValue::new(name, count));
        }
    }
    attributes.extend(cost.map(|cost| KeyValue::new("aibal.cost_usd", cost.usd())));
}

//! Traces and metrics for an OpenTelemetry collector, over OTLP/HTTP. One thread makes and sends them.

mod instruments;
mod otel_span;
mod settings;
mod worker;

pub use settings::OtlpSettings;

use super::SpanSink;
use opentelemetry::KeyValue;
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::SpanExporter as _;
use worker::Worker;

/// Spans that wait to be sent.
const QUEUE: usize = 8_192;
/// Name of the service unless `OTEL_SERVICE_NAME` has another.
const SERVICE_NAME: &str = env!("CARGO_PKG_NAME");

/// Starts to export what the settings name; an error says what is wrong with them.
pub fn start(settings: &OtlpSettings, version: &'static str) -> Result<SpanSink, String> {
    if settings.traces.is_none() && settings.metrics.is_none() {
        return Ok(SpanSink::default());
    }
    let resource = resource(settings, version);
    let spans = settings.traces.as_deref().map(|endpoint| {
        let exporter = SpanExporter::builder().with_http();
        let exporter = exporter.with_endpoint(endpoint).build();
        let mut exporter = exporter.map_err(|error| error.to_string())?;
        exporter.set_resource(&resource);
        Ok::<_, String>(exporter)
    });
    let meters = settings.metrics.as_deref().map(|endpoint| {
        let exporter = MetricExporter::builder().with_http();
        let exporter = exporter.with_endpoint(endpoint).build();
        let exporter = exporter.map_err(|error| error.to_string())?;
        let reader = PeriodicReader::builder(exporter)
            .with_interval(settings.metric_interval)
            .build();
        let provider = SdkMeterProvider::builder();
        let provider = provider.with_reader(reader);
        Ok::<_, String>(provider.with_resource(resource.clone()).build())
    });
    let (sink, messages, lost) = SpanSink::bounded(QUEUE, settings.sampling);
    let worker = Worker::new(
        spans.transpose()?,
        meters.transpose()?,
        settings.batch_delay,
        lost,
    );
    let thread = std::thread::Builder::new().name("otlp".to_owned());
    let started = thread.spawn(move || worker.run(&messages));
    started.map_err(|error| format!("no thread for OTLP: {error}"))?;
    Ok(sink)
}

fn resource(settings: &OtlpSettings, version: &'static str) -> Resource {
    let resource = Resource::builder();
    let resource = if settings.has_service_name {
        resource
    } else {
        resource.with_service_name(SERVICE_NAME)
    };
    resource
        .with_attribute(KeyValue::new("service.version", version))
        .build()
}

//! Figures for other tools: what Prometheus scrapes, made from the engine's counts and its snapshot;
//! with the feature `otlp`, also traces and metrics for an OpenTelemetry collector.
//!
//! The names and labels of the `gen_ai_*` metrics are those of OpenTelemetry and of Envoy's AI
//! gateway, so that dashboards made for these work. Labels come from the configuration only.

mod exposition;
mod families;
mod format;
mod metrics;
#[cfg(feature = "otlp")]
pub mod otlp;
mod process_facts;
mod samples;
mod spans;
#[cfg(test)]
mod tests;
mod trace_context;

pub use families::series_names;
pub use format::ExpositionFormat;
pub use metrics::Metrics;
pub use process_facts::{ProcessFacts, StoreFacts};
pub use spans::{AttemptSpan, AttemptTrace, RequestSpan, RequestTrace, SpanSink};
pub use trace_context::TraceContext;

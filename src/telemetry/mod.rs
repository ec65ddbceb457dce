//! Figures for other tools: what Prometheus scrapes, made from the engine's counts and its snapshot.
//!
//! The names and labels of the `gen_ai_*` metrics are those of OpenTelemetry and of Envoy's AI
//! gateway, so that dashboards made for these work. Labels come from the configuration only.

mod exposition;
mod families;
mod format;
mod metrics;
mod samples;
#[cfg(test)]
mod tests;

pub use families::series_names;
pub use format::ExpositionFormat;
pub use metrics::{Metrics, ProcessFacts};

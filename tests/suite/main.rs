//! Everything that needs sockets, in one binary so that it links once.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod alerts;
mod bench;
mod dashboard;
mod demo;
mod examples;
#[path = "../fuzz/exercise.rs"]
mod exercise;
mod faults;
mod first_minutes;
mod gateway;
mod golden;
mod lines;
mod logging;
mod metrics;
mod program;
mod reloading;
mod remote;
mod scenario;
#[cfg(target_os = "linux")]
mod service_manager;
mod setup;
#[cfg(feature = "otlp")]
mod spans;
mod store;
mod upstream;
mod vendors;

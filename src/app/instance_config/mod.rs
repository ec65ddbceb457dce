//! Everything that an instance is built from: of a configuration, or of the demo.

mod catalogue;
mod config;
mod configured;
mod demo;

pub(super) use catalogue::endpoint;
pub(super) use config::InstanceConfig;
pub(super) use configured::{NoProviderError, build_instance_config, from_configuration};
pub(super) use demo::demo_instance_config;

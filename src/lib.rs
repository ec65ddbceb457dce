//! aibal-tui: a load-balancing gateway for AI providers, with a terminal dashboard.

pub mod client;
pub mod config;
pub mod contract;
pub mod secrets;

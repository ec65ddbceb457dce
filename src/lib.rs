//! aibal-tui: a load-balancing gateway for AI providers, with a terminal dashboard.

pub mod cli;
pub mod client;
pub mod clock;
pub mod contract;
pub mod domain;
pub mod engine;
pub mod gateway;
pub mod logs;
pub mod probe;
pub mod protocols;

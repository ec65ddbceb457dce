//! aibal-tui: a load-balancing gateway for AI providers, with a terminal dashboard.

pub mod client;
pub mod clock;
pub mod contract;
pub mod domain;
pub mod engine;
pub mod gateway;
pub mod probe;
pub mod protocols;

//! aibal-tui: a load-balancing gateway for AI providers, with a terminal dashboard.

pub mod client;
pub mod contract;
pub mod demo;

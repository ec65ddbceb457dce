//! aibal-tui: a load-balancing gateway for AI providers, with a terminal dashboard.
//!
//! The modules, lowest first; ARCHITECTURE.md has the imports that each may use.

pub mod domain;

pub mod access;
pub mod clock;
pub mod foreign;
pub mod logs;
pub mod secrets;

pub mod config;
pub mod import;

pub mod contract;
pub mod engine;
pub mod protocols;
pub mod store;

pub mod client;
pub mod telemetry;

pub mod api;
pub mod gateway;
pub mod probe;
pub mod tui;
pub mod webhooks;

pub mod server;

pub mod cli;
pub mod demo;

pub mod app;

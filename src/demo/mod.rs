//! THE DEMO'S WORLD: five simulated vendors on loopback, and clients that send them traffic through
//! a gateway.
//!
//! The vendors are real HTTP servers; a gateway cannot tell them from the ones they imitate. Each is
//! a *profile* (prices, speed, limits) that *behaves* (timing, faults, luck) and speaks a *wire*
//! (the shape of its bytes). A *scenario* turns their faults on and off. All chance comes from one
//! seed.

mod behaviour;
mod conductor;
mod fault;
mod flow;
mod limit;
mod lorem;
mod luck;
mod openai_wire;
mod pace;
mod profile;
mod scenario;
mod server;
mod traffic;
mod vendor;
mod vendors;
mod wire;

pub use fault::Fault;
pub use scenario::{Scenario, Strike, UnknownScenario, Victim};
pub use traffic::{Traffic, TrafficCount, TrafficMeter};
pub use vendors::{Endpoint, UnknownVendor, Vendors};

//! The demo: five simulated vendors on loopback, and clients that send traffic through a gateway.
//!
//! The vendors are real HTTP servers; a gateway cannot tell them from real ones. Each has a
//! *profile* (prices, speed, limits), a *behaviour* (timing, faults) and a *wire* (the format of
//! its bytes). A *scenario* turns faults on and off. All random numbers come from one seed.

mod anthropic_request;
mod anthropic_wire;
mod behaviour;
mod clients;
mod configuration;
mod estimate;
mod fault;
mod gemini_request;
mod gemini_wire;
mod json_body;
mod limit;
mod lorem;
mod model_list;
mod ollama_wire;
mod openai_chat;
mod openai_request;
mod openai_responses;
mod openai_wire;
mod pace;
mod past;
mod profile;
mod random;
mod scenario;
mod scenario_runner;
mod schema;
mod server;
mod simulated_request;
mod simulated_response;
mod stream;
mod traffic;
mod vector;
mod vendor;
mod vendor_error;
mod vendor_route;
mod vendors;
mod wire;
mod xai_wire;

#[cfg(test)]
mod test_vendor;
#[cfg(test)]
mod wire_tests;

pub use clients::{CLIENTS, DemoClient};
pub use configuration::configuration;
pub use fault::Fault;
pub use model_list::Embedder;
pub use past::{PastAnswer, PastRequest, SimulatedPast};
pub use scenario::{FaultTarget, FaultWindow, Scenario, UnknownScenario};
pub use traffic::{Traffic, TrafficCount, TrafficMeter};
pub use vendors::{UnknownVendor, VendorEndpoint, Vendors};

//! The listeners: both APIs on one TCP address and on a Unix socket that only its owner can open, and
//! the drain at the end.

mod connection;
mod connection_limits;
mod connection_state;
mod connection_tracker;
mod cors;
mod drain;
mod fd_limit;
mod http2_responses;
mod listener;
mod local_socket;
mod openapi;
mod path;
mod response_body;
mod router;
mod upload_rate;
mod workers;

pub use connection_limits::ConnectionLimits;
pub use cors::with_cors;
pub use drain::Drain;
pub use fd_limit::clamp_to_rlimit;
pub use listener::serve;
pub use local_socket::{BindError, bind_socket};
pub use openapi::{descriptions, openapi};
pub use router::build_router;
pub use workers::WorkerThreads;

#[cfg(test)]
mod tests;

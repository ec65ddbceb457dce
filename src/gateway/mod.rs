//! The API for model traffic: takes a client's request, selects a target, calls the provider, and
//! fails over until one of them answers. The request path waits for no task, no disk and no screen,
//! and reports through a queue that never blocks, so it works when every other module is broken.

mod access_log;
mod admission;
mod attempt;
mod auth;
mod body_start;
mod byte_budget;
mod cache;
mod cache_status;
mod coalescing;
mod config;
mod count_tokens;
mod deadlines;
mod dispatch;
mod early_headers;
mod error;
mod error_response;
mod failover;
mod forward;
mod forward_target;
mod handler;
mod model_info;
mod models;
mod native;
mod operation;
mod owned_id;
mod owned_objects;
mod recovery;
mod relay;
mod request;
mod request_body;
mod request_context;
mod request_recorder;
mod response_headers;
mod router;
mod shutdown;
mod split_request;
mod state;
mod stored_conversation;
mod stored_responses;
mod upstream_call;
mod upstream_response;

pub use auth::with_auth;
pub use byte_budget::ByteBudget;
pub use cache::{Cache, CacheCounts, CacheLimits};
pub use config::{GatewayConfig, TargetTimeouts};
pub use dispatch::unknown_path;
pub use error::GatewayError;
pub use operation::{dialect_of, is_model_path};
pub use owned_objects::OwnedObjects;
pub use recovery::StreamRecovery;
pub use request_body::BodyBuffer;
pub use router::router;
pub use shutdown::{ShutdownSignal, ShutdownTrigger};
pub use state::Gateway;

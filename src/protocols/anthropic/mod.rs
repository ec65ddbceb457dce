//! Anthropic's Messages, the provider's side and the clients'.

mod client_api;
mod decode;
mod encode;
mod events;
mod headers;
mod media;
mod messages;
mod pass_through;
mod provider_api;
mod read;
mod shape;
#[cfg(test)]
mod tests;
mod tool_names;
mod write;

pub use client_api::MessagesApi;
pub use provider_api::Anthropic;

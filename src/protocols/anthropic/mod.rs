//! Anthropic's Messages, the provider's side and the clients'.

mod client_api;
mod client_tools;
mod decode;
mod encode;
mod events;
mod headers;
mod limits;
mod media;
mod messages;
mod pass_through;
mod provider_api;
mod read;
mod shape;
#[cfg(test)]
mod tests;
mod tool_loop;
mod whole_and_stream;
mod write;

pub use client_api::MessagesApi;
pub use provider_api::Anthropic;

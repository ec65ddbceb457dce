//! OpenAI's Responses API: the client's side, and the provider's for providers that have it.

mod client_api;
mod client_tools;
mod decode;
mod encode;
mod events;
mod item_store;
mod open_item;
mod pass_through;
mod read;
mod read_tools;
mod shape;
#[cfg(test)]
mod tests;
mod upstream;
mod write;

pub use client_api::ResponsesApi;
pub(super) use upstream::{pass_through, translate};

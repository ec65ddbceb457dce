//! OpenAI's older completions of a text, which editors ask for: the client's side, and the provider's
//! for servers that have it.

mod client_api;
mod encode;
mod pass_through;
mod read;

pub use client_api::CompletionsApi;
pub(super) use pass_through::{may_have, pass_through};

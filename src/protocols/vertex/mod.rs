//! Gemini as Google's cloud serves it: the same requests and answers under a project's and a
//! location's path, and a token that runs out instead of a key.

mod embeddings;
mod provider_api;
#[cfg(test)]
mod tests;
mod token_exchange;
mod token_source;

pub use provider_api::Vertex;
pub(super) use token_source::AccessToken;
pub use token_source::TokenSource;

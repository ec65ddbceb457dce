//! Gemini on Google's cloud: the same requests and responses under the path of a project and a
//! location, with a token that expires instead of a key.

mod embeddings;
mod provider_api;
#[cfg(test)]
mod tests;
mod token_error;
mod token_exchange;
mod token_source;

pub use provider_api::Vertex;
pub(super) use token_source::AccessToken;
pub use token_source::TokenSource;

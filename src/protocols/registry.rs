//! The tables of all protocols: by the words of the configuration, and by what a client speaks.

use super::{
    ApiDialect, ClientApi, ProviderApi, anthropic, gemini, ollama, openai, responses, vertex,
};
use http::HeaderMap;

/// Every protocol that is built.
pub const PROVIDER_APIS: &[&dyn ProviderApi] = &[
    &openai::OpenAi,
    &anthropic::Anthropic,
    &gemini::Gemini,
    &vertex::Vertex,
    &ollama::Ollama,
];

/// The protocol that a word of the configuration selects.
pub fn by_kind(kind: &str) -> Option<&'static dyn ProviderApi> {
    PROVIDER_APIS
        .iter()
        .find(|protocol| protocol.kinds().contains(&kind))
        .copied()
}

/// All words that select a protocol.
pub fn kinds() -> Vec<&'static str> {
    PROVIDER_APIS
        .iter()
        .flat_map(|protocol| protocol.kinds())
        .copied()
        .collect()
}

impl ApiDialect {
    pub fn client_api(self) -> &'static dyn ClientApi {
        match self {
            Self::Chat => &openai::ChatApi,
            Self::Messages => &anthropic::MessagesApi,
            Self::Responses => &responses::ResponsesApi,
        }
    }
}

/// Whether a client's library reads the shapes of the Messages API: it always states a version.
pub fn wants_message_shapes(headers: &HeaderMap) -> bool {
    headers.contains_key("anthropic-version")
}

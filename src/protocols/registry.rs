//! The tables of all protocols: by the `kind` of the configuration, and by the dialect of a client.

use super::{
    ApiDialect, ClientApi, ProviderApi, anthropic, completions, gemini, ollama, openai, responses,
    vertex,
};
use http::HeaderMap;

/// Provider protocols, each with its values of `kind`.
pub const PROVIDER_APIS: &[&dyn ProviderApi] = &[
    &openai::OpenAi,
    &anthropic::Anthropic,
    &gemini::Gemini,
    &vertex::Vertex,
    &ollama::Ollama,
];

/// Finds the protocol that a `kind` of the configuration selects.
pub fn by_kind(kind: &str) -> Option<&'static dyn ProviderApi> {
    PROVIDER_APIS
        .iter()
        .find(|protocol| protocol.kinds().contains(&kind))
        .copied()
}

/// Returns the name that OpenTelemetry gives the providers of a kind, if it has one.
pub fn gen_ai_name(kind: &str) -> Option<&'static str> {
    by_kind(kind)?.gen_ai_name(kind)
}

/// Lists all values of `kind`.
pub fn kinds() -> Vec<&'static str> {
    PROVIDER_APIS
        .iter()
        .flat_map(|protocol| protocol.kinds())
        .copied()
        .collect()
}

impl ApiDialect {
    /// Returns the implementation of this dialect.
    pub fn client_api(self) -> &'static dyn ClientApi {
        match self {
            Self::Chat => &openai::ChatApi,
            Self::Messages => &anthropic::MessagesApi,
            Self::Responses => &responses::ResponsesApi,
            Self::Completions => &completions::CompletionsApi,
            Self::GenerateContent => &gemini::GenerateContentApi,
            Self::Ollama => &ollama::OllamaApi,
        }
    }
}

/// Checks whether a client's library expects the shapes of the Messages API: it always sends a
/// version.
pub fn wants_message_shapes(headers: &HeaderMap) -> bool {
    headers.contains_key("anthropic-version")
}

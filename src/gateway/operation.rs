//! Operations that a client can request, by path.

use crate::domain::{ModelType, RequiredCapabilities};
use crate::protocols::{
    ApiDialect, CallSpec, Endpoint, MAX_RESPONSE_BYTES, PreparedCall, RawObject, TranslationError,
};

/// An operation that a client requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Generates the next turn of a conversation.
    Generate(ApiDialect),
    /// Computes embeddings.
    Embed,
}

impl Operation {
    /// The client's protocol.
    pub fn dialect(self) -> ApiDialect {
        match self {
            Self::Generate(dialect) => dialect,
            Self::Embed => ApiDialect::Chat,
        }
    }

    /// The required field that holds the prompt.
    pub fn prompt_member(self) -> &'static str {
        match self {
            Self::Generate(dialect) => dialect.client_api().prompt_member(),
            Self::Embed => "input",
        }
    }

    /// The limit on the response that the request states, in tokens.
    pub fn max_tokens(self, object: &RawObject<'_>) -> Option<u64> {
        match self {
            Self::Generate(dialect) => {
                let mut names = dialect.client_api().limit_members().iter();
                names.find_map(|name| object.read(name))
            }
            Self::Embed => Some(0),
        }
    }

    /// Largest whole response, in bytes. Embeddings for the largest request fit.
    pub fn max_response_bytes(self) -> usize {
        match self {
            Self::Generate(_) => MAX_RESPONSE_BYTES,
            Self::Embed => 64 * 1024 * 1024,
        }
    }

    /// The capabilities that the request needs.
    pub fn needs(self, object: &RawObject<'_>) -> RequiredCapabilities {
        match self {
            Self::Generate(dialect) => dialect.client_api().needs(object),
            Self::Embed => RequiredCapabilities::default(),
        }
    }

    /// The model type where neither the model's name nor a header states it: images → vision, reasoning
    /// parameters → reasoning, else chat.
    pub fn infer(self, needs: RequiredCapabilities) -> ModelType {
        match self {
            Self::Embed => ModelType::Embedding,
            Self::Generate(_) if needs.images => ModelType::Vision,
            Self::Generate(_) if needs.reasoning => ModelType::Reasoning,
            Self::Generate(_) => ModelType::Chat,
        }
    }

    /// The request in the provider's protocol.
    pub fn build_request(
        self,
        endpoint: &Endpoint,
        call: &CallSpec<'_>,
    ) -> Result<PreparedCall, TranslationError> {
        match self {
            Self::Generate(_) => endpoint.protocol.build_request(endpoint, call),
            Self::Embed => endpoint.protocol.build_embeddings(endpoint, call),
        }
    }
}

/// The protocol of errors that occur before a request for this path is read.
pub fn dialect_of(path: &str) -> ApiDialect {
    if path.contains("/messages") {
        ApiDialect::Messages
    } else {
        ApiDialect::Chat
    }
}

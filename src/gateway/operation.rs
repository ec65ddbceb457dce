//! What a client may want done, by the path it asks.

use super::GatewayError;
use crate::domain::{ModelType, RequiredCapabilities};
use crate::protocols::{
    ApiDialect, CallSpec, Endpoint, MAX_RESPONSE_BYTES, PreparedCall, RawObject, TranslationError,
};

/// What a client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// The next turn of a conversation.
    Generate(ApiDialect),
    /// Numbers for texts.
    Embed,
}

impl Operation {
    /// The protocol that the client speaks.
    pub fn dialect(self) -> ApiDialect {
        match self {
            Self::Generate(dialect) => dialect,
            Self::Embed => ApiDialect::Chat,
        }
    }

    /// The member that holds what it is all about; a request without it is none.
    pub fn prompt_member(self) -> &'static str {
        match self {
            Self::Generate(dialect) => dialect.client_api().prompt_member(),
            Self::Embed => "input",
        }
    }

    /// The longest answer wanted, in tokens.
    pub fn max_tokens(self, object: &RawObject<'_>) -> Option<u64> {
        match self {
            Self::Generate(dialect) => {
                let mut names = dialect.client_api().limit_members().iter();
                names.find_map(|name| object.read(name))
            }
            Self::Embed => Some(0),
        }
    }

    /// Bytes of a whole answer; one that is larger is none. Vectors for all that may be asked at
    /// once fit.
    pub fn largest_answer(self) -> usize {
        match self {
            Self::Generate(_) => MAX_RESPONSE_BYTES,
            Self::Embed => 64 * 1024 * 1024,
        }
    }

    pub fn needs(self, object: &RawObject<'_>) -> RequiredCapabilities {
        match self {
            Self::Generate(dialect) => dialect.client_api().needs(object),
            Self::Embed => RequiredCapabilities::default(),
        }
    }

    /// The type of work where neither the model's name nor a header says it: images → vision,
    /// reasoning parameters → reasoning, else chat.
    pub fn infer(self, needs: RequiredCapabilities) -> ModelType {
        match self {
            Self::Embed => ModelType::Embedding,
            Self::Generate(_) if needs.images => ModelType::Vision,
            Self::Generate(_) if needs.reasoning => ModelType::Reasoning,
            Self::Generate(_) => ModelType::Chat,
        }
    }

    /// Refuses a type of work that the path has nothing to do with.
    pub fn check(self, kind: ModelType) -> Result<(), GatewayError> {
        let embeds = kind == ModelType::Embedding;
        let problem = match self {
            Self::Embed if !embeds => "only embeddings are made here",
            Self::Generate(_) if embeds => "embeddings are made at /v1/embeddings",
            _ => return Ok(()),
        };
        let message = format!("the type asked for is {kind}, but {problem}");
        Err(GatewayError::invalid(Some("model"), message))
    }

    /// In the provider's words.
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

/// The protocol in which a client that asks this path is told what goes wrong before its request
/// is read.
pub fn dialect_of(path: &str) -> ApiDialect {
    if path.contains("/messages") {
        ApiDialect::Messages
    } else {
        ApiDialect::Chat
    }
}

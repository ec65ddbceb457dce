//! Operations that a client can request, by path.

use crate::clock;
use crate::domain::{ModelType, RequiredCapabilities};
use crate::protocols::{
    AZURE_PREFIX, ApiDialect, CONTENT_PREFIXES, CallSpec, EmbeddingDialect, Endpoint,
    MAX_RESPONSE_BYTES, ModelMethod, OutputLimits, PreparedCall, RawObject, RenamingAdapter,
    TranslationError,
};
use bytes::Bytes;

/// An operation that a client requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Generates the next turn of a conversation.
    Generate(ApiDialect),
    /// Sums up a conversation of the Responses API.
    Compact,
    /// Passes a call without translation.
    Forward,
    /// Computes embeddings.
    Embed(EmbeddingDialect),
}

impl Operation {
    /// The client's protocol.
    pub fn dialect(self) -> ApiDialect {
        match self {
            Self::Generate(dialect) => dialect,
            Self::Compact => ApiDialect::Responses,
            Self::Forward => ApiDialect::Chat,
            Self::Embed(form) => form.dialect(),
        }
    }

    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Generate(ApiDialect::Chat | ApiDialect::Ollama) => "chat",
            Self::Generate(ApiDialect::Messages) => "messages",
            Self::Generate(ApiDialect::Responses) => "responses",
            Self::Generate(ApiDialect::Completions) => "completion",
            Self::Generate(ApiDialect::GenerateContent) => "generate_content",
            Self::Compact => "compact",
            Self::Embed(_) => "embeddings",
            Self::Forward => "forward",
        }
    }

    /// The required field that holds the prompt.
    pub fn prompt_member(self) -> &'static str {
        match self {
            Self::Generate(_) | Self::Compact => self.dialect().client_api().prompt_member(),
            Self::Embed(_) | Self::Forward => "input",
        }
    }

    /// Whether the request holds a prompt.
    pub fn has_prompt(self, object: &RawObject<'_>) -> bool {
        match self {
            Self::Generate(_) | Self::Compact => self.dialect().client_api().has_prompt(object),
            Self::Embed(_) | Self::Forward => object.has(self.prompt_member()),
        }
    }

    /// Whether a request that does not say so wants a stream.
    pub fn streams_by_default(self) -> bool {
        matches!(self, Self::Generate(dialect) if dialect.client_api().streams_by_default())
    }

    /// Whether the response may be a stream at all; where not, a wish for one is left out.
    pub fn may_stream(self) -> bool {
        matches!(self, Self::Generate(_) | Self::Forward)
    }

    /// What the request states about the size of its response.
    pub fn output_limits(self, object: &RawObject<'_>) -> Result<OutputLimits, TranslationError> {
        match self {
            Self::Generate(_) | Self::Compact => self.dialect().client_api().output_limits(object),
            Self::Embed(_) | Self::Forward => Ok(OutputLimits {
                max_tokens: Some(0),
                choices: 1,
            }),
        }
    }

    /// Largest whole response, in bytes. Embeddings for the largest request fit, and files.
    pub fn max_response_bytes(self) -> usize {
        match self {
            Self::Generate(_) | Self::Compact => MAX_RESPONSE_BYTES,
            Self::Embed(_) | Self::Forward => 64 * 1024 * 1024,
        }
    }

    /// The capabilities that the request needs.
    pub fn needs(self, object: &RawObject<'_>) -> RequiredCapabilities {
        match self {
            Self::Generate(_) | Self::Compact => self.dialect().client_api().needs(object),
            Self::Embed(_) | Self::Forward => RequiredCapabilities::default(),
        }
    }

    /// The model type where neither the model's name nor a header states it: images → vision, reasoning
    /// parameters → reasoning, else chat.
    pub fn infer(self, needs: RequiredCapabilities) -> ModelType {
        match self {
            Self::Embed(_) => ModelType::Embedding,
            Self::Generate(_) if needs.images => ModelType::Vision,
            Self::Generate(_) if needs.reasoning => ModelType::Reasoning,
            Self::Generate(_) | Self::Compact | Self::Forward => ModelType::Chat,
        }
    }

    /// The request for embeddings in the form that all providers are asked in; `None` where it has
    /// that form.
    pub fn embeddings_request(self, body: &[u8]) -> Option<Result<Vec<u8>, TranslationError>> {
        match self {
            Self::Embed(form) => form.read(body),
            Self::Generate(_) | Self::Compact | Self::Forward => None,
        }
    }

    /// The response to a request without a prompt, where the protocol gives that a meaning.
    pub fn answer_without_prompt(self, object: &RawObject<'_>) -> Option<Bytes> {
        let Self::Generate(dialect) = self else {
            return None;
        };
        let created = clock::now().unix_seconds();
        dialect.client_api().answer_without_prompt(object, created)
    }

    /// The request in the provider's protocol. Its response names the model `model_in_answer`, where
    /// that is given.
    pub fn build_request(
        self,
        endpoint: &Endpoint,
        call: &CallSpec<'_>,
        model_in_answer: Option<&str>,
    ) -> Result<PreparedCall, TranslationError> {
        let named = |mut prepared: PreparedCall| {
            if let Some(name) = model_in_answer {
                prepared.adapter = Box::new(RenamingAdapter::new(prepared.adapter, name));
            }
            prepared
        };
        match self {
            Self::Generate(_) | Self::Compact | Self::Forward => {
                let mut prepared = named(endpoint.protocol.build_request(endpoint, call)?);
                prepared.adapter = self.dialect().client_api().framed(call, prepared.adapter);
                Ok(prepared)
            }
            Self::Embed(_) => Ok(named(endpoint.protocol.build_embeddings(endpoint, call)?)),
        }
    }
}

/// Whether a path that has no route is one of model traffic.
pub fn is_model_path(path: &str) -> bool {
    let starts = ["/v1", AZURE_PREFIX].into_iter().chain(CONTENT_PREFIXES);
    starts.into_iter().any(|start| {
        let rest = path.strip_prefix(start);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// The protocol of errors that occur before a request for this path is read.
pub fn dialect_of(path: &str) -> ApiDialect {
    if path.contains("/messages") {
        ApiDialect::Messages
    } else if ModelMethod::is_path(path) {
        ApiDialect::GenerateContent
    } else if path.starts_with("/api/") {
        ApiDialect::Ollama
    } else {
        ApiDialect::Chat
    }
}

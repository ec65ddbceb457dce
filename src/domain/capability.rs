//! Capabilities that requests require, and capabilities that are stated of models.
//!
//! An unstated capability excludes no target: the provider itself rejects what it cannot do. Reasoning
//! and a long response are wishes: they decide between targets, and where no target fulfils them, the
//! request is served without.

use super::model_type::{ModelType, ModelTypes};
use std::fmt;

/// Factor by which an estimated prompt may exceed the context window before the target is excluded.
/// Four bytes per token hold for prose; JSON syntax, escapes, indentation and long words take up to
/// twice as many. A wrong attempt costs less than the exclusion of the only target that fits.
const PROMPT_ESTIMATE_MARGIN: f64 = 2.0;

/// Capabilities that a request requires of its target.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent requirements, in any combination"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RequiredCapabilities {
    /// Image input.
    pub images: bool,
    /// Tool calls.
    pub tools: bool,
    /// Structured output by a JSON schema.
    pub json_schema: bool,
    /// Reasoning.
    pub reasoning: bool,
    /// Continuation of a response that the client begins.
    pub prefill: bool,
}

impl RequiredCapabilities {
    /// Returns the requirements of a type of work.
    pub fn of(kind: ModelType) -> Self {
        Self {
            images: kind == ModelType::Vision,
            reasoning: kind == ModelType::Reasoning,
            ..Self::default()
        }
    }
}

/// Stated capabilities of a model; `None` is not stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// Text responses.
    pub talk: Option<bool>,
    /// Embeddings.
    pub embeddings: Option<bool>,
    /// Image input.
    pub vision: Option<bool>,
    /// Tool calls.
    pub tools: Option<bool>,
    /// Structured output by a JSON schema.
    pub json_schema: Option<bool>,
    /// Reasoning.
    pub reasoning: Option<bool>,
    /// Continuation of a response that the client begins.
    pub prefill: Option<bool>,
    /// Context window in tokens.
    pub context_window: Option<u64>,
    /// Maximum output in tokens.
    pub max_output: Option<u64>,
}

impl Capabilities {
    /// Returns the capabilities that follow from the configured types of a model.
    pub fn of(types: ModelTypes) -> Self {
        let talks = |kind: &ModelType| *kind != ModelType::Embedding && types.contains(*kind);
        Self {
            talk: Some(ModelType::ALL.iter().any(talks)),
            embeddings: Some(types.contains(ModelType::Embedding)),
            ..Self::default()
        }
    }

    /// Returns the missing capability if the model cannot serve a type of work: embedding models do
    /// not serve chat requests, nor chat models embedding requests.
    pub fn unsupported_type(&self, kind: ModelType) -> Option<MissingCapability> {
        if kind == ModelType::Embedding {
            (self.embeddings == Some(false)).then_some(MissingCapability::Embeddings)
        } else {
            (self.talk == Some(false)).then_some(MissingCapability::Chat)
        }
    }

    /// Returns the lack that excludes also a target that the client named: a model that is said to see
    /// no pictures would answer as if there were none.
    pub fn blind_to(&self, needs: RequiredCapabilities) -> Option<MissingCapability> {
        let is_blind = needs.images && self.vision == Some(false);
        is_blind.then_some(MissingCapability::Vision)
    }

    /// Returns the first capability that the model lacks for a request with a prompt of about `input`
    /// tokens.
    pub fn missing(&self, needs: RequiredCapabilities, input: f64) -> Option<MissingCapability> {
        let required = [
            (needs.images, self.vision, MissingCapability::Vision),
            (needs.tools, self.tools, MissingCapability::Tools),
            (
                needs.json_schema,
                self.json_schema,
                MissingCapability::JsonSchema,
            ),
            (needs.prefill, self.prefill, MissingCapability::Prefill),
        ];
        let missing = required
            .into_iter()
            .find(|(needed, stated, _)| *needed && *stated == Some(false));
        let too_long = |window: &u64| input > *window as f64 * PROMPT_ESTIMATE_MARGIN;
        missing.map(|(_, _, lack)| lack).or_else(|| {
            let window = self.context_window.filter(too_long)?;
            Some(MissingCapability::Context {
                window,
                prompt: rounded(input),
            })
        })
    }

    /// Returns the wish that the model does not fulfil: for reasoning, or for a response of up to
    /// `max_tokens`.
    pub fn unmet_wish(
        &self,
        needs: RequiredCapabilities,
        max_tokens: Option<f64>,
    ) -> Option<MissingCapability> {
        if needs.reasoning && self.reasoning == Some(false) {
            return Some(MissingCapability::Reasoning);
        }
        let wanted = max_tokens?;
        let most = self.max_output.filter(|most| wanted > *most as f64)?;
        Some(MissingCapability::Output {
            most,
            wanted: whole(wanted),
        })
    }
}

/// Capability that a model lacks for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingCapability {
    /// Text responses.
    Chat,
    /// Embeddings.
    Embeddings,
    /// Image input.
    Vision,
    /// Tool calls.
    Tools,
    /// Structured output by a JSON schema.
    JsonSchema,
    /// Reasoning.
    Reasoning,
    /// Continuation of a response that the client begins.
    Prefill,
    /// The estimated prompt exceeds the context window.
    Context {
        /// Context window in tokens.
        window: u64,
        /// Estimated tokens of the prompt.
        prompt: u64,
    },
    /// The requested output exceeds the maximum.
    Output {
        /// Maximum output in tokens.
        most: u64,
        /// Requested tokens.
        wanted: u64,
    },
    /// The prompt was too long for the same model, or for a target with at least this context
    /// window.
    ContextExceeded,
}

impl fmt::Display for MissingCapability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chat => f.write_str("is an embedding model"),
            Self::Embeddings => f.write_str("makes no embeddings"),
            Self::Vision => {
                f.write_str("cannot see pictures; if it can, set vision = true for the model")
            }
            Self::Tools => f.write_str("cannot call tools"),
            Self::JsonSchema => f.write_str("does not support JSON schemas"),
            Self::Reasoning => f.write_str("does not support reasoning"),
            Self::Prefill => f.write_str("cannot continue a response that the client begins"),
            Self::Context { window, prompt } => {
                write!(
                    f,
                    "has a context window of {window} tokens, the prompt has about {prompt}"
                )
            }
            Self::Output { most, wanted } => {
                write!(f, "generates at most {most} tokens, {wanted} are requested")
            }
            Self::ContextExceeded => {
                f.write_str("holds no more than one that the prompt was too long for")
            }
        }
    }
}

/// Rounds an estimate to a multiple of 100.
fn rounded(tokens: f64) -> u64 {
    whole(tokens / 100.0).saturating_mul(100)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "token counts are not negative; a float cast saturates"
)]
fn whole(tokens: f64) -> u64 {
    tokens.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ABLE: Capabilities = Capabilities {
        talk: Some(true),
        embeddings: Some(false),
        vision: Some(true),
        tools: Some(true),
        json_schema: Some(true),
        reasoning: Some(true),
        prefill: Some(true),
        context_window: Some(8_192),
        max_output: Some(4_096),
    };

    #[test]
    fn a_missing_capability_has_a_text() {
        let all = RequiredCapabilities {
            images: true,
            tools: true,
            json_schema: true,
            reasoning: true,
            prefill: true,
        };
        let cases = [
            (
                Capabilities {
                    prefill: Some(false),
                    ..ABLE
                },
                "cannot continue a response that the client begins",
            ),
            (
                Capabilities {
                    vision: Some(false),
                    ..ABLE
                },
                "cannot see pictures; if it can, set vision = true for the model",
            ),
            (
                Capabilities {
                    tools: Some(false),
                    ..ABLE
                },
                "cannot call tools",
            ),
            (
                Capabilities {
                    json_schema: Some(false),
                    ..ABLE
                },
                "does not support JSON schemas",
            ),
        ];

        for (capabilities, text) in cases {
            let lack = capabilities.missing(all, 100.0);
            assert_eq!(lack.map(|lack| lack.to_string()).as_deref(), Some(text));
            assert_eq!(
                capabilities.missing(RequiredCapabilities::default(), 100.0),
                None
            );
        }
        assert_eq!(ABLE.missing(all, 100.0), None);
    }

    #[test]
    fn only_a_prompt_estimated_at_twice_the_window_excludes_a_target() {
        let lack = |input| ABLE.missing(RequiredCapabilities::default(), input);

        assert_eq!(lack(9_000.0), None);
        assert_eq!(
            lack(17_049.0).map(|lack| lack.to_string()).as_deref(),
            Some("has a context window of 8192 tokens, the prompt has about 17000")
        );
    }

    #[test]
    fn reasoning_and_a_long_response_are_wishes() {
        let wish = |reasoning, model: Capabilities, max_tokens| {
            let needs = RequiredCapabilities {
                reasoning,
                ..RequiredCapabilities::default()
            };
            assert_eq!(model.missing(needs, 1.0), None);
            let unmet = model.unmet_wish(needs, max_tokens);
            unmet.map(|lack| lack.to_string()).unwrap_or_default()
        };
        let plain = Capabilities {
            reasoning: Some(false),
            ..ABLE
        };
        assert_eq!(wish(true, ABLE, Some(4_096.0)), "");
        assert_eq!(wish(true, plain, None), "does not support reasoning");
        assert_eq!(wish(false, plain, None), "");
        assert_eq!(
            wish(true, ABLE, Some(5_000.0)),
            "generates at most 4096 tokens, 5000 are requested"
        );
    }

    #[test]
    fn embedding_models_serve_no_chat_and_chat_models_no_embeddings() {
        let embedder = Capabilities::of([ModelType::Embedding].into_iter().collect());
        let chat = Capabilities::of(ModelTypes::CHAT);
        let both = Capabilities::of(ModelType::ALL.into_iter().collect());

        assert_eq!(
            embedder.unsupported_type(ModelType::Vision),
            Some(MissingCapability::Chat)
        );
        assert_eq!(embedder.unsupported_type(ModelType::Embedding), None);
        assert_eq!(
            chat.unsupported_type(ModelType::Embedding),
            Some(MissingCapability::Embeddings)
        );
        assert_eq!(chat.unsupported_type(ModelType::Chat), None);
        for kind in ModelType::ALL {
            assert_eq!(both.unsupported_type(kind), None);
            assert_eq!(Capabilities::default().unsupported_type(kind), None);
        }
    }

    proptest! {
        #[test]
        fn unstated_capabilities_exclude_no_target(
            images: bool, tools: bool, json_schema: bool, reasoning: bool, prefill: bool,
            input in 0.0..1e9, max_tokens in prop::option::of(0.0..1e9),
        ) {
            let needs = RequiredCapabilities { images, tools, json_schema, reasoning, prefill };
            prop_assert_eq!(Capabilities::default().missing(needs, input), None);
            prop_assert_eq!(Capabilities::default().unmet_wish(needs, max_tokens), None);
        }
    }
}

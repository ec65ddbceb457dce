//! What a request needs of a model, what is stated of models, and whether the two fit.
//!
//! An unstated capability excludes no target: the provider itself reports what it cannot do.

use super::model_type::{ModelType, ModelTypes};
use std::fmt;

/// How often the estimate of a prompt's length may count a token double before a target is passed
/// over for it. Four bytes each is a rule for prose: JSON's own signs, escapes, indentation and long
/// words take up to twice as many. A provider that is asked in vain costs an attempt, one that is
/// passed over wrongly costs the answer.
const PROMPT_ESTIMATE_MARGIN: f64 = 2.0;

/// Capabilities that a request requires of its target.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a need of its own, in any combination"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RequiredCapabilities {
    /// It shows pictures.
    pub images: bool,
    /// It offers functions to call.
    pub tools: bool,
    /// The answer must keep to a JSON schema.
    pub json_schema: bool,
    /// It asks the model to think first.
    pub reasoning: bool,
    /// It begins the model's own words, for the model to go on with.
    pub prefill: bool,
}

impl RequiredCapabilities {
    /// What every request for a type of work needs.
    pub fn of(kind: ModelType) -> Self {
        Self {
            images: kind == ModelType::Vision,
            reasoning: kind == ModelType::Reasoning,
            ..Self::default()
        }
    }
}

/// What a model can do; `None` is not stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// It answers in words.
    pub talk: Option<bool>,
    /// It turns texts into numbers.
    pub embeddings: Option<bool>,
    /// It sees pictures.
    pub vision: Option<bool>,
    pub tools: Option<bool>,
    pub json_schema: Option<bool>,
    pub reasoning: Option<bool>,
    /// It goes on with words of its own that the client begins.
    pub prefill: Option<bool>,
    /// Tokens of the longest prompt.
    pub context_window: Option<u64>,
    /// Tokens of the longest answer.
    pub max_output: Option<u64>,
}

impl Capabilities {
    /// What follows from the types of work that a model is said to serve.
    pub fn of(types: ModelTypes) -> Self {
        let talks = |kind: &ModelType| *kind != ModelType::Embedding && types.contains(*kind);
        Self {
            talk: Some(ModelType::ALL.iter().any(talks)),
            embeddings: Some(types.contains(ModelType::Embedding)),
            ..Self::default()
        }
    }

    /// What keeps the model from such work whatever else is asked: nobody chats with an embedding
    /// model, nor the other way round.
    pub fn unsupported_type(&self, kind: ModelType) -> Option<MissingCapability> {
        if kind == ModelType::Embedding {
            (self.embeddings == Some(false)).then_some(MissingCapability::Embeddings)
        } else {
            (self.talk == Some(false)).then_some(MissingCapability::Chat)
        }
    }

    /// What the model lacks for a request with a prompt of about `input` tokens whose answer may
    /// have `max_tokens`; the first that is found.
    pub fn missing(
        &self,
        needs: RequiredCapabilities,
        input: f64,
        max_tokens: Option<f64>,
    ) -> Option<MissingCapability> {
        let wanting = [
            (needs.images, self.vision, MissingCapability::Vision),
            (needs.tools, self.tools, MissingCapability::Tools),
            (
                needs.json_schema,
                self.json_schema,
                MissingCapability::JsonSchema,
            ),
            (
                needs.reasoning,
                self.reasoning,
                MissingCapability::Reasoning,
            ),
            (needs.prefill, self.prefill, MissingCapability::Prefill),
        ];
        let missing = wanting
            .into_iter()
            .find(|(needed, stated, _)| *needed && *stated == Some(false));
        let too_long = |window: &u64| input > *window as f64 * PROMPT_ESTIMATE_MARGIN;
        let too_short = |most: &u64| max_tokens.is_some_and(|wanted| wanted > *most as f64);
        missing
            .map(|(_, _, lack)| lack)
            .or_else(|| {
                let window = self.context_window.filter(too_long)?;
                Some(MissingCapability::Context {
                    window,
                    prompt: rounded(input),
                })
            })
            .or_else(|| {
                let most = self.max_output.filter(too_short)?;
                Some(MissingCapability::Output {
                    most,
                    wanted: max_tokens.map_or(0, whole),
                })
            })
    }
}

/// What a model has not got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingCapability {
    Chat,
    Embeddings,
    Vision,
    Tools,
    JsonSchema,
    Reasoning,
    Prefill,
    /// Tokens that it holds, and that the prompt has about.
    Context {
        window: u64,
        prompt: u64,
    },
    /// Tokens of its longest answer, and those that are asked for.
    Output {
        most: u64,
        wanted: u64,
    },
    /// The prompt was too long for a target that holds as much, or for the same model.
    ContextExceeded,
}

impl fmt::Display for MissingCapability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chat => f.write_str("is an embedding model"),
            Self::Embeddings => f.write_str("makes no embeddings"),
            Self::Vision => f.write_str("cannot see pictures"),
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

/// An estimate to the hundred: more would feign precision.
fn rounded(tokens: f64) -> u64 {
    whole(tokens / 100.0).saturating_mul(100)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of tokens; a float cast saturates"
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
    fn what_a_model_lacks_is_said_in_words() {
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
                "cannot see pictures",
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
            (
                Capabilities {
                    reasoning: Some(false),
                    ..ABLE
                },
                "does not support reasoning",
            ),
        ];

        for (capabilities, words) in cases {
            let lack = capabilities.missing(all, 100.0, None);
            assert_eq!(lack.map(|lack| lack.to_string()).as_deref(), Some(words));
            assert_eq!(
                capabilities.missing(RequiredCapabilities::default(), 100.0, None),
                None
            );
        }
        assert_eq!(ABLE.missing(all, 100.0, Some(4_096.0)), None);
    }

    #[test]
    fn a_prompt_must_be_far_too_long_before_an_estimate_keeps_a_target_out() {
        let lack = |input| ABLE.missing(RequiredCapabilities::default(), input, None);

        assert_eq!(lack(9_000.0), None);
        assert_eq!(
            lack(17_049.0).map(|lack| lack.to_string()).as_deref(),
            Some("has a context window of 8192 tokens, the prompt has about 17000")
        );
    }

    #[test]
    fn a_longer_answer_than_the_longest_is_not_asked_for() {
        let lack = ABLE.missing(RequiredCapabilities::default(), 1.0, Some(5_000.0));

        assert_eq!(
            lack.map(|lack| lack.to_string()).as_deref(),
            Some("generates at most 4096 tokens, 5000 are requested")
        );
    }

    #[test]
    fn nobody_chats_with_an_embedding_model_nor_the_other_way_round() {
        let embedder = Capabilities::of([ModelType::Embedding].into_iter().collect());
        let talker = Capabilities::of(ModelTypes::CHAT);
        let both = Capabilities::of(ModelType::ALL.into_iter().collect());

        assert_eq!(
            embedder.unsupported_type(ModelType::Vision),
            Some(MissingCapability::Chat)
        );
        assert_eq!(embedder.unsupported_type(ModelType::Embedding), None);
        assert_eq!(
            talker.unsupported_type(ModelType::Embedding),
            Some(MissingCapability::Embeddings)
        );
        assert_eq!(talker.unsupported_type(ModelType::Chat), None);
        for kind in ModelType::ALL {
            assert_eq!(both.unsupported_type(kind), None);
            assert_eq!(Capabilities::default().unsupported_type(kind), None);
        }
    }

    proptest! {
        #[test]
        fn what_nobody_states_keeps_nobody_out(
            images: bool, tools: bool, json_schema: bool, reasoning: bool, prefill: bool,
            input in 0.0..1e9, max_tokens in prop::option::of(0.0..1e9),
        ) {
            let needs = RequiredCapabilities { images, tools, json_schema, reasoning, prefill };
            prop_assert_eq!(Capabilities::default().missing(needs, input, max_tokens), None);
        }
    }
}

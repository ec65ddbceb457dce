//! Types, capabilities and restrictions of a model: from the configuration, else from the built-in
//! table, else not stated.

use super::file;
use super::prices::KnownModel;
use crate::domain::{Capabilities, ModelType, ModelTypes};

/// Restrictions of a model's API; `None` is not stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ModelQuirks {
    /// Whether requests may set temperature, `top_p` and `top_k`.
    pub sampling: Option<bool>,
    /// Whether a request may force a tool call.
    pub forced_tools: Option<bool>,
    /// Whether the model decides itself how long to reason.
    pub adaptive_thinking: Option<bool>,
    /// Whether `/responses` is the only path that serves it.
    pub responses_only: bool,
}

/// A model as the configuration and the table describe it.
#[derive(Debug, Clone, Copy)]
pub(super) struct ModelInfo<'a> {
    pub id: &'a str,
    /// `None` where the provider lists the model itself.
    pub given: Option<&'a file::Model>,
    pub known: Option<&'a KnownModel>,
}

impl ModelInfo<'_> {
    /// The types of requests that the model serves: those given; else those of the table, else chat.
    /// Every chat model also serves artifacts, and a flag adds or removes its own type.
    pub fn types(self) -> ModelTypes {
        if let Some(types) = self.given_types() {
            return types;
        }
        let types = self.known_types().unwrap_or(ModelTypes::CHAT);
        if types.contains(ModelType::Embedding) {
            return types;
        }
        let flag = |kind: ModelType| match kind {
            ModelType::Vision => self.flag(|model| model.vision),
            ModelType::Reasoning => self.flag(|model| model.reasoning),
            _ => None,
        };
        let all = ModelType::ALL.into_iter();
        all.filter(|kind| flag(*kind).unwrap_or(types.contains(*kind)))
            .collect()
    }

    pub fn capabilities(self) -> Capabilities {
        let (given, known) = (self.given, self.known);
        let stated = self.given_types().or_else(|| self.known_types());
        let can = |kind: ModelType, flag: Option<bool>| {
            let is_given = self.given_types().filter(|types| types.contains(kind));
            flag.or_else(|| is_given.map(|_| true))
                .or_else(|| self.has_mode(kind.as_str()))
        };
        let talks = |types: ModelTypes| types.iter().any(|kind| kind != ModelType::Embedding);
        let tools = self.flag(|model| model.tools);
        let json_schema = self.flag(|model| model.json_schema);
        let context_window = given.and_then(|model| model.context_window);
        let max_output = given.and_then(|model| model.max_output);
        Capabilities {
            talk: stated.map(talks),
            embeddings: stated.map(|types| types.contains(ModelType::Embedding)),
            vision: can(ModelType::Vision, self.flag(|model| model.vision)),
            tools: tools.or_else(|| self.has_mode("tools")),
            json_schema: json_schema.or_else(|| self.known_flag("json_schema")),
            reasoning: can(ModelType::Reasoning, self.flag(|model| model.reasoning)),
            prefill: self.known_flag("assistant_prefill"),
            context_window: context_window.or_else(|| known?.context_window),
            max_output: max_output.or_else(|| known?.max_output),
        }
    }

    pub fn quirks(self) -> ModelQuirks {
        let is_at_responses_alone = |known: &KnownModel| {
            let is_responses = |path: &String| path == "/v1/responses";
            known.has_mode("responses-only")
                || !known.endpoints.is_empty() && known.endpoints.iter().all(is_responses)
        };
        ModelQuirks {
            sampling: self
                .flag(|model| model.sampling)
                .or_else(|| self.known_flag("sampling_params")),
            forced_tools: self.known_flag("forced_tool_choice"),
            adaptive_thinking: self.known_flag("adaptive_thinking"),
            responses_only: self.known.is_some_and(is_at_responses_alone),
        }
    }

    fn given_types(self) -> Option<ModelTypes> {
        let words = self.given?.types.as_ref()?;
        let types = words.iter().filter_map(|word| word.parse().ok());
        Some(types.collect())
    }

    /// The types of the table. An embedding model that accepts images is no chat model; without a row
    /// in the table, embedding models are recognised by their names.
    fn known_types(self) -> Option<ModelTypes> {
        let known = self.known.filter(|known| !known.modes.is_empty());
        let is_embedder = match known {
            Some(known) => known.has_mode("embedding"),
            None => self.id.contains("embed"),
        };
        if is_embedder {
            return Some([ModelType::Embedding].into_iter().collect());
        }
        let modes = known?.modes.iter();
        let types = modes.filter_map(|mode| mode.parse().ok());
        Some(types.chain(ModelTypes::CHAT.iter()).collect())
    }

    /// Whether the table's row names the mode; `None` without a row, or with one for all models of a
    /// kind.
    fn has_mode(self, mode: &str) -> Option<bool> {
        let known = self.known.filter(|known| !known.modes.is_empty())?;
        Some(known.has_mode(mode))
    }

    fn flag(self, of: impl Fn(&file::Model) -> Option<bool>) -> Option<bool> {
        self.given.and_then(of)
    }

    fn known_flag(self, name: &str) -> Option<bool> {
        self.known?.flags.get(name).copied()
    }
}

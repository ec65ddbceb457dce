//! What a model serves, can do and will not take: what the configuration says, else what the table
//! knows, else nothing.

use super::file;
use super::prices::KnownModel;
use super::settings::{ModelCapabilities, ModelQuirks, ModelType, ModelTypes};

/// A model as the configuration and the table describe it.
#[derive(Debug, Clone, Copy)]
pub(super) struct ModelInfo<'a> {
    pub id: &'a str,
    /// Nothing where the provider itself lists the model.
    pub given: Option<&'a file::Model>,
    pub known: Option<&'a KnownModel>,
}

impl ModelInfo<'_> {
    /// The types for which it may be chosen: those given; else what is known, else chat; every chat
    /// model also serves artifacts, and a flag adds or removes its own type.
    pub fn types(self) -> ModelTypes {
        if let Some(types) = self.given_types() {
            return types;
        }
        let chat = || [ModelType::Chat, ModelType::Artifact].into();
        let mut types = self.known_types().unwrap_or_else(chat);
        if types.contains(&ModelType::Embedding) {
            return types;
        }
        let flags = [
            (ModelType::Vision, self.flag(|model| model.vision)),
            (ModelType::Reasoning, self.flag(|model| model.reasoning)),
        ];
        for (kind, flag) in flags {
            match flag {
                Some(true) => _ = types.insert(kind),
                Some(false) => _ = types.remove(&kind),
                None => {}
            }
        }
        types
    }

    pub fn capabilities(self) -> ModelCapabilities {
        let (given, known) = (self.given, self.known);
        let stated = self.given_types().or_else(|| self.known_types());
        let can = |kind: ModelType, flag: Option<bool>| {
            let is_given = self.given_types().filter(|types| types.contains(&kind));
            flag.or_else(|| is_given.map(|_| true))
                .or_else(|| self.has_mode(kind.as_str()))
        };
        let talks = |types: &ModelTypes| types.iter().any(|kind| *kind != ModelType::Embedding);
        let tools = self.flag(|model| model.tools);
        let json_schema = self.flag(|model| model.json_schema);
        let context_window = given.and_then(|model| model.context_window);
        let max_output = given.and_then(|model| model.max_output);
        ModelCapabilities {
            talk: stated.as_ref().map(talks),
            embeddings: stated.map(|types| types.contains(&ModelType::Embedding)),
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
        let types = words.iter().filter_map(|word| ModelType::parse_name(word));
        Some(types.collect())
    }

    /// What the table says that it serves. An embedding model that sees pictures does not talk about
    /// them; and where the table is silent, the names of embedding models say what they are.
    fn known_types(self) -> Option<ModelTypes> {
        let known = self.known.filter(|known| !known.modes.is_empty());
        let is_embedder = match known {
            Some(known) => known.has_mode("embedding"),
            None => self.id.contains("embed"),
        };
        if is_embedder {
            return Some([ModelType::Embedding].into());
        }
        let words = known?.modes.iter().map(String::as_str);
        let kinds = words.filter_map(ModelType::parse_name);
        Some(
            kinds
                .chain([ModelType::Chat, ModelType::Artifact])
                .collect(),
        )
    }

    /// Whether the table's row names the mode; nothing where there is no row, or one for all models
    /// of a kind.
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

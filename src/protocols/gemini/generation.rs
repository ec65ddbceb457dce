//! Request features by the model's generation, which its name shows.

use crate::protocols::neutral::ReasoningEffort;
use serde_json::{Value, json};

/// Models with the same request features, older ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Generation {
    /// Does not think.
    Early,
    /// Gemini 2.5: takes a number of thinking tokens.
    Budgeted,
    /// Gemini 3 and later: takes a thinking level, and needs its signed reasoning back.
    Levelled,
}

/// Fewest thinking tokens of a model that always thinks.
const MIN_THOUGHT: u64 = 128;

impl Generation {
    /// Reads the generation from a name. One without a number, such as `gemini-flash-latest`, is
    /// the newest.
    pub fn of(model: &str) -> Self {
        let name = model.rsplit('/').next().unwrap_or(model);
        let Some(version) = name.strip_prefix("gemini-") else {
            return Self::Early;
        };
        let version = version.split('-').next().unwrap_or(version);
        match version.parse::<f64>() {
            Ok(number) if number < 2.5 => Self::Early,
            Ok(number) if number < 3.0 => Self::Budgeted,
            _ => Self::Levelled,
        }
    }

    /// Checks whether calls and results carry the call's id, and the first call of a step its
    /// signature.
    pub fn names_calls(self) -> bool {
        self == Self::Levelled
    }

    /// Checks whether the model takes presence and frequency penalties.
    pub fn takes_penalties(self) -> bool {
        self < Self::Levelled
    }

    /// Builds `thinkingConfig`; `None` for a model that cannot think.
    pub fn thinking(self, model: &str, effort: ReasoningEffort) -> Option<Value> {
        let shown = effort != ReasoningEffort::None;
        match self {
            Self::Early => None,
            Self::Budgeted => {
                let budget = match effort.budget() {
                    0 if model.contains("-pro") => MIN_THOUGHT,
                    tokens => tokens,
                };
                Some(json!({"includeThoughts": shown, "thinkingBudget": budget}))
            }
            Self::Levelled => {
                let level = match effort {
                    // The larger models have no lower level.
                    ReasoningEffort::None | ReasoningEffort::Minimal
                        if model.contains("-flash") =>
                    {
                        "minimal"
                    }
                    ReasoningEffort::None | ReasoningEffort::Minimal | ReasoningEffort::Low => {
                        "low"
                    }
                    ReasoningEffort::Medium => "medium",
                    ReasoningEffort::High | ReasoningEffort::XHigh | ReasoningEffort::Max => "high",
                };
                Some(json!({"includeThoughts": shown, "thinkingLevel": level}))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_the_generation() {
        let table = [
            ("gemini-1.5-pro-002", Generation::Early),
            ("gemini-2.0-flash", Generation::Early),
            ("gemma-3-27b-it", Generation::Early),
            ("gemini-2.5-flash-lite", Generation::Budgeted),
            ("models/gemini-2.5-pro", Generation::Budgeted),
            ("gemini-3-flash-preview", Generation::Levelled),
            ("gemini-3.5-flash", Generation::Levelled),
            ("gemini-4-argon", Generation::Levelled),
            ("gemini-flash-latest", Generation::Levelled),
        ];
        for (model, generation) in table {
            assert_eq!(Generation::of(model), generation, "{model}");
        }
    }

    #[test]
    fn each_generation_is_told_to_think_in_its_own_words() {
        let thinking = |model: &str, effort| Generation::of(model).thinking(model, effort);
        let level = |shown: bool, level: &str| {
            Some(json!({"includeThoughts": shown, "thinkingLevel": level}))
        };
        let budget = |shown: bool, budget: u64| {
            Some(json!({"includeThoughts": shown, "thinkingBudget": budget}))
        };
        let table = [
            (
                "gemini-3.5-flash",
                ReasoningEffort::None,
                level(false, "minimal"),
            ),
            (
                "gemini-3.5-flash",
                ReasoningEffort::Minimal,
                level(true, "minimal"),
            ),
            (
                "gemini-3.1-pro-preview",
                ReasoningEffort::None,
                level(false, "low"),
            ),
            (
                "gemini-3.1-pro-preview",
                ReasoningEffort::Medium,
                level(true, "medium"),
            ),
            ("gemini-4-argon", ReasoningEffort::Max, level(true, "high")),
            ("gemini-2.5-flash", ReasoningEffort::None, budget(false, 0)),
            ("gemini-2.5-pro", ReasoningEffort::None, budget(false, 128)),
            (
                "gemini-2.5-flash",
                ReasoningEffort::Low,
                budget(true, 1_024),
            ),
            (
                "gemini-2.5-flash",
                ReasoningEffort::Medium,
                budget(true, 2_048),
            ),
            (
                "gemini-2.5-flash",
                ReasoningEffort::High,
                budget(true, 4_096),
            ),
            ("gemini-2.0-flash", ReasoningEffort::High, None),
        ];
        for (model, effort, expected) in table {
            assert_eq!(thinking(model, effort), expected, "{model} {effort:?}");
        }
    }
}

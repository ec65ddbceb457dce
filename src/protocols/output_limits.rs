//! What a request states about the size of its response: tokens of each choice, and how many choices.

use super::RawObject;
use super::neutral::TranslationError;
use super::whole_number::whole_number;

/// The size of a response, as far as its request states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputLimits {
    /// Maximum tokens of each choice: the largest value, where several fields state one. Which of
    /// them counts is for the provider to decide.
    pub max_tokens: Option<u64>,
    /// Number of choices, 1 or more.
    pub choices: u64,
}

impl Default for OutputLimits {
    fn default() -> Self {
        Self {
            max_tokens: None,
            choices: 1,
        }
    }
}

impl OutputLimits {
    /// Adds the fields of one object that `is_limit` or `is_choices` recognises by name. `path` is
    /// the object's path, empty for the whole body.
    pub(super) fn add(
        &mut self,
        (object, path): (&RawObject<'_>, &str),
        is_limit: impl Fn(&str) -> bool,
        is_choices: impl Fn(&str) -> bool,
    ) -> Result<(), TranslationError> {
        for (name, value) in object.members() {
            let is_limit = is_limit(name);
            if value.get() == "null" || !(is_limit || is_choices(name)) {
                continue;
            }
            let number = whole_number(value).ok_or_else(|| {
                let path = if path.is_empty() {
                    String::new()
                } else {
                    format!("{path}.")
                };
                TranslationError::new(format!("{path}{name}"), "must be a whole number")
            })?;
            // A negative number is no limit; a provider that knows none rejects it.
            let Ok(number) = u64::try_from(number) else {
                continue;
            };
            if is_limit {
                self.max_tokens = self.max_tokens.max(Some(number));
            } else {
                self.choices = self.choices.max(number);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::ApiDialect;

    fn limits(dialect: ApiDialect, json: &str) -> Result<OutputLimits, TranslationError> {
        let object: RawObject<'_> = serde_json::from_str(json).unwrap();
        dialect.client_api().output_limits(&object)
    }

    #[test]
    fn the_largest_limit_counts_in_every_protocol_and_notation() {
        use ApiDialect::{Chat, GenerateContent, Messages, Ollama, Responses};
        let cases = [
            (
                Chat,
                r#"{"max_tokens":10,"max_completion_tokens":7,"n":50}"#,
                (Some(10), 50),
            ),
            (
                Chat,
                r#"{"max_tokens":7,"max_tokens":9,"max_tokens":8}"#,
                (Some(8), 1),
            ),
            (Chat, r#"{"max_tokens":1000.0,"n":2e0}"#, (Some(1000), 2)),
            (Chat, r#"{"max_tokens":null,"n":0}"#, (None, 1)),
            (Chat, r#"{"n":2,"best_of":5}"#, (None, 5)),
            (Responses, r#"{"max_output_tokens":1e3}"#, (Some(1000), 1)),
            (Messages, r#"{"max_tokens":5.0}"#, (Some(5), 1)),
            (Ollama, r#"{"options":{"num_predict":40.0}}"#, (Some(40), 1)),
            (Ollama, r#"{"options":{"num_predict":-1}}"#, (None, 1)),
            (
                GenerateContent,
                r#"{"generationConfig":{"maxOutputTokens":3,"max_output_tokens":8.0},
                    "generation_config":{"candidate_count":4,"max_outputTokens":6}}"#,
                (Some(8), 4),
            ),
        ];
        for (dialect, json, (max_tokens, choices)) in cases {
            let expected = OutputLimits {
                max_tokens,
                choices,
            };
            assert_eq!(limits(dialect, json), Ok(expected), "{json}");
        }
    }

    #[test]
    fn anything_but_a_whole_number_is_an_error_that_names_the_field() {
        let cases = [
            (ApiDialect::Chat, r#"{"max_tokens":1000.5}"#, "max_tokens"),
            (
                ApiDialect::Chat,
                r#"{"max_completion_tokens":"9"}"#,
                "max_completion_tokens",
            ),
            (ApiDialect::Chat, r#"{"n":[2]}"#, "n"),
            (ApiDialect::Chat, r#"{"max_tokens":1e300}"#, "max_tokens"),
            (
                ApiDialect::Ollama,
                r#"{"options":{"num_predict":true}}"#,
                "options.num_predict",
            ),
            (
                ApiDialect::GenerateContent,
                r#"{"generation_config":{"candidate_count":1.5}}"#,
                "generation_config.candidate_count",
            ),
        ];
        for (dialect, json, param) in cases {
            let error = limits(dialect, json).unwrap_err();
            assert_eq!(error.param.as_deref(), Some(param), "{json}");
        }
    }
}

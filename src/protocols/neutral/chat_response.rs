//! The neutral form of a response: a sequence of deltas, or all of them folded.

use super::chat_request::{ContentPart, Media, ToolCall, ToolForm};
use crate::domain::Usage;
use serde_json::Value;

/// One change of a response.
#[derive(Debug, Clone, PartialEq)]
pub enum Delta {
    /// The first delta of a response; names the model.
    Start {
        model: Option<String>,
    },
    Text(String),
    Reasoning(String),
    /// Signature of the reasoning before it.
    Signature(String),
    Redacted(String),
    Refusal(String),
    /// A link to the source of a text, in the chat protocol's shape.
    Annotation(Value),
    /// A whole image or recording that the model made.
    Media(Media),
    /// The client's stop sequence that ends the choice.
    StopSequence(String),
    /// Start of a tool call, which is the `call`-th of its choice.
    Call {
        call: usize,
        id: String,
        name: String,
        /// Group of tools that the name belongs to.
        namespace: Option<String>,
        form: ToolForm,
        signature: Option<String>,
    },
    /// More of a call's arguments, or of its free text.
    Arguments {
        call: usize,
        text: String,
    },
    /// End of the choice.
    End(Finish),
}

impl Delta {
    /// Starts a call under the name that the provider knows. `call` counts from 0 in its choice.
    pub fn call(call: usize, id: String, name: String, signature: Option<String>) -> Self {
        Self::Call {
            call,
            id,
            name,
            namespace: None,
            form: ToolForm::Function,
            signature,
        }
    }
}

/// The reason why a response ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    Stop,
    Length,
    ToolCalls,
    ContentFilter,
}

/// Token usage as the provider counts it; counts that it does not state are `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReportedUsage {
    /// The prompt, cached parts included.
    pub input: u64,
    /// The response, reasoning included.
    pub output: u64,
    pub cached: Option<u64>,
    pub written: Option<u64>,
    /// Those of `written` that the cache keeps for an hour.
    pub written_long: Option<u64>,
    pub reasoning: Option<u64>,
}

impl ReportedUsage {
    pub fn total(self) -> u64 {
        self.input + self.output
    }
}

impl From<ReportedUsage> for Usage {
    fn from(tokens: ReportedUsage) -> Self {
        // No part of the prompt is larger than what is left of it.
        let cached = tokens.cached.unwrap_or(0).min(tokens.input);
        let written = tokens.written.unwrap_or(0).min(tokens.input - cached);
        Self {
            input: tokens.input,
            output: tokens.output,
            cached,
            written,
            written_long: tokens.written_long.unwrap_or(0).min(written),
            reasoning: tokens.reasoning.unwrap_or(0),
        }
    }
}

/// Deltas with the index of the choice that each belongs to.
pub type Deltas = Vec<(u32, Delta)>;

/// A whole response.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChatResponse {
    pub model: Option<String>,
    pub choices: Vec<Choice>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Choice {
    pub parts: Vec<ContentPart>,
    pub annotations: Vec<Value>,
    pub finish: Option<Finish>,
    /// The client's stop sequence that ended it, where the provider names it.
    pub stop_sequence: Option<String>,
    /// Places of the calls among the parts, while the choice is folded.
    pub call_places: Vec<usize>,
}

impl From<Deltas> for ChatResponse {
    /// Folds the deltas of a response.
    fn from(deltas: Deltas) -> Self {
        let mut response = Self::default();
        for (choice, delta) in deltas {
            if let Delta::Start { model } = delta {
                response.model = response.model.or(model);
                continue;
            }
            let index = choice as usize;
            if response.choices.len() <= index {
                response.choices.resize_with(index + 1, Choice::default);
            }
            response.choices[index].take(delta);
        }
        response
    }
}

impl Choice {
    /// Adds a delta to the choice.
    pub fn take(&mut self, delta: Delta) {
        match delta {
            Delta::Start { .. } => {}
            Delta::Text(text) => match self.parts.last_mut() {
                Some(ContentPart::Text(before)) => before.push_str(&text),
                _ => self.parts.push(ContentPart::Text(text)),
            },
            Delta::Refusal(text) => match self.parts.last_mut() {
                Some(ContentPart::Refusal(before)) => before.push_str(&text),
                _ => self.parts.push(ContentPart::Refusal(text)),
            },
            Delta::Reasoning(more) => match self.parts.last_mut() {
                Some(ContentPart::Reasoning {
                    text,
                    signature: None,
                }) => text.push_str(&more),
                _ => self.parts.push(ContentPart::Reasoning {
                    text: more,
                    signature: None,
                }),
            },
            Delta::Signature(more) => match self.parts.last_mut() {
                Some(ContentPart::Reasoning { signature, .. }) => {
                    signature.get_or_insert_default().push_str(&more);
                }
                _ => self.parts.push(ContentPart::Reasoning {
                    text: String::new(),
                    signature: Some(more),
                }),
            },
            Delta::Redacted(data) => self.parts.push(ContentPart::Redacted(data)),
            Delta::Annotation(value) => self.annotations.push(value),
            Delta::Media(media) => self.parts.push(ContentPart::Media(media)),
            Delta::StopSequence(sequence) => self.stop_sequence = Some(sequence),
            Delta::Call {
                id,
                name,
                namespace,
                form,
                signature,
                ..
            } => {
                self.call_places.push(self.parts.len());
                self.parts.push(ContentPart::ToolCall(ToolCall {
                    id,
                    name,
                    namespace,
                    form,
                    arguments: String::new(),
                    signature,
                }));
            }
            Delta::Arguments { call, text } => {
                let place = self.call_places.get(call);
                let part = place.and_then(|place| self.parts.get_mut(*place));
                if let Some(ContentPart::ToolCall(found)) = part {
                    found.arguments.push_str(&text);
                }
            }
            Delta::End(finish) => self.finish = Some(finish),
        }
    }

    pub fn calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.parts.iter().filter_map(|part| match part {
            ContentPart::ToolCall(call) => Some(call),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_the_prompt_is_larger_than_the_prompt() {
        let reported = ReportedUsage {
            input: 10,
            cached: Some(1_000_000),
            written: Some(7),
            written_long: Some(9),
            ..ReportedUsage::default()
        };
        let usage = Usage::from(reported);
        assert_eq!(
            (usage.cached, usage.written, usage.written_long),
            (10, 0, 0)
        );
        let cached = Some(4);
        let usage = Usage::from(ReportedUsage { cached, ..reported });
        assert_eq!((usage.cached, usage.written, usage.written_long), (4, 6, 6));
    }
}

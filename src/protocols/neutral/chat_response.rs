//! The neutral form of a response: a sequence of deltas, or all of them folded.

use super::chat_request::{ContentPart, ToolCall};
use crate::domain::Usage;
use serde_json::Value;

/// One step of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Delta {
    /// Comes first, once, and names the model.
    Start {
        model: Option<String>,
    },
    Text(String),
    Reasoning(String),
    /// Signature of the reasoning before it.
    Signature(String),
    Redacted(String),
    Refusal(String),
    /// A link to where a text comes from, in the chat protocol's shape.
    Annotation(Value),
    /// A tool call begins; it is the `call`-th of its choice.
    Call {
        call: usize,
        id: String,
        name: String,
        signature: Option<String>,
    },
    /// More of a call's arguments.
    Arguments {
        call: usize,
        text: String,
    },
    /// The choice is over.
    End(Finish),
}

/// Why an answer is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    Stop,
    Length,
    ToolCalls,
    ContentFilter,
}

/// Tokens as one vendor counts them; what it did not state stays unsaid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReportedUsage {
    /// The prompt, cached parts included.
    pub input: u64,
    /// The answer, reasoning included.
    pub output: u64,
    pub cached: Option<u64>,
    pub written: Option<u64>,
    pub reasoning: Option<u64>,
}

impl ReportedUsage {
    pub fn total(self) -> u64 {
        self.input + self.output
    }
}

impl From<ReportedUsage> for Usage {
    fn from(tokens: ReportedUsage) -> Self {
        Self {
            input: tokens.input,
            output: tokens.output,
            cached: tokens.cached.unwrap_or(0),
            written: tokens.written.unwrap_or(0),
            reasoning: tokens.reasoning.unwrap_or(0),
        }
    }
}

/// Steps with the choice that each belongs to.
pub type Deltas = Vec<(u32, Delta)>;

/// A whole answer.
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
}

impl ChatResponse {
    /// Folds the steps of an answer.
    pub fn of(deltas: Deltas) -> Self {
        let mut reply = Self::default();
        for (choice, delta) in deltas {
            if let Delta::Start { model } = delta {
                reply.model = reply.model.or(model);
                continue;
            }
            let index = choice as usize;
            if reply.choices.len() <= index {
                reply.choices.resize_with(index + 1, Choice::default);
            }
            reply.choices[index].take(delta);
        }
        reply
    }
}

impl Choice {
    /// Adds one step of it.
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
            Delta::Call {
                id,
                name,
                signature,
                ..
            } => self.parts.push(ContentPart::ToolCall(ToolCall {
                id,
                name,
                arguments: String::new(),
                signature,
            })),
            Delta::Arguments { call, text } => {
                if let Some(found) = self.calls_mut().nth(call) {
                    found.arguments.push_str(&text);
                }
            }
            Delta::End(finish) => self.finish = Some(finish),
        }
    }

    fn calls_mut(&mut self) -> impl Iterator<Item = &mut ToolCall> {
        self.parts.iter_mut().filter_map(|part| match part {
            ContentPart::ToolCall(call) => Some(call),
            _ => None,
        })
    }

    pub fn calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.parts.iter().filter_map(|part| match part {
            ContentPart::ToolCall(call) => Some(call),
            _ => None,
        })
    }
}

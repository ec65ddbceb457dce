//! Encodes a response as `generateContent` does.

use super::error_json::error_event;
use super::request_facts::shows_thoughts;
use super::signature;
use crate::protocols::call::CallSpec;
use crate::protocols::error_body::ErrorBody;
use crate::protocols::neutral::{
    CallBuffer, ChatResponse, ContentPart, Delta, Encode, Finish, MediaSource, ReportedUsage,
    ToolCall,
};
use bytes::{BufMut, Bytes, BytesMut};
use serde_json::{Value, json};

/// Encodes a response for a client of Gemini's protocol. Each event is a response with new parts;
/// calls come whole.
#[derive(Debug)]
pub(super) struct Encoder {
    id: String,
    model: String,
    shows_thoughts: bool,
    choices: Vec<CandidateState>,
}

#[derive(Debug, Default)]
struct CandidateState {
    /// Calls that are not written yet.
    calls: CallBuffer,
    /// Signature of the reasoning so far, which may come in pieces.
    signature: String,
    finish: Option<Finish>,
}

impl Encoder {
    pub fn new(call: &CallSpec<'_>) -> Self {
        Self {
            id: call.id.to_owned(),
            model: call.model.to_owned(),
            shows_thoughts: shows_thoughts(call.object),
            choices: Vec::new(),
        }
    }

    fn state(&mut self, choice: u32) -> &mut CandidateState {
        let index = choice as usize;
        if self.choices.len() <= index {
            self.choices.resize_with(index + 1, CandidateState::default);
        }
        &mut self.choices[index]
    }

    fn event(&self, candidates: &Value, tokens: Option<Value>, out: &mut BytesMut) {
        let mut event = json!({"candidates": candidates});
        self.add_ends(&mut event, tokens);
        out.extend_from_slice(b"data: ");
        // Writing into memory cannot fail.
        let _ = serde_json::to_writer(out.writer(), &event);
        out.extend_from_slice(b"\n\n");
    }

    fn add_ends(&self, response: &mut Value, tokens: Option<Value>) {
        if let Some(tokens) = tokens {
            response["usageMetadata"] = tokens;
        }
        response["modelVersion"] = self.model.as_str().into();
        response["responseId"] = self.id.as_str().into();
    }

    fn parts(&self, choice: u32, parts: &[Value], out: &mut BytesMut) {
        if parts.is_empty() {
            return;
        }
        let candidate = json!({"content": {"parts": parts, "role": "model"}, "index": choice});
        self.event(&json!([candidate]), None, out);
    }

    /// Writes what was held back: the signature of the reasoning, and calls. With `is_end` also
    /// calls whose arguments are incomplete.
    fn settle(&mut self, choice: u32, is_end: bool, out: &mut BytesMut) {
        let shows_thoughts = self.shows_thoughts;
        let state = self.state(choice);
        let mut parts = Vec::new();
        let signature = std::mem::take(&mut state.signature);
        if !signature.is_empty() && shows_thoughts {
            let signature = signature::wrap(&signature);
            parts.push(json!({"text": "", "thought": true, "thoughtSignature": signature}));
        }
        let calls = if is_end {
            state.calls.take_all()
        } else {
            state.calls.take_whole()
        };
        parts.extend(calls.iter().map(call_part));
        self.parts(choice, &parts, out);
    }
}

impl Encode for Encoder {
    fn whole(&mut self, response: ChatResponse, tokens: Option<ReportedUsage>) -> Bytes {
        if let Some(model) = response.model {
            self.model = model;
        }
        let candidates = response.choices.into_iter().enumerate();
        let candidates = candidates.map(|(index, choice)| {
            let parts = choice.parts.into_iter();
            let parts = parts.flat_map(|part| part_values(part, self.shows_thoughts));
            let parts: Vec<Value> = parts.collect();
            json!({
                "content": {"parts": non_empty(parts), "role": "model"},
                "finishReason": finish_reason(choice.finish),
                "index": index,
            })
        });
        let candidates: Value = candidates.collect();
        let mut body = json!({"candidates": candidates});
        self.add_ends(&mut body, tokens.map(usage));
        body.to_string().into()
    }

    fn write(&mut self, choice: u32, delta: Delta, out: &mut BytesMut) {
        match delta {
            Delta::Start { model } => self.model = model.unwrap_or_else(|| self.model.clone()),
            Delta::Text(text) | Delta::Refusal(text) => {
                self.settle(choice, false, out);
                self.parts(choice, &[json!({"text": text})], out);
            }
            Delta::Reasoning(text) => {
                self.settle(choice, false, out);
                if self.shows_thoughts {
                    self.parts(choice, &[json!({"text": text, "thought": true})], out);
                }
            }
            Delta::Signature(more) => self.state(choice).signature.push_str(&more),
            Delta::Redacted(data) => {
                let part = ContentPart::Redacted(data);
                self.parts(choice, &part_values(part, self.shows_thoughts), out);
            }
            Delta::Call {
                call,
                id,
                name,
                signature,
                namespace,
                form,
            } => {
                self.settle(choice, false, out);
                let started = ToolCall {
                    id,
                    name,
                    namespace,
                    form,
                    arguments: String::new(),
                    signature,
                };
                self.state(choice).calls.begin(call, started);
            }
            Delta::Arguments { call, text } => {
                self.state(choice).calls.push(call, &text);
            }
            Delta::End(finish) => {
                self.settle(choice, true, out);
                self.state(choice).finish = Some(finish);
            }
            Delta::Media(media) => {
                self.settle(choice, false, out);
                self.parts(choice, &part_values(ContentPart::Media(media), true), out);
            }
            // Sources of a text have another form here, with the passages that they support.
            Delta::Annotation(_) | Delta::StopSequence(_) => {}
        }
    }

    fn end(&mut self, tokens: Option<ReportedUsage>, out: &mut BytesMut) {
        self.state(0);
        for choice in 0..self.choices.len() {
            self.settle(u32::try_from(choice).unwrap_or_default(), true, out);
        }
        let candidates = self.choices.iter().enumerate().map(|(index, state)| {
            json!({
                "content": {"parts": [{"text": ""}], "role": "model"},
                "finishReason": finish_reason(state.finish),
                "index": index,
            })
        });
        let candidates: Value = candidates.collect();
        self.event(&candidates, tokens.map(usage), out);
    }

    fn broken(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        out.extend_from_slice(error_event(error).as_bytes());
    }
}

/// Libraries ignore a content without parts.
fn non_empty(parts: Vec<Value>) -> Vec<Value> {
    if parts.is_empty() {
        vec![json!({"text": ""})]
    } else {
        parts
    }
}

/// Returns a call's arguments, once they are complete.
fn arguments(call: &ToolCall) -> Option<Value> {
    serde_json::from_str(&call.arguments)
        .ok()
        .filter(Value::is_object)
}

fn call_part(call: &ToolCall) -> Value {
    // Truncated arguments are no object.
    let args = arguments(call).unwrap_or_else(|| json!({}));
    let mut part = json!({"functionCall": {"id": call.id, "name": call.name, "args": args}});
    if let Some(signature) = &call.signature {
        part["thoughtSignature"] = signature.as_str().into();
    }
    part
}

fn part_values(part: ContentPart, shows_thoughts: bool) -> Vec<Value> {
    match part {
        ContentPart::Text(text) | ContentPart::Refusal(text) => vec![json!({"text": text})],
        ContentPart::Reasoning { text, signature } if shows_thoughts => {
            let mut part = json!({"text": text, "thought": true});
            if let Some(signature) = signature {
                part["thoughtSignature"] = signature::wrap(&signature).into();
            }
            vec![part]
        }
        ContentPart::Redacted(data) if shows_thoughts => {
            let signature = signature::wrap_redacted(&data);
            vec![json!({"text": "", "thought": true, "thoughtSignature": signature})]
        }
        ContentPart::ToolCall(call) => vec![call_part(&call)],
        ContentPart::Media(media) => match media.source {
            MediaSource::Inline { mime, data } => {
                vec![json!({"inlineData": {"mimeType": mime, "data": data}})]
            }
            MediaSource::Link(url) => vec![json!({"fileData": {"fileUri": url}})],
            MediaSource::Id(_) => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn finish_reason(finish: Option<Finish>) -> &'static str {
    match finish {
        Some(Finish::Length) => "MAX_TOKENS",
        Some(Finish::ContentFilter) => "SAFETY",
        _ => "STOP",
    }
}

/// Encodes usage: reasoning is no part of the candidates here.
fn usage(tokens: ReportedUsage) -> Value {
    let reasoning = tokens.reasoning.unwrap_or(0);
    let mut usage = json!({
        "promptTokenCount": tokens.input,
        "candidatesTokenCount": tokens.output.saturating_sub(reasoning),
        "totalTokenCount": tokens.total(),
    });
    if let Some(cached) = tokens.cached.filter(|cached| *cached > 0) {
        usage["cachedContentTokenCount"] = cached.into();
    }
    if reasoning > 0 {
        usage["thoughtsTokenCount"] = reasoning.into();
    }
    usage
}

//! Encodes a response as chat completions.

use super::chunk::{finish_word, with_signature};
use super::content::image_value;
use super::error_json::error_event;
use super::write::tool_call;
use crate::protocols::call::CallSpec;
use crate::protocols::error_body::ErrorBody;
use crate::protocols::neutral::{
    ChatResponse, Choice, ContentPart, Delta, Encode, Finish, Media, MediaKind, MediaSource,
    ReportedUsage, ToolForm,
};
use bytes::{BufMut, Bytes, BytesMut};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Encodes a response for a chat client.
#[derive(Debug)]
pub(super) struct Encoder {
    id: String,
    created: u64,
    model: String,
    wants_usage: bool,
    /// Bytes of every chunk up to the number of its choice; built once the model is known.
    head: Vec<u8>,
    /// Choices that have begun.
    started: Vec<bool>,
    /// Calls with free text, by choice and number.
    free_texts: BTreeSet<(u32, usize)>,
}

impl Encoder {
    pub fn new(call: &CallSpec<'_>) -> Self {
        Self {
            id: format!("chatcmpl-{}", call.id),
            created: call.created,
            model: call.model.to_owned(),
            wants_usage: call.wants_usage,
            head: Vec::new(),
            started: Vec::new(),
            free_texts: BTreeSet::new(),
        }
    }

    fn head(&mut self) -> &[u8] {
        if self.head.is_empty() {
            let (id, model) = (json!(self.id), json!(self.model));
            let created = self.created;
            self.head = format!(
                r#"data: {{"id":{id},"object":"chat.completion.chunk","created":{created},"model":{model},"choices":["#
            )
            .into_bytes();
        }
        &self.head
    }

    fn tail(&self) -> &'static [u8] {
        if self.wants_usage {
            b"],\"usage\":null}\n\n"
        } else {
            b"]}\n\n"
        }
    }

    fn chunk(&mut self, choice: u32, delta: &Value, finish: Option<Finish>, out: &mut BytesMut) {
        let tail = self.tail();
        out.extend_from_slice(self.head());
        out.extend_from_slice(format!("{{\"index\":{choice},\"delta\":").as_bytes());
        // Writing into memory cannot fail.
        let _ = serde_json::to_writer(out.writer(), delta);
        out.extend_from_slice(b",\"finish_reason\":");
        match finish {
            Some(finish) => {
                let word = format!("\"{}\"", finish_word(finish));
                out.extend_from_slice(word.as_bytes());
            }
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"logprobs\":null}");
        out.extend_from_slice(tail);
    }

    fn begin(&mut self, choice: u32, out: &mut BytesMut) {
        let index = choice as usize;
        if self.started.len() <= index {
            self.started.resize(index + 1, false);
        }
        if !self.started[index] {
            self.started[index] = true;
            self.chunk(
                choice,
                &json!({"role": "assistant", "content": ""}),
                None,
                out,
            );
        }
    }
}

impl Encode for Encoder {
    fn whole(&mut self, response: ChatResponse, tokens: Option<ReportedUsage>) -> Bytes {
        let model = response.model.unwrap_or_else(|| self.model.clone());
        let choices = response.choices.iter().enumerate();
        let choices: Vec<Value> = choices.map(|one| choice_value(&self.id, one)).collect();
        let body = json!({
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": model,
            "choices": choices,
            "usage": tokens.map(usage),
        });
        body.to_string().into()
    }

    fn write(&mut self, choice: u32, delta: Delta, out: &mut BytesMut) {
        let value = match delta {
            Delta::Start { model } => {
                if let Some(model) = model {
                    self.model = model;
                }
                return;
            }
            Delta::Signature(_) | Delta::Redacted(_) | Delta::StopSequence(_) => return,
            Delta::End(finish) => {
                self.begin(choice, out);
                return self.chunk(choice, &json!({}), Some(finish), out);
            }
            Delta::Text(text) => json!({"content": text}),
            Delta::Reasoning(text) => json!({"reasoning_content": text}),
            Delta::Refusal(text) => json!({"refusal": text}),
            Delta::Annotation(value) => json!({"annotations": [value]}),
            Delta::Media(media) => media_members(&self.id, std::iter::once(&media)).into(),
            Delta::Call {
                call,
                id,
                name,
                form,
                signature,
                ..
            } => {
                let mut value = if form == ToolForm::FreeText {
                    self.free_texts.insert((choice, call));
                    let custom = json!({"name": name, "input": ""});
                    json!({"index": call, "id": id, "type": "custom", "custom": custom})
                } else {
                    let function = json!({"name": name, "arguments": ""});
                    json!({"index": call, "id": id, "type": "function", "function": function})
                };
                if let Some(signature) = signature {
                    value["extra_content"] = with_signature(&signature);
                }
                json!({"tool_calls": [value]})
            }
            Delta::Arguments { call, text } if self.free_texts.contains(&(choice, call)) => {
                json!({"tool_calls": [{"index": call, "custom": {"input": text}}]})
            }
            Delta::Arguments { call, text } => {
                json!({"tool_calls": [{"index": call, "function": {"arguments": text}}]})
            }
        };
        self.begin(choice, out);
        self.chunk(choice, &value, None, out);
    }

    fn end(&mut self, tokens: Option<ReportedUsage>, out: &mut BytesMut) {
        if let Some(tokens) = tokens.filter(|_| self.wants_usage) {
            out.extend_from_slice(self.head());
            out.extend_from_slice(b"],\"usage\":");
            let _ = serde_json::to_writer(out.writer(), &usage(tokens));
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn broken(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        out.extend_from_slice(&error_event(error));
    }
}

fn choice_value(id: &str, (index, choice): (usize, &Choice)) -> Value {
    let joined = |text: fn(&ContentPart) -> Option<&str>| -> String {
        choice.parts.iter().filter_map(text).collect()
    };
    let text = joined(|part| match part {
        ContentPart::Text(text) => Some(text),
        _ => None,
    });
    let refusal = joined(|part| match part {
        ContentPart::Refusal(text) => Some(text),
        _ => None,
    });
    let reasoning = joined(|part| match part {
        ContentPart::Reasoning { text, .. } => Some(text),
        _ => None,
    });
    let calls: Vec<Value> = choice.calls().map(tool_call).collect();
    // An answer without anything has an empty text.
    let has_other =
        !calls.is_empty() || !refusal.is_empty() || choice.finish == Some(Finish::ContentFilter);
    let is_empty = text.is_empty() && has_other;
    let mut message = json!({
        "role": "assistant",
        "content": if is_empty { Value::Null } else { text.into() },
        "refusal": if refusal.is_empty() { Value::Null } else { refusal.into() },
    });
    if !reasoning.is_empty() {
        message["reasoning_content"] = reasoning.into();
    }
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    if !choice.annotations.is_empty() {
        message["annotations"] = choice.annotations.clone().into();
    }
    let media = choice.parts.iter().filter_map(|part| match part {
        ContentPart::Media(media) => Some(media),
        _ => None,
    });
    for (name, value) in media_members(id, media) {
        message[name] = value;
    }
    json!({
        "index": index,
        "message": message,
        "finish_reason": choice.finish.map_or("stop", finish_word),
        "logprobs": null,
    })
}

/// Encodes what a model made beside text: a list of images, and one recording.
fn media_members<'m>(
    id: &str,
    media: impl Iterator<Item = &'m Media>,
) -> serde_json::Map<String, Value> {
    let mut members = serde_json::Map::new();
    for media in media {
        match &media.source {
            MediaSource::Inline { mime, data } if media.kind == MediaKind::Audio => {
                let format = mime.strip_prefix("audio/").unwrap_or(mime);
                let audio = json!({
                    "id": format!("audio_{id}"),
                    "data": data,
                    "format": format,
                    "transcript": "",
                    "expires_at": 0,
                });
                members.insert("audio".to_owned(), audio);
            }
            _ => {
                let images = members.entry("images").or_insert_with(|| json!([]));
                if let (Value::Array(images), Some(image)) = (images, image_value(media)) {
                    images.push(image);
                }
            }
        }
    }
    members
}

/// Encodes usage for chat clients.
pub(in crate::protocols) fn usage(tokens: ReportedUsage) -> Value {
    let mut usage = json!({
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.total(),
    });
    if tokens.cached.is_some() || tokens.written.is_some() {
        let mut details = json!({});
        if let Some(cached) = tokens.cached {
            details["cached_tokens"] = cached.into();
        }
        if let Some(written) = tokens.written {
            details["cache_write_tokens"] = written.into();
        }
        usage["prompt_tokens_details"] = details;
    }
    if let Some(reasoning) = tokens.reasoning {
        usage["completion_tokens_details"] = json!({"reasoning_tokens": reasoning});
    }
    usage
}

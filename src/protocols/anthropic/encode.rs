//! Encodes a response as Messages.

use super::events::{LAST_EVENT, error_event, event};
use super::limits::LIMITS;
use super::shape::finish_word;
use super::whole_and_stream;
use crate::protocols::call::CallSpec;
use crate::protocols::error_body::ErrorBody;
use crate::protocols::neutral::{
    CallBuffer, ChatResponse, Choice, ContentPart, Delta, Encode, Finish, Media, MediaKind,
    MediaSource, ObjectScan, ReportedUsage, ToolCall,
};
use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

/// Encodes a response for a client of Messages. The protocol has one choice, made of blocks that
/// begin and end one after the other.
#[derive(Debug)]
pub(super) struct Encoder {
    id: String,
    model: String,
    started: bool,
    /// The open block.
    open: Option<Block>,
    /// Index of the open block, or of the next one.
    index: usize,
    /// Calls that began before the open block ended.
    pending: CallBuffer,
    finish: Option<Finish>,
    stop_sequence: Option<String>,
    refusal: String,
    /// Estimated tokens of the prompt.
    prompt: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum Block {
    Text,
    /// An image or a recording, which has no deltas.
    Media,
    Thinking {
        is_signed: bool,
    },
    Call {
        call: usize,
        arguments: ObjectScan,
    },
}

impl Encoder {
    pub fn new(call: &CallSpec<'_>) -> Self {
        Self {
            id: format!("msg_{}", call.id),
            model: call.model.to_owned(),
            started: false,
            open: None,
            index: 0,
            pending: CallBuffer::default(),
            finish: None,
            stop_sequence: None,
            refusal: String::new(),
            prompt: call.prompt,
        }
    }

    fn begin(&mut self, out: &mut BytesMut) {
        if self.started {
            return;
        }
        self.started = true;
        let message = whole_and_stream::start(&self.id, &self.model, self.prompt);
        event(out, &json!({"type": "message_start", "message": message}));
    }

    /// Opens the block unless it is open already.
    fn open(&mut self, block: Block, shape: &Value, out: &mut BytesMut) {
        self.begin(out);
        if self.open.as_ref() == Some(&block) {
            return;
        }
        self.settle(out);
        self.start(block, shape, out);
    }

    fn start(&mut self, block: Block, shape: &Value, out: &mut BytesMut) {
        self.open = Some(block);
        let index = self.index;
        let start = json!({"type": "content_block_start", "index": index, "content_block": shape});
        event(out, &start);
    }

    fn delta_event(&self, delta: &Value, out: &mut BytesMut) {
        let index = self.index;
        let delta_event = json!({"type": "content_block_delta", "index": index, "delta": delta});
        event(out, &delta_event);
    }

    fn stop(&mut self, out: &mut BytesMut) {
        if self.open.take().is_some() {
            let stop = json!({"type": "content_block_stop", "index": self.index});
            event(out, &stop);
            self.index += 1;
        }
    }

    /// Ends the open block and writes the calls that waited for it.
    fn settle(&mut self, out: &mut BytesMut) {
        self.stop(out);
        while let Some((call, pending)) = self.pending.pop() {
            self.call(call, &pending, out);
            self.stop(out);
        }
    }

    fn call(&mut self, call: usize, tool_call: &ToolCall, out: &mut BytesMut) {
        let shape =
            json!({"type": "tool_use", "id": tool_call.id, "name": tool_call.name, "input": {}});
        let block = Block::Call {
            call,
            arguments: ObjectScan::default(),
        };
        self.start(block, &shape, out);
        self.arguments(call, &tool_call.arguments, out);
    }

    /// Adds to a call's arguments: written where the call is open, stored where it waits, ignored
    /// where it is closed.
    fn arguments(&mut self, number: usize, text: &str, out: &mut BytesMut) {
        if self.pending.push(number, text) {
            return;
        }
        if let Some(Block::Call { call, arguments }) = &mut self.open
            && *call == number
            && !text.is_empty()
        {
            arguments.read(text);
            self.delta_event(
                &json!({"type": "input_json_delta", "partial_json": text}),
                out,
            );
        }
    }

    /// Writes the next calls. Some servers send several calls interleaved, so the next one begins
    /// once the open one is complete.
    fn advance(&mut self, out: &mut BytesMut) {
        while !self.pending.is_empty() && self.is_whole() {
            self.stop(out);
            if let Some((call, next)) = self.pending.pop() {
                self.call(call, &next, out);
            }
        }
    }

    fn is_whole(&self) -> bool {
        match &self.open {
            Some(Block::Call { arguments, .. }) => arguments.is_whole(),
            _ => true,
        }
    }

    /// Writes a block without deltas.
    fn alone(&mut self, block: Block, shape: &Value, out: &mut BytesMut) {
        self.begin(out);
        self.settle(out);
        self.start(block, shape, out);
        self.stop(out);
    }

    /// Adds a link to the open text, or to an empty one.
    fn citation(&mut self, annotation: &Value, out: &mut BytesMut) {
        if let Some(citation) = citation(annotation) {
            self.open(Block::Text, &json!({"type": "text", "text": ""}), out);
            self.delta_event(
                &json!({"type": "citations_delta", "citation": citation}),
                out,
            );
        }
    }

    fn thinking(&mut self, out: &mut BytesMut) {
        let is_open = matches!(self.open, Some(Block::Thinking { is_signed: false }));
        if !is_open {
            let shape = json!({"type": "thinking", "thinking": "", "signature": ""});
            self.begin(out);
            self.settle(out);
            self.start(Block::Thinking { is_signed: false }, &shape, out);
        }
    }
}

impl Encode for Encoder {
    fn call_id(&self, id: String) -> String {
        if LIMITS.call_ids.accepts(&id) {
            return id;
        }
        LIMITS.call_ids.applied(&id)
    }

    fn whole(&mut self, mut response: ChatResponse, tokens: Option<ReportedUsage>) -> Bytes {
        let choice = if response.choices.is_empty() {
            Choice::default()
        } else {
            response.choices.swap_remove(0)
        };
        let mut refusal = String::new();
        let mut content: Vec<Value> = choice
            .parts
            .into_iter()
            .filter_map(|part| block(part, &mut refusal))
            .collect();
        let citations: Vec<Value> = choice.annotations.iter().filter_map(citation).collect();
        if !citations.is_empty()
            && let Some(text) = content.iter_mut().rfind(|block| block["type"] == "text")
        {
            text["citations"] = citations.into();
        }
        let mut message = json!({
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": response.model.as_deref().unwrap_or(&self.model),
            "content": content,
        });
        for (name, value) in ending(choice.finish, choice.stop_sequence.as_deref(), &refusal) {
            message[name] = value;
        }
        message["usage"] = usage(tokens);
        message.to_string().into()
    }

    fn write(&mut self, choice: u32, delta: Delta, out: &mut BytesMut) {
        if choice > 0 {
            return;
        }
        match delta {
            Delta::Start { model } => {
                if let Some(model) = model {
                    self.model = model;
                }
                self.begin(out);
            }
            Delta::Text(text) => {
                self.open(Block::Text, &json!({"type": "text", "text": ""}), out);
                self.delta_event(&json!({"type": "text_delta", "text": text}), out);
            }
            Delta::Reasoning(text) => {
                self.thinking(out);
                self.delta_event(&json!({"type": "thinking_delta", "thinking": text}), out);
            }
            Delta::Signature(signature) => {
                if !matches!(self.open, Some(Block::Thinking { .. })) {
                    self.thinking(out);
                }
                self.open = Some(Block::Thinking { is_signed: true });
                self.delta_event(
                    &json!({"type": "signature_delta", "signature": signature}),
                    out,
                );
            }
            Delta::Redacted(data) => {
                let shape = json!({"type": "redacted_thinking", "data": data});
                self.alone(Block::Thinking { is_signed: true }, &shape, out);
            }
            Delta::Refusal(text) => {
                self.open(Block::Text, &json!({"type": "text", "text": ""}), out);
                self.delta_event(&json!({"type": "text_delta", "text": text}), out);
                self.refusal.push_str(&text);
            }
            Delta::Annotation(value) => self.citation(&value, out),
            Delta::Media(media) => {
                if let Some(shape) = media_block(&media) {
                    self.alone(Block::Media, &shape, out);
                }
            }
            Delta::StopSequence(sequence) => self.stop_sequence = Some(sequence),
            Delta::Call { call, id, name, .. } => {
                self.begin(out);
                let tool_call = ToolCall {
                    id,
                    name,
                    ..ToolCall::default()
                };
                self.pending.begin(call, tool_call);
                self.advance(out);
            }
            Delta::Arguments { call, text } => {
                self.arguments(call, &text, out);
                self.advance(out);
            }
            Delta::End(finish) => {
                self.begin(out);
                self.settle(out);
                self.finish = Some(finish);
            }
        }
    }

    fn end(&mut self, tokens: Option<ReportedUsage>, out: &mut BytesMut) {
        self.begin(out);
        self.settle(out);
        let mut delta = json!({});
        for (name, value) in ending(self.finish, self.stop_sequence.as_deref(), &self.refusal) {
            delta[name] = value;
        }
        let usage = usage(tokens);
        event(
            out,
            &json!({"type": "message_delta", "delta": delta, "usage": usage}),
        );
        out.extend_from_slice(LAST_EVENT);
    }

    fn broken(&mut self, tool_call: &ErrorBody, out: &mut BytesMut) {
        out.extend_from_slice(&error_event(tool_call));
    }
}

/// Encodes a part of a whole response. The text of a refusal goes into `stop_details` too, which most
/// clients do not show.
fn block(part: ContentPart, refusal: &mut String) -> Option<Value> {
    match part {
        ContentPart::Text(text) => Some(json!({"type": "text", "text": text})),
        ContentPart::Reasoning { text, signature } => {
            let signature = signature.unwrap_or_default();
            Some(json!({"type": "thinking", "thinking": text, "signature": signature}))
        }
        ContentPart::Redacted(data) => Some(json!({"type": "redacted_thinking", "data": data})),
        ContentPart::ToolCall(call) => {
            // Truncated arguments are no valid input.
            let input: Option<Value> = serde_json::from_str(&call.arguments).ok();
            let input = input.filter(Value::is_object).unwrap_or_else(|| json!({}));
            Some(json!({"type": "tool_use", "id": call.id, "name": call.name, "input": input}))
        }
        ContentPart::Refusal(text) => {
            refusal.push_str(&text);
            Some(json!({"type": "text", "text": text}))
        }
        ContentPart::Media(media) => media_block(&media),
        ContentPart::ToolResult { .. } | ContentPart::CacheMark(_) => None,
    }
}

/// Encodes an image, a document or a recording that the model made.
fn media_block(media: &Media) -> Option<Value> {
    let source = match &media.source {
        MediaSource::Inline { mime, data } => {
            json!({"type": "base64", "media_type": mime, "data": data})
        }
        MediaSource::Link(url) => json!({"type": "url", "url": url}),
        MediaSource::Id(_) => return None,
    };
    let kind = match media.kind {
        MediaKind::Image => "image",
        MediaKind::Document => "document",
        MediaKind::Audio => "audio",
    };
    Some(json!({"type": kind, "source": source}))
}

/// Encodes a link as a citation of a web page.
fn citation(annotation: &Value) -> Option<Value> {
    let link = &annotation["url_citation"];
    let url = link["url"].as_str()?;
    Some(json!({
        "type": "web_search_result_location",
        "url": url,
        "title": link["title"],
        "cited_text": "",
        "encrypted_index": "",
    }))
}

/// Returns the fields that state why the response ended.
fn ending(
    finish: Option<Finish>,
    sequence: Option<&str>,
    refusal: &str,
) -> Vec<(&'static str, Value)> {
    let finish = match finish.unwrap_or(Finish::Stop) {
        Finish::Stop if !refusal.is_empty() => Finish::ContentFilter,
        finish => finish,
    };
    let sequence = sequence.filter(|_| finish == Finish::Stop);
    let reason = sequence.map_or_else(|| finish_word(finish), |_| "stop_sequence");
    let mut members = vec![
        ("stop_reason", reason.into()),
        ("stop_sequence", sequence.into()),
    ];
    if !refusal.is_empty() {
        let details = json!({"type": "refusal", "category": null, "explanation": refusal});
        members.push(("stop_details", details));
    }
    members
}

/// Encodes usage as this protocol counts it: the prompt without its cached parts.
fn usage(tokens: Option<ReportedUsage>) -> Value {
    let tokens = tokens.unwrap_or_default();
    let (cached, written) = (tokens.cached.unwrap_or(0), tokens.written.unwrap_or(0));
    let mut usage = json!({
        "input_tokens": tokens.input.saturating_sub(cached + written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
        "output_tokens": tokens.output,
    });
    if let Some(thinking) = tokens.reasoning.filter(|tokens| *tokens > 0) {
        usage["output_tokens_details"] = json!({"thinking_tokens": thinking});
    }
    usage
}

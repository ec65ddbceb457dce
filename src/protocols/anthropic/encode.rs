//! An answer as Messages.

use super::events::{LAST_EVENT, error_event, event};
use super::shape::finish_word;
use crate::protocols::call::CallSpec;
use crate::protocols::error_body::ErrorBody;
use crate::protocols::neutral::{
    ChatResponse, Choice, ContentPart, Delta, Encode, Finish, ReportedUsage, ToolCall,
};
use bytes::{Bytes, BytesMut};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::collections::VecDeque;

/// Says an answer to a client of Messages. The protocol has one answer, made of blocks that begin
/// and end one after the other.
#[derive(Debug)]
pub(super) struct Encoder {
    id: String,
    model: String,
    begun: bool,
    /// The block that is being said.
    open: Option<Block>,
    /// Its number, or the next one's where none is open.
    index: usize,
    /// Calls that began before the open one was over.
    waiting: VecDeque<PendingBlock>,
    finish: Option<Finish>,
    refusal: String,
}

#[derive(Debug, PartialEq, Eq)]
enum Block {
    Text,
    Thinking { is_sealed: bool },
    Call { call: usize, arguments: String },
}

#[derive(Debug)]
struct PendingBlock {
    call: usize,
    told: ToolCall,
}

impl Encoder {
    pub fn new(call: &CallSpec<'_>) -> Self {
        Self {
            id: format!("msg_{}", call.id),
            model: call.model.to_owned(),
            begun: false,
            open: None,
            index: 0,
            waiting: VecDeque::new(),
            finish: None,
            refusal: String::new(),
        }
    }

    fn begin(&mut self, out: &mut BytesMut) {
        if self.begun {
            return;
        }
        self.begun = true;
        let message = json!({
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": [],
            "stop_reason": null,
            "stop_sequence": null,
            // The numbers come at the end, with the first message_delta.
            "usage": {"input_tokens": 0, "output_tokens": 0},
        });
        event(out, &json!({"type": "message_start", "message": message}));
    }

    /// Makes sure that the open block is one to go on with.
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

    fn more(&self, delta: &Value, out: &mut BytesMut) {
        let index = self.index;
        let more = json!({"type": "content_block_delta", "index": index, "delta": delta});
        event(out, &more);
    }

    fn stop(&mut self, out: &mut BytesMut) {
        if self.open.take().is_some() {
            let stop = json!({"type": "content_block_stop", "index": self.index});
            event(out, &stop);
            self.index += 1;
        }
    }

    /// Ends the open block and says the calls that waited for it.
    fn settle(&mut self, out: &mut BytesMut) {
        self.stop(out);
        while let Some(waiting) = self.waiting.pop_front() {
            self.call(waiting, out);
            self.stop(out);
        }
    }

    fn call(&mut self, PendingBlock { call, told }: PendingBlock, out: &mut BytesMut) {
        let shape = json!({"type": "tool_use", "id": told.id, "name": told.name, "input": {}});
        let block = Block::Call {
            call,
            arguments: String::new(),
        };
        self.start(block, &shape, out);
        self.arguments(call, &told.arguments, out);
    }

    /// More of a call: said where it is open, kept where it waits, nothing where it is over.
    fn arguments(&mut self, number: usize, text: &str, out: &mut BytesMut) {
        if let Some(waiting) = self.waiting.iter_mut().find(|one| one.call == number) {
            waiting.told.arguments.push_str(text);
            return;
        }
        if let Some(Block::Call { call, arguments }) = &mut self.open
            && *call == number
            && !text.is_empty()
        {
            arguments.push_str(text);
            self.more(
                &json!({"type": "input_json_delta", "partial_json": text}),
                out,
            );
        }
    }

    /// Says the calls whose turn it is. Some servers let several grow at once, so that the next
    /// begins once the open one is whole.
    fn advance(&mut self, out: &mut BytesMut) {
        while !self.waiting.is_empty() && self.is_whole() {
            self.stop(out);
            if let Some(next) = self.waiting.pop_front() {
                self.call(next, out);
            }
        }
    }

    fn is_whole(&self) -> bool {
        match &self.open {
            Some(Block::Call { arguments, .. }) => {
                serde_json::from_str::<IgnoredAny>(arguments).is_ok()
            }
            _ => true,
        }
    }

    fn thinking(&mut self, out: &mut BytesMut) {
        let is_open = matches!(self.open, Some(Block::Thinking { is_sealed: false }));
        if !is_open {
            let shape = json!({"type": "thinking", "thinking": "", "signature": ""});
            self.begin(out);
            self.settle(out);
            self.start(Block::Thinking { is_sealed: false }, &shape, out);
        }
    }
}

impl Encode for Encoder {
    fn whole(&mut self, mut reply: ChatResponse, tokens: Option<ReportedUsage>) -> Bytes {
        let choice = if reply.choices.is_empty() {
            Choice::default()
        } else {
            reply.choices.swap_remove(0)
        };
        let mut refusal = String::new();
        let content: Vec<Value> = choice
            .parts
            .into_iter()
            .filter_map(|part| block(part, &mut refusal))
            .collect();
        let mut message = json!({
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": reply.model.as_deref().unwrap_or(&self.model),
            "content": content,
        });
        for (name, value) in ending(choice.finish, &refusal) {
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
                self.more(&json!({"type": "text_delta", "text": text}), out);
            }
            Delta::Reasoning(text) => {
                self.thinking(out);
                self.more(&json!({"type": "thinking_delta", "thinking": text}), out);
            }
            Delta::Signature(seal) => {
                if !matches!(self.open, Some(Block::Thinking { .. })) {
                    self.thinking(out);
                }
                self.open = Some(Block::Thinking { is_sealed: true });
                self.more(&json!({"type": "signature_delta", "signature": seal}), out);
            }
            Delta::Redacted(data) => {
                self.begin(out);
                self.settle(out);
                let shape = json!({"type": "redacted_thinking", "data": data});
                self.start(Block::Thinking { is_sealed: true }, &shape, out);
                self.stop(out);
            }
            Delta::Refusal(text) => {
                self.begin(out);
                self.refusal.push_str(&text);
            }
            // Links to sources have no place here without the passages that they stand for.
            Delta::Annotation(_) => {}
            Delta::Call { call, id, name, .. } => {
                self.begin(out);
                let told = ToolCall {
                    id,
                    name,
                    arguments: String::new(),
                    signature: None,
                };
                self.waiting.push_back(PendingBlock { call, told });
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
        for (name, value) in ending(self.finish, &self.refusal) {
            delta[name] = value;
        }
        let usage = usage(tokens);
        event(
            out,
            &json!({"type": "message_delta", "delta": delta, "usage": usage}),
        );
        out.extend_from_slice(LAST_EVENT);
    }

    fn broken(&mut self, told: &ErrorBody, out: &mut BytesMut) {
        out.extend_from_slice(&error_event(told));
    }
}

/// A part of a whole answer; the words of a refusal stand elsewhere.
fn block(part: ContentPart, refusal: &mut String) -> Option<Value> {
    match part {
        ContentPart::Text(text) => Some(json!({"type": "text", "text": text})),
        ContentPart::Reasoning { text, signature } => {
            let seal = signature.unwrap_or_default();
            Some(json!({"type": "thinking", "thinking": text, "signature": seal}))
        }
        ContentPart::Redacted(data) => Some(json!({"type": "redacted_thinking", "data": data})),
        ContentPart::ToolCall(call) => {
            // Arguments that were cut off are no input.
            let input: Option<Value> = serde_json::from_str(&call.arguments).ok();
            let input = input.filter(Value::is_object).unwrap_or_else(|| json!({}));
            Some(json!({"type": "tool_use", "id": call.id, "name": call.name, "input": input}))
        }
        ContentPart::Refusal(text) => {
            refusal.push_str(&text);
            None
        }
        ContentPart::Media(_) | ContentPart::ToolResult { .. } => None,
    }
}

/// How an answer ended, member by member.
fn ending(finish: Option<Finish>, refusal: &str) -> Vec<(&'static str, Value)> {
    let finish = match finish.unwrap_or(Finish::Stop) {
        Finish::Stop if !refusal.is_empty() => Finish::ContentFilter,
        finish => finish,
    };
    let mut members = vec![
        ("stop_reason", finish_word(finish).into()),
        ("stop_sequence", Value::Null),
    ];
    if !refusal.is_empty() {
        let details = json!({"type": "refusal", "category": null, "explanation": refusal});
        members.push(("stop_details", details));
    }
    members
}

/// Tokens as clients of this protocol read them: the prompt without its cached parts.
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

//! Encodes a response as lines of `/api/chat` or `/api/generate`.

use super::line::{error_line, is_chat, line_head, set_text};
use crate::protocols::call::CallSpec;
use crate::protocols::error_body::ErrorBody;
use crate::protocols::neutral::{
    CallBuffer, ChatResponse, ContentPart, Delta, Encode, Finish, ReportedUsage, ToolCall,
};
use bytes::{BufMut, Bytes, BytesMut};
use serde_json::{Value, json};
use tokio::time::Instant;

/// Encodes a response for a client of Ollama's protocol.
#[derive(Debug)]
pub(super) struct Encoder {
    model: String,
    created: u64,
    is_chat: bool,
    shows_thinking: bool,
    started: Instant,
    first_content: Option<Instant>,
    /// Calls that are not written yet.
    calls: CallBuffer,
    /// Calls that are written.
    written: usize,
    finish: Option<Finish>,
}

impl Encoder {
    pub fn new(call: &CallSpec<'_>) -> Self {
        let think = call.object.get("think");
        Self {
            model: call.model.to_owned(),
            created: call.created,
            is_chat: is_chat(call.object),
            shows_thinking: think.is_none_or(|raw| raw.get() != "false"),
            started: Instant::now(),
            first_content: None,
            calls: CallBuffer::default(),
            written: 0,
            finish: None,
        }
    }

    fn line(&self, text: &str) -> Value {
        let mut line = line_head(&self.model, self.created);
        set_text(&mut line, self.is_chat, text);
        line["done"] = false.into();
        line
    }

    /// Returns the object that holds thinking and calls.
    fn message<'l>(&self, line: &'l mut Value) -> &'l mut Value {
        if self.is_chat {
            &mut line["message"]
        } else {
            line
        }
    }

    fn text(&mut self, text: &str, out: &mut BytesMut) {
        self.first_content.get_or_insert_with(Instant::now);
        write(&self.line(text), out);
    }

    /// Writes the calls that are complete; with `is_end` all of them.
    fn settle(&mut self, is_end: bool, out: &mut BytesMut) {
        let whole = if is_end {
            self.calls.take_all()
        } else {
            self.calls.take_whole()
        };
        if whole.is_empty() {
            return;
        }
        self.first_content.get_or_insert_with(Instant::now);
        let mut line = self.line("");
        let calls = whole.iter().zip(self.written..);
        let calls: Value = calls.map(|(call, index)| call_value(call, index)).collect();
        self.message(&mut line)["tool_calls"] = calls;
        self.written += whole.len();
        write(&line, out);
    }

    /// Sets the fields of the last line.
    fn finish(&self, line: &mut Value, tokens: Option<ReportedUsage>) {
        let reason = match self.finish {
            Some(Finish::Length) => "length",
            _ => "stop",
        };
        line["done"] = true.into();
        line["done_reason"] = reason.into();
        let now = Instant::now();
        let first = self.first_content.unwrap_or(now);
        let nanoseconds = |from: Instant, to: Instant| {
            let passed = to.saturating_duration_since(from).as_nanos();
            // Clients divide by it.
            u64::try_from(passed).unwrap_or(u64::MAX).max(1)
        };
        line["total_duration"] = nanoseconds(self.started, now).into();
        line["load_duration"] = 1.into();
        if let Some(tokens) = tokens {
            line["prompt_eval_count"] = tokens.input.into();
            line["prompt_eval_duration"] = nanoseconds(self.started, first).into();
            line["eval_count"] = tokens.output.into();
            line["eval_duration"] = nanoseconds(first, now).into();
        }
    }
}

impl Encode for Encoder {
    fn whole(&mut self, response: ChatResponse, tokens: Option<ReportedUsage>) -> Bytes {
        if let Some(model) = response.model {
            self.model = model;
        }
        let choice = response.choices.into_iter().next().unwrap_or_default();
        self.finish = choice.finish;
        let (mut text, mut thinking, mut calls) = (String::new(), String::new(), Vec::new());
        for part in choice.parts {
            match part {
                ContentPart::Text(more) | ContentPart::Refusal(more) => text.push_str(&more),
                ContentPart::Reasoning { text: more, .. } => thinking.push_str(&more),
                ContentPart::ToolCall(call) => calls.push(call_value(&call, calls.len())),
                _ => {}
            }
        }
        let mut line = self.line(&text);
        if !thinking.is_empty() && self.shows_thinking {
            self.message(&mut line)["thinking"] = thinking.into();
        }
        if !calls.is_empty() {
            self.message(&mut line)["tool_calls"] = calls.into();
        }
        self.finish(&mut line, tokens);
        line.to_string().into()
    }

    fn write(&mut self, choice: u32, delta: Delta, out: &mut BytesMut) {
        // The protocol has one choice.
        if choice > 0 {
            return;
        }
        match delta {
            Delta::Start { model: Some(model) } => self.model = model,
            Delta::Text(text) | Delta::Refusal(text) => {
                self.settle(false, out);
                self.text(&text, out);
            }
            Delta::Reasoning(text) if self.shows_thinking => {
                self.first_content.get_or_insert_with(Instant::now);
                let mut line = self.line("");
                self.message(&mut line)["thinking"] = text.into();
                write(&line, out);
            }
            Delta::Call {
                call,
                id,
                name,
                namespace,
                form,
                ..
            } => {
                self.settle(false, out);
                let started = ToolCall {
                    id,
                    name,
                    namespace,
                    form,
                    arguments: String::new(),
                    signature: None,
                };
                self.calls.begin(call, started);
            }
            Delta::Arguments { call, text } => {
                self.calls.push(call, &text);
            }
            Delta::End(finish) => {
                self.settle(true, out);
                self.finish = Some(finish);
            }
            _ => {}
        }
    }

    fn end(&mut self, tokens: Option<ReportedUsage>, out: &mut BytesMut) {
        self.settle(true, out);
        let mut line = self.line("");
        self.finish(&mut line, tokens);
        write(&line, out);
    }

    fn broken(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        out.extend_from_slice(error_line(error).as_bytes());
    }
}

fn write(line: &Value, out: &mut BytesMut) {
    // Writing into memory cannot fail.
    let _ = serde_json::to_writer(out.writer(), line);
    out.extend_from_slice(b"\n");
}

/// Returns a call's arguments, once they are complete.
fn arguments(call: &ToolCall) -> Option<Value> {
    serde_json::from_str(&call.arguments)
        .ok()
        .filter(Value::is_object)
}

fn call_value(call: &ToolCall, index: usize) -> Value {
    // Truncated arguments are no object.
    let arguments = arguments(call).unwrap_or_else(|| json!({}));
    json!({
        "id": call.id,
        "function": {"index": index, "name": call.name, "arguments": arguments},
    })
}

//! Encodes a response as completions of a text.

use crate::protocols::call::CallSpec;
use crate::protocols::error_body::ErrorBody;
use crate::protocols::neutral::{ChatResponse, Delta, Encode, Finish, ReportedUsage, text_of};
use crate::protocols::openai::{error_body, usage};
use bytes::{BufMut, Bytes, BytesMut};
use serde_json::{Value, json};

/// Encodes a response for a client of completions.
#[derive(Debug)]
pub(super) struct Encoder {
    id: String,
    created: u64,
    model: String,
    wants_usage: bool,
}

impl Encoder {
    pub fn new(call: &CallSpec<'_>) -> Self {
        Self {
            id: format!("cmpl-{}", call.id),
            created: call.created,
            model: call.model.to_owned(),
            wants_usage: call.wants_usage,
        }
    }

    fn body(&self, choices: &[Value]) -> Value {
        json!({
            "id": self.id,
            "object": "text_completion",
            "created": self.created,
            "model": self.model,
            "choices": choices,
        })
    }

    fn chunk(&self, choices: &[Value], tokens: Option<ReportedUsage>, out: &mut BytesMut) {
        let mut chunk = self.body(choices);
        if let Some(tokens) = tokens {
            chunk["usage"] = usage(tokens);
        }
        out.extend_from_slice(b"data: ");
        // Writing into memory cannot fail.
        let _ = serde_json::to_writer(out.writer(), &chunk);
        out.extend_from_slice(b"\n\n");
    }
}

fn choice(index: u32, text: &str, finish: Option<Finish>) -> Value {
    let finish = finish.map(|finish| match finish {
        Finish::Length => "length",
        Finish::ContentFilter => "content_filter",
        Finish::Stop | Finish::ToolCalls => "stop",
    });
    json!({"text": text, "index": index, "logprobs": null, "finish_reason": finish})
}

/// Builds the error event of a stream.
pub(super) fn error_event(error: &ErrorBody) -> Vec<u8> {
    [b"data: ", &error_body(error)[..], b"\n\n"].concat()
}

impl Encode for Encoder {
    fn whole(&mut self, response: ChatResponse, tokens: Option<ReportedUsage>) -> Bytes {
        if let Some(model) = response.model {
            self.model = model;
        }
        let choices = response.choices.iter().zip(0..).map(|(one, index)| {
            let finish = one.finish.unwrap_or(Finish::Stop);
            choice(index, &text_of(&one.parts), Some(finish))
        });
        let mut body = self.body(&choices.collect::<Vec<Value>>());
        body["usage"] = tokens.map_or(Value::Null, usage);
        body.to_string().into()
    }

    fn write(&mut self, index: u32, delta: Delta, out: &mut BytesMut) {
        match delta {
            Delta::Start { model: Some(model) } => self.model = model,
            Delta::Text(text) | Delta::Refusal(text) => {
                self.chunk(&[choice(index, &text, None)], None, out);
            }
            Delta::End(finish) => self.chunk(&[choice(index, "", Some(finish))], None, out),
            _ => {}
        }
    }

    fn end(&mut self, tokens: Option<ReportedUsage>, out: &mut BytesMut) {
        if self.wants_usage && tokens.is_some() {
            self.chunk(&[], tokens, out);
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn broken(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        out.extend_from_slice(&error_event(error));
    }
}

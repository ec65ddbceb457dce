//! An answer as a response: the whole object, or the full grammar of its events.

use super::events::ResponseEvents;
use super::item_store;
use super::open_item::{ItemStatus, OpenItem};
use crate::protocols::call::CallSpec;
use crate::protocols::error_body::ErrorBody;
use crate::protocols::neutral::{
    ChatResponse, ContentPart, Delta, Encode, Finish, ReportedUsage, ToolCall,
};
use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value, json};

/// Says an answer to a client of responses.
#[derive(Debug)]
pub(super) struct Encoder {
    /// What the names of the answer's items are made from.
    id: String,
    /// The response without what the answer brings.
    skeleton: Map<String, Value>,
    /// Whether the client may name our items instead of sending them again.
    keeps: bool,
    events: ResponseEvents,
    begun: bool,
    /// Items being said. A message or thoughts can only be the last of them.
    open: Vec<OpenItem>,
    /// Items by their places; those that are open are not there yet.
    output: Vec<Value>,
    finish: Option<Finish>,
}

impl Encoder {
    pub fn new(call: &CallSpec<'_>) -> Self {
        Self {
            id: call.id.to_owned(),
            skeleton: skeleton(call),
            keeps: call.object.read::<bool>("store") != Some(false),
            events: ResponseEvents::default(),
            begun: false,
            open: Vec::new(),
            output: Vec::new(),
            finish: None,
        }
    }

    fn begin(&mut self, out: &mut BytesMut) {
        if !self.begun {
            self.begun = true;
            for kind in ["response.created", "response.in_progress"] {
                let body = json!({"response": self.skeleton});
                self.events.write(kind, body, out);
            }
        }
    }

    /// A place in the output, once what is whole is closed.
    fn next_place(&mut self, out: &mut BytesMut) -> usize {
        self.close_some(|_| ItemStatus::Completed, OpenItem::is_whole, out);
        self.output.push(Value::Null);
        self.output.len() - 1
    }

    fn close_some(
        &mut self,
        status: impl Fn(&OpenItem) -> ItemStatus,
        wanted: impl Fn(&OpenItem) -> bool,
        out: &mut BytesMut,
    ) {
        let (closing, open) = std::mem::take(&mut self.open)
            .into_iter()
            .partition(|item| wanted(item));
        self.open = open;
        let closing: Vec<OpenItem> = closing;
        for item in closing {
            let (place, status) = (item.place, status(&item));
            let (value, id, said) = item.close(status, &mut self.events, out);
            self.output[place] = value;
            if self.keeps {
                item_store::keep(&id, said);
            }
        }
    }

    fn close_all(&mut self, out: &mut BytesMut) {
        let is_cut = matches!(self.finish, Some(Finish::Length | Finish::ContentFilter));
        let status = |item: &OpenItem| {
            let is_whole_call = item.is_whole() && !item.is_message();
            if is_cut && !is_whole_call {
                ItemStatus::Incomplete
            } else {
                ItemStatus::Completed
            }
        };
        self.close_some(status, |_| true, out);
    }

    fn say(&mut self, is_refusal: bool, text: &str, out: &mut BytesMut) {
        if !self.open.last().is_some_and(OpenItem::is_message) {
            let place = self.next_place(out);
            let item = OpenItem::message(&self.id, place, &mut self.events, out);
            self.open.push(item);
        }
        if let Some(item) = self.open.last_mut() {
            item.push_text(is_refusal, text, &mut self.events, out);
        }
    }

    fn think(&mut self, text: &str, out: &mut BytesMut) {
        if !self.open.last().is_some_and(OpenItem::is_reasoning) {
            let place = self.next_place(out);
            let item = OpenItem::reasoning(&self.id, place, &mut self.events, out);
            self.open.push(item);
        }
        if let Some(item) = self.open.last_mut() {
            item.push_reasoning(text, &mut self.events, out);
        }
    }

    fn call(&mut self, number: usize, call: ToolCall, out: &mut BytesMut) {
        let place = self.next_place(out);
        let item = OpenItem::call(&self.id, place, (number, call), &mut self.events, out);
        self.open.push(item);
    }

    fn argue(&mut self, number: usize, text: &str, out: &mut BytesMut) {
        let item = self.open.iter_mut().find(|item| item.is_call(number));
        if let (Some(item), false) = (item, text.is_empty()) {
            item.push_arguments(text, &mut self.events, out);
        }
    }

    /// The response as it ends.
    fn response(&mut self, status: &str, tokens: Option<ReportedUsage>) -> Map<String, Value> {
        let mut response = std::mem::take(&mut self.skeleton);
        let reason = match self.finish {
            Some(Finish::Length) => Some("max_output_tokens"),
            Some(Finish::ContentFilter) => Some("content_filter"),
            _ => None,
        };
        if let (Some(reason), "incomplete") = (reason, status) {
            response["incomplete_details"] = json!({"reason": reason});
        }
        response["status"] = status.into();
        let output = std::mem::take(&mut self.output).into_iter();
        response["output"] = output.filter(|item| !item.is_null()).collect();
        response["usage"] = tokens.map_or(Value::Null, usage);
        response
    }

    fn status(&self) -> &'static str {
        match self.finish {
            Some(Finish::Length | Finish::ContentFilter) => "incomplete",
            _ => "completed",
        }
    }
}

impl Encode for Encoder {
    fn whole(&mut self, reply: ChatResponse, tokens: Option<ReportedUsage>) -> Bytes {
        // Said as a stream would say it, to nobody: so both forms are always the same.
        let mut nobody = BytesMut::new();
        self.begun = true;
        if let Some(model) = reply.model {
            self.skeleton["model"] = model.into();
        }
        let choice = reply.choices.into_iter().next().unwrap_or_default();
        let is_text = |part: &ContentPart| matches!(part, ContentPart::Text(_));
        let cited = choice.parts.iter().rposition(is_text);
        let mut annotations = Some(choice.annotations);
        let mut number = 0;
        for (place, part) in choice.parts.into_iter().enumerate() {
            match part {
                ContentPart::Text(text) => self.say(false, &text, &mut nobody),
                ContentPart::Refusal(text) => self.say(true, &text, &mut nobody),
                ContentPart::Reasoning { text, .. } if !text.is_empty() => {
                    self.think(&text, &mut nobody);
                }
                ContentPart::ToolCall(call) => {
                    self.call(number, call, &mut nobody);
                    number += 1;
                }
                _ => {}
            }
            let cited = annotations.take_if(|_| cited == Some(place));
            for annotation in cited.into_iter().flatten() {
                self.write(0, Delta::Annotation(annotation), &mut nobody);
            }
        }
        self.finish = choice.finish;
        self.close_all(&mut nobody);
        let status = self.status();
        Value::Object(self.response(status, tokens))
            .to_string()
            .into()
    }

    fn write(&mut self, choice: u32, delta: Delta, out: &mut BytesMut) {
        // A response is one answer.
        if choice > 0 {
            return;
        }
        if let Delta::Start { model: Some(model) } = &delta {
            self.skeleton["model"] = model.as_str().into();
        }
        self.begin(out);
        match delta {
            Delta::Text(text) => self.say(false, &text, out),
            Delta::Refusal(text) => self.say(true, &text, out),
            Delta::Reasoning(text) => self.think(&text, out),
            Delta::Call { call, id, name, .. } => {
                let begun = ToolCall {
                    id,
                    name,
                    arguments: String::new(),
                    signature: None,
                };
                self.call(call, begun, out);
            }
            Delta::Arguments { call, text } => self.argue(call, &text, out),
            Delta::Annotation(value) => {
                if let Some(item) = self.open.last_mut() {
                    item.annotate(&value, &mut self.events, out);
                }
            }
            Delta::End(finish) => {
                self.finish = Some(finish);
                self.close_all(out);
            }
            Delta::Start { .. } | Delta::Signature(_) | Delta::Redacted(_) => {}
        }
    }

    fn end(&mut self, tokens: Option<ReportedUsage>, out: &mut BytesMut) {
        self.begin(out);
        self.close_all(out);
        let status = self.status();
        let body = json!({"response": self.response(status, tokens)});
        self.events.write(&format!("response.{status}"), body, out);
    }

    fn broken(&mut self, told: &ErrorBody, out: &mut BytesMut) {
        self.begin(out);
        let code = told.code.as_ref().unwrap_or(&told.kind);
        let error = json!({"code": code, "message": told.message, "param": told.param});
        self.events.write("error", error, out);
        let mut response = self.response("failed", None);
        response["error"] = json!({"code": code, "message": told.message});
        let body = json!({"response": response});
        self.events.write("response.failed", body, out);
    }
}

/// The response before anything was said: what the client asked for, and what holds where it did
/// not say.
fn skeleton(call: &CallSpec<'_>) -> Map<String, Value> {
    let asked = |name: &str| call.object.read::<Value>(name);
    let or = |name: &str, usual: Value| asked(name).unwrap_or(usual);
    let reasoning = or("reasoning", Value::Null);
    let text = asked("text").filter(Value::is_object);
    let mut text = text.unwrap_or_else(|| json!({}));
    if text["format"].is_null() {
        text["format"] = json!({"type": "text"});
    }
    let members = [
        ("id", format!("resp_{}", call.id).into()),
        ("object", "response".into()),
        ("created_at", call.created.into()),
        ("status", "in_progress".into()),
        ("error", Value::Null),
        ("incomplete_details", Value::Null),
        ("instructions", or("instructions", Value::Null)),
        ("max_output_tokens", or("max_output_tokens", Value::Null)),
        ("metadata", or("metadata", json!({}))),
        ("model", call.model.into()),
        ("output", json!([])),
        (
            "parallel_tool_calls",
            or("parallel_tool_calls", true.into()),
        ),
        ("previous_response_id", Value::Null),
        (
            "reasoning",
            json!({"effort": reasoning["effort"], "summary": reasoning["summary"]}),
        ),
        // What is remembered of it is no store: nobody can fetch the answer.
        ("store", false.into()),
        ("temperature", or("temperature", 1.0.into())),
        ("text", text),
        ("tool_choice", or("tool_choice", "auto".into())),
        ("tools", or("tools", json!([]))),
        ("top_p", or("top_p", 1.0.into())),
        ("truncation", "disabled".into()),
        ("usage", Value::Null),
        ("user", or("user", Value::Null)),
    ];
    let members = members.into_iter();
    members
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// Tokens as clients of responses read them.
fn usage(tokens: ReportedUsage) -> Value {
    json!({
        "input_tokens": tokens.input,
        "input_tokens_details": {
            "cached_tokens": tokens.cached.unwrap_or(0),
            "cache_write_tokens": tokens.written.unwrap_or(0),
        },
        "output_tokens": tokens.output,
        "output_tokens_details": {"reasoning_tokens": tokens.reasoning.unwrap_or(0)},
        "total_tokens": tokens.total(),
    })
}

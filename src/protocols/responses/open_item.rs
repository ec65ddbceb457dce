//! An item of a response's output while it is written: its content so far, and its events.

use super::client_tools::ToolType;
use super::events::{DeltaShape, ResponseEvents};
use super::item_store;
use crate::protocols::neutral::{ObjectScan, ToolCall, ToolForm};
use bytes::BytesMut;
use serde_json::{Value, json};

/// The status of an ended item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ItemStatus {
    Completed,
    Incomplete,
}

impl ItemStatus {
    fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Incomplete => "incomplete",
        }
    }
}

/// An item that is not ended.
#[derive(Debug)]
pub(super) struct OpenItem {
    id: String,
    /// Index in the output.
    pub index: usize,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Message {
        done: Vec<Value>,
        part: Option<TextPart>,
    },
    Reasoning(String),
    Call {
        call: ToolCall,
        arguments: ObjectScan,
    },
}

/// A part of a message.
#[derive(Debug)]
struct TextPart {
    is_refusal: bool,
    text: String,
    annotations: Vec<Value>,
}

impl OpenItem {
    pub fn message(
        answer: &str,
        index: usize,
        events: &mut ResponseEvents,
        out: &mut BytesMut,
    ) -> Self {
        let (done, part) = (Vec::new(), None);
        Self::begin(
            "msg",
            answer,
            index,
            Body::Message { done, part },
            events,
            out,
        )
    }

    pub fn reasoning(
        answer: &str,
        index: usize,
        events: &mut ResponseEvents,
        out: &mut BytesMut,
    ) -> Self {
        let item = Self::begin(
            "rs",
            answer,
            index,
            Body::Reasoning(String::new()),
            events,
            out,
        );
        let mut body = item.event_body("summary_index", 0);
        body["part"] = summary("");
        events.write("response.reasoning_summary_part.added", body, out);
        item
    }

    pub fn call(
        answer: &str,
        index: usize,
        call: ToolCall,
        events: &mut ResponseEvents,
        out: &mut BytesMut,
    ) -> Self {
        let kind = match call.form {
            ToolForm::Function => "fc",
            ToolForm::FreeText => "ctc",
            ToolForm::Typed(name) => ToolType::named(name).map_or("fc", |tool| tool.id_prefix),
        };
        let mut arguments = ObjectScan::default();
        arguments.read(&call.arguments);
        let body = Body::Call { call, arguments };
        Self::begin(kind, answer, index, body, events, out)
    }

    fn begin(
        kind: &str,
        answer: &str,
        index: usize,
        body: Body,
        events: &mut ResponseEvents,
        out: &mut BytesMut,
    ) -> Self {
        let id = item_store::name(kind, answer, index);
        let item = Self { id, index, body };
        let added = json!({"output_index": index, "item": item.value("in_progress")});
        events.write("response.output_item.added", added, out);
        item
    }

    pub fn is_message(&self) -> bool {
        matches!(self.body, Body::Message { .. })
    }

    pub fn is_reasoning(&self) -> bool {
        matches!(self.body, Body::Reasoning(_))
    }

    /// Checks whether the item can be closed. Fragments of several calls may interleave, so a call
    /// stays open until its arguments are complete.
    pub fn is_whole(&self) -> bool {
        match &self.body {
            Body::Message { .. } | Body::Reasoning(_) => true,
            // Only the end of the response tells that a free text is complete.
            Body::Call { call, .. } if call.form == ToolForm::FreeText => false,
            Body::Call { arguments, .. } => arguments.is_whole(),
        }
    }

    /// Adds to a message's text or refusal.
    pub fn push_text(
        &mut self,
        is_refusal: bool,
        more: &str,
        events: &mut ResponseEvents,
        out: &mut BytesMut,
    ) {
        let continues = matches!(
            &self.body,
            Body::Message { part: Some(part), .. } if part.is_refusal == is_refusal
        );
        if !continues {
            self.close_part(events, out);
            self.open_part(is_refusal, events, out);
        }
        let Body::Message { done, part } = &mut self.body else {
            return;
        };
        let delta = DeltaShape {
            item_id: &self.id,
            output_index: self.index,
            content_index: Some(done.len()),
            summary_index: None,
            delta: more,
            logprobs: (!is_refusal).then_some([]),
        };
        let kind = if is_refusal {
            "response.refusal.delta"
        } else {
            "response.output_text.delta"
        };
        events.write(kind, delta, out);
        if let Some(part) = part {
            part.text.push_str(more);
        }
    }

    /// Adds to the reasoning.
    pub fn push_reasoning(&mut self, more: &str, events: &mut ResponseEvents, out: &mut BytesMut) {
        if let Body::Reasoning(text) = &mut self.body {
            let delta = DeltaShape {
                item_id: &self.id,
                output_index: self.index,
                content_index: None,
                summary_index: Some(0),
                delta: more,
                logprobs: None,
            };
            events.write("response.reasoning_summary_text.delta", delta, out);
            text.push_str(more);
        }
    }

    /// Adds to a call's arguments. Those of a type of its own come whole, at the end.
    pub fn push_arguments(&mut self, more: &str, events: &mut ResponseEvents, out: &mut BytesMut) {
        if let Body::Call { call, arguments } = &mut self.body {
            call.arguments.push_str(more);
            arguments.read(more);
            let kind = match call.form {
                ToolForm::Function => "response.function_call_arguments.delta",
                ToolForm::FreeText => "response.custom_tool_call_input.delta",
                ToolForm::Typed(_) => return,
            };
            let delta = DeltaShape {
                item_id: &self.id,
                output_index: self.index,
                content_index: None,
                summary_index: None,
                delta: more,
                logprobs: None,
            };
            events.write(kind, delta, out);
        }
    }

    /// Adds the source of the last text, given in the chat protocol's shape.
    pub fn annotate(&mut self, chat: &Value, events: &mut ResponseEvents, out: &mut BytesMut) {
        let Body::Message { done, part } = &mut self.body else {
            return;
        };
        let Some(part) = part.as_mut().filter(|part| !part.is_refusal) else {
            return;
        };
        let annotation = flat(chat);
        let body = json!({
            "item_id": self.id,
            "output_index": self.index,
            "content_index": done.len(),
            "annotation_index": part.annotations.len(),
            "annotation": annotation,
        });
        events.write("response.output_text.annotation.added", body, out);
        part.annotations.push(annotation);
    }

    fn open_part(&mut self, is_refusal: bool, events: &mut ResponseEvents, out: &mut BytesMut) {
        let Body::Message { done, part } = &mut self.body else {
            return;
        };
        let index = done.len();
        let text_part = part.insert(TextPart {
            is_refusal,
            text: String::new(),
            annotations: Vec::new(),
        });
        let text_part = text_part.value();
        let mut body = self.event_body("content_index", index);
        body["part"] = text_part;
        events.write("response.content_part.added", body, out);
    }

    fn close_part(&mut self, events: &mut ResponseEvents, out: &mut BytesMut) {
        let Body::Message { done, part } = &mut self.body else {
            return;
        };
        let Some(text_part) = part.take() else {
            return;
        };
        let (index, value) = (done.len(), text_part.value());
        done.push(value.clone());
        let mut body = self.event_body("content_index", index);
        if text_part.is_refusal {
            body["refusal"] = text_part.text.into();
            events.write("response.refusal.done", &body, out);
        } else {
            body["text"] = text_part.text.into();
            body["logprobs"] = json!([]);
            events.write("response.output_text.done", &body, out);
        }
        let mut body = self.event_body("content_index", index);
        body["part"] = value;
        events.write("response.content_part.done", body, out);
    }

    /// Ends the item. Returns its JSON, its name, and its stored content.
    pub fn close(
        mut self,
        status: ItemStatus,
        events: &mut ResponseEvents,
        out: &mut BytesMut,
    ) -> (Value, String, item_store::StoredItem) {
        let has_no_arguments = matches!(
            &self.body,
            Body::Call { call, .. } if call.arguments.is_empty() && call.form != ToolForm::FreeText
        );
        if has_no_arguments {
            self.push_arguments("{}", events, out);
        }
        self.close_part(events, out);
        match &self.body {
            Body::Message { .. } => {}
            Body::Reasoning(text) => {
                let mut body = self.event_body("summary_index", 0);
                body["text"] = text.as_str().into();
                events.write("response.reasoning_summary_text.done", body, out);
                let mut body = self.event_body("summary_index", 0);
                body["part"] = summary(text);
                events.write("response.reasoning_summary_part.done", body, out);
            }
            Body::Call { call, .. } => self.end_arguments(call, events, out),
        }
        let item = self.value(status.as_str());
        let done = json!({"output_index": self.index, "item": item});
        events.write("response.output_item.done", done, out);
        let stored = self.stored();
        (item, self.id, stored)
    }

    /// Writes the event that holds all arguments.
    fn end_arguments(&self, call: &ToolCall, events: &mut ResponseEvents, out: &mut BytesMut) {
        let mut body = json!({"item_id": self.id, "output_index": self.index});
        let kind = match call.form {
            ToolForm::Function => {
                body["arguments"] = call.arguments.as_str().into();
                body["name"] = call.name.as_str().into();
                "response.function_call_arguments.done"
            }
            ToolForm::FreeText => {
                body["input"] = call.arguments.as_str().into();
                "response.custom_tool_call_input.done"
            }
            ToolForm::Typed(_) => return,
        };
        events.write(kind, body, out);
    }

    fn stored(&self) -> item_store::StoredItem {
        match &self.body {
            Body::Reasoning(_) => item_store::StoredItem::Nothing,
            Body::Call { call, .. } => item_store::StoredItem::Call(call.clone()),
            Body::Message { done, .. } => {
                let text = |part: &Value| {
                    let text_part = part["text"].as_str().or(part["refusal"].as_str());
                    text_part.map(str::to_owned)
                };
                item_store::StoredItem::Text(done.iter().filter_map(text).collect())
            }
        }
    }

    fn event_body(&self, part: &str, index: usize) -> Value {
        json!({"item_id": self.id, "output_index": self.index, part: index})
    }

    fn value(&self, status: &str) -> Value {
        match &self.body {
            Body::Message { done, .. } => json!({
                "id": self.id,
                "type": "message",
                "status": status,
                "role": "assistant",
                "content": done,
            }),
            Body::Reasoning(text) => {
                let parts = (!text.is_empty()).then(|| summary(text));
                let parts: Vec<Value> = parts.into_iter().collect();
                json!({"id": self.id, "type": "reasoning", "summary": parts})
            }
            Body::Call { call, .. } => call_item(&self.id, call, status),
        }
    }
}

impl TextPart {
    fn value(&self) -> Value {
        if self.is_refusal {
            json!({"type": "refusal", "refusal": self.text})
        } else {
            json!({
                "type": "output_text",
                "text": self.text,
                "annotations": self.annotations,
            })
        }
    }
}

/// Encodes a call as the item of its form.
fn call_item(id: &str, call: &ToolCall, status: &str) -> Value {
    let mut item = json!({"id": id, "type": "function_call", "status": status, "call_id": call.id});
    match call.form {
        ToolForm::Function => {
            item["name"] = call.name.as_str().into();
            item["arguments"] = call.arguments.as_str().into();
        }
        ToolForm::FreeText => {
            item["type"] = "custom_tool_call".into();
            item["name"] = call.name.as_str().into();
            item["input"] = call.arguments.as_str().into();
        }
        ToolForm::Typed(name) => {
            let tool = ToolType::named(name);
            if let (Some(tool), Value::Object(members)) = (tool, &mut item) {
                members.insert("type".to_owned(), tool.call.into());
                tool.write(&call.arguments, members);
            }
        }
    }
    if let Some(namespace) = &call.namespace {
        item["namespace"] = namespace.as_str().into();
    }
    item
}

fn summary(text: &str) -> Value {
    json!({"type": "summary_text", "text": text})
}

/// Flattens an annotation, whose fields the chat protocol nests under its type.
fn flat(chat: &Value) -> Value {
    let mut annotation = json!({"type": chat["type"]});
    let inner = chat["type"]
        .as_str()
        .and_then(|kind| chat[kind].as_object());
    for (name, value) in inner.into_iter().flatten() {
        annotation[name] = value.clone();
    }
    annotation
}

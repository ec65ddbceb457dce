//! Encodes a response as the Responses API does: the whole object, or all of its events.

use super::events::ResponseEvents;
use super::item_store;
use super::open_item::{ItemStatus, OpenItem};
use crate::protocols::call::CallSpec;
use crate::protocols::error_body::ErrorBody;
use crate::protocols::neutral::{
    ChatResponse, ContentPart, Delta, Encode, Finish, Media, MediaKind, MediaSource, ReportedUsage,
    ToolCall,
};
use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Encodes a response for a client of the Responses API.
#[derive(Debug)]
pub(super) struct Encoder {
    /// Source of the items' names.
    id: String,
    /// The response object without output.
    skeleton: Map<String, Value>,
    /// The client may refer to items of this response instead of sending them again.
    stores_items: bool,
    events: ResponseEvents,
    started: bool,
    /// Open items by index. A message or reasoning can only be the last of them.
    open: BTreeMap<usize, OpenItem>,
    /// Those of them that can be closed.
    whole: BTreeSet<usize>,
    /// Indexes of the calls' items, by the calls' numbers.
    calls: BTreeMap<usize, usize>,
    /// Items by index; null while they are open.
    output: Vec<Value>,
    finish: Option<Finish>,
}

impl Encoder {
    pub fn new(call: &CallSpec<'_>) -> Self {
        Self {
            id: call.id.to_owned(),
            skeleton: skeleton(call),
            stores_items: call.object.read::<bool>("store") != Some(false),
            events: ResponseEvents::default(),
            started: false,
            open: BTreeMap::new(),
            whole: BTreeSet::new(),
            calls: BTreeMap::new(),
            output: Vec::new(),
            finish: None,
        }
    }

    fn begin(&mut self, out: &mut BytesMut) {
        if !self.started {
            self.started = true;
            for kind in ["response.created", "response.in_progress"] {
                let body = json!({"response": self.skeleton});
                self.events.write(kind, body, out);
            }
        }
    }

    /// Returns the next index in the output, after closing complete items.
    fn next_index(&mut self, out: &mut BytesMut) -> usize {
        for index in std::mem::take(&mut self.whole) {
            self.close(index, |_| ItemStatus::Completed, out);
        }
        self.output.push(Value::Null);
        self.output.len() - 1
    }

    fn open(&mut self, item: OpenItem) {
        if item.is_whole() {
            self.whole.insert(item.index);
        }
        self.open.insert(item.index, item);
    }

    /// Returns the newest open item.
    fn last(&self) -> Option<&OpenItem> {
        self.open.last_key_value().map(|(_, item)| item)
    }

    fn close(
        &mut self,
        index: usize,
        status: impl Fn(&OpenItem) -> ItemStatus,
        out: &mut BytesMut,
    ) {
        let Some(item) = self.open.remove(&index) else {
            return;
        };
        let status = status(&item);
        let (value, id, stored) = item.close(status, &mut self.events, out);
        self.set_output(index, value);
        if self.stores_items {
            item_store::store(&id, stored);
        }
    }

    fn set_output(&mut self, index: usize, item: Value) {
        if let Some(place) = self.output.get_mut(index) {
            *place = item;
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
        self.whole.clear();
        while let Some((&index, _)) = self.open.first_key_value() {
            self.close(index, status, out);
        }
    }

    fn push_text(&mut self, is_refusal: bool, text: &str, out: &mut BytesMut) {
        if !self.last().is_some_and(OpenItem::is_message) {
            let index = self.next_index(out);
            let item = OpenItem::message(&self.id, index, &mut self.events, out);
            self.open(item);
        }
        if let Some(mut item) = self.open.last_entry() {
            let item = item.get_mut();
            item.push_text(is_refusal, text, &mut self.events, out);
        }
    }

    fn push_reasoning(&mut self, text: &str, out: &mut BytesMut) {
        if !self.last().is_some_and(OpenItem::is_reasoning) {
            let index = self.next_index(out);
            let item = OpenItem::reasoning(&self.id, index, &mut self.events, out);
            self.open(item);
        }
        if let Some(mut item) = self.open.last_entry() {
            let item = item.get_mut();
            item.push_reasoning(text, &mut self.events, out);
        }
    }

    fn call(&mut self, number: usize, call: ToolCall, out: &mut BytesMut) {
        let index = self.next_index(out);
        self.calls.insert(number, index);
        let item = OpenItem::call(&self.id, index, call, &mut self.events, out);
        self.open(item);
    }

    fn push_arguments(&mut self, number: usize, text: &str, out: &mut BytesMut) {
        let index = self.calls.get(&number);
        let item = index.and_then(|index| self.open.get_mut(index));
        let Some(item) = item.filter(|_| !text.is_empty()) else {
            return;
        };
        item.push_arguments(text, &mut self.events, out);
        if item.is_whole() {
            self.whole.insert(item.index);
        } else {
            self.whole.remove(&item.index);
        }
    }

    /// Writes an image or a recording, which is an item of its own.
    fn push_media(&mut self, media: &Media, out: &mut BytesMut) {
        let index = self.next_index(out);
        let Some(item) = media_item(&item_store::name("ig", &self.id, index), media) else {
            return;
        };
        for kind in ["response.output_item.added", "response.output_item.done"] {
            let body = json!({"output_index": index, "item": item});
            self.events.write(kind, body, out);
        }
        self.set_output(index, item);
    }

    /// Builds the response object at its end.
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
    fn whole(&mut self, response: ChatResponse, tokens: Option<ReportedUsage>) -> Bytes {
        // Written as a stream whose bytes are discarded, so that both forms always agree.
        let mut discarded = BytesMut::new();
        self.started = true;
        if let Some(model) = response.model {
            self.skeleton["model"] = model.into();
        }
        let choice = response.choices.into_iter().next().unwrap_or_default();
        let is_text = |part: &ContentPart| matches!(part, ContentPart::Text(_));
        let annotated = choice.parts.iter().rposition(is_text);
        let mut annotations = Some(choice.annotations);
        let mut number = 0;
        for (index, part) in choice.parts.into_iter().enumerate() {
            match part {
                ContentPart::Text(text) => self.push_text(false, &text, &mut discarded),
                ContentPart::Refusal(text) => self.push_text(true, &text, &mut discarded),
                ContentPart::Reasoning { text, .. } if !text.is_empty() => {
                    self.push_reasoning(&text, &mut discarded);
                }
                ContentPart::ToolCall(call) => {
                    self.call(number, call, &mut discarded);
                    number += 1;
                }
                ContentPart::Media(media) => self.push_media(&media, &mut discarded),
                _ => {}
            }
            let annotated = annotations.take_if(|_| annotated == Some(index));
            for annotation in annotated.into_iter().flatten() {
                self.write(0, Delta::Annotation(annotation), &mut discarded);
            }
        }
        self.finish = choice.finish;
        self.close_all(&mut discarded);
        let status = self.status();
        Value::Object(self.response(status, tokens))
            .to_string()
            .into()
    }

    fn write(&mut self, choice: u32, delta: Delta, out: &mut BytesMut) {
        // A response has one choice.
        if choice > 0 {
            return;
        }
        if let Delta::Start { model: Some(model) } = &delta {
            self.skeleton["model"] = model.as_str().into();
        }
        self.begin(out);
        match delta {
            Delta::Text(text) => self.push_text(false, &text, out),
            Delta::Refusal(text) => self.push_text(true, &text, out),
            Delta::Reasoning(text) => self.push_reasoning(&text, out),
            Delta::Call {
                call,
                id,
                name,
                namespace,
                form,
                ..
            } => {
                let started = ToolCall {
                    id,
                    name,
                    namespace,
                    form,
                    ..ToolCall::default()
                };
                self.call(call, started, out);
            }
            Delta::Arguments { call, text } => self.push_arguments(call, &text, out),
            Delta::Annotation(value) => {
                if let Some(mut item) = self.open.last_entry() {
                    let item = item.get_mut();
                    item.annotate(&value, &mut self.events, out);
                }
            }
            Delta::End(finish) => {
                self.finish = Some(finish);
                self.close_all(out);
            }
            Delta::Media(media) => self.push_media(&media, out),
            Delta::Start { .. }
            | Delta::Signature(_)
            | Delta::Redacted(_)
            | Delta::StopSequence(_) => {}
        }
    }

    fn end(&mut self, tokens: Option<ReportedUsage>, out: &mut BytesMut) {
        self.begin(out);
        self.close_all(out);
        let status = self.status();
        let body = json!({"response": self.response(status, tokens)});
        self.events.write(&format!("response.{status}"), body, out);
    }

    fn broken(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        self.begin(out);
        let code = error.code.as_ref().unwrap_or(&error.kind);
        let body = json!({"code": code, "message": error.openai_message(), "param": error.param});
        self.events.write("error", body, out);
        let mut response = self.response("failed", None);
        response["error"] = json!({"code": code, "message": error.openai_message()});
        let body = json!({"response": response});
        self.events.write("response.failed", body, out);
    }
}

/// Encodes what a model made beside text; `None` for a file that only its provider can read.
fn media_item(id: &str, media: &Media) -> Option<Value> {
    let content = match &media.source {
        MediaSource::Inline { data, .. } => data,
        MediaSource::Link(url) => url,
        MediaSource::Id(_) => return None,
    };
    if media.kind == MediaKind::Audio {
        let part = json!({"type": "output_audio", "data": content, "transcript": ""});
        return Some(json!({
            "id": id,
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [part],
        }));
    }
    Some(json!({
        "id": id,
        "type": "image_generation_call",
        "status": "completed",
        "result": content,
    }))
}

/// Builds the response object at its start: the client's settings, and the defaults of the others.
fn skeleton(call: &CallSpec<'_>) -> Map<String, Value> {
    let prepared = |name: &str| call.object.read::<Value>(name);
    let or_default = |name: &str, default: Value| prepared(name).unwrap_or(default);
    let reasoning = or_default("reasoning", Value::Null);
    let text = prepared("text").filter(Value::is_object);
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
        ("instructions", or_default("instructions", Value::Null)),
        (
            "max_output_tokens",
            or_default("max_output_tokens", Value::Null),
        ),
        ("metadata", or_default("metadata", json!({}))),
        ("model", call.model.into()),
        ("output", json!([])),
        (
            "parallel_tool_calls",
            or_default("parallel_tool_calls", true.into()),
        ),
        ("previous_response_id", Value::Null),
        (
            "reasoning",
            json!({"effort": reasoning["effort"], "summary": reasoning["summary"]}),
        ),
        // The gateway holds the response for a while only, which is no store.
        ("store", false.into()),
        ("temperature", or_default("temperature", 1.0.into())),
        ("text", text),
        ("tool_choice", or_default("tool_choice", "auto".into())),
        ("tools", or_default("tools", json!([]))),
        ("top_p", or_default("top_p", 1.0.into())),
        ("truncation", "disabled".into()),
        ("usage", Value::Null),
        ("user", or_default("user", Value::Null)),
    ];
    let members = members.into_iter();
    members
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// Encodes usage as this API counts it.
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

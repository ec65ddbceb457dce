//! Decodes a response of the Responses API.

use super::shape::{EventShape, ResponseShape};
use crate::protocols::Event;
use crate::protocols::framing::Framing;
use crate::protocols::neutral::{
    Decode, DecodeStep, Delta, Deltas, Media, MediaKind, MediaSource, ReportedUsage,
};
use crate::protocols::response_adapter::unreadable;
use crate::protocols::upstream_error::UpstreamError;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Types of the items that call the client's tools.
const CALL_TYPES: [&str; 2] = ["function_call", "custom_tool_call"];

/// Decodes whole responses and streams.
#[derive(Debug)]
pub(super) struct Decoder {
    /// Prefix of the ids of calls without one.
    id: String,
    tokens: Option<ReportedUsage>,
    started: bool,
    /// Whether the arguments of each call came.
    calls: Vec<bool>,
    /// The newest call of each index in the output.
    by_index: BTreeMap<Option<u64>, usize>,
}

impl Decoder {
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            tokens: None,
            started: false,
            calls: Vec::new(),
            by_index: BTreeMap::new(),
        }
    }

    fn begin(&mut self, model: Option<Cow<'_, str>>, deltas: &mut Deltas) {
        if !self.started {
            self.started = true;
            let model = model.map(Cow::into_owned);
            deltas.push((0, Delta::Start { model }));
        }
    }

    /// Begins a call.
    fn call(&mut self, item: &Value, index: Option<u64>, deltas: &mut Deltas) {
        let text = |name: &str| item[name].as_str().filter(|text| !text.is_empty());
        let number = |name: &str| item[name].as_number().map(ToString::to_string);
        let call = self.calls.len();
        let own = text("call_id")
            .map(str::to_owned)
            .or_else(|| number("call_id"));
        let own = own.or_else(|| text("id").map(str::to_owned));
        let begin = Delta::call(
            call,
            own.unwrap_or_else(|| format!("call_{}_{call}", self.id)),
            text("name").unwrap_or_default().to_owned(),
            None,
        );
        deltas.push((0, begin));
        self.calls.push(false);
        self.by_index.insert(index, call);
    }

    /// Adds the arguments of an ended call, unless they came as deltas.
    fn arguments(&mut self, call: usize, item: &Value, deltas: &mut Deltas) {
        let Some(has_arguments) = self.calls.get_mut(call) else {
            return;
        };
        let text = match (&item["arguments"], &item["input"]) {
            (Value::String(text), _) | (Value::Null, Value::String(text)) => text.clone(),
            (object @ Value::Object(_), _) => object.to_string(),
            _ => String::new(),
        };
        if !*has_arguments && !text.is_empty() {
            *has_arguments = true;
            deltas.push((0, Delta::Arguments { call, text }));
        }
    }

    fn called(&self, index: Option<u64>) -> Option<usize> {
        self.by_index.get(&index).copied()
    }

    fn item(&mut self, item: &Value, deltas: &mut Deltas) {
        match item["type"].as_str() {
            Some("message") => match &item["content"] {
                Value::String(text) => deltas.push((0, Delta::Text(text.clone()))),
                Value::Object(_) => message_part(&item["content"], deltas),
                content => list(content).for_each(|part| message_part(part, deltas)),
            },
            Some("reasoning") => {
                let reasoning = list(&item["summary"]).chain(list(&item["content"]));
                let texts: Vec<&str> = reasoning.filter_map(|part| part["text"].as_str()).collect();
                if !texts.is_empty() {
                    deltas.push((0, Delta::Reasoning(texts.join("\n\n"))));
                }
            }
            Some(kind) if CALL_TYPES.contains(&kind) => {
                self.call(item, None, deltas);
                self.arguments(self.calls.len() - 1, item, deltas);
            }
            Some("image_generation_call") => deltas.extend(image(item).map(|one| (0, one))),
            // The results of the provider's own tools appear in the texts around them.
            _ => {}
        }
    }

    fn event(&mut self, event: &EventShape<'_>, deltas: &mut Deltas) {
        let item_of = |kinds: &[&str]| -> Option<Value> {
            let item: Value = serde_json::from_str(event.item?.get()).ok()?;
            kinds.contains(&item["type"].as_str()?).then_some(item)
        };
        let item = || item_of(&CALL_TYPES);
        match event.kind() {
            "response.output_text.delta" => {
                deltas.extend(event.text().map(|text| (0, Delta::Text(text))));
            }
            "response.refusal.delta" => {
                deltas.extend(event.text().map(|text| (0, Delta::Refusal(text))));
            }
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                deltas.extend(event.text().map(|text| (0, Delta::Reasoning(text))));
            }
            "response.reasoning_summary_part.added" if event.summary_index > Some(0) => {
                deltas.push((0, Delta::Reasoning("\n\n".to_owned())));
            }
            "response.output_text.annotation.added" => {
                let flat = event
                    .annotation
                    .and_then(|raw| serde_json::from_str(raw.get()).ok());
                deltas.extend(flat.as_ref().and_then(citation).map(|one| (0, one)));
            }
            "response.output_item.added" => {
                if let Some(item) = item() {
                    self.call(&item, event.output_index, deltas);
                }
            }
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                let call = self.called(event.output_index);
                if let (Some(call), Some(text)) = (call, event.arguments()) {
                    if let Some(has_arguments) = self.calls.get_mut(call) {
                        *has_arguments = true;
                    }
                    deltas.push((0, Delta::Arguments { call, text }));
                }
            }
            "response.output_item.done" => {
                let made = item_of(&["image_generation_call"]);
                deltas.extend(made.as_ref().and_then(image).map(|one| (0, one)));
                if let Some(item) = item() {
                    let call = self.called(event.output_index).unwrap_or_else(|| {
                        self.call(&item, event.output_index, deltas);
                        self.calls.len() - 1
                    });
                    self.arguments(call, &item, deltas);
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, response: &ResponseShape<'_>, deltas: &mut Deltas) {
        self.tokens = response.tokens();
        let finish = response.finish(!self.calls.is_empty());
        deltas.push((0, Delta::End(finish)));
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Reads an image that the provider's own tool made.
fn image(item: &Value) -> Option<Delta> {
    let data = item["result"].as_str().filter(|data| !data.is_empty())?;
    let format = item["output_format"].as_str().unwrap_or("png");
    let source = MediaSource::Inline {
        mime: format!("image/{format}"),
        data: data.to_owned(),
    };
    Some(Delta::Media(Media {
        kind: MediaKind::Image,
        source,
        name: None,
        detail: None,
    }))
}

fn message_part(part: &Value, deltas: &mut Deltas) {
    let text = |name: &str| part[name].as_str().map(str::to_owned);
    match part["type"].as_str() {
        Some("refusal") => deltas.extend(text("refusal").map(|text| (0, Delta::Refusal(text)))),
        _ => deltas.extend(text("text").map(|text| (0, Delta::Text(text)))),
    }
    deltas.extend(
        list(&part["annotations"])
            .filter_map(citation)
            .map(|one| (0, one)),
    );
}

/// Converts a link to the chat protocol's shape; other annotations have a meaning only for
/// their provider.
fn citation(flat: &Value) -> Option<Delta> {
    if flat["type"] != "url_citation" {
        return None;
    }
    let mut inner = json!({});
    for name in ["start_index", "end_index", "title", "url"] {
        inner[name] = flat[name].clone();
    }
    Some(Delta::Annotation(
        json!({"type": "url_citation", "url_citation": inner}),
    ))
}

impl Decode for Decoder {
    fn whole(&mut self, body: &[u8], deltas: &mut Deltas) -> Result<(), UpstreamError> {
        let mut response = ResponseShape::read(body)?;
        self.begin(response.model.take(), deltas);
        for item in response.items() {
            self.item(&item, deltas);
        }
        self.end(&response, deltas);
        Ok(())
    }

    fn read(&mut self, event: &Event, deltas: &mut Deltas) -> DecodeStep {
        let Some(data) = event.data() else {
            return DecodeStep::More;
        };
        let Some(shape) = EventShape::read(event, &data) else {
            return DecodeStep::Broken(unreadable(event, Framing::Events));
        };
        match shape.kind() {
            "error" | "response.failed" | "response.cancelled" => {
                DecodeStep::Broken(shape.failure(&data))
            }
            "response.completed" | "response.incomplete" => {
                let Some(mut response) = shape.response() else {
                    return DecodeStep::Broken(unreadable(event, Framing::Events));
                };
                self.begin(response.model.take(), deltas);
                self.end(&response, deltas);
                DecodeStep::Done
            }
            _ => {
                if let Some(model) = shape.response().and_then(|response| response.model) {
                    self.begin(Some(model), deltas);
                }
                let before = deltas.len();
                self.event(&shape, deltas);
                if deltas.len() > before && !self.started {
                    self.started = true;
                    deltas.insert(before, (0, Delta::Start { model: None }));
                }
                DecodeStep::More
            }
        }
    }

    fn may_end(&self) -> bool {
        false
    }

    fn tokens(&self) -> Option<ReportedUsage> {
        self.tokens
    }
}

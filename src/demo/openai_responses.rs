//! OpenAI's responses format, read and written. Responses are not stored, so that a request cannot
//! continue a previous one.

use super::estimate;
use super::json_body::parse;
use super::openai_request::{named, positive};
use super::simulated_request::{
    RequestOptions, SimulatedRequest, SimulatedTool, SimulatedToolChoice, Thinking, any_object,
};
use super::simulated_response::{ResponsePart, SimulatedResponse, Slice};
use super::vendor_error::VendorError;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Request {
    model: Option<String>,
    #[serde(default)]
    input: Value,
    #[serde(default)]
    instructions: Value,
    max_output_tokens: Option<u32>,
    #[serde(default)]
    stream: bool,
    #[serde(default)]
    tools: Vec<Value>,
    #[serde(default)]
    tool_choice: Value,
    parallel_tool_calls: Option<bool>,
    #[serde(default)]
    text: Value,
    previous_response_id: Option<String>,
}

/// Reads the body of a responses request.
pub fn read(body: &[u8]) -> Result<SimulatedRequest, VendorError> {
    let request: Request = parse(body, "a responses request")?;
    let model = named(request.model)?;
    if request.previous_response_id.is_some() {
        let message = "Previous response not found: nothing is stored here.";
        return Err(VendorError::malformed(
            message,
            Some("previous_response_id"),
        ));
    }
    let items = match &request.input {
        Value::Array(items) if !items.is_empty() => items.as_slice(),
        Value::String(_) => std::slice::from_ref(&request.input),
        _ => {
            let message = "'input' must be a text or a list of at least 1 item.";
            return Err(VendorError::malformed(message, Some("input")));
        }
    };
    let options = RequestOptions {
        tools: request.tools.iter().filter_map(tool).collect(),
        choice: choice(&request.tool_choice),
        forbids_parallel: request.parallel_tool_calls == Some(false),
        schema: match request.text.pointer("/format/type").and_then(Value::as_str) {
            Some("json_schema") => request.text.pointer("/format/schema").cloned(),
            Some("json_object") => Some(any_object()),
            _ => None,
        },
        ends_with_result: items
            .last()
            .is_some_and(|item| item["type"] == "function_call_output"),
    };
    Ok(SimulatedRequest {
        model,
        prompt_tokens: items.iter().map(tokens).sum::<u32>()
            + estimate::content(&request.instructions)
            + request.tools.iter().map(estimate::json).sum::<u32>(),
        max_tokens: positive(request.max_output_tokens, "max_output_tokens")?,
        is_stream: request.stream,
        wants_usage: true,
        thinking: Thinking::Off,
        want: options.want(),
    })
}

/// The complete response.
pub fn complete_body(answer: &SimulatedResponse) -> Value {
    response(answer, end_status(answer), &output(answer))
}

/// The start of a stream.
pub fn stream_start(answer: &SimulatedResponse) -> String {
    let started = response(answer, "in_progress", &[]);
    let mut events = Events::starting_at(0);
    events.push("response.created", json!({"response": started}));
    events.push("response.in_progress", json!({"response": started}));
    events.text
}

/// Some tokens, after `slices_before` other slices.
pub fn stream_delta(answer: &SimulatedResponse, slice: &Slice<'_>, slices_before: u32) -> String {
    let before = &answer.parts()[..slice.number];
    let own_head = if slice.is_first { 0 } else { head(slice.part) };
    let mut events = Events::starting_at(2 + frames(before) + own_head + slices_before);
    let (number, part) = (slice.number, slice.part);
    let id = id(answer, number, part);
    let is_call = part.call.is_some();
    let location = if is_call {
        json!({"item_id": id, "output_index": number})
    } else {
        json!({"item_id": id, "output_index": number, "content_index": 0})
    };

    if slice.is_first {
        let item = item(answer, number, part, None);
        let members = json!({"output_index": number, "item": item});
        events.push("response.output_item.added", members);
        if !is_call {
            let members = with(&location, "part", output_text(""));
            events.push("response.content_part.added", members);
        }
    }
    let delta = with(&location, "delta", slice.text.into());
    if is_call {
        events.push("response.function_call_arguments.delta", delta);
    } else {
        events.push("response.output_text.delta", delta);
    }
    if slice.is_last {
        if is_call {
            let members = with(&location, "arguments", part.text.as_str().into());
            events.push("response.function_call_arguments.done", members);
        } else {
            let members = with(&location, "text", part.text.as_str().into());
            events.push("response.output_text.done", members);
            let members = with(&location, "part", output_text(&part.text));
            events.push("response.content_part.done", members);
        }
        let item = item(answer, number, part, Some(end_status(answer)));
        let members = json!({"output_index": number, "item": item});
        events.push("response.output_item.done", members);
    }
    events.text
}

/// The end of a stream of `slices` slices.
pub fn stream_end(answer: &SimulatedResponse, slices: u32) -> String {
    let mut events = Events::starting_at(2 + frames(answer.parts()) + slices);
    let kind = format!("response.{}", end_status(answer));
    events.push(&kind, json!({"response": complete_body(answer)}));
    events.text
}

/// Server-sent events with sequence numbers.
struct Events {
    text: String,
    sequence: u32,
}

impl Events {
    fn starting_at(sequence: u32) -> Self {
        let text = String::new();
        Self { text, sequence }
    }

    fn push(&mut self, kind: &str, members: Value) {
        let mut data = json!({"type": kind, "sequence_number": self.sequence});
        if let (Some(data), Value::Object(members)) = (data.as_object_mut(), members) {
            data.extend(members);
        }
        let event = format!("event: {kind}\ndata: {data}\n\n");
        self.text.push_str(&event);
        self.sequence += 1;
    }
}

/// The number of events before the first delta of a part: its item, and for a text its content.
fn head(part: &ResponsePart) -> u32 {
    if part.call.is_some() { 1 } else { 2 }
}

/// The number of events of these parts besides deltas; a part ends with one more than it begins
/// with.
fn frames(parts: &[ResponsePart]) -> u32 {
    parts.iter().map(|part| 2 * head(part) + 1).sum()
}

/// A function among the tools; its members are at the top level in this format.
fn tool(tool: &Value) -> Option<SimulatedTool> {
    (tool["type"] == "function").then_some(())?;
    Some(SimulatedTool {
        name: tool.get("name")?.as_str()?.to_owned(),
        schema: tool.get("parameters").cloned().unwrap_or_default(),
    })
}

fn choice(choice: &Value) -> SimulatedToolChoice {
    let name = |tool: &Value| tool.get("name").and_then(Value::as_str).map(str::to_owned);
    if choice == "none" {
        SimulatedToolChoice::None
    } else if let Some(allowed) = choice.get("tools").and_then(Value::as_array) {
        SimulatedToolChoice::Only(allowed.iter().filter_map(name).collect())
    } else {
        name(choice).map_or(SimulatedToolChoice::Any, |name| {
            SimulatedToolChoice::Only(vec![name])
        })
    }
}

fn tokens(item: &Value) -> u32 {
    let cost = match item {
        Value::String(text) => estimate::text(text),
        item if item.get("content").is_some() => estimate::content(&item["content"]),
        item => estimate::json(item),
    };
    estimate::MESSAGE + cost
}

fn end_status(answer: &SimulatedResponse) -> &'static str {
    if answer.is_cut_short {
        "incomplete"
    } else {
        "completed"
    }
}

fn output(answer: &SimulatedResponse) -> Vec<Value> {
    let parts = answer.parts().iter().enumerate();
    parts
        .map(|(number, part)| item(answer, number, part, Some(end_status(answer))))
        .collect()
}

fn response(answer: &SimulatedResponse, status: &str, output: &[Value]) -> Value {
    let is_over = status != "in_progress";
    let reason = (is_over && answer.is_cut_short).then(|| json!({"reason": "max_output_tokens"}));
    let usage = is_over.then(|| {
        json!({
            "input_tokens": answer.prompt_tokens,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": answer.tokens(),
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": answer.prompt_tokens + answer.tokens(),
        })
    });
    json!({
        "id": format!("resp_{:016x}", answer.identity),
        "object": "response",
        "created_at": answer.created,
        "status": status,
        "error": null,
        "incomplete_details": reason,
        "instructions": null,
        "metadata": {},
        "model": answer.model,
        "output": output,
        "parallel_tool_calls": true,
        "previous_response_id": null,
        "store": false,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": usage,
    })
}

fn id(answer: &SimulatedResponse, number: usize, part: &ResponsePart) -> String {
    let prefix = if part.call.is_some() { "fc" } else { "msg" };
    format!("{prefix}_{}", answer.part_identity(number))
}

/// An item with the status of its end, or, without one, as it begins.
fn item(
    answer: &SimulatedResponse,
    number: usize,
    part: &ResponsePart,
    end: Option<&str>,
) -> Value {
    let (id, text) = (id(answer, number, part), part.text.as_str());
    let status = end.unwrap_or("in_progress");
    match &part.call {
        None => json!({
            "type": "message",
            "id": id,
            "status": status,
            "role": "assistant",
            "content": end.map_or(json!([]), |_| json!([output_text(text)])),
        }),
        Some(name) => json!({
            "type": "function_call",
            "id": id,
            "call_id": format!("call_{}", answer.part_identity(number)),
            "name": name,
            "arguments": end.map_or("", |_| text),
            "status": status,
        }),
    }
}

fn output_text(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

/// The location members of an event, with one more member.
fn with(location: &Value, name: &str, value: Value) -> Value {
    let mut members = location.clone();
    members[name] = value;
    members
}

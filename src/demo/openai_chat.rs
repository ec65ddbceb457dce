//! Writing of chat completions in OpenAI's format, and the parts of it that similar formats share.

use super::simulated_response::{ResponsePart, SimulatedResponse, Slice};
use serde_json::{Value, json};

/// The end of every stream.
pub const TERMINATOR: &str = "data: [DONE]\n\n";

/// The complete response.
pub fn complete_body(answer: &SimulatedResponse) -> Value {
    let mut message = json!({"role": "assistant", "content": answer.text(), "refusal": null});
    let calls = calls(answer);
    if !calls.is_empty() {
        message["content"] = Value::Null;
        message["tool_calls"] = calls.into();
    }
    completion(answer, &message, finish(answer), usage(answer))
}

/// The start of a stream.
pub fn stream_start(answer: &SimulatedResponse) -> String {
    let content = answer.calls().next().map_or(json!(""), |_| Value::Null);
    let delta = json!({"role": "assistant", "content": content, "refusal": null});
    event(&with_null_usage(chunk(answer, &delta, None), answer))
}

/// A delta of the text; for a tool call first its name, then its arguments.
pub fn stream_delta(answer: &SimulatedResponse, slice: &Slice<'_>) -> String {
    let delta_event = |delta: &Value| event(&with_null_usage(chunk(answer, delta, None), answer));
    let Some(name) = &slice.part.call else {
        return delta_event(&json!({"content": slice.text}));
    };
    let mut events = String::new();
    if slice.is_first {
        let call = call(answer, slice.number, name, "");
        events.push_str(&delta_event(&json!({"tool_calls": [call]})));
    }
    let function = json!({"arguments": slice.text});
    let fragment = json!({"index": slice.number, "function": function});
    events.push_str(&delta_event(&json!({"tool_calls": [fragment]})));
    events
}

/// The end of a stream.
pub fn stream_end(answer: &SimulatedResponse) -> String {
    let last = chunk(answer, &json!({}), Some(finish(answer)));
    let mut events = event(&with_null_usage(last, answer));
    if answer.wants_usage {
        events.push_str(&event(&usage_chunk(answer, usage(answer))));
    }
    events.push_str(TERMINATOR);
    events
}

/// A complete response with this message.
pub fn completion(
    answer: &SimulatedResponse,
    message: &Value,
    finish: &str,
    usage: Value,
) -> Value {
    let mut whole = envelope(answer, "chat.completion");
    whole["choices"] = json!([{
        "index": 0,
        "message": message,
        "logprobs": null,
        "finish_reason": finish,
    }]);
    whole["usage"] = usage;
    whole
}

/// A chunk with this delta.
pub fn chunk(answer: &SimulatedResponse, delta: &Value, finish: Option<&str>) -> Value {
    let mut chunk = envelope(answer, "chat.completion.chunk");
    chunk["choices"] =
        json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]);
    chunk
}

/// The chunk without a choice that has the usage.
pub fn usage_chunk(answer: &SimulatedResponse, usage: Value) -> Value {
    let mut chunk = envelope(answer, "chat.completion.chunk");
    chunk["choices"] = json!([]);
    chunk["usage"] = usage;
    chunk
}

/// All tool calls as a message has them.
pub fn calls(answer: &SimulatedResponse) -> Vec<Value> {
    let whole = |(number, name, part): (usize, &str, &ResponsePart)| {
        let mut call = call(answer, number, name, &part.text);
        if let Some(members) = call.as_object_mut() {
            members.shift_remove("index");
        }
        call
    };
    answer.calls().map(whole).collect()
}

/// A tool call as a chunk has it.
pub fn call(answer: &SimulatedResponse, number: usize, name: &str, arguments: &str) -> Value {
    json!({
        "index": number,
        "id": format!("call_{}", answer.part_identity(number)),
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    })
}

/// A chunk as a server-sent event.
pub fn event(chunk: &Value) -> String {
    format!("data: {chunk}\n\n")
}

fn envelope(answer: &SimulatedResponse, object: &str) -> Value {
    json!({
        "id": format!("chatcmpl-{:016x}", answer.identity),
        "object": object,
        "created": answer.created,
        "model": answer.model,
    })
}

/// With `include_usage`, every chunk has the member.
fn with_null_usage(mut chunk: Value, answer: &SimulatedResponse) -> Value {
    if answer.wants_usage {
        chunk["usage"] = Value::Null;
    }
    chunk
}

fn usage(answer: &SimulatedResponse) -> Value {
    json!({
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.tokens(),
        "total_tokens": answer.prompt_tokens + answer.tokens(),
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    })
}

fn finish(answer: &SimulatedResponse) -> &'static str {
    if answer.is_cut_short {
        "length"
    } else if answer.calls().next().is_some() {
        "tool_calls"
    } else {
        "stop"
    }
}

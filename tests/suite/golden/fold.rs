//! Folds a stream into the result that a client assembles.

use serde_json::{Value, json};

/// Returns the data of all events, and true if `[DONE]` was among them.
pub fn events(text: &str) -> (Vec<Value>, bool) {
    let data = text
        .split("\n\n")
        .flat_map(str::lines)
        .filter_map(|line| line.strip_prefix("data:"))
        .map(str::trim);
    let (done, rest): (Vec<&str>, Vec<&str>) = data.partition(|data| *data == "[DONE]");
    let events = rest
        .into_iter()
        .map(|data| serde_json::from_str(data).unwrap_or_else(|_| panic!("no JSON: {data}")));
    (events.collect(), !done.is_empty())
}

/// Folds a chat stream into the form of `expected.folded.json`.
pub fn chat(text: &str) -> Value {
    let (events, done) = events(text);
    let mut message = json!({"content": ""});
    let mut calls: Vec<Value> = Vec::new();
    let (mut finish, mut usage, mut error) = (Value::Null, Value::Null, Value::Null);
    for event in &events {
        if event["error"].is_object() {
            error = json!({"type": event["error"]["type"], "code": event["error"]["code"]});
        }
        if event["usage"].is_object() {
            usage = event["usage"].clone();
        }
        for choice in event["choices"].as_array().into_iter().flatten() {
            let delta = &choice["delta"];
            if delta["role"].is_string() {
                message["role"] = delta["role"].clone();
            }
            for name in ["content", "reasoning_content", "refusal"] {
                append(&mut message[name], &delta[name]);
            }
            for call in delta["tool_calls"].as_array().into_iter().flatten() {
                let index = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
                if calls.len() <= index {
                    calls.resize(index + 1, json!({"arguments": ""}));
                }
                let folded_call = &mut calls[index];
                if !call["id"].is_null() {
                    folded_call["id"] = call["id"].clone();
                }
                if !call["function"]["name"].is_null() {
                    folded_call["name"] = call["function"]["name"].clone();
                }
                append(
                    &mut folded_call["arguments"],
                    &call["function"]["arguments"],
                );
            }
            if !choice["finish_reason"].is_null() {
                finish = choice["finish_reason"].clone();
            }
        }
    }
    for call in &mut calls {
        let arguments = call["arguments"].as_str().unwrap_or_default();
        call["arguments"] = serde_json::from_str(arguments).unwrap_or_default();
    }
    json!({
        "role": message["role"], "content": message["content"],
        "reasoning_content": message["reasoning_content"], "refusal": message["refusal"],
        "tool_calls": calls, "finish_reason": finish, "usage": usage, "error": error, "done": done,
    })
}

/// Lists faults in the order of a chat stream's events.
pub fn chat_faults(text: &str) -> Vec<String> {
    let (events, done) = events(text);
    let mut faults = Vec::new();
    let mut fault = |wrong: bool, what: &str| {
        if wrong {
            faults.push(what.to_owned());
        }
    };
    let has_choices = |event: &&Value| event["choices"].as_array().is_some_and(|c| !c.is_empty());
    let chunks: Vec<&Value> = events.iter().filter(has_choices).collect();
    let broke = events.iter().any(|event| event["error"].is_object());
    if let Some(first) = chunks.first() {
        let role = &first["choices"][0]["delta"]["role"];
        fault(role != "assistant", "the first chunk has no role");
    }
    let ends = |chunk: &&&Value| !chunk["choices"][0]["finish_reason"].is_null();
    let finished = chunks.iter().filter(ends).count();
    let last_ends = chunks.last().is_some_and(|last| ends(&last));
    fault(!broke && finished != 1, "not exactly one finish_reason");
    fault(
        finished == 1 && !last_ends,
        "the finish is not the last chunk with choices",
    );
    fault(broke && done, "[DONE] after an error");
    fault(!broke && !done, "no [DONE] after a complete stream");
    fault(
        done && !text.trim_end().ends_with("[DONE]"),
        "[DONE] is not the last",
    );
    let ids: Vec<&Value> = chunks.iter().map(|chunk| &chunk["id"]).collect();
    let one_id = ids.windows(2).all(|two| two[0] == two[1]);
    fault(
        !one_id || ids.first().is_some_and(|id| *id == ""),
        "ids differ or are empty",
    );
    let mut begun = 0;
    for call in chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["tool_calls"].as_array())
        .flatten()
    {
        let first = call["index"].as_u64() == Some(begun);
        fault(
            !first && call["index"].as_u64() >= Some(begun),
            "an index is skipped",
        );
        fault(
            first && (call["id"].is_null() || call["type"] != "function"),
            "a call begins without its id or type",
        );
        fault(
            !first && !call["function"]["name"].is_null(),
            "a call's name comes twice",
        );
        begun += u64::from(first);
    }
    faults
}

/// Folds a stream of the Messages API into its message, with the order of its events.
pub fn message(text: &str) -> Value {
    let (events, _) = events(text);
    let mut message = Value::Null;
    let mut inputs: Vec<String> = Vec::new();
    let mut order = Vec::new();
    let mut error = Value::Null;
    for event in &events {
        let kind = event["type"].as_str().unwrap_or_default();
        if order.last() != Some(&kind) {
            order.push(kind);
        }
        let index = usize::try_from(event["index"].as_u64().unwrap_or(0)).unwrap();
        match kind {
            "message_start" => {
                message = event["message"].clone();
                // An estimate, unless the end confirms it.
                message["usage"]["input_tokens"] = 0.into();
            }
            "content_block_start" => {
                message["content"]
                    .as_array_mut()
                    .unwrap()
                    .push(event["content_block"].clone());
                inputs.push(String::new());
            }
            "content_block_delta" => {
                let delta = &event["delta"];
                let block = &mut message["content"][index];
                append(&mut block["text"], &delta["text"]);
                append(&mut block["thinking"], &delta["thinking"]);
                append(&mut block["signature"], &delta["signature"]);
                inputs[index].push_str(delta["partial_json"].as_str().unwrap_or_default());
            }
            "content_block_stop" => {
                let block = &mut message["content"][index];
                if block["type"] == "tool_use" && !inputs[index].is_empty() {
                    block["input"] = serde_json::from_str(&inputs[index]).unwrap();
                }
            }
            "message_delta" => {
                message["stop_reason"] = event["delta"]["stop_reason"].clone();
                message["usage"] = event["usage"].clone();
            }
            "error" => error = event["error"].clone(),
            _ => {}
        }
    }
    json!({"message": message, "order": order, "error": error})
}

/// Folds a stream of the Responses API into its last response, with the order of its events.
pub fn response(text: &str) -> Value {
    let (events, done) = events(text);
    let mut order: Vec<&str> = Vec::new();
    let numbers: Vec<u64> = events
        .iter()
        .filter_map(|event| event["sequence_number"].as_u64())
        .collect();
    for event in &events {
        let kind = event["type"].as_str().unwrap_or_default();
        let is_more = kind.rsplit('.').next() == Some("delta");
        if !(is_more && order.last() == Some(&kind)) {
            order.push(kind);
        }
    }
    let counted = numbers
        .iter()
        .zip(0..)
        .all(|(number, index)| *number == index);
    json!({
        "response": events.last().map(|event| &event["response"]),
        "order": order, "counted": counted && numbers.len() == events.len(), "done": done,
    })
}

fn append(to: &mut Value, more: &Value) {
    if let Some(more) = more.as_str() {
        let text = to.as_str().unwrap_or_default();
        *to = format!("{text}{more}").into();
    }
}

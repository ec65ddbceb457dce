//! A chat answer for a chat client: bytes pass as they came while we read along. Only what would
//! break a client is put right, and only in the chunk where it stands.

use super::calls::{Calls, FragmentTarget};
use super::chunk::{Choice, Chunk, Delta, finish, finish_word, is_finish_word};
use super::chunk_template::ChunkTemplate;
use super::decode::whole_chunk;
use super::error_json::error_event;
use crate::domain::Usage;
use crate::protocols::call::CallSpec;
use crate::protocols::framing::Framing;
use crate::protocols::neutral::ReportedUsage;
use crate::protocols::response_adapter::{ResponseAdapter, StreamEventKind, unreadable};
use crate::protocols::upstream_error::UpstreamError;
use crate::protocols::{ErrorBody, Event, ResponseFault};
use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

/// Passes bytes, repairs chunks and records usage.
#[derive(Debug)]
pub(super) struct PassThrough {
    /// The names of calls that have none of their own begin with it.
    id: String,
    /// The client did not ask for the usage, so it does not see it.
    strip_usage: bool,
    /// OpenAI itself, whose finish reasons are not corrected.
    is_openai: bool,
    tokens: Option<ReportedUsage>,
    /// The event with the usage. Some servers repeat it; the client gets the last one.
    usage_event: Option<Bytes>,
    choices: Vec<State>,
    text_bytes: usize,
    template: Option<ChunkTemplate>,
}

#[derive(Debug, Default)]
struct State {
    calls: Calls,
    started: bool,
    ended: bool,
}

/// The repairs that one choice of a chunk needs.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "any of them may be wrong beside any other"
)]
struct ChoiceRepair {
    role: bool,
    reasoning: bool,
    list: bool,
    index: bool,
    calls: Option<Vec<FragmentTarget>>,
    /// The corrected finish reason, or null.
    finish: Option<Value>,
}

impl ChoiceRepair {
    fn is_needed(&self) -> bool {
        self.role
            || self.reasoning
            || self.list
            || self.index
            || self.calls.is_some()
            || self.finish.is_some()
    }
}

impl PassThrough {
    pub fn new(call: &CallSpec<'_>, is_openai: bool) -> Self {
        Self {
            id: call.id.to_owned(),
            strip_usage: !call.wants_usage,
            is_openai,
            tokens: None,
            usage_event: None,
            choices: Vec::new(),
            text_bytes: 0,
            template: None,
        }
    }

    /// Reads a chunk along; the bytes to pass on where its own will not do.
    fn repair_chunk(&mut self, chunk: &Chunk<'_>, data: &[u8], is_stream: bool) -> Option<Vec<u8>> {
        let tokens = chunk.tokens();
        self.tokens = tokens.or(self.tokens);
        let repairs: Vec<ChoiceRepair> = chunk
            .choices
            .iter()
            .flatten()
            .map(|choice| self.choice(choice, is_stream))
            .collect();
        let misplaced = chunk.usage.is_none() && tokens.is_some();
        let missing_reasoning = chunk
            .usage
            .is_some_and(|usage| usage.leaves_reasoning_out());
        // In a stream the usage has an event of its own.
        let usage_with_choices = is_stream && !repairs.is_empty() && tokens.is_some();
        if !misplaced
            && !missing_reasoning
            && !usage_with_choices
            && !repairs.iter().any(ChoiceRepair::is_needed)
        {
            return None;
        }
        let mut value: Value = serde_json::from_slice(data).ok()?;
        if misplaced {
            value["usage"] = value["x_groq"]["usage"].take();
        }
        if let (true, Some(tokens)) = (missing_reasoning, tokens) {
            value["usage"]["completion_tokens"] = tokens.output.into();
        }
        if usage_with_choices {
            self.usage_event = Some(usage_event(&mut value));
        }
        let choices = value["choices"].as_array_mut().into_iter().flatten();
        for (choice, repair) in choices.zip(&repairs) {
            apply(choice, repair, &self.id, is_stream);
        }
        serde_json::to_vec(&value).ok()
    }

    fn choice(&mut self, choice: &Choice<'_>, is_stream: bool) -> ChoiceRepair {
        let index = choice.index.unwrap_or(0).min(127) as usize;
        if self.choices.len() <= index {
            self.choices.resize_with(index + 1, State::default);
        }
        let state = &mut self.choices[index];
        let mut repair = ChoiceRepair {
            index: choice.index.is_none(),
            ..ChoiceRepair::default()
        };
        let is_end = choice.is_end(is_stream, !state.calls.is_empty());
        if let Some(delta) = &choice.delta {
            repair.role = delta.role.as_deref().map_or(!state.started, str::is_empty);
            state.started = true;
            repair.reasoning = delta.reasoning.is_some() && delta.reasoning_content.is_none();
            repair.list = delta.content.is_some_and(|raw| raw.get().starts_with('['));
            repair.calls = misplaced_calls(&mut state.calls, delta, is_stream);
            self.text_bytes += length(delta);
        }
        if let Some(word) = choice.finish_reason.as_deref() {
            let called = !state.calls.is_empty();
            let is_wrong_stop = word == "stop" && called && !self.is_openai;
            if !is_end || state.ended {
                repair.finish = Some(Value::Null);
            } else if is_wrong_stop || !is_finish_word(word) {
                repair.finish = Some(finish_word(finish(word, called)).into());
            }
            state.started = true;
            state.ended |= is_end;
        }
        repair
    }
}

/// Assigns the calls of a delta, where its own indices and ids are missing or wrong.
fn misplaced_calls(
    calls: &mut Calls,
    delta: &Delta<'_>,
    is_stream: bool,
) -> Option<Vec<FragmentTarget>> {
    let shapes = delta.tool_calls.as_deref().unwrap_or_default();
    let mut is_wrong = false;
    let mut targets = Vec::with_capacity(shapes.len());
    for shape in shapes {
        let target = calls.assign(shape);
        let stray = is_stream && shape.index != Some(target.call as u64);
        let named = [shape.id.as_deref(), shape.kind.as_deref()];
        let named = named.map(|word| word.is_some_and(|word| !word.is_empty()));
        let repeats = is_stream && !target.is_new && (named.contains(&true) || shape.has_name());
        is_wrong |= stray || repeats || (target.is_new && named.contains(&false));
        targets.push(target);
    }
    is_wrong.then_some(targets)
}

fn length(delta: &Delta<'_>) -> usize {
    let text = |text: Option<&str>| text.map_or(0, str::len);
    let calls = delta.tool_calls.iter().flatten();
    let arguments = calls.filter_map(|call| call.function.as_ref()?.arguments.as_deref());
    // A text stands between quotes.
    delta
        .content
        .map_or(0, |raw| raw.get().len().saturating_sub(2))
        + text(delta.reasoning_content.as_deref())
        + text(delta.reasoning.as_deref())
        + text(delta.refusal.as_deref())
        + arguments.map(str::len).sum::<usize>()
}

/// The usage of a chunk, taken out of it into one that has nothing else.
fn usage_event(chunk: &mut Value) -> Bytes {
    let mut alone = json!({});
    for name in ["id", "object", "created", "model", "system_fingerprint"] {
        if let Some(value) = chunk.get(name) {
            alone[name] = value.clone();
        }
    }
    alone["choices"] = json!([]);
    alone["usage"] = chunk["usage"].take();
    if let Some(members) = chunk.as_object_mut() {
        members.shift_remove("usage");
    }
    Bytes::from(format!("data: {alone}\n\n"))
}

fn apply(choice: &mut Value, repair: &ChoiceRepair, id: &str, is_stream: bool) {
    if repair.index {
        choice["index"] = json!(0);
    }
    if let Some(word) = &repair.finish {
        choice["finish_reason"] = word.clone();
    }
    let name = if choice["message"].is_object() {
        "message"
    } else {
        "delta"
    };
    let text_bytes = &mut choice[name];
    if repair.role {
        text_bytes["role"] = "assistant".into();
    }
    if repair.reasoning {
        text_bytes["reasoning_content"] = text_bytes["reasoning"].clone();
    }
    if repair.list {
        flatten(text_bytes);
    }
    for (target, call) in repair.calls.iter().flatten().zip(
        text_bytes["tool_calls"]
            .as_array_mut()
            .into_iter()
            .flatten(),
    ) {
        name_call(call, target, id, is_stream);
    }
}

/// A call is named once, in its first fragment.
fn name_call(call: &mut Value, target: &FragmentTarget, id: &str, is_stream: bool) {
    let is_empty = |value: &Value| value.as_str().is_none_or(str::is_empty);
    call["index"] = target.call.into();
    if target.is_new {
        if is_empty(&call["type"]) {
            call["type"] = "function".into();
        }
        if is_empty(&call["id"]) {
            call["id"] = format!("call_{id}_{}", target.call).into();
        }
    } else if let (true, Some(members)) = (is_stream, call.as_object_mut()) {
        members.shift_remove("id");
        members.shift_remove("type");
        let function = members.get_mut("function").and_then(Value::as_object_mut);
        if let Some(function) = function {
            function.shift_remove("name");
        }
    }
}

/// Flattens Mistral's list of texts and reasoning.
fn flatten(text_bytes: &mut Value) {
    let (mut text, mut reasoning) = (String::new(), String::new());
    for part in text_bytes["content"].as_array().into_iter().flatten() {
        text.push_str(part["text"].as_str().unwrap_or_default());
        for thought in part["thinking"].as_array().into_iter().flatten() {
            reasoning.push_str(thought["text"].as_str().unwrap_or_default());
        }
    }
    text_bytes["content"] = text.into();
    if !reasoning.is_empty() {
        text_bytes["reasoning_content"] = reasoning.into();
    }
}

impl ResponseAdapter for PassThrough {
    fn whole(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError> {
        let chunk = whole_chunk(body)?;
        let repaired = self.repair_chunk(&chunk, body, false);
        Ok(repaired.map_or_else(|| body.clone(), Bytes::from))
    }

    fn read(&mut self, event: &Event, out: &mut BytesMut) -> StreamEventKind {
        if let Some(text) = self.template.as_ref().and_then(|known| known.text(event)) {
            self.text_bytes += text;
            out.extend_from_slice(&event.raw);
            return StreamEventKind::Content;
        }
        let Some(data) = event.data() else {
            event.pass_comments(out);
            return StreamEventKind::NoContent;
        };
        if data.trim_ascii() == b"[DONE]" {
            if self.choices.is_empty() {
                return StreamEventKind::Broken(ResponseFault::NoChoices.into());
            }
            self.close(out);
            return StreamEventKind::Done;
        }
        let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(&data) else {
            return StreamEventKind::Broken(unreadable(event, Framing::Events));
        };
        if let Some(error) = chunk.failure(&data) {
            return StreamEventKind::Broken(error);
        }
        let is_empty = chunk.choices.as_ref().is_none_or(Vec::is_empty);
        let content = chunk.choices.iter().flatten();
        let has_content = content
            .filter_map(|choice| choice.delta.as_ref())
            .any(Delta::has_content);
        let repaired = self.repair_chunk(&chunk, &data, true);
        let start = out.len();
        if let Some(repaired) = repaired {
            out.extend_from_slice(b"data: ");
            out.extend_from_slice(&repaired);
            out.extend_from_slice(b"\n\n");
        } else {
            event.pass(out);
            if has_content {
                self.template = ChunkTemplate::of(event, &data, &chunk).or(self.template.take());
            }
        }
        if is_empty && chunk.tokens().is_some() {
            self.usage_event = Some(out.split_off(start).freeze());
            return StreamEventKind::NoContent;
        }
        match (has_content, !is_empty && self.may_end()) {
            (true, _) => StreamEventKind::Content,
            (false, true) => StreamEventKind::Finish,
            (false, false) => StreamEventKind::NoContent,
        }
    }

    fn may_end(&self) -> bool {
        let mut started = self
            .choices
            .iter()
            .filter(|choice| choice.started)
            .peekable();
        started.peek().is_some() && started.all(|choice| choice.ended)
    }

    fn close(&mut self, out: &mut BytesMut) {
        if let (false, Some(usage)) = (self.strip_usage, self.usage_event.take()) {
            out.extend_from_slice(&usage);
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn broken(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        out.extend_from_slice(&error_event(error));
    }

    fn usage(&self) -> Option<Usage> {
        self.tokens.map(Usage::from)
    }

    fn text_bytes(&self) -> usize {
        self.text_bytes
    }
}

//! A chat answer for a chat client: bytes pass as they came while we read along. Only what would
//! break a client is put right, and only in the chunk where it stands.

use super::calls::{Calls, FragmentTarget};
use super::chunk::{Choice, Chunk, Delta, finish, finish_word, is_finish_word};
use super::chunk_template::ChunkTemplate;
use super::decode::{no_choices, whole_chunk};
use super::error_json::error_event;
use crate::domain::Usage;
use crate::protocols::call::CallSpec;
use crate::protocols::framing::Framing;
use crate::protocols::neutral::ReportedUsage;
use crate::protocols::response_adapter::{ResponseAdapter, StreamEventKind, unreadable};
use crate::protocols::upstream_error::UpstreamError;
use crate::protocols::{ErrorBody, Event};
use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

/// Reads along.
#[derive(Debug)]
pub(super) struct PassThrough {
    /// The names of calls that have none of their own begin with it.
    id: String,
    /// The client did not ask for the usage, so it does not see it.
    strip_usage: bool,
    /// OpenAI itself, whose finish reasons are taken at their word.
    is_openai: bool,
    tokens: Option<ReportedUsage>,
    /// The event that tells the usage. Some servers repeat it; it is told once, last.
    usage_event: Option<Bytes>,
    choices: Vec<State>,
    said: usize,
    refrain: Option<ChunkTemplate>,
}

#[derive(Debug, Default)]
struct State {
    calls: Calls,
    begun: bool,
    ended: bool,
}

/// What is wrong with one choice of a chunk.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "any of them may be wrong beside any other"
)]
struct Fix {
    role: bool,
    reasoning: bool,
    list: bool,
    index: bool,
    calls: Option<Vec<FragmentTarget>>,
    /// The word for the end, or none at all.
    finish: Option<Value>,
}

impl Fix {
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
            said: 0,
            refrain: None,
        }
    }

    /// Reads a chunk along; the bytes to pass on where its own will not do.
    fn follow(&mut self, chunk: &Chunk<'_>, data: &[u8], is_stream: bool) -> Option<Vec<u8>> {
        let tokens = chunk.tokens();
        self.tokens = tokens.or(self.tokens);
        let fixes: Vec<Fix> = chunk
            .choices
            .iter()
            .flatten()
            .map(|choice| self.choice(choice, is_stream))
            .collect();
        let misplaced = chunk.usage.is_none() && tokens.is_some();
        let apart = chunk
            .usage
            .is_some_and(|usage| usage.leaves_reasoning_out());
        // In a stream the usage has an event of its own.
        let astray = is_stream && !fixes.is_empty() && tokens.is_some();
        if !misplaced && !apart && !astray && !fixes.iter().any(Fix::is_needed) {
            return None;
        }
        let mut value: Value = serde_json::from_slice(data).ok()?;
        if misplaced {
            value["usage"] = value["x_groq"]["usage"].take();
        }
        if let (true, Some(tokens)) = (apart, tokens) {
            value["usage"]["completion_tokens"] = tokens.output.into();
        }
        if astray {
            self.usage_event = Some(usage_event(&mut value));
        }
        let choices = value["choices"].as_array_mut().into_iter().flatten();
        for (choice, fix) in choices.zip(&fixes) {
            apply(choice, fix, &self.id, is_stream);
        }
        serde_json::to_vec(&value).ok()
    }

    fn choice(&mut self, choice: &Choice<'_>, is_stream: bool) -> Fix {
        let place = choice.index.unwrap_or(0).min(127) as usize;
        if self.choices.len() <= place {
            self.choices.resize_with(place + 1, State::default);
        }
        let state = &mut self.choices[place];
        let mut fix = Fix {
            index: choice.index.is_none(),
            ..Fix::default()
        };
        let is_end = choice.is_end(is_stream, !state.calls.is_empty());
        if let Some(delta) = &choice.delta {
            fix.role = delta.role.as_deref().map_or(!state.begun, str::is_empty);
            state.begun = true;
            fix.reasoning = delta.reasoning.is_some() && delta.reasoning_content.is_none();
            fix.list = delta.content.is_some_and(|raw| raw.get().starts_with('['));
            fix.calls = misplaced_calls(&mut state.calls, delta, is_stream);
            self.said += length(delta);
        }
        if let Some(word) = choice.finish_reason.as_deref() {
            let called = !state.calls.is_empty();
            let denied = word == "stop" && called && !self.is_openai;
            if !is_end || state.ended {
                fix.finish = Some(Value::Null);
            } else if denied || !is_finish_word(word) {
                fix.finish = Some(finish_word(finish(word, called)).into());
            }
            state.begun = true;
            state.ended |= is_end;
        }
        fix
    }
}

/// Where the calls of a delta belong, if they do not say so themselves.
fn misplaced_calls(
    calls: &mut Calls,
    delta: &Delta<'_>,
    is_stream: bool,
) -> Option<Vec<FragmentTarget>> {
    let shapes = delta.tool_calls.as_deref().unwrap_or_default();
    let mut wrong = false;
    let mut places = Vec::with_capacity(shapes.len());
    for shape in shapes {
        let place = calls.place(shape);
        let stray = is_stream && shape.index != Some(place.call as u64);
        let named = [shape.id.as_deref(), shape.kind.as_deref()];
        let named = named.map(|word| word.is_some_and(|word| !word.is_empty()));
        let repeats = is_stream && !place.is_new && (named.contains(&true) || shape.has_name());
        wrong |= stray || repeats || (place.is_new && named.contains(&false));
        places.push(place);
    }
    wrong.then_some(places)
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

fn apply(choice: &mut Value, fix: &Fix, id: &str, is_stream: bool) {
    if fix.index {
        choice["index"] = json!(0);
    }
    if let Some(word) = &fix.finish {
        choice["finish_reason"] = word.clone();
    }
    let name = if choice["message"].is_object() {
        "message"
    } else {
        "delta"
    };
    let said = &mut choice[name];
    if fix.role {
        said["role"] = "assistant".into();
    }
    if fix.reasoning {
        said["reasoning_content"] = said["reasoning"].clone();
    }
    if fix.list {
        flatten(said);
    }
    for (place, call) in fix
        .calls
        .iter()
        .flatten()
        .zip(said["tool_calls"].as_array_mut().into_iter().flatten())
    {
        name_call(call, place, id, is_stream);
    }
}

/// A call is named once, in its first fragment.
fn name_call(call: &mut Value, place: &FragmentTarget, id: &str, is_stream: bool) {
    let is_empty = |value: &Value| value.as_str().is_none_or(str::is_empty);
    call["index"] = place.call.into();
    if place.is_new {
        if is_empty(&call["type"]) {
            call["type"] = "function".into();
        }
        if is_empty(&call["id"]) {
            call["id"] = format!("call_{id}_{}", place.call).into();
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

/// Mistral's list of texts and thoughts.
fn flatten(said: &mut Value) {
    let (mut text, mut thoughts) = (String::new(), String::new());
    for part in said["content"].as_array().into_iter().flatten() {
        text.push_str(part["text"].as_str().unwrap_or_default());
        for thought in part["thinking"].as_array().into_iter().flatten() {
            thoughts.push_str(thought["text"].as_str().unwrap_or_default());
        }
    }
    said["content"] = text.into();
    if !thoughts.is_empty() {
        said["reasoning_content"] = thoughts.into();
    }
}

impl ResponseAdapter for PassThrough {
    fn whole(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError> {
        let chunk = whole_chunk(body)?;
        let repaired = self.follow(&chunk, body, false);
        Ok(repaired.map_or_else(|| body.clone(), Bytes::from))
    }

    fn read(&mut self, event: &Event, out: &mut BytesMut) -> StreamEventKind {
        if let Some(text) = self.refrain.as_ref().and_then(|known| known.text(event)) {
            self.said += text;
            out.extend_from_slice(&event.raw);
            return StreamEventKind::Content;
        }
        let Some(data) = event.data() else {
            event.pass_comments(out);
            return StreamEventKind::NoContent;
        };
        if data.trim_ascii() == b"[DONE]" {
            if self.choices.is_empty() {
                return StreamEventKind::Broken(no_choices());
            }
            self.close(out);
            return StreamEventKind::Done;
        }
        let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(&data) else {
            return StreamEventKind::Broken(unreadable(event, Framing::Events));
        };
        if let Some(upset) = chunk.failure(&data) {
            return StreamEventKind::Broken(upset);
        }
        let is_empty = chunk.choices.as_ref().is_none_or(Vec::is_empty);
        let content = chunk.choices.iter().flatten();
        let has_content = content
            .filter_map(|choice| choice.delta.as_ref())
            .any(Delta::has_content);
        let repaired = self.follow(&chunk, &data, true);
        let start = out.len();
        if let Some(repaired) = repaired {
            out.extend_from_slice(b"data: ");
            out.extend_from_slice(&repaired);
            out.extend_from_slice(b"\n\n");
        } else {
            event.pass(out);
            if has_content {
                self.refrain = ChunkTemplate::of(event, &data, &chunk).or(self.refrain.take());
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
        let mut begun = self.choices.iter().filter(|choice| choice.begun).peekable();
        begun.peek().is_some() && begun.all(|choice| choice.ended)
    }

    fn close(&mut self, out: &mut BytesMut) {
        if let (false, Some(usage)) = (self.strip_usage, self.usage_event.take()) {
            out.extend_from_slice(&usage);
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn broken(&mut self, told: &ErrorBody, out: &mut BytesMut) {
        out.extend_from_slice(&error_event(told));
    }

    fn usage(&self) -> Option<Usage> {
        self.tokens.map(Usage::from)
    }

    fn text_bytes(&self) -> usize {
        self.said
    }
}

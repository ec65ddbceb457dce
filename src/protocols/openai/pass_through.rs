//! Passes a chat response to a chat client unchanged, and reads usage and state from it. Only
//! chunks that would break a client are repaired.

use super::choice_state::ChoiceState;
use super::chunk::{Chunk, Delta};
use super::chunk_names::ChunkNames;
use super::chunk_template::ChunkTemplate;
use super::decode::{read_chunk, whole_chunk};
use super::error_json::error_event;
use super::held_end::HeldEnd;
use super::kept_reasoning;
use super::mend::{ChoiceRepair, choices, parse, remove_odd, repair_choice, split_usage};
use super::whole_and_stream;
use crate::domain::Usage;
use crate::protocols::call::CallSpec;
use crate::protocols::neutral::{KeptReasoning, ReasoningMemory, ReportedUsage};
use crate::protocols::reasoning_cache::ReasoningCache;
use crate::protocols::response_adapter::{ResponseAdapter, StreamEventKind, read_stream};
use crate::protocols::upstream_error::UpstreamError;
use crate::protocols::{ErrorBody, Event, ResponseFault};
use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value, json};

/// Passes bytes, repairs chunks and records usage.
#[derive(Debug)]
pub(super) struct PassThrough {
    /// Prefix of the ids of calls without one.
    id: String,
    names: ChunkNames,
    /// True if the client did not request usage, so it is removed.
    strip_usage: bool,
    /// True if the client requested usage with every chunk.
    usage_everywhere: bool,
    /// True for OpenAI itself, whose finish reasons are not corrected.
    is_openai: bool,
    tokens: Option<ReportedUsage>,
    /// Keeps the reasoning that the server needs back.
    memory: Option<ReasoningMemory>,
    choices: Vec<ChoiceState>,
    text_bytes: usize,
    template: Option<ChunkTemplate>,
    end: HeldEnd,
}

impl PassThrough {
    pub fn new(call: &CallSpec<'_>, is_openai: bool) -> Self {
        Self {
            id: call.id.to_owned(),
            names: ChunkNames::new(call),
            strip_usage: !call.wants_usage,
            usage_everywhere: call.wants_usage
                && call
                    .object
                    .mentions("stream_options", r#""continuous_usage_stats""#),
            is_openai,
            tokens: None,
            memory: None,
            choices: Vec::new(),
            text_bytes: 0,
            template: None,
            end: HeldEnd::default(),
        }
    }

    /// Stores the reasoning before calls.
    pub fn remember(&mut self, cache: &ReasoningCache) {
        self.memory = Some(ReasoningMemory::new(cache.clone(), KeptReasoning::All));
    }

    /// Reads usage and state from a chunk; returns the repaired chunk where it needs repair.
    fn repair_chunk(
        &mut self,
        chunk: &Chunk<'_>,
        data: &[u8],
        is_stream: bool,
    ) -> Option<Map<String, Value>> {
        let tokens = chunk.tokens();
        self.tokens = tokens.or(self.tokens);
        let listed = chunk.choices.as_deref().unwrap_or_default();
        let mut repairs: Vec<ChoiceRepair> = Vec::with_capacity(listed.len());
        for choice in listed {
            let state = ChoiceState::of(&mut self.choices, choice.index);
            let repair = state.repair(choice, is_stream, self.is_openai);
            if let (Some(memory), Some(body)) = (&mut self.memory, choice.body(is_stream)) {
                let at = (choice.index.unwrap_or(0), body);
                kept_reasoning::remember(memory, at, &repair, &self.id);
            }
            repairs.push(repair);
            self.text_bytes += choice.body(is_stream).map_or(0, length);
        }
        let may_follow = is_stream && listed.is_empty() && tokens.is_none();
        let missing_names = self.names.read(chunk, may_follow);
        let misplaced = chunk
            .usage
            .is_none()
            .then(|| chunk.misplaced_usage())
            .flatten();
        let missing_reasoning = chunk
            .usage
            .is_some_and(|usage| usage.leaves_reasoning_out());
        // In a stream the usage needs a separate event.
        let usage_with_choices =
            is_stream && !repairs.is_empty() && tokens.is_some() && !self.usage_everywhere;
        let is_odd = chunk.is_odd() || !data.trim_ascii_start().starts_with(b"{");
        if misplaced.is_none()
            && !missing_reasoning
            && !usage_with_choices
            && !is_odd
            && !missing_names.any()
            && !repairs.iter().any(ChoiceRepair::is_needed)
        {
            return None;
        }
        let mut chunk = parse(data)?;
        self.names.add(missing_names, &mut chunk, is_stream);
        if misplaced.is_some() {
            move_usage(&mut chunk);
        }
        if let (true, Some(tokens)) = (missing_reasoning, tokens)
            && let Some(usage) = chunk.get_mut("usage").and_then(Value::as_object_mut)
        {
            usage.insert("completion_tokens".to_owned(), tokens.output.into());
        }
        if usage_with_choices {
            let usage = split_usage(&mut chunk);
            self.end.usage = Some(format!("data: {usage}\n\n").into());
        }
        for (choice, repair) in choices(&mut chunk).zip(repairs) {
            repair_choice(choice, repair, &self.id, is_stream);
        }
        if is_odd {
            remove_odd(&mut chunk, is_stream);
        }
        Some(chunk)
    }

    /// Passes one chunk.
    fn chunk(
        &mut self,
        event: &Event,
        data: &[u8],
        chunk: &Chunk<'_>,
        out: &mut BytesMut,
    ) -> StreamEventKind {
        let listed = chunk.choices.as_deref().unwrap_or_default();
        let has_content = listed
            .iter()
            .filter_map(|choice| choice.body(true))
            .any(Delta::has_content);
        let was_ended = !listed.is_empty()
            && listed
                .iter()
                .all(|choice| ChoiceState::of(&mut self.choices, choice.index).ended);
        let repaired = self.repair_chunk(chunk, data, true);
        let is_usage = listed.is_empty() && chunk.tokens().is_some();
        if listed.is_empty() && !is_usage && !self.names.has_id() {
            // The server names its response in a later chunk.
            self.end.early = repaired.or_else(|| parse(data));
            return StreamEventKind::NoContent;
        }
        self.write_early(out);
        let is_repaired = repaired.is_some();
        let bytes = match repaired {
            Some(chunk) => format!("data: {}\n\n", Value::Object(chunk)).into(),
            None => event.terminated(),
        };
        if is_usage {
            if self.strip_usage {
                self.end.add_extensions(data);
            }
            self.end.usage = Some(bytes);
            return StreamEventKind::NoContent;
        }
        if was_ended {
            if has_content {
                self.end.reopen(&bytes, out);
            } else {
                self.end.add_extensions(data);
                return StreamEventKind::NoContent;
            }
        } else if listed.iter().any(|choice| choice.ends(&self.choices)) {
            self.end.hold(bytes);
        } else {
            out.extend_from_slice(&bytes);
            if has_content && !is_repaired {
                self.template = ChunkTemplate::new(event, data, chunk).or(self.template.take());
            }
        }
        match (has_content, !listed.is_empty() && self.may_end()) {
            (true, _) => StreamEventKind::Content,
            (false, true) => StreamEventKind::Finish,
            (false, false) => StreamEventKind::NoContent,
        }
    }

    /// Writes a chunk that waited for the response's id.
    fn write_early(&mut self, out: &mut BytesMut) {
        if let Some(mut chunk) = self.end.early.take() {
            let own = self.names.chunk();
            chunk.extend(own.into_iter().filter(|(name, _)| name == "id"));
            out.extend_from_slice(format!("data: {}\n\n", Value::Object(chunk)).as_bytes());
        }
    }

    /// Ends the choices to which the server gave no finish reason.
    fn end_choices(&mut self, out: &mut BytesMut) {
        for index in 0..self.choices.len() {
            if let Some(word) = self.choices[index].end() {
                let mut chunk = self.names.chunk();
                let choice = json!({"index": index, "delta": {}, "finish_reason": word});
                chunk.insert("choices".to_owned(), json!([choice]));
                out.extend_from_slice(format!("data: {}\n\n", Value::Object(chunk)).as_bytes());
            }
        }
    }
}

/// Moves usage to its usual place.
fn move_usage(chunk: &mut Map<String, Value>) {
    let of_groq = chunk.get_mut("x_groq").and_then(Value::as_object_mut);
    let mut usage = of_groq.and_then(|groq| groq.shift_remove("usage"));
    for choice in choices(chunk) {
        let own = choice.shift_remove("usage");
        usage = usage.or(own);
    }
    chunk.insert("usage".to_owned(), usage.unwrap_or_default());
}

fn length(delta: &Delta<'_>) -> usize {
    let text = |text: Option<&str>| text.map_or(0, str::len);
    let functions = delta.tool_calls.iter().flatten();
    let functions = functions.filter_map(|call| call.function.as_ref());
    let functions = functions.chain(&delta.function_call);
    let arguments = functions.filter_map(|function| function.arguments);
    let texts = [delta.content, delta.reasoning_content, delta.reasoning];
    // A text stands between quotes.
    let raw = texts.into_iter().flatten().chain(arguments);
    let said: usize = raw.map(|raw| raw.get().len().saturating_sub(2)).sum();
    said + text(delta.refusal.as_deref())
}

impl ResponseAdapter for PassThrough {
    fn whole(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError> {
        let chunk = whole_chunk(body)?;
        let repaired = self.repair_chunk(&chunk, body, false);
        let repaired = repaired.map(|chunk| Bytes::from(Value::Object(chunk).to_string()));
        Ok(repaired.unwrap_or_else(|| body.clone()))
    }

    fn folded(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError> {
        self.strip_usage = false;
        let mut stream = BytesMut::new();
        read_stream(self, body, &mut stream)?;
        Ok(whole_and_stream::fold(&stream))
    }

    fn unfolded(&mut self, body: &Bytes, out: &mut BytesMut) -> Result<(), UpstreamError> {
        let whole = self.whole(body)?;
        whole_and_stream::unfold(&whole, !self.strip_usage, out);
        Ok(())
    }

    fn read(&mut self, event: &Event, out: &mut BytesMut) -> StreamEventKind {
        if let Some(text) = self
            .template
            .as_ref()
            .filter(|_| !self.end.is_held())
            .and_then(|template| template.text(event))
        {
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
            self.end_choices(out);
            self.close(out);
            return StreamEventKind::Done;
        }
        match read_chunk(event, &data) {
            Ok(chunk) => self.chunk(event, &data, &chunk, out),
            Err(error) => StreamEventKind::Broken(error),
        }
    }

    fn may_end(&self) -> bool {
        ChoiceState::all_ended(&self.choices)
    }

    fn close(&mut self, out: &mut BytesMut) {
        self.write_early(out);
        self.end.write(!self.strip_usage, out);
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

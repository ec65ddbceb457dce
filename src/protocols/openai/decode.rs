//! Decodes a chat response.

use super::calls::Calls;
use super::chunk::{CallShape, Choice, Chunk, Delta, FunctionShape, finish};
use super::{content, sources};
use crate::protocols::framing::Framing;
use crate::protocols::lenient::from_json;
use crate::protocols::neutral::{self, Decode, DecodeStep, Deltas, ReportedUsage};
use crate::protocols::response_adapter::unreadable;
use crate::protocols::upstream_error::UpstreamError;
use crate::protocols::{Event, ResponseFault};
use serde_json::Value;
use std::borrow::Cow;

/// Decodes chunks of any server with an API like chat completions.
#[derive(Debug)]
pub(super) struct Decoder {
    /// Prefix of the ids of calls without one.
    id: String,
    tokens: Option<ReportedUsage>,
    started: bool,
    choices: Vec<State>,
    /// Links of the whole answer, as the server last sent them.
    sources: Vec<Value>,
}

#[derive(Debug, Default)]
struct State {
    calls: Calls,
    seen: bool,
    /// Set by the first chunk with a finish reason. Content may follow all the same.
    end: Option<ChoiceEnd>,
    /// True once the end was passed on.
    ended: bool,
}

/// How a choice ended, in the server's words.
#[derive(Debug, Default)]
struct ChoiceEnd {
    reason: String,
    stop_sequence: Option<String>,
}

impl Decoder {
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            tokens: None,
            started: false,
            choices: Vec::new(),
            sources: Vec::new(),
        }
    }

    fn chunk(&mut self, chunk: Chunk<'_>, is_stream: bool, deltas: &mut Deltas) {
        if let Some(tokens) = chunk.tokens() {
            self.tokens = Some(tokens);
        }
        if let Some(sources) = sources::of(&chunk) {
            self.sources = sources;
        }
        let choices = chunk.choices.unwrap_or_default();
        if !self.started && !choices.is_empty() {
            self.started = true;
            let model = chunk.model.filter(|model| !model.is_empty());
            let model = model.map(Cow::into_owned);
            deltas.push((0, neutral::Delta::Start { model }));
        }
        for choice in &choices {
            self.choice(choice, is_stream, deltas);
        }
    }

    /// Ends the response, also the choices without a finish reason.
    fn end_choices(&mut self, deltas: &mut Deltas) {
        for (number, state) in (0..).zip(&mut self.choices) {
            if !state.seen || std::mem::replace(&mut state.ended, true) {
                continue;
            }
            let end = state.end.take().unwrap_or_default();
            let finish = finish(&end.reason, !state.calls.is_empty());
            let sources = std::mem::take(&mut self.sources).into_iter();
            let sources = sources.map(neutral::Delta::Annotation);
            let sequence = end.stop_sequence.map(neutral::Delta::StopSequence);
            let last = [neutral::Delta::End(finish)];
            let deltas_of = sources.chain(sequence).chain(last);
            deltas.extend(deltas_of.map(|delta| (number, delta)));
        }
    }

    fn choice(&mut self, choice: &Choice<'_>, is_stream: bool, deltas: &mut Deltas) {
        let number = choice.index.unwrap_or(0).min(127);
        let index = number as usize;
        if self.choices.len() <= index {
            self.choices.resize_with(index + 1, State::default);
        }
        let state = &mut self.choices[index];
        state.seen = true;
        let is_end = choice.is_end(is_stream, !state.calls.is_empty());
        let mut emit = |delta| deltas.push((number, delta));
        if let Some(body) = choice.body(is_stream) {
            let from = (self.id.as_str(), is_stream);
            read_body(body, from, &mut state.calls, &mut emit);
        }
        if let (Some(word), true, None) = (&choice.finish_reason, is_end, &state.end) {
            state.end = Some(ChoiceEnd {
                reason: word.clone().into_owned(),
                stop_sequence: choice.stop_sequence().map(Cow::into_owned),
            });
        }
    }
}

/// Reads the content of a choice.
fn read_body(
    body: &Delta<'_>,
    (id, is_stream): (&str, bool),
    calls: &mut Calls,
    emit: &mut impl FnMut(neutral::Delta),
) {
    if let Some(reasoning) = body.reasoning() {
        emit(neutral::Delta::Reasoning(reasoning.into_owned()));
    }
    if let Some(raw) = body.content {
        content::read(raw, emit);
    }
    if let Some(refusal) = body.refusal.as_ref().filter(|text| !text.is_empty()) {
        emit(neutral::Delta::Refusal(refusal.clone().into_owned()));
    }
    if let Some(raw) = body.images {
        content::read_images(raw, emit);
    }
    if let Some(raw) = body.audio {
        content::read_audio(raw, is_stream, emit);
    }
    for call in body.calls() {
        fragment((id, is_stream), calls, call, emit);
    }
    if let Some(function) = &body.function_call {
        let call = CallShape {
            index: Some(0),
            function: Some(FunctionShape {
                name: function.name.clone(),
                arguments: function.arguments,
                odd: false,
            }),
            ..CallShape::default()
        };
        fragment((id, true), calls, &call, emit);
    }
    for annotation in body.annotations.iter().flatten() {
        emit(neutral::Delta::Annotation(annotation.clone()));
    }
}

fn fragment(
    (id, is_stream): (&str, bool),
    calls: &mut Calls,
    shape: &CallShape<'_>,
    emit: &mut impl FnMut(neutral::Delta),
) {
    let target = calls.assign(shape, is_stream);
    if target.is_new {
        let own = shape.id().map(str::to_owned);
        emit(neutral::Delta::call(
            target.call,
            own.unwrap_or_else(|| format!("call_{id}_{}", target.call)),
            shape.name().unwrap_or_default().to_owned(),
            shape.signature(),
        ));
    }
    let function = shape.function.as_ref();
    if let Some(arguments) = function.and_then(FunctionShape::arguments) {
        emit(neutral::Delta::Arguments {
            call: target.call,
            text: arguments.into_owned(),
        });
    }
}

impl Decode for Decoder {
    fn whole(&mut self, body: &[u8], deltas: &mut Deltas) -> Result<(), UpstreamError> {
        let chunk = whole_chunk(body)?;
        self.chunk(chunk, false, deltas);
        self.finish(deltas);
        Ok(())
    }

    fn read(&mut self, event: &Event, deltas: &mut Deltas) -> DecodeStep {
        let Some(data) = event.data() else {
            return DecodeStep::More;
        };
        if data.trim_ascii() == b"[DONE]" {
            if self.choices.is_empty() {
                return DecodeStep::Broken(ResponseFault::NoChoices.into());
            }
            return DecodeStep::Done;
        }
        match read_chunk(event, &data) {
            Ok(chunk) => self.chunk(chunk, true, deltas),
            Err(error) => return DecodeStep::Broken(error),
        }
        DecodeStep::More
    }

    fn may_end(&self) -> bool {
        let mut seen = self.choices.iter().filter(|choice| choice.seen).peekable();
        seen.peek().is_some() && seen.all(|choice| choice.ended || choice.end.is_some())
    }

    fn finish(&mut self, deltas: &mut Deltas) {
        self.end_choices(deltas);
    }

    fn tokens(&self) -> Option<ReportedUsage> {
        self.tokens
    }
}

/// Reads a chunk of a stream, unless it is an error.
pub(super) fn read_chunk<'a>(event: &Event, data: &'a [u8]) -> Result<Chunk<'a>, UpstreamError> {
    let chunk = from_json::<Chunk<'_>>(data).ok().flatten();
    let chunk = chunk.ok_or_else(|| unreadable(event, Framing::Events))?;
    match chunk.failure(data) {
        Some(error) => Err(error),
        None => Ok(chunk),
    }
}

/// Reads a whole response that has choices and no error.
pub(super) fn whole_chunk(body: &[u8]) -> Result<Chunk<'_>, UpstreamError> {
    let chunk = from_json::<Chunk<'_>>(body).map_err(|_| ResponseFault::NotJson)?;
    let chunk = chunk.ok_or(ResponseFault::NoChoices)?;
    if let Some(error) = chunk.failure(body) {
        return Err(error);
    }
    if chunk.choices.as_ref().is_none_or(Vec::is_empty) {
        return Err(ResponseFault::NoChoices.into());
    }
    Ok(chunk)
}

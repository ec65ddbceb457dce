//! Decodes a chat response.

use super::calls::Calls;
use super::chunk::{CallShape, Choice, Chunk, finish};
use crate::protocols::framing::Framing;
use crate::protocols::neutral::{self, Decode, DecodeStep, Deltas, Finish, ReportedUsage};
use crate::protocols::response_adapter::unreadable;
use crate::protocols::upstream_error::UpstreamError;
use crate::protocols::{Event, ResponseFault};
use serde_json::Value;

/// Decodes chunks of any server with an API like chat completions.
#[derive(Debug)]
pub(super) struct Decoder {
    /// Prefix of the ids of calls without one.
    id: String,
    tokens: Option<ReportedUsage>,
    started: bool,
    choices: Vec<State>,
}

#[derive(Debug, Default)]
struct State {
    calls: Calls,
    seen: bool,
    ended: bool,
}

impl Decoder {
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            tokens: None,
            started: false,
            choices: Vec::new(),
        }
    }

    fn chunk(&mut self, chunk: Chunk<'_>, is_stream: bool, deltas: &mut Deltas) {
        if let Some(tokens) = chunk.tokens() {
            self.tokens = Some(tokens);
        }
        let choices = chunk.choices.unwrap_or_default();
        if !self.started && !choices.is_empty() {
            self.started = true;
            let model = chunk.model.map(std::borrow::Cow::into_owned);
            deltas.push((0, neutral::Delta::Start { model }));
        }
        for choice in choices {
            self.choice(choice, is_stream, deltas);
        }
    }

    /// Ends the response, also the choices without a finish reason.
    fn end(&mut self, deltas: &mut Deltas) {
        for (number, state) in (0..).zip(&mut self.choices) {
            if state.seen && !state.ended {
                state.ended = true;
                let finish = finish("", !state.calls.is_empty());
                deltas.push((number, neutral::Delta::End(finish)));
            }
        }
    }

    fn choice(&mut self, choice: Choice<'_>, is_stream: bool, deltas: &mut Deltas) {
        let number = choice.index.unwrap_or(0).min(127);
        let index = number as usize;
        if self.choices.len() <= index {
            self.choices.resize_with(index + 1, State::default);
        }
        let state = &mut self.choices[index];
        state.seen = true;
        let is_end = choice.is_end(is_stream, !state.calls.is_empty());
        if let Some(delta) = choice.delta {
            let reasoning = delta.reasoning_content.or(delta.reasoning);
            let mut emit = |delta| deltas.push((number, delta));
            text(reasoning, &mut emit, neutral::Delta::Reasoning);
            content(delta.content.map_or("null", |raw| raw.get()), &mut emit);
            text(delta.refusal, &mut emit, neutral::Delta::Refusal);
            for call in delta.tool_calls.unwrap_or_default() {
                fragment(&self.id, &mut state.calls, &call, &mut emit);
            }
            if let Some(function) = delta.function_call {
                let call = CallShape {
                    index: Some(0),
                    id: None,
                    kind: None,
                    function: Some(function),
                    extra_content: None,
                };
                fragment(&self.id, &mut state.calls, &call, &mut emit);
            }
            for annotation in delta.annotations.unwrap_or_default() {
                emit(neutral::Delta::Annotation(annotation));
            }
        }
        if let Some(word) = choice.finish_reason
            && is_end
            && !state.ended
        {
            state.ended = true;
            let finish: Finish = finish(&word, !state.calls.is_empty());
            deltas.push((number, neutral::Delta::End(finish)));
        }
    }
}

fn text(
    text: Option<std::borrow::Cow<'_, str>>,
    emit: &mut impl FnMut(neutral::Delta),
    make: impl Fn(String) -> neutral::Delta,
) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        emit(make(text.into_owned()));
    }
}

/// Reads a text, or Mistral's list of texts and reasoning.
fn content(raw: &str, emit: &mut impl FnMut(neutral::Delta)) {
    match serde_json::from_str::<Value>(raw) {
        Ok(Value::String(text)) if !text.is_empty() => emit(neutral::Delta::Text(text)),
        Ok(Value::Array(parts)) => {
            for part in parts {
                if let Some(text) = part["text"].as_str() {
                    emit(neutral::Delta::Text(text.to_owned()));
                }
                for block in part["thinking"].as_array().into_iter().flatten() {
                    if let Some(text) = block["text"].as_str() {
                        emit(neutral::Delta::Reasoning(text.to_owned()));
                    }
                }
            }
        }
        _ => {}
    }
}

fn fragment(
    id: &str,
    calls: &mut Calls,
    shape: &CallShape<'_>,
    emit: &mut impl FnMut(neutral::Delta),
) {
    let target = calls.assign(shape);
    let function = shape.function.as_ref();
    if target.is_new {
        let own = shape.id.as_deref().filter(|id| !id.is_empty());
        let name = function.and_then(|function| function.name.as_deref());
        emit(neutral::Delta::call(
            target.call,
            own.map_or_else(|| format!("call_{id}_{}", target.call), str::to_owned),
            name.unwrap_or_default().to_owned(),
            shape.signature(),
        ));
    }
    let arguments = function.and_then(|function| function.arguments.as_deref());
    if let Some(arguments) = arguments.filter(|arguments| !arguments.is_empty()) {
        emit(neutral::Delta::Arguments {
            call: target.call,
            text: arguments.to_owned(),
        });
    }
}

impl Decode for Decoder {
    fn whole(&mut self, body: &[u8], deltas: &mut Deltas) -> Result<(), UpstreamError> {
        let chunk = whole_chunk(body)?;
        self.chunk(chunk, false, deltas);
        self.end(deltas);
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
            self.end(deltas);
            return DecodeStep::Done;
        }
        let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(&data) else {
            return DecodeStep::Broken(unreadable(event, Framing::Events));
        };
        if let Some(error) = chunk.failure(&data) {
            return DecodeStep::Broken(error);
        }
        self.chunk(chunk, true, deltas);
        DecodeStep::More
    }

    fn may_end(&self) -> bool {
        let mut seen = self.choices.iter().filter(|choice| choice.seen).peekable();
        seen.peek().is_some() && seen.all(|choice| choice.ended)
    }

    fn tokens(&self) -> Option<ReportedUsage> {
        self.tokens
    }
}

/// Reads a whole response that has choices and no error.
pub(super) fn whole_chunk(body: &[u8]) -> Result<Chunk<'_>, UpstreamError> {
    let chunk: Chunk<'_> = serde_json::from_slice(body).map_err(|_| ResponseFault::NotJson)?;
    if let Some(error) = chunk.failure(body) {
        return Err(error);
    }
    if chunk.choices.as_ref().is_none_or(Vec::is_empty) {
        return Err(ResponseFault::NoChoices.into());
    }
    Ok(chunk)
}

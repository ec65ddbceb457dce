//! Decodes responses. There is no terminator: a stream ends with its bytes, once every candidate
//! has a finish reason.

use super::response::{
    CallShape, Candidate, CodeShape, GenerateContentResponse, PartShape, finish, is_lost_call,
};
use crate::protocols::lenient::{from_json, text_in};
use crate::protocols::neutral::{Decode, DecodeStep, Delta, Deltas, Finish, ReportedUsage};
use crate::protocols::upstream_error::{UpstreamError, error_in_success_body};
use crate::protocols::{Event, ResponseFault};
use serde_json::{Value, json};
use std::borrow::Cow;

/// Decodes Gemini's responses, on both of Google's APIs.
#[derive(Debug)]
pub(in crate::protocols) struct Decoder {
    /// Prefix of the ids of calls without one.
    id: String,
    tokens: Option<ReportedUsage>,
    started: bool,
    choices: Vec<State>,
}

#[derive(Debug, Default)]
struct State {
    calls: usize,
    /// Characters of text so far.
    characters: usize,
    /// Links that the text is based on, as last sent.
    sources: Vec<Value>,
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

    /// Reads one JSON text: a response, a list of its pieces, or an error in either form.
    fn json(&mut self, text: &[u8], deltas: &mut Deltas) -> Result<(), UpstreamError> {
        if !is_list(text) {
            return self.piece(text, deltas);
        }
        let pieces: Vec<&serde_json::value::RawValue> =
            serde_json::from_slice(text).map_err(|_| ResponseFault::NotJson)?;
        for piece in pieces {
            self.piece(piece.get().as_bytes(), deltas)?;
        }
        Ok(())
    }

    /// Reads a response, a piece of one, or an error. A list of lists is rejected: reading it
    /// recursively would let the upstream decide how deep the stack gets.
    fn piece(&mut self, text: &[u8], deltas: &mut Deltas) -> Result<(), UpstreamError> {
        if is_list(text) {
            return Err(ResponseFault::NotJson.into());
        }
        let answer: Option<GenerateContentResponse<'_>> =
            from_json(text).map_err(|_| ResponseFault::NotJson)?;
        let answer = answer.ok_or(ResponseFault::NotJson)?;
        if answer.is_error() {
            return Err(error_in_success_body(text));
        }
        self.answer(answer, deltas)
    }

    fn answer(
        &mut self,
        answer: GenerateContentResponse<'_>,
        deltas: &mut Deltas,
    ) -> Result<(), UpstreamError> {
        if let Some(usage) = answer.usage_metadata {
            self.tokens = Some(usage.into());
        }
        if !self.started {
            self.started = true;
            let model = answer.model_version.map(Cow::into_owned);
            deltas.push((0, Delta::Start { model }));
        }
        let candidates = answer.candidates.unwrap_or_default();
        if let (true, Some(feedback)) = (candidates.is_empty(), answer.prompt_feedback)
            && feedback.block_reason.is_some()
        {
            let message = feedback.block_reason_message;
            self.blocked(message.map(Cow::into_owned), deltas);
        }
        for (index, candidate) in candidates.into_iter().enumerate() {
            self.candidate(index, candidate, deltas)?;
        }
        Ok(())
    }

    /// Ends the response of a prompt that was blocked.
    fn blocked(&mut self, message: Option<String>, deltas: &mut Deltas) {
        let state = self.state(0);
        if std::mem::replace(&mut state.ended, true) {
            return;
        }
        if let Some(message) = message {
            deltas.push((0, Delta::Refusal(message)));
        }
        deltas.push((0, Delta::End(Finish::ContentFilter)));
    }

    fn state(&mut self, index: usize) -> &mut State {
        if self.choices.len() <= index {
            self.choices.resize_with(index + 1, State::default);
        }
        let state = &mut self.choices[index];
        state.seen = true;
        state
    }

    fn candidate(
        &mut self,
        index: usize,
        candidate: Candidate<'_>,
        deltas: &mut Deltas,
    ) -> Result<(), UpstreamError> {
        let index = candidate
            .index
            .map_or(index, |index| index as usize)
            .min(127);
        let choice = u32::try_from(index).unwrap_or_default();
        self.state(index);
        let parts = candidate.content.and_then(|content| content.parts);
        for part in parts.unwrap_or_default() {
            self.part(index, part, |delta| deltas.push((choice, delta)));
        }
        let state = self.state(index);
        if let Some(grounding) = &candidate.grounding {
            state.sources = sources(grounding, state.characters);
        }
        let word = candidate
            .finish_reason
            .as_ref()
            .and_then(|raw| text_in(raw.get()));
        let has_said = state.calls > 0 || state.characters > 0;
        if !has_said && word.as_deref().is_some_and(is_lost_call) {
            return Err(ResponseFault::UnreadableCall.into());
        }
        if candidate.finish_reason.is_some() && !std::mem::replace(&mut state.ended, true) {
            let links = std::mem::take(&mut state.sources).into_iter();
            deltas.extend(links.map(|link| (choice, Delta::Annotation(link))));
            let finish = finish(word.as_deref().unwrap_or_default(), state.calls > 0);
            deltas.push((choice, Delta::End(finish)));
        }
        Ok(())
    }

    fn part(&mut self, index: usize, part: PartShape<'_>, mut emit: impl FnMut(Delta)) {
        if let Some(function) = part.function_call {
            let signature = part.thought_signature.map(Cow::into_owned);
            self.call(index, &function, signature, &mut emit);
        }
        for blob in [part.inline_data, part.file_data].into_iter().flatten() {
            if let Some(media) = blob.media() {
                emit(Delta::Media(media));
            }
        }
        let code = [part.executable_code, part.code_result];
        let code = code.iter().flatten().filter_map(CodeShape::text);
        let text = part
            .text
            .map(Cow::into_owned)
            .filter(|text| !text.is_empty());
        for text in text.into_iter().chain(code) {
            if part.thought == Some(true) {
                emit(Delta::Reasoning(text));
            } else {
                self.state(index).characters += text.chars().count();
                emit(Delta::Text(text));
            }
        }
    }

    /// Adds a call, which always comes whole.
    fn call(
        &mut self,
        index: usize,
        function: &CallShape<'_>,
        signature: Option<String>,
        emit: &mut impl FnMut(Delta),
    ) {
        let state = self.state(index);
        let call = state.calls;
        state.calls += 1;
        let own = function.id.as_ref().map(|id| &*id.text);
        let own = own.filter(|id| !id.is_empty());
        let id = match (own, index) {
            (Some(own), _) => own.to_owned(),
            (None, 0) => format!("call_{}_{call}", self.id),
            (None, _) => format!("call_{}_{index}_{call}", self.id),
        };
        let name = function.name.as_ref().map_or("", |name| &*name.text);
        emit(Delta::call(call, id, name.to_owned(), signature));
        let text = function.arguments();
        emit(Delta::Arguments { call, text });
    }
}

impl Decode for Decoder {
    fn whole(&mut self, body: &[u8], deltas: &mut Deltas) -> Result<(), UpstreamError> {
        self.json(body, deltas)?;
        if self.choices.is_empty() {
            return Err(ResponseFault::NoCandidates.into());
        }
        Ok(())
    }

    fn read(&mut self, event: &Event, deltas: &mut Deltas) -> DecodeStep {
        let Some(data) = event.data() else {
            return DecodeStep::More;
        };
        if data.trim_ascii() == b"[DONE]" {
            return DecodeStep::More;
        }
        match self.json(&data, deltas) {
            Ok(()) => DecodeStep::More,
            Err(error) => DecodeStep::Broken(error),
        }
    }

    fn may_end(&self) -> bool {
        let mut seen = self.choices.iter().filter(|choice| choice.seen).peekable();
        seen.peek().is_some() && seen.all(|choice| choice.ended)
    }

    fn tokens(&self) -> Option<ReportedUsage> {
        self.tokens
    }
}

/// Most links of one answer that are passed on.
const MAX_SOURCES: usize = 256;

/// Returns the web pages that an answer is based on. `characters` is the length of its text.
fn sources(grounding: &Value, characters: usize) -> Vec<Value> {
    let chunks = grounding["groundingChunks"]
        .as_array()
        .into_iter()
        .flatten();
    let links = chunks.filter_map(|chunk| {
        let url = chunk["web"]["uri"].as_str()?;
        let title = chunk["web"]["title"].as_str().unwrap_or(url);
        Some(json!({
            "type": "url_citation",
            "url_citation": {"start_index": 0, "end_index": characters, "title": title, "url": url},
        }))
    });
    links.take(MAX_SOURCES).collect()
}

fn is_list(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(b"[")
}

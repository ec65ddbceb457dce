//! The state of one choice of a response, and what its next chunk needs to be repaired.

use super::calls::{Calls, FragmentTarget};
use super::chunk::{Choice, Delta, finish, finish_word, is_finish_word};
use super::content;
use super::mend::{ChoiceRepair, FlatContent};
use crate::protocols::neutral;
use serde_json::Value;

/// Largest index of a choice; OpenAI's limit on their number.
const MAX_INDEX: u32 = 127;

/// One choice so far.
#[derive(Debug, Default)]
pub(super) struct ChoiceState {
    pub calls: Calls,
    /// True if a function was called in the form of before there were tools.
    called_function: bool,
    started: bool,
    pub ended: bool,
}

impl ChoiceState {
    /// Returns the state of a choice; a choice without an index is the first one.
    pub fn of(choices: &mut Vec<Self>, index: Option<u32>) -> &mut Self {
        let index = place(index);
        if choices.len() <= index {
            choices.resize_with(index + 1, Self::default);
        }
        &mut choices[index]
    }

    /// Checks whether all choices that have begun are ended.
    pub fn all_ended(choices: &[Self]) -> bool {
        let mut started = choices.iter().filter(|choice| choice.started).peekable();
        started.peek().is_some() && started.all(|choice| choice.ended)
    }

    fn called(&self) -> bool {
        self.called_function || !self.calls.is_empty()
    }

    /// Ends a choice without a finish reason; returns the reason, where it was open.
    pub fn end(&mut self) -> Option<&'static str> {
        if !self.started || std::mem::replace(&mut self.ended, true) {
            return None;
        }
        Some(finish_word(finish("", self.called())))
    }

    /// Reads the state from a chunk, and returns the repairs that it needs.
    pub fn repair(
        &mut self,
        choice: &Choice<'_>,
        is_stream: bool,
        is_openai: bool,
    ) -> ChoiceRepair {
        let mut repair = ChoiceRepair {
            index: choice.index.is_none(),
            ..ChoiceRepair::default()
        };
        let is_end = choice.is_end(is_stream, self.called());
        if let Some(body) = choice.body(is_stream) {
            let right = if is_stream {
                &choice.delta
            } else {
                &choice.message
            };
            repair.moved = right.is_none();
            repair.role = body.role.as_deref().map_or(!self.started, str::is_empty);
            repair.content = body.content.and_then(flat_content);
            repair.reasoning = missing_reasoning(body);
            repair.calls = misplaced_calls(&mut self.calls, body, is_stream);
            repair.empty = !is_stream && lacks_content(body);
            self.called_function |= body.function_call.is_some();
            self.started = true;
        }
        if let Some(word) = choice.finish_reason.as_deref() {
            let called = self.called();
            let is_wrong_stop = word == "stop" && called && !is_openai;
            if !is_end || self.ended {
                repair.finish = Some(Value::Null);
            } else if is_wrong_stop || !is_finish_word(word, called) {
                repair.finish = Some(finish_word(finish(word, called)).into());
            }
            self.started = true;
            self.ended |= is_end;
        } else if !is_stream {
            repair.finish = self.end().map(Value::from);
        }
        repair
    }
}

fn place(index: Option<u32>) -> usize {
    index.unwrap_or(0).min(MAX_INDEX) as usize
}

impl Choice<'_> {
    /// Checks whether the choice has a finish reason and is ended by it.
    pub fn ends(&self, choices: &[ChoiceState]) -> bool {
        let state = choices.get(place(self.index));
        self.finish_reason.is_some() && state.is_some_and(|state| state.ended)
    }
}

/// Checks whether a message lacks a content where OpenAI has an empty one.
fn lacks_content(body: &Delta<'_>) -> bool {
    body.content.is_none()
        && body.refusal.is_none()
        && body.audio.is_none()
        && body.function_call.is_none()
        && body.calls().is_empty()
}

/// Returns the reasoning for the member that clients read, where it stands elsewhere or is no text.
fn missing_reasoning(body: &Delta<'_>) -> Option<String> {
    let is_text = body
        .reasoning_content
        .is_some_and(|raw| raw.get().starts_with('"'));
    if is_text {
        return None;
    }
    body.reasoning().map(std::borrow::Cow::into_owned)
}

/// Flattens a content that is no text.
fn flat_content(raw: &serde_json::value::RawValue) -> Option<FlatContent> {
    if raw.get().starts_with('"') {
        return None;
    }
    let mut flat = FlatContent::default();
    content::read(raw, &mut |delta| match delta {
        neutral::Delta::Reasoning(text) => flat.reasoning.push_str(&text),
        neutral::Delta::Media(media) => flat.images.extend(content::image_value(&media)),
        neutral::Delta::Text(text) | neutral::Delta::Refusal(text) => flat.text.push_str(&text),
        _ => {}
    });
    Some(flat)
}

/// Assigns the calls of a delta, where its own indices and ids are missing or wrong.
fn misplaced_calls(
    calls: &mut Calls,
    delta: &Delta<'_>,
    is_stream: bool,
) -> Option<Vec<FragmentTarget>> {
    let shapes = delta.calls();
    let mut is_wrong = false;
    let mut targets = Vec::with_capacity(shapes.len());
    for shape in shapes {
        let target = calls.assign(shape, is_stream);
        let stray = is_stream && shape.index != Some(target.call as u64);
        let has_kind = shape.kind.as_deref().is_some_and(|kind| !kind.is_empty());
        let is_named = [shape.id().is_some(), has_kind];
        let repeats =
            is_stream && !target.is_new && (is_named.contains(&true) || shape.name().is_some());
        is_wrong |= stray || repeats || target.repeats_id;
        is_wrong |= target.is_new && is_named.contains(&false);
        is_wrong |= shape
            .function
            .as_ref()
            .is_some_and(|function| !function.is_plain());
        is_wrong |= shape.id.as_ref().is_some_and(|id| id.is_number);
        targets.push(target);
    }
    is_wrong.then_some(targets)
}

//! Decodes a Messages response.

use super::shape::{Block, DeltaShape, EventShape, Message, UsageShape, finish, non_empty};
use crate::protocols::Event;
use crate::protocols::neutral::{Choice, Decode, DecodeStep, Delta, Deltas, Finish, ReportedUsage};
use crate::protocols::reasoning_cache::ReasoningCache;
use crate::protocols::upstream_error::UpstreamError;
use serde_json::{Value, json};

/// Decodes whole responses and streams.
pub(super) struct Decoder {
    /// Prefix of the ids of calls without one.
    id: String,
    /// Name of the gateway's own tool, whose input is the response's text.
    answer: Option<String>,
    reasoning_cache: ReasoningCache,
    usage: Option<UsageShape>,
    started: bool,
    open: Option<OpenBlock>,
    calls: usize,
    /// Characters of text so far.
    characters: usize,
    /// Reasoning before the first call.
    reasoning: Choice,
    ended: bool,
}

/// The open block. Others begin only when it has ended.
struct OpenBlock {
    index: u64,
    content: BlockContent,
}

enum BlockContent {
    Text,
    Thinking,
    Input {
        /// Index of the call; `None` for the tool whose input is the response's text.
        call: Option<usize>,
        /// Input at the block's start, valid only if no delta follows.
        initial: Value,
        has_deltas: bool,
    },
    /// A block that no other protocol can represent.
    Foreign,
}

impl Decoder {
    pub fn new(id: &str, answer: Option<String>, reasoning_cache: ReasoningCache) -> Self {
        Self {
            id: id.to_owned(),
            answer,
            reasoning_cache,
            usage: None,
            started: false,
            open: None,
            calls: 0,
            characters: 0,
            reasoning: Choice::default(),
            ended: false,
        }
    }

    fn start(&mut self, message: &Message<'_>, deltas: &mut Deltas) {
        if !self.started {
            self.started = true;
            let model = message.model.as_deref().map(str::to_owned);
            deltas.push((0, Delta::Start { model }));
        }
        self.count(message.usage);
    }

    fn count(&mut self, usage: Option<UsageShape>) {
        if let Some(later) = usage {
            self.usage = Some(self.usage.unwrap_or_default().followed_by(later));
        }
    }

    fn push(&mut self, delta: Delta, deltas: &mut Deltas) {
        match &delta {
            Delta::Text(text) => self.characters += text.chars().count(),
            Delta::Reasoning(_) | Delta::Signature(_) | Delta::Redacted(_) if self.calls == 0 => {
                self.reasoning.take(delta.clone());
            }
            Delta::Call { call: 0, .. } => {
                let mut reasoning = std::mem::take(&mut self.reasoning);
                reasoning.take(delta.clone());
                self.reasoning_cache.store_reasoning(&reasoning);
            }
            _ => {}
        }
        deltas.push((0, delta));
    }

    fn open(&mut self, index: u64, block: Block<'_>, deltas: &mut Deltas) {
        self.close(deltas);
        let content = match &*block.kind {
            "text" => {
                if let Some(text) = non_empty(block.text.as_ref()) {
                    self.push(Delta::Text(text.to_owned()), deltas);
                }
                BlockContent::Text
            }
            "thinking" => {
                if let Some(text) = non_empty(block.thinking.as_ref()) {
                    self.push(Delta::Reasoning(text.to_owned()), deltas);
                }
                if let Some(signature) = non_empty(block.signature.as_ref()) {
                    self.push(Delta::Signature(signature.to_owned()), deltas);
                }
                BlockContent::Thinking
            }
            "redacted_thinking" => {
                let data = block.data.unwrap_or_default().into_owned();
                self.push(Delta::Redacted(data), deltas);
                BlockContent::Foreign
            }
            "tool_use" => self.call(block, deltas),
            _ => BlockContent::Foreign,
        };
        self.open = Some(OpenBlock { index, content });
    }

    fn call(&mut self, block: Block<'_>, deltas: &mut Deltas) -> BlockContent {
        let name = block.name.unwrap_or_default();
        let call = (self.answer.as_deref() != Some(&*name)).then_some(self.calls);
        if let Some(call) = call {
            let id = non_empty(block.id.as_ref()).map(str::to_owned);
            let id = id.unwrap_or_else(|| format!("toolu_{}_{call}", self.id));
            let start = Delta::call(call, id, name.into_owned(), None);
            self.push(start, deltas);
            self.calls += 1;
        }
        BlockContent::Input {
            call,
            initial: block.input.unwrap_or_else(|| json!({})),
            has_deltas: false,
        }
    }

    fn on_delta(&mut self, index: u64, delta: &DeltaShape<'_>, deltas: &mut Deltas) {
        let Some(open) = self.open.as_mut().filter(|open| open.index == index) else {
            return;
        };
        match &mut open.content {
            BlockContent::Text => {
                if let Some(text) = non_empty(delta.text.as_ref()) {
                    self.push(Delta::Text(text.to_owned()), deltas);
                }
            }
            BlockContent::Thinking => {
                if let Some(text) = non_empty(delta.thinking.as_ref()) {
                    self.push(Delta::Reasoning(text.to_owned()), deltas);
                }
                if let Some(signature) = non_empty(delta.signature.as_ref()) {
                    self.push(Delta::Signature(signature.to_owned()), deltas);
                }
            }
            BlockContent::Input {
                call, has_deltas, ..
            } => {
                if let Some(text) = non_empty(delta.partial_json.as_ref()) {
                    *has_deltas = true;
                    let delta = input(*call, text.to_owned());
                    self.push(delta, deltas);
                }
            }
            BlockContent::Foreign => {}
        }
    }

    fn close(&mut self, deltas: &mut Deltas) {
        let Some(open) = self.open.take() else {
            return;
        };
        if let BlockContent::Input {
            call,
            initial,
            has_deltas: false,
        } = open.content
        {
            let delta = input(call, initial.to_string());
            self.push(delta, deltas);
        }
    }

    fn end(&mut self, word: &str, explanation: Option<&str>, deltas: &mut Deltas) {
        if self.ended {
            return;
        }
        self.close(deltas);
        self.ended = true;
        let finish = finish(word, self.calls > 0);
        if let (Finish::ContentFilter, Some(text)) = (finish, explanation) {
            self.push(Delta::Refusal(text.to_owned()), deltas);
        }
        self.push(Delta::End(finish), deltas);
    }

    fn event(&mut self, event: &EventShape<'_>, deltas: &mut Deltas) -> DecodeStep {
        match &*event.kind {
            "message_start" => {
                if let Some(message) = &event.message {
                    self.start(message, deltas);
                }
            }
            "content_block_start" => {
                self.open(event.index.unwrap_or(0), event.block(), deltas);
            }
            "content_block_delta" => {
                self.on_delta(event.index.unwrap_or(0), &event.delta(), deltas);
            }
            "content_block_stop" => self.close(deltas),
            "message_delta" => {
                self.count(event.usage);
                let delta = event.delta();
                if let Some(word) = &delta.stop_reason {
                    let details = delta.stop_details.as_ref();
                    let text = details.and_then(|details| non_empty(details.explanation.as_ref()));
                    self.end(word, text, deltas);
                }
            }
            "message_stop" => {
                self.end("", None, deltas);
                return DecodeStep::Done;
            }
            // Pings, and events of later versions.
            _ => {}
        }
        DecodeStep::More
    }
}

/// Adds to a call's input, or to the response's text.
fn input(call: Option<usize>, text: String) -> Delta {
    match call {
        Some(call) => Delta::Arguments { call, text },
        None => Delta::Text(text),
    }
}

impl Decode for Decoder {
    fn whole(&mut self, body: &[u8], deltas: &mut Deltas) -> Result<(), UpstreamError> {
        let message = Message::whole(body)?;
        self.start(&message, deltas);
        for (index, mut block) in (0..).zip(message.blocks()) {
            let citations = block.citations.take().unwrap_or_default();
            let from = self.characters;
            self.open(index, block, deltas);
            self.close(deltas);
            for citation in &citations {
                let link = annotation(citation, from, self.characters);
                deltas.extend(link.map(|link| (0, Delta::Annotation(link))));
            }
        }
        let details = message.stop_details.as_ref();
        let text = details.and_then(|details| non_empty(details.explanation.as_ref()));
        let word = message.stop_reason.as_deref().unwrap_or_default();
        self.end(word, text, deltas);
        Ok(())
    }

    fn read(&mut self, event: &Event, deltas: &mut Deltas) -> DecodeStep {
        let Some(data) = event.data() else {
            return DecodeStep::More;
        };
        match EventShape::read(event, &data) {
            Err(error) => DecodeStep::Broken(error),
            Ok(event) => self.event(&event, deltas),
        }
    }

    fn may_end(&self) -> bool {
        // A stream without its last event was cut off.
        false
    }

    fn tokens(&self) -> Option<ReportedUsage> {
        self.usage.map(ReportedUsage::from)
    }
}

/// Converts a citation of a web page to the chat protocol's shape. Streams have none: chat clients
/// cannot extend a list of links.
fn annotation(citation: &Value, from: usize, to: usize) -> Option<Value> {
    if citation["type"] != "web_search_result_location" {
        return None;
    }
    Some(json!({
        "type": "url_citation",
        "url_citation": {
            "start_index": from,
            "end_index": to,
            "title": citation["title"],
            "url": citation["url"],
        },
    }))
}

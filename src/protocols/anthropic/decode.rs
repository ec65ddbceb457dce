//! Decodes a Messages response.

use super::shape::{
    Block, DeltaShape, EventShape, Message, StopDetails, UsageShape, finish, non_empty,
};
use crate::protocols::Event;
use crate::protocols::neutral::{Decode, DecodeStep, Delta, Deltas, Finish, ReportedUsage};
use crate::protocols::upstream_error::UpstreamError;
use serde_json::{Value, json};
use std::borrow::Cow;

/// Decodes whole responses and streams.
pub(super) struct Decoder {
    /// Prefix of the ids of calls without one.
    id: String,
    /// Name of the gateway's own tool, whose input is the response's text.
    answer: Option<String>,
    usage: Option<UsageShape>,
    started: bool,
    open: Option<OpenBlock>,
    calls: usize,
    /// Characters of text so far.
    characters: usize,
    ended: bool,
}

/// The open block. Others begin only when it has ended.
struct OpenBlock {
    /// Absent where the server left it out.
    index: Option<u64>,
    content: BlockContent,
}

enum BlockContent {
    Text {
        /// Characters of text before the block.
        from: usize,
        citations: Vec<Value>,
    },
    Thinking,
    Input {
        /// Index of the call; `None` for the tool whose input is the response's text.
        call: Option<usize>,
        /// Input at the block's start, valid only if no delta follows.
        initial: String,
        has_deltas: bool,
    },
    /// A block that no other protocol can represent.
    Foreign,
}

/// Most citations of one text that are passed on.
const MAX_CITATIONS: usize = 256;

impl Decoder {
    pub fn new(id: &str, answer: Option<String>) -> Self {
        Self {
            id: id.to_owned(),
            answer,
            usage: None,
            started: false,
            open: None,
            calls: 0,
            characters: 0,
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

    /// Begins the response, also where the server left out its first event.
    fn ensure_start(&mut self, deltas: &mut Deltas) {
        if !std::mem::replace(&mut self.started, true) {
            deltas.push((0, Delta::Start { model: None }));
        }
    }

    fn push(&mut self, delta: Delta, deltas: &mut Deltas) {
        self.ensure_start(deltas);
        if let Delta::Text(text) = &delta {
            self.characters += text.chars().count();
        }
        deltas.push((0, delta));
    }

    fn push_text(
        &mut self,
        text: Option<&Cow<'_, str>>,
        make: fn(String) -> Delta,
        deltas: &mut Deltas,
    ) {
        if let Some(text) = non_empty(text) {
            self.push(make(text.to_owned()), deltas);
        }
    }

    fn open(&mut self, index: Option<u64>, mut block: Block<'_>, deltas: &mut Deltas) {
        self.close(deltas);
        let content = match block.kind() {
            "text" => {
                let from = self.characters;
                self.push_text(block.text.as_ref(), Delta::Text, deltas);
                let citations = block.citations.take().unwrap_or_default();
                BlockContent::Text { from, citations }
            }
            "thinking" => {
                self.push_text(block.thinking.as_ref(), Delta::Reasoning, deltas);
                self.push_text(block.signature.as_ref(), Delta::Signature, deltas);
                BlockContent::Thinking
            }
            "redacted_thinking" => {
                let data = block.data.take().unwrap_or_default().into_owned();
                self.push(Delta::Redacted(data), deltas);
                BlockContent::Foreign
            }
            "tool_use" => self.call(&block, deltas),
            _ => BlockContent::Foreign,
        };
        self.open = Some(OpenBlock { index, content });
    }

    fn call(&mut self, block: &Block<'_>, deltas: &mut Deltas) -> BlockContent {
        let name = block.name.as_ref().map_or("", |name| &*name.text);
        let call = (self.answer.as_deref() != Some(name)).then_some(self.calls);
        if let Some(call) = call {
            let id = block.id.as_ref().and_then(|id| non_empty(Some(&id.text)));
            let id = id.map_or_else(|| format!("toolu_{}_{call}", self.id), str::to_owned);
            let start = Delta::call(call, id, name.to_owned(), None);
            self.push(start, deltas);
            self.calls += 1;
        }
        BlockContent::Input {
            call,
            initial: block.input().unwrap_or_else(|| "{}".to_owned()),
            has_deltas: false,
        }
    }

    fn on_delta(&mut self, index: Option<u64>, mut delta: DeltaShape<'_>, deltas: &mut Deltas) {
        let is_same =
            |open: &OpenBlock| open.index == index || open.index.is_none() || index.is_none();
        let is_open = self.open.as_ref().is_some_and(is_same);
        if !is_open {
            // Some servers leave out the start of a block. A call without it has no name.
            match delta.block_kind() {
                Some(kind) if kind != "tool_use" => {
                    self.open(index, Block::of_kind(kind), deltas);
                }
                _ => return,
            }
        }
        let Some(mut open) = self.open.take() else {
            return;
        };
        match &mut open.content {
            BlockContent::Text { citations, .. } => {
                self.push_text(delta.text.as_ref(), Delta::Text, deltas);
                if citations.len() < MAX_CITATIONS {
                    citations.extend(delta.citation.take());
                }
            }
            BlockContent::Thinking => {
                self.push_text(delta.thinking.as_ref(), Delta::Reasoning, deltas);
                self.push_text(delta.signature.as_ref(), Delta::Signature, deltas);
            }
            BlockContent::Input {
                call, has_deltas, ..
            } => {
                if let Some(text) = delta.partial_json() {
                    *has_deltas = true;
                    self.push(input(*call, text.into_owned()), deltas);
                }
            }
            BlockContent::Foreign => {}
        }
        self.open = Some(open);
    }

    fn close(&mut self, deltas: &mut Deltas) {
        let Some(open) = self.open.take() else {
            return;
        };
        match open.content {
            BlockContent::Input {
                call,
                initial,
                has_deltas: false,
            } => self.push(input(call, initial), deltas),
            BlockContent::Text { from, citations } => {
                let to = self.characters;
                let links = citations.iter().filter_map(|one| annotation(one, from, to));
                deltas.extend(links.map(|link| (0, Delta::Annotation(link))));
            }
            _ => {}
        }
    }

    fn end(&mut self, ending: &Ending<'_>, deltas: &mut Deltas) {
        if self.ended {
            return;
        }
        self.close(deltas);
        self.ended = true;
        let finish = finish(ending.word, self.calls > 0);
        if let (Finish::ContentFilter, Some(text)) = (finish, ending.explanation) {
            self.push(Delta::Refusal(text.to_owned()), deltas);
        }
        if let Some(sequence) = ending.sequence {
            self.push(Delta::StopSequence(sequence.to_owned()), deltas);
        }
        self.push(Delta::End(finish), deltas);
    }

    fn event(&mut self, mut event: EventShape<'_>, deltas: &mut Deltas) -> DecodeStep {
        match event.kind() {
            "message_start" => {
                if let Some(message) = &event.message {
                    self.start(message, deltas);
                }
            }
            "content_block_start" => {
                let block = event.block();
                self.open(event.index(), block, deltas);
            }
            "content_block_delta" => {
                let delta = event.delta();
                self.on_delta(event.index(), delta, deltas);
            }
            "content_block_stop" => self.close(deltas),
            "message_delta" => {
                self.count(event.usage);
                let delta = event.delta();
                if let Some(word) = &delta.stop_reason {
                    let ending = Ending::new(
                        word,
                        delta.stop_sequence.as_ref(),
                        delta.stop_details.as_ref(),
                    );
                    self.end(&ending, deltas);
                }
            }
            "message_stop" => {
                self.end(&Ending::default(), deltas);
                return DecodeStep::Done;
            }
            // Pings, and events of later versions.
            _ => {}
        }
        DecodeStep::More
    }
}

/// How a response ended.
#[derive(Debug, Default)]
struct Ending<'t> {
    word: &'t str,
    sequence: Option<&'t str>,
    explanation: Option<&'t str>,
}

impl<'t> Ending<'t> {
    fn new(
        word: &'t str,
        sequence: Option<&'t Cow<'_, str>>,
        details: Option<&'t StopDetails<'_>>,
    ) -> Self {
        let explanation = details.and_then(|details| details.explanation.as_ref());
        Self {
            word,
            sequence: non_empty(sequence),
            explanation: non_empty(explanation),
        }
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
        for (index, block) in (0..).zip(message.blocks()) {
            self.open(Some(index), block, deltas);
            self.close(deltas);
        }
        let word = message.stop_reason.as_deref().unwrap_or_default();
        let ending = Ending::new(
            word,
            message.stop_sequence.as_ref(),
            message.stop_details.as_ref(),
        );
        self.end(&ending, deltas);
        Ok(())
    }

    fn read(&mut self, event: &Event, deltas: &mut Deltas) -> DecodeStep {
        let Some(data) = event.data() else {
            return DecodeStep::More;
        };
        match EventShape::read(event, &data) {
            Err(error) => DecodeStep::Broken(error),
            Ok(event) => self.event(event, deltas),
        }
    }

    fn may_end(&self) -> bool {
        // Some servers leave out the last event, but not the one before it.
        self.ended
    }

    fn tokens(&self) -> Option<ReportedUsage> {
        self.usage.map(ReportedUsage::from)
    }
}

/// Converts a citation of a web page to the chat protocol's shape.
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

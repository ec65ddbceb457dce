//! A Messages answer taken apart.

use super::shape::{Block, DeltaShape, EventShape, Message, UsageShape, finish, non_empty};
use super::tool_names::ToolNames;
use crate::protocols::Event;
use crate::protocols::neutral::{Choice, Decode, DecodeStep, Delta, Deltas, Finish, ReportedUsage};
use crate::protocols::reasoning_cache::ReasoningCache;
use crate::protocols::upstream_error::UpstreamError;
use serde_json::{Value, json};

/// Reads whole answers and streams.
pub(super) struct Decoder {
    /// The names of calls that have none of their own begin with it.
    id: String,
    names: ToolNames,
    recall: ReasoningCache,
    usage: Option<UsageShape>,
    begun: bool,
    open: Option<Open>,
    calls: usize,
    /// Characters of text so far.
    characters: usize,
    /// What was thought before the first call.
    thoughts: Choice,
    ended: bool,
}

/// The block that is being said. Others begin only when it is over.
struct Open {
    index: u64,
    inside: Inside,
}

enum Inside {
    Text,
    Thinking,
    Input {
        /// Which call it is; nothing for the tool whose input is the answer's text.
        call: Option<usize>,
        /// The input as the block began, good only if nothing follows.
        first: Value,
        followed: bool,
    },
    /// A block that no other protocol has words for.
    Foreign,
}

impl Decoder {
    pub fn new(id: &str, names: ToolNames, recall: ReasoningCache) -> Self {
        Self {
            id: id.to_owned(),
            names,
            recall,
            usage: None,
            begun: false,
            open: None,
            calls: 0,
            characters: 0,
            thoughts: Choice::default(),
            ended: false,
        }
    }

    fn begin(&mut self, message: &Message<'_>, deltas: &mut Deltas) {
        if !self.begun {
            self.begun = true;
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

    fn say(&mut self, delta: Delta, deltas: &mut Deltas) {
        match &delta {
            Delta::Text(text) => self.characters += text.chars().count(),
            Delta::Reasoning(_) | Delta::Signature(_) | Delta::Redacted(_) if self.calls == 0 => {
                self.thoughts.take(delta.clone());
            }
            Delta::Call { call: 0, .. } => {
                let mut thoughts = std::mem::take(&mut self.thoughts);
                thoughts.take(delta.clone());
                self.recall.store_reasoning(&thoughts);
            }
            _ => {}
        }
        deltas.push((0, delta));
    }

    fn open(&mut self, index: u64, block: Block<'_>, deltas: &mut Deltas) {
        self.close(deltas);
        let inside = match &*block.kind {
            "text" => {
                if let Some(text) = non_empty(block.text.as_ref()) {
                    self.say(Delta::Text(text.to_owned()), deltas);
                }
                Inside::Text
            }
            "thinking" => {
                if let Some(text) = non_empty(block.thinking.as_ref()) {
                    self.say(Delta::Reasoning(text.to_owned()), deltas);
                }
                if let Some(seal) = non_empty(block.signature.as_ref()) {
                    self.say(Delta::Signature(seal.to_owned()), deltas);
                }
                Inside::Thinking
            }
            "redacted_thinking" => {
                let data = block.data.unwrap_or_default().into_owned();
                self.say(Delta::Redacted(data), deltas);
                Inside::Foreign
            }
            "tool_use" => self.call(block, deltas),
            _ => Inside::Foreign,
        };
        self.open = Some(Open { index, inside });
    }

    fn call(&mut self, block: Block<'_>, deltas: &mut Deltas) -> Inside {
        let name = block.name.unwrap_or_default();
        let call = (!self.names.is_answer(&name)).then_some(self.calls);
        if let Some(call) = call {
            let id = non_empty(block.id.as_ref()).map(str::to_owned);
            let begin = Delta::Call {
                call,
                id: id.unwrap_or_else(|| format!("toolu_{}_{call}", self.id)),
                name: self.names.original(&name).to_owned(),
                signature: None,
            };
            self.say(begin, deltas);
            self.calls += 1;
        }
        Inside::Input {
            call,
            first: block.input.unwrap_or_else(|| json!({})),
            followed: false,
        }
    }

    fn follow(&mut self, index: u64, delta: &DeltaShape<'_>, deltas: &mut Deltas) {
        let Some(open) = self.open.as_mut().filter(|open| open.index == index) else {
            return;
        };
        match &mut open.inside {
            Inside::Text => {
                if let Some(text) = non_empty(delta.text.as_ref()) {
                    self.say(Delta::Text(text.to_owned()), deltas);
                }
            }
            Inside::Thinking => {
                if let Some(text) = non_empty(delta.thinking.as_ref()) {
                    self.say(Delta::Reasoning(text.to_owned()), deltas);
                }
                if let Some(seal) = non_empty(delta.signature.as_ref()) {
                    self.say(Delta::Signature(seal.to_owned()), deltas);
                }
            }
            Inside::Input { call, followed, .. } => {
                if let Some(text) = non_empty(delta.partial_json.as_ref()) {
                    *followed = true;
                    let said = input(*call, text.to_owned());
                    self.say(said, deltas);
                }
            }
            Inside::Foreign => {}
        }
    }

    fn close(&mut self, deltas: &mut Deltas) {
        let Some(open) = self.open.take() else {
            return;
        };
        if let Inside::Input {
            call,
            first,
            followed: false,
        } = open.inside
        {
            let said = input(call, first.to_string());
            self.say(said, deltas);
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
            self.say(Delta::Refusal(text.to_owned()), deltas);
        }
        self.say(Delta::End(finish), deltas);
    }

    fn event(&mut self, event: &EventShape<'_>, deltas: &mut Deltas) -> DecodeStep {
        match &*event.kind {
            "message_start" => {
                if let Some(message) = &event.message {
                    self.begin(message, deltas);
                }
            }
            "content_block_start" => {
                self.open(event.index.unwrap_or(0), event.block(), deltas);
            }
            "content_block_delta" => {
                self.follow(event.index.unwrap_or(0), &event.delta(), deltas);
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
            // Pings, and what later versions may bring.
            _ => {}
        }
        DecodeStep::More
    }
}

/// More of a call's input, or of the answer's text.
fn input(call: Option<usize>, text: String) -> Delta {
    match call {
        Some(call) => Delta::Arguments { call, text },
        None => Delta::Text(text),
    }
}

impl Decode for Decoder {
    fn whole(&mut self, body: &[u8], deltas: &mut Deltas) -> Result<(), UpstreamError> {
        let message = Message::whole(body)?;
        self.begin(&message, deltas);
        for (place, mut block) in (0..).zip(message.blocks()) {
            let citations = block.citations.take().unwrap_or_default();
            let from = self.characters;
            self.open(place, block, deltas);
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
            Err(upset) => DecodeStep::Broken(upset),
            Ok(event) => self.event(&event, deltas),
        }
    }

    fn may_end(&self) -> bool {
        // A stream without its last event was cut.
        false
    }

    fn tokens(&self) -> Option<ReportedUsage> {
        self.usage.map(ReportedUsage::from)
    }
}

/// A citation of a page as chat clients read it, where it cites one. Streams have none: clients
/// that put a chat stream together cannot add to a list of links.
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

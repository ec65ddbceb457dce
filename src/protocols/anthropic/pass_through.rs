//! Passes a Messages response to a client of Messages unchanged, and reads usage and state from it. Only
//! what would break a client is repaired.

use super::events::{LAST_EVENT, error_event, event as write_event};
use super::shape::{Block, EventShape, Message, UsageShape};
use super::whole_and_stream;
use crate::domain::Usage;
use crate::protocols::call::CallSpec;
use crate::protocols::neutral::ReportedUsage;
use crate::protocols::response_adapter::{ResponseAdapter, StreamEventKind, read_stream};
use crate::protocols::upstream_error::UpstreamError;
use crate::protocols::{ErrorBody, Event};
use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

/// Passes bytes, repairs events and records usage.
#[derive(Debug)]
pub(super) struct PassThrough {
    /// The gateway's own id of the response.
    id: String,
    model: String,
    /// Estimated tokens of the prompt.
    prompt: u64,
    usage: Option<UsageShape>,
    text_bytes: usize,
    started: bool,
    /// Index of the open block.
    open: Option<u64>,
    has_called: bool,
    ended: bool,
}

impl PassThrough {
    pub fn new(call: &CallSpec<'_>) -> Self {
        Self {
            id: format!("msg_{}", call.id),
            model: call.model.to_owned(),
            prompt: call.prompt,
            usage: None,
            text_bytes: 0,
            started: false,
            open: None,
            has_called: false,
            ended: false,
        }
    }

    fn count(&mut self, usage: Option<UsageShape>) {
        if let Some(later) = usage {
            self.usage = Some(self.usage.unwrap_or_default().followed_by(later));
        }
    }

    /// Passes an event, with what the server left out before it.
    fn pass(
        &mut self,
        event: &Event,
        mut shape: EventShape<'_>,
        out: &mut BytesMut,
    ) -> StreamEventKind {
        let index = shape.index().or(self.open).unwrap_or(0);
        match shape.kind() {
            "message_start" => {
                self.started = true;
                self.count(shape.message.as_ref().and_then(|message| message.usage));
                pass_named(event, "message_start", out);
                StreamEventKind::NoContent
            }
            "content_block_start" => {
                self.begin(out);
                self.close_block(out);
                self.open = Some(index);
                let block = shape.block();
                self.has_called |= block.kind() == "tool_use";
                self.text_bytes += block.length();
                pass_named(event, "content_block_start", out);
                content(block.has_content())
            }
            "content_block_delta" => {
                self.begin(out);
                let delta = shape.delta();
                self.open_block(index, delta.block_kind(), out);
                self.text_bytes += delta.length();
                pass_named(event, "content_block_delta", out);
                content(!delta.is_empty())
            }
            "content_block_stop" => {
                if self.open.take().is_some() {
                    pass_named(event, "content_block_stop", out);
                }
                StreamEventKind::NoContent
            }
            "message_delta" => {
                self.begin(out);
                self.count(shape.usage);
                let reason = shape.delta().stop_reason;
                if let Some(reason) = &reason {
                    self.close_block(out);
                    self.ended = true;
                    if reason == "tool_use" && !self.has_called {
                        write_without_call(event, out);
                        return StreamEventKind::Finish;
                    }
                }
                pass_named(event, "message_delta", out);
                if reason.is_some() {
                    StreamEventKind::Finish
                } else {
                    StreamEventKind::NoContent
                }
            }
            "message_stop" => {
                self.close_block(out);
                pass_named(event, "message_stop", out);
                StreamEventKind::Done
            }
            // Pings, ends of blocks, and events of later versions.
            kind => {
                pass_named(event, kind, out);
                StreamEventKind::NoContent
            }
        }
    }

    /// Writes the first event where the server left it out.
    fn begin(&mut self, out: &mut BytesMut) {
        if !std::mem::replace(&mut self.started, true) {
            let message = whole_and_stream::start(&self.id, &self.model, self.prompt);
            write_event(out, &json!({"type": "message_start", "message": message}));
        }
    }

    /// Writes the start of a block where the server left it out.
    fn open_block(&mut self, index: u64, kind: Option<&str>, out: &mut BytesMut) {
        let Some(kind) = kind.filter(|_| self.open != Some(index)) else {
            return;
        };
        self.close_block(out);
        self.open = Some(index);
        let block = whole_and_stream::empty_block(kind, &self.id, index);
        write_event(
            out,
            &json!({"type": "content_block_start", "index": index, "content_block": block}),
        );
    }

    fn close_block(&mut self, out: &mut BytesMut) {
        if let Some(index) = self.open.take() {
            write_event(out, &json!({"type": "content_block_stop", "index": index}));
        }
    }
}

fn content(has_content: bool) -> StreamEventKind {
    if has_content {
        StreamEventKind::Content
    } else {
        StreamEventKind::NoContent
    }
}

/// Passes an event. Clients need its name, which some servers leave out.
fn pass_named(event: &Event, kind: &str, out: &mut BytesMut) {
    if event.raw.starts_with(b"data:") && !kind.is_empty() {
        out.extend_from_slice(format!("event: {kind}\n").as_bytes());
    }
    event.pass(out);
}

/// Writes the end of a message that called no tool, though the server says so.
fn write_without_call(event: &Event, out: &mut BytesMut) {
    let data = event.data().unwrap_or_default();
    let mut value: Value = serde_json::from_slice(&data).unwrap_or_default();
    if let Some(delta) = value.get_mut("delta").and_then(Value::as_object_mut) {
        delta.insert("stop_reason".to_owned(), "end_turn".into());
        write_event(out, &value);
    } else {
        event.pass(out);
    }
}

impl ResponseAdapter for PassThrough {
    fn whole(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError> {
        let message = Message::whole(body)?;
        self.count(message.usage);
        let blocks = message.blocks();
        self.text_bytes += blocks.iter().map(Block::length).sum::<usize>();
        let called = blocks.iter().any(|block| block.kind() == "tool_use");
        let waits = !called && message.stop_reason.as_deref() == Some("tool_use");
        let is_object = body.trim_ascii_start().starts_with(b"{");
        if !waits && is_object && message.is_regular() {
            return Ok(body.clone());
        }
        Ok(whole_and_stream::repaired(body, waits, &self.id).unwrap_or_else(|| body.clone()))
    }

    fn folded(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError> {
        let mut stream = BytesMut::new();
        read_stream(self, body, &mut stream)?;
        Ok(whole_and_stream::fold(&stream))
    }

    fn unfolded(&mut self, body: &Bytes, out: &mut BytesMut) -> Result<(), UpstreamError> {
        let whole = self.whole(body)?;
        whole_and_stream::unfold(&whole, out);
        Ok(())
    }

    fn read(&mut self, event: &Event, out: &mut BytesMut) -> StreamEventKind {
        let Some(data) = event.data() else {
            event.pass_comments(out);
            return StreamEventKind::NoContent;
        };
        match EventShape::read(event, &data) {
            Err(error) => StreamEventKind::Broken(error),
            Ok(shape) => self.pass(event, shape, out),
        }
    }

    fn may_end(&self) -> bool {
        // Some servers leave out the last event, but not the one before it.
        self.ended
    }

    fn close(&mut self, out: &mut BytesMut) {
        out.extend_from_slice(LAST_EVENT);
    }

    fn broken(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        out.extend_from_slice(&error_event(error));
    }

    fn usage(&self) -> Option<Usage> {
        self.usage.map(|usage| ReportedUsage::from(usage).into())
    }

    fn text_bytes(&self) -> usize {
        self.text_bytes
    }
}

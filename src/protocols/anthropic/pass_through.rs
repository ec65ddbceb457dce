//! Passes a Messages response to a client of Messages unchanged, and reads usage and state from it.

use super::events::{LAST_EVENT, error_event};
use super::shape::{DeltaShape, EventShape, Message, UsageShape};
use crate::domain::Usage;
use crate::protocols::neutral::ReportedUsage;
use crate::protocols::response_adapter::{ResponseAdapter, StreamEventKind};
use crate::protocols::upstream_error::UpstreamError;
use crate::protocols::{ErrorBody, Event};
use bytes::{Bytes, BytesMut};

/// Passes bytes and records usage.
#[derive(Debug, Default)]
pub(super) struct PassThrough {
    usage: Option<UsageShape>,
    text_bytes: usize,
}

impl PassThrough {
    fn count(&mut self, usage: Option<UsageShape>) {
        if let Some(later) = usage {
            self.usage = Some(self.usage.unwrap_or_default().followed_by(later));
        }
    }

    fn event_kind(&mut self, event: &EventShape<'_>) -> StreamEventKind {
        match &*event.kind {
            "message_start" => {
                self.count(event.message.as_ref().and_then(|message| message.usage));
                StreamEventKind::NoContent
            }
            "content_block_start" => {
                let block = event.block();
                self.text_bytes += block.length();
                if block.has_content() {
                    StreamEventKind::Content
                } else {
                    StreamEventKind::NoContent
                }
            }
            "content_block_delta" => {
                let delta = event.delta();
                self.text_bytes += delta.length();
                if is_empty(&delta) {
                    StreamEventKind::NoContent
                } else {
                    StreamEventKind::Content
                }
            }
            "message_delta" => {
                self.count(event.usage);
                if event.delta().stop_reason.is_some() {
                    StreamEventKind::Finish
                } else {
                    StreamEventKind::NoContent
                }
            }
            "message_stop" => StreamEventKind::Done,
            // Pings, ends of blocks, and events of later versions.
            _ => StreamEventKind::NoContent,
        }
    }
}

/// Checks whether a delta adds nothing to its block, as the first piece of a call's input does.
fn is_empty(delta: &DeltaShape<'_>) -> bool {
    let texts = [&delta.text, &delta.partial_json, &delta.thinking];
    let mut texts = texts.into_iter().flatten().peekable();
    texts.peek().is_some() && texts.all(|text| text.is_empty())
}

impl ResponseAdapter for PassThrough {
    fn whole(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError> {
        let message = Message::whole(body)?;
        self.count(message.usage);
        self.text_bytes += message.blocks().map(|block| block.length()).sum::<usize>();
        Ok(body.clone())
    }

    fn read(&mut self, event: &Event, out: &mut BytesMut) -> StreamEventKind {
        let Some(data) = event.data() else {
            event.pass_comments(out);
            return StreamEventKind::NoContent;
        };
        match EventShape::read(event, &data) {
            Err(error) => StreamEventKind::Broken(error),
            Ok(shape) => {
                out.extend_from_slice(&event.raw);
                if !event.has_blank_line() {
                    out.extend_from_slice(b"\n\n");
                }
                self.event_kind(&shape)
            }
        }
    }

    fn may_end(&self) -> bool {
        // A stream without its last event was cut off.
        false
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

//! Gives the calls of a response the names and forms of the client's tools.

use super::free_text::FreeTextReader;
use super::tool_index::ToolIndex;
use crate::protocols::framing::Framing;
use crate::protocols::neutral::{Decode, DecodeStep, Delta, Deltas, ReportedUsage};
use crate::protocols::{Event, UpstreamError};
use std::collections::BTreeMap;

/// A decoder whose calls are those of the client's tools. It decodes as the inner one does.
pub struct Restoring {
    decoder: Box<dyn Decode>,
    index: ToolIndex,
    /// Calls of functions that stand for free text, by choice and number.
    texts: BTreeMap<(u32, usize), FreeTextReader>,
    decoded: Deltas,
}

impl Restoring {
    /// Wraps a decoder, unless the responses need no change.
    pub fn wrap(decoder: Box<dyn Decode>, index: ToolIndex) -> Box<dyn Decode> {
        if index.is_plain() {
            return decoder;
        }
        Box::new(Self {
            decoder,
            index,
            texts: BTreeMap::new(),
            decoded: Deltas::new(),
        })
    }

    fn restore(&mut self, deltas: &mut Deltas) {
        let mut decoded = std::mem::take(&mut self.decoded);
        for (choice, delta) in decoded.drain(..) {
            self.delta(choice, delta, deltas);
        }
        self.decoded = decoded;
    }

    fn delta(&mut self, choice: u32, delta: Delta, deltas: &mut Deltas) {
        match delta {
            Delta::Call {
                call,
                id,
                mut name,
                mut namespace,
                mut form,
                signature,
            } => {
                if let Some(tool) = self.index.tool(&name) {
                    (namespace, form) = (tool.namespace.clone(), tool.form);
                    if tool.wraps_text {
                        self.texts.insert((choice, call), FreeTextReader::default());
                    }
                    name.clone_from(&tool.name);
                }
                let delta = Delta::Call {
                    call,
                    id,
                    name,
                    namespace,
                    form,
                    signature,
                };
                deltas.push((choice, delta));
            }
            Delta::Arguments { call, text } => {
                let text = match self.texts.get_mut(&(choice, call)) {
                    Some(reader) => reader.push(&text),
                    None => text,
                };
                if !text.is_empty() {
                    deltas.push((choice, Delta::Arguments { call, text }));
                }
            }
            Delta::End(_) => {
                self.finish(choice, deltas);
                deltas.push((choice, delta));
            }
            delta => deltas.push((choice, delta)),
        }
    }

    /// Ends the texts of a choice.
    fn finish(&mut self, choice: u32, deltas: &mut Deltas) {
        let calls = self.texts.range((choice, 0)..=(choice, usize::MAX));
        let calls: Vec<usize> = calls.map(|((_, call), _)| *call).collect();
        for call in calls {
            let reader = self.texts.remove(&(choice, call)).unwrap_or_default();
            let text = reader.finish();
            if !text.is_empty() {
                deltas.push((choice, Delta::Arguments { call, text }));
            }
        }
    }
}

impl Decode for Restoring {
    fn framing(&self) -> Framing {
        self.decoder.framing()
    }

    fn whole(&mut self, body: &[u8], deltas: &mut Deltas) -> Result<(), UpstreamError> {
        let result = self.decoder.whole(body, &mut self.decoded);
        self.restore(deltas);
        result
    }

    fn read(&mut self, event: &Event, deltas: &mut Deltas) -> DecodeStep {
        let step = self.decoder.read(event, &mut self.decoded);
        self.restore(deltas);
        step
    }

    fn may_end(&self) -> bool {
        self.decoder.may_end()
    }

    fn finish(&mut self, deltas: &mut Deltas) {
        self.decoder.finish(&mut self.decoded);
        self.restore(deltas);
    }

    fn tokens(&self) -> Option<ReportedUsage> {
        self.decoder.tokens()
    }
}

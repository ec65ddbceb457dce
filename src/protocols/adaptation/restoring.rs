//! Gives the calls of a response the names and forms of the client's tools.

use super::free_text::FreeTextReader;
use super::tool_index::ToolIndex;
use crate::protocols::framing::Framing;
use crate::protocols::neutral::{
    Choice, ContentPart, Decode, DecodeStep, Delta, Deltas, ReportedUsage,
};
use crate::protocols::reasoning_cache::ReasoningCache;
use crate::protocols::{Event, UpstreamError};
use std::collections::BTreeMap;

/// A decoder whose calls are those of the client's tools. It decodes as the inner one does.
pub struct Restoring {
    decoder: Box<dyn Decode>,
    index: ToolIndex,
    /// Where the reasoning behind calls is stored, for targets that need it back.
    reasoning_cache: Option<ReasoningCache>,
    /// Reasoning of the first choice, until its first call.
    reasoning: Choice,
    has_called: bool,
    /// Calls of functions that stand for free text, by choice and number.
    texts: BTreeMap<(u32, usize), FreeTextReader>,
    decoded: Deltas,
}

impl Restoring {
    /// Wraps a decoder, unless the responses need no change.
    pub fn wrap(
        decoder: Box<dyn Decode>,
        index: ToolIndex,
        reasoning_cache: Option<ReasoningCache>,
    ) -> Box<dyn Decode> {
        if index.is_plain() && reasoning_cache.is_none() {
            return decoder;
        }
        Box::new(Self {
            decoder,
            index,
            reasoning_cache,
            reasoning: Choice::default(),
            has_called: false,
            texts: BTreeMap::new(),
            decoded: Deltas::new(),
        })
    }

    fn restore(&mut self, deltas: &mut Deltas) {
        let mut decoded = std::mem::take(&mut self.decoded);
        for (choice, delta) in decoded.drain(..) {
            self.remember(choice, &delta);
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

    /// Stores reasoning and signatures by the ids of the calls behind them.
    fn remember(&mut self, choice: u32, delta: &Delta) {
        let Some(cache) = self.reasoning_cache.as_ref().filter(|_| choice == 0) else {
            return;
        };
        match delta {
            Delta::Reasoning(_) if !self.has_called => self.reasoning.take(delta.clone()),
            Delta::Call { id, signature, .. } => {
                self.has_called = true;
                let mut parts = std::mem::take(&mut self.reasoning.parts);
                parts.extend(signature.clone().map(|signature| ContentPart::Reasoning {
                    text: String::new(),
                    signature: Some(signature),
                }));
                if !parts.is_empty() {
                    cache.store(id, parts);
                }
            }
            _ => {}
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

    fn tokens(&self) -> Option<ReportedUsage> {
        self.decoder.tokens()
    }
}

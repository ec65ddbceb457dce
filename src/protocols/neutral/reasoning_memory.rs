//! Remembers the reasoning before a call, which some models need back with the call's result.

use super::chat_request::ContentPart;
use super::chat_response::{Choice, Delta};
use crate::protocols::reasoning_cache::ReasoningCache;

/// The kinds of reasoning that a provider needs back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptReasoning {
    /// What it signed.
    Signed,
    /// Any.
    All,
}

/// Most bytes of reasoning that are kept.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// Reasoning of one response until its first call.
#[derive(Debug)]
pub struct ReasoningMemory {
    cache: ReasoningCache,
    kept: KeptReasoning,
    before_call: Choice,
    /// Bytes of the reasoning so far.
    bytes: usize,
    has_called: bool,
}

impl ReasoningMemory {
    pub fn new(cache: ReasoningCache, kept: KeptReasoning) -> Self {
        Self {
            cache,
            kept,
            before_call: Choice::default(),
            bytes: 0,
            has_called: false,
        }
    }

    /// Reads a delta, and stores what is known once a call begins.
    pub fn take(&mut self, choice: u32, delta: &Delta) {
        match delta {
            Delta::Reasoning(_) | Delta::Signature(_) | Delta::Redacted(_)
                if choice == 0 && !self.has_called =>
            {
                self.bytes += length(delta);
                if self.bytes <= MAX_BYTES {
                    self.before_call.take(delta.clone());
                } else {
                    // A part of it would be worse than none.
                    self.before_call = Choice::default();
                }
            }
            Delta::Call { id, signature, .. } => {
                let mut parts = Vec::new();
                if choice == 0 {
                    self.has_called = true;
                    parts = std::mem::take(&mut self.before_call).parts;
                    parts.retain(|part| self.kept == KeptReasoning::All || is_signed(part));
                }
                parts.extend(signature.clone().map(|signature| ContentPart::Reasoning {
                    text: String::new(),
                    signature: Some(signature),
                }));
                self.cache.store(id, parts);
            }
            _ => {}
        }
    }
}

fn length(delta: &Delta) -> usize {
    match delta {
        Delta::Reasoning(text) | Delta::Signature(text) | Delta::Redacted(text) => text.len(),
        _ => 0,
    }
}

fn is_signed(part: &ContentPart) -> bool {
    match part {
        ContentPart::Reasoning { signature, .. } => signature.is_some(),
        ContentPart::Redacted(_) => true,
        _ => false,
    }
}

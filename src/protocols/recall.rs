//! Some models want their own thoughts back, sealed, with the results of the tools they called;
//! clients of other protocols have no place to keep them. We keep them here, by the call's id.

use super::neutral::{Choice, Part};
use std::fmt;
use std::sync::Arc;

/// Calls that are remembered for each provider; the least used are forgotten first.
const CALLS: u64 = 10_000;
/// A conversation that rests for longer goes on without.
const REST: std::time::Duration = std::time::Duration::from_hours(1);

/// What came before tool calls, by their ids. Cheap to clone; all clones share one memory.
#[derive(Clone)]
pub struct Recall(moka::sync::Cache<String, Arc<[Part]>>);

impl Default for Recall {
    fn default() -> Self {
        let cache = moka::sync::Cache::builder()
            .max_capacity(CALLS)
            .time_to_idle(REST);
        Self(cache.build())
    }
}

impl fmt::Debug for Recall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recall")
            .field("calls", &self.0.entry_count())
            .finish()
    }
}

impl Recall {
    /// Keeps what a choice thought before its first call.
    pub(super) fn keep_thoughts(&self, choice: &Choice) {
        let sealed = |part: &&Part| {
            let signed = matches!(
                part,
                Part::Reasoning {
                    signature: Some(_),
                    ..
                }
            );
            signed || matches!(part, Part::Redacted(_))
        };
        let thoughts: Vec<Part> = choice.parts.iter().filter(sealed).cloned().collect();
        if let (Some(call), false) = (choice.calls().next(), thoughts.is_empty()) {
            self.0.insert(call.id.clone(), thoughts.into());
        }
    }

    /// Keeps the seal on a call.
    pub(super) fn keep_seal(&self, call: &str, seal: String) {
        let part = Part::Reasoning {
            text: String::new(),
            signature: Some(seal),
        };
        self.0.insert(call.to_owned(), [part].into());
    }

    /// What was kept for a call.
    pub(super) fn thoughts(&self, call: &str) -> Option<Arc<[Part]>> {
        self.0.get(call)
    }

    /// The seal that was kept for a call.
    pub(super) fn seal(&self, call: &str) -> Option<String> {
        self.thoughts(call)?.iter().find_map(|part| match part {
            Part::Reasoning { signature, .. } => signature.clone(),
            _ => None,
        })
    }
}

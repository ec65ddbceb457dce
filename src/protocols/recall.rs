//! Some models want their own thoughts back, sealed, with the results of the tools they called;
//! clients of other protocols have no place to keep them. We keep them here, by the call's id.

use super::neutral::{Choice, Part};
use moka::policy::EvictionPolicy;
use std::fmt;
use std::sync::Arc;

/// Bytes that are remembered for each provider; what nobody asked for longest is forgotten first.
const SPACE: u64 = 16 * 1024 * 1024;
/// What a call takes beside its texts, most of it in the memory's own books.
const SHELL: usize = 450;
/// A conversation that rests for longer goes on without.
const REST: std::time::Duration = std::time::Duration::from_hours(1);

/// What came before tool calls, by their ids. Cheap to clone; all clones share one memory.
#[derive(Clone)]
pub struct Recall(moka::sync::Cache<String, Arc<[Part]>>);

impl Default for Recall {
    fn default() -> Self {
        let cache = moka::sync::Cache::builder()
            .max_capacity(SPACE)
            .weigher(|call: &String, thoughts: &Arc<[Part]>| weight(call, thoughts))
            .eviction_policy(EvictionPolicy::lru())
            .time_to_idle(REST);
        Self(cache.build())
    }
}

fn weight(call: &str, thoughts: &[Part]) -> u32 {
    let texts = thoughts.iter().map(|part| match part {
        Part::Reasoning { text, signature } => {
            text.len() + signature.as_ref().map_or(0, String::len)
        }
        Part::Redacted(data) => data.len(),
        _ => 0,
    });
    let bytes = SHELL + call.len() + size_of_val(thoughts) + texts.sum::<usize>();
    u32::try_from(bytes).unwrap_or(u32::MAX)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_seals_are_remembered_only_as_far_as_there_is_space_the_newest_for_sure() {
        let (recall, seal) = (Recall::default(), "s".repeat(20_000));
        for call in 0..2_000 {
            recall.keep_seal(&format!("call_{call}"), seal.clone());
        }
        recall.0.run_pending_tasks();

        let kept = (0..2_000).filter(|call| recall.seal(&format!("call_{call}")).is_some());
        let bytes = kept.count() * seal.len();
        assert!((8_000_000..=16 * 1024 * 1024).contains(&bytes), "{bytes}");
        assert_eq!(recall.seal("call_1999"), Some(seal));
    }
}

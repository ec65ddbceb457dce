//! Which prompts the targets hold in their caches: a bounded index from a conversation to the targets
//! that served it. What it expects enters cost and first token of a candidate, and decides nothing by
//! itself: the weights decide, and breakers, drains and limits come first.

use super::index::TargetIdx;
use super::pricing::Usage;
use super::score::Penalties;
use super::units::UnixTime;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Conversations that are remembered, and the parts that have a lock each.
const MAX_SESSIONS: usize = 65_536;
const SHARDS: usize = 16;
/// Targets that are remembered for one conversation.
const MAX_HOLDERS: usize = 8;
/// Shortest prompt that vendors cache, in tokens.
const MIN_CACHED_TOKENS: f64 = 1_024.0;
/// Weight of the assumption that a target caches what it has seen, in follow-ups.
const PRIOR_WEIGHT: f64 = 1.0;
/// Factor on older follow-ups with each new one.
const FADE: f64 = 0.95;
/// Part of the expected tokens below which a target counts as one without a cache: four follow-ups
/// without a cached token are enough.
const MIN_HIT_SHARE: f64 = 0.25;

/// Identifies a conversation of one client: a hash, never the text that it is made of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionKey([u8; 16]);

impl std::fmt::Debug for SessionKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("SessionKey(…)")
    }
}

impl From<[u8; 16]> for SessionKey {
    fn from(hash: [u8; 16]) -> Self {
        Self(hash)
    }
}

/// What the cache of a target is expected to hold of a prompt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CachedPrompt {
    /// The target.
    pub target: TargetIdx,
    /// Estimated tokens.
    pub tokens: f64,
}

/// What a candidate's cache is expected to save; all 0 where it holds nothing of the prompt.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CacheSaving {
    /// Estimated tokens of the prompt that it holds.
    pub tokens: f64,
    /// USD that they cost less than other tokens of the prompt.
    pub usd: f64,
    /// What they take off its penalties.
    pub avoided: Penalties,
}

/// A request that a target served.
#[derive(Debug, Clone, Copy)]
pub struct ServedPrompt {
    /// The conversation.
    pub session: SessionKey,
    /// Where it was served.
    pub target: TargetIdx,
    /// Estimated tokens of the prompt.
    pub input: f64,
    /// What the provider reported, if it did.
    pub usage: Option<Usage>,
    /// How long the provider's cache holds a prompt.
    pub lifetime: Duration,
}

/// The index. It is shared by all requests; every call takes one of several locks for a short time.
#[derive(Debug)]
pub struct PromptCaches {
    shards: [Mutex<Shard>; SHARDS],
    hits: Mutex<BTreeMap<TargetIdx, HitShare>>,
    max_per_shard: usize,
}

/// The conversations whose keys have the same remainder.
#[derive(Debug, Default)]
struct Shard {
    sessions: BTreeMap<SessionKey, Session>,
    /// The same, by the end of the longest lifetime.
    by_end: BTreeSet<(UnixTime, SessionKey)>,
}

#[derive(Debug, Default)]
struct Session {
    holders: Vec<Holder>,
    until: UnixTime,
}

/// A target that saw the conversation.
#[derive(Debug, Clone, Copy)]
struct Holder {
    target: TargetIdx,
    tokens: f64,
    until: UnixTime,
}

/// Cached tokens that a target reported, as a part of those that were expected.
#[derive(Debug, Clone, Copy, Default)]
struct HitShare {
    weight: f64,
    sum: f64,
}

impl HitShare {
    fn observe(&mut self, share: f64) {
        self.weight = self.weight * FADE + 1.0;
        self.sum = self.sum * FADE + share;
    }

    fn expected(self) -> f64 {
        let mean = (self.sum + PRIOR_WEIGHT) / (self.weight + PRIOR_WEIGHT);
        if mean < MIN_HIT_SHARE { 0.0 } else { mean }
    }
}

impl Default for PromptCaches {
    fn default() -> Self {
        Self::with_room(MAX_SESSIONS)
    }
}

impl PromptCaches {
    fn with_room(sessions: usize) -> Self {
        Self {
            shards: Default::default(),
            hits: Mutex::default(),
            max_per_shard: sessions.div_ceil(SHARDS),
        }
    }

    /// Returns what the caches are expected to hold of a prompt of `input` estimated tokens, one entry
    /// for each target that holds something.
    pub fn expected(&self, session: SessionKey, input: f64, now: UnixTime) -> Vec<CachedPrompt> {
        let holders = match self.shard(session).sessions.get(&session) {
            Some(session) => session.holders.clone(),
            None => return Vec::new(),
        };
        let hits = lock(&self.hits);
        let held = holders.iter().filter_map(|holder| {
            let hits = hits.get(&holder.target).copied().unwrap_or_default();
            let tokens = holder.held(input, now)? * hits.expected();
            (tokens > 0.0).then_some(CachedPrompt {
                target: holder.target,
                tokens,
            })
        });
        held.collect()
    }

    /// Records that a target served a request, and so holds its prompt from now on.
    pub fn record(&self, served: &ServedPrompt, now: UnixTime) {
        let held = self
            .shard(served.session)
            .hold(served, self.max_per_shard, now);
        if let (Some(held), Some(usage)) = (held, served.usage.filter(|usage| usage.input > 0)) {
            let cached = usage.cached as f64 / usage.input as f64;
            let share = (cached * served.input / held).clamp(0.0, 1.0);
            lock(&self.hits)
                .entry(served.target)
                .or_default()
                .observe(share);
        }
    }

    /// Returns the number of conversations that are remembered.
    pub fn sessions(&self) -> usize {
        let shards = self.shards.iter();
        shards.map(|shard| lock(shard).sessions.len()).sum()
    }

    fn shard(&self, session: SessionKey) -> MutexGuard<'_, Shard> {
        lock(&self.shards[usize::from(session.0[0]) % SHARDS])
    }
}

impl Holder {
    /// The part of a prompt that it holds, if its cache holds any.
    fn held(&self, input: f64, now: UnixTime) -> Option<f64> {
        let held = self.tokens.min(input);
        (self.until > now && held >= MIN_CACHED_TOKENS).then_some(held)
    }
}

impl Shard {
    /// Makes a target a holder; returns what it was expected to hold before, in full.
    fn hold(&mut self, served: &ServedPrompt, max: usize, now: UnixTime) -> Option<f64> {
        self.forget_ended(now);
        if served.input < MIN_CACHED_TOKENS {
            return None;
        }
        let session = self.sessions.entry(served.session).or_default();
        self.by_end.remove(&(session.until, served.session));
        let before = session
            .holders
            .iter()
            .find(|holder| holder.target == served.target);
        let before = before.and_then(|holder| holder.held(served.input, now));
        session
            .holders
            .retain(|holder| holder.until > now && holder.target != served.target);
        if session.holders.len() >= MAX_HOLDERS {
            session.holders.remove(0);
        }
        session.holders.push(Holder {
            target: served.target,
            tokens: served.input,
            until: now.plus(served.lifetime),
        });
        let ends = session.holders.iter().map(|holder| holder.until);
        session.until = ends.max().unwrap_or(now);
        self.by_end.insert((session.until, served.session));
        while self.sessions.len() > max {
            self.forget_first();
        }
        before
    }

    fn forget_ended(&mut self, now: UnixTime) {
        while self.by_end.first().is_some_and(|(until, _)| *until <= now) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some((_, session)) = self.by_end.pop_first() {
            self.sessions.remove(&session);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

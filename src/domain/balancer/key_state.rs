//! State of the keys of a target whose provider has several.

use super::cooldown::Cooldown;
use crate::domain::failure::Failure;
use crate::domain::ids::KeyIdx;
use crate::domain::key_pool::{CandidateKey, CandidateKeys, ProviderKeys};
use crate::domain::lease::{SentCounters, SentTotals};
use crate::domain::units::UnixTime;
use crate::domain::upstream_quota::UpstreamQuota;
use std::sync::Arc;

/// What one target knows of one key.
#[derive(Debug, Default)]
pub(super) struct KeyState {
    pub cooldown: Cooldown,
    pub quota: UpstreamQuota,
    pub sent: Arc<SentCounters>,
}

/// The keys of a target; empty where its provider has a single key or none.
#[derive(Debug, Default)]
pub(super) struct KeyStates {
    keys: Vec<KeyState>,
    /// True if the provider counts the rate limits of all keys together.
    shares_quota: bool,
}

impl KeyStates {
    /// Creates the state of fresh keys.
    pub fn new(spec: &ProviderKeys) -> Self {
        Self {
            keys: spec.keys.iter().map(|_| KeyState::default()).collect(),
            shares_quota: spec.shares_quota,
        }
    }

    /// Returns an independent copy.
    #[must_use]
    pub fn fork(&self) -> Self {
        let fork = |key: &KeyState| KeyState {
            cooldown: key.cooldown,
            quota: key.quota,
            sent: Arc::new(key.sent.fork()),
        };
        Self {
            keys: self.keys.iter().map(fork).collect(),
            shares_quota: self.shares_quota,
        }
    }

    /// Returns true if the number of keys and their quota are as configured.
    pub fn fits(&self, spec: &ProviderKeys) -> bool {
        self.keys.len() == spec.keys.len() && self.shares_quota == spec.shares_quota
    }

    /// Returns the key of an attempt; `None` where there is only one.
    pub fn get(&self, key: Option<KeyIdx>) -> Option<&KeyState> {
        self.keys.get(key?.get())
    }

    /// Returns the key of an attempt for a change.
    pub fn get_mut(&mut self, key: Option<KeyIdx>) -> Option<&mut KeyState> {
        self.keys.get_mut(key?.get())
    }

    /// Returns the key to which a failure belongs; `None` where it belongs to the target.
    pub fn failed(&self, key: Option<KeyIdx>, failure: Failure) -> Option<&KeyState> {
        self.get(key)
            .filter(|_| failure.is_of_key(self.shares_quota))
    }

    /// Returns the key to which a failure belongs for a change.
    pub fn failed_mut(&mut self, key: Option<KeyIdx>, failure: Failure) -> Option<&mut KeyState> {
        let shares_quota = self.shares_quota;
        self.get_mut(key)
            .filter(|_| failure.is_of_key(shares_quota))
    }

    /// Returns the key that has a quota of its own, with what was sent with it.
    pub fn own_quota(&mut self, key: Option<KeyIdx>) -> Option<(&mut UpstreamQuota, SentTotals)> {
        if self.shares_quota {
            return None;
        }
        let key = self.get_mut(key)?;
        Some((&mut key.quota, key.sent.totals()))
    }

    /// Updates all quotas to `now`.
    pub fn refresh(&mut self, now: UnixTime) {
        for key in &mut self.keys {
            key.quota.refresh(key.sent.totals(), now);
        }
    }

    /// Returns the cooldown that ends first, if every key is in one.
    pub fn cooldown_at(&self, now: UnixTime) -> Option<(UnixTime, Failure)> {
        let mut soonest: Option<(UnixTime, Failure)> = None;
        for key in &self.keys {
            let cooldown = key.cooldown.at(now)?;
            if soonest.is_none_or(|(until, _)| cooldown.0 < until) {
                soonest = Some(cooldown);
            }
        }
        soonest
    }

    /// Returns the seconds until the first key may send a request of `tokens` tokens.
    pub fn wait(&self, tokens: f64, now: UnixTime) -> f64 {
        let wait = |key: &KeyState| {
            let blocked = key.cooldown.at(now);
            let blocked = blocked.map_or(0.0, |(until, _)| until.seconds_since(now));
            key.quota.wait(tokens, key.sent.totals(), now).max(blocked)
        };
        self.keys
            .iter()
            .map(wait)
            .min_by(f64::total_cmp)
            .unwrap_or(0.0)
    }

    /// Returns the quotas of the keys at `now`; empty where the target has one quota.
    pub fn quotas(&self, now: UnixTime) -> Vec<UpstreamQuota> {
        let own = self.keys.iter().filter(|_| !self.shares_quota);
        let quotas = own.map(|key| {
            let mut quota = key.quota;
            quota.refresh(key.sent.totals(), now);
            quota
        });
        quotas.collect()
    }

    /// Returns by key why it is not accepted at `now`, if it is not.
    pub fn denials(&self, now: UnixTime) -> Vec<Option<Failure>> {
        let denial = |key: &KeyState| {
            let (_, failure) = key.cooldown.at(now)?;
            failure.is_of_key(true).then_some(failure)
        };
        self.keys.iter().map(denial).collect()
    }

    /// Ends all cooldowns. Returns false if there was none.
    pub fn end_cooldowns(&mut self, now: UnixTime) -> bool {
        let mut ended = false;
        for key in &mut self.keys {
            ended |= key.cooldown.end(now);
        }
        ended
    }

    /// Returns the keys for the selection.
    pub fn candidates(&self, spec: &ProviderKeys) -> CandidateKeys {
        let keys = self.keys.iter().zip(&spec.keys);
        let keys = keys.map(|(key, spec)| CandidateKey {
            weight: spec.weight,
            blocked: key.cooldown.latest(),
            quota: key.quota,
            sent: Arc::clone(&key.sent),
        });
        CandidateKeys {
            keys: keys.collect(),
            shares_quota: self.shares_quota,
        }
    }
}

//! Vendors with several keys: what each may still send, and which of them a request has left.

use super::vendor::BUCKET_SECONDS;
use aibal_tui::domain::{
    KeyIdx, LeftKeys, Outcome, ProviderKey, ProviderKeys, RoutingTable, TargetIdx,
};
use std::collections::BTreeMap;

/// The keys of a vendor.
#[derive(Debug, Clone, Copy)]
pub struct KeyPool {
    pub keys: usize,
    /// Whether the limits are those of all keys together.
    pub shares_quota: bool,
}

impl KeyPool {
    /// Number of limits that are counted apart.
    pub fn quotas(self) -> usize {
        if self.shares_quota { 1 } else { self.keys }
    }

    /// The keys as a provider has them.
    pub fn provider_keys(self) -> ProviderKeys {
        let key = |at: usize| ProviderKey {
            name: format!("env:KEY_{at}").into(),
            weight: 1.0,
        };
        ProviderKeys {
            keys: (0..self.keys).map(key).collect(),
            shares_quota: self.shares_quota,
        }
    }
}

/// What is left of the limits of one key.
#[derive(Debug, Clone, Copy)]
pub struct KeyQuota {
    requests: f64,
    tokens: f64,
    refilled: f64,
}

/// Requests and tokens per second.
type Rates = Option<(f64, f64)>;

impl KeyQuota {
    /// Full buckets of limits per minute.
    pub fn full(limits: Option<(f64, f64)>) -> Self {
        let part = |limit: f64| limit / 60.0 * BUCKET_SECONDS;
        let (requests, tokens) = limits.unwrap_or_default();
        Self {
            requests: part(requests),
            tokens: part(tokens),
            refilled: 0.0,
        }
    }

    /// What is left at `t`, requests and tokens.
    pub fn refilled(&mut self, rates: Rates, t: f64) -> (f64, f64) {
        if let Some((requests, tokens)) = rates {
            let passed = t - self.refilled;
            self.refilled = t;
            self.requests = (self.requests + requests * passed).min(requests * BUCKET_SECONDS);
            self.tokens = (self.tokens + tokens * passed).min(tokens * BUCKET_SECONDS);
        }
        (self.requests, self.tokens)
    }

    pub fn take(&mut self, tokens: f64) {
        self.requests -= 1.0;
        self.tokens -= tokens;
    }

    /// Seconds until a request fits.
    pub fn wait(&self, rates: Rates, needed: f64) -> f64 {
        let (requests, tokens) = rates.unwrap_or((1.0, 1.0));
        let requests = (1.0 - self.requests) / requests;
        let tokens = (needed - self.tokens) / tokens;
        requests.max(tokens).max(1.0).ceil()
    }
}

/// The keys that failed requests under way, as the gateway keeps them.
#[derive(Debug, Default)]
pub struct RequestKeys {
    by_request: BTreeMap<u64, LeftKeys>,
    /// Where the next attempt stays, because the last one says nothing of the target.
    stays_at: BTreeMap<u64, TargetIdx>,
}

impl RequestKeys {
    /// The keys that a request has left.
    pub fn of(&self, request: u64) -> LeftKeys {
        self.by_request.get(&request).cloned().unwrap_or_default()
    }

    /// The target that has another key for a request, once.
    pub fn take_stay(&mut self, request: u64) -> Option<TargetIdx> {
        self.stays_at.remove(&request)
    }

    /// Notes the end of an attempt.
    pub fn on_end(
        &mut self,
        table: &RoutingTable,
        request: u64,
        (target, key): (TargetIdx, Option<KeyIdx>),
        outcome: Outcome,
    ) {
        let Outcome::Failed(failure) = outcome else {
            self.by_request.remove(&request);
            return;
        };
        if key.is_none() {
            return;
        }
        let left = self.by_request.entry(request).or_default();
        if left.leave(table, (target, key), failure) {
            self.stays_at.insert(request, target);
        }
    }
}

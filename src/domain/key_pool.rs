//! The keys of one provider: what is known of each, and which one an attempt uses. Rate limits and
//! refusals belong to a key; latency and the circuit breaker belong to the target.

use super::failure::Failure;
use super::ids::KeyIdx;
use super::index::TargetIdx;
use super::lease::SentCounters;
use super::units::UnixTime;
use super::upstream_quota::UpstreamQuota;
use std::sync::Arc;

/// Fractional part of the golden ratio: multiples of it spread evenly, however many are taken.
const GOLDEN_RATIO: f64 = 0.618_033_988_749_894_9;

/// More than any wait: keys with a wait that a provider asked for come last.
const BINDING_S: f64 = 1e6;

/// One key of a provider with several, without the key itself.
#[derive(Debug, Clone, PartialEq)]
pub struct ProviderKey {
    /// Where it comes from, for example `env:OPENAI_A`.
    pub name: Arc<str>,
    /// Its share of the attempts in proportion to the weights of the others.
    pub weight: f64,
}

/// The keys of a provider with several; empty for one with a single key or none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProviderKeys {
    /// The keys in the order of the configuration.
    pub keys: Vec<ProviderKey>,
    /// True if the provider counts the rate limits of all keys together.
    pub shares_quota: bool,
}

impl ProviderKeys {
    /// Returns the name of a key.
    pub fn name(&self, key: KeyIdx) -> Option<&Arc<str>> {
        self.keys.get(key.get()).map(|key| &key.name)
    }
}

/// What is known of one key at one target.
#[derive(Debug, Clone)]
pub struct CandidateKey {
    /// Its weight.
    pub weight: f64,
    /// End and reason of its cooldown.
    pub blocked: Option<(UnixTime, Failure)>,
    /// Its estimated remaining quota; unlimited where all keys share one.
    pub quota: UpstreamQuota,
    /// What was sent with it to the target.
    pub sent: Arc<SentCounters>,
}

impl CandidateKey {
    fn blocked_for(&self, now: UnixTime) -> f64 {
        self.blocked
            .map_or(0.0, |(until, _)| until.seconds_since(now))
    }

    fn quota_wait(&self, tokens: f64, now: UnixTime) -> f64 {
        self.quota.wait(tokens, self.sent.totals(), now)
    }
}

/// The keys of a target for the selection; empty for a provider with a single key or none.
#[derive(Debug, Clone, Default)]
pub struct CandidateKeys {
    /// The keys in the order of the configuration.
    pub keys: Vec<CandidateKey>,
    /// True if the provider counts the rate limits of all keys together.
    pub shares_quota: bool,
}

/// Keys that one request may use.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct KeyScope<'a> {
    /// Keys that failed the request at these targets.
    pub tried: &'a [(TargetIdx, KeyIdx)],
    /// True if only the first key may serve it, because what it names belongs to that key's account.
    pub is_first_only: bool,
}

/// Time until a key recovers that cannot be used now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum KeyWait {
    /// It is in a cooldown until then.
    Blocked(UnixTime, Failure),
    /// Its quota is used up for so many seconds.
    Quota(f64),
}

impl KeyWait {
    fn seconds(self, now: UnixTime) -> f64 {
        match self {
            Self::Blocked(until, _) => until.seconds_since(now),
            Self::Quota(seconds) => seconds,
        }
    }
}

/// Keys of one target that one request may use.
#[derive(Debug, Clone, Copy)]
pub struct KeyChoice<'a> {
    /// The keys of the target.
    pub keys: &'a CandidateKeys,
    /// The target.
    pub target: TargetIdx,
    /// Keys that the request may use.
    pub scope: KeyScope<'a>,
    /// Expected tokens of the request; `None` for a probe of the circuit breaker, which heeds no quota.
    pub tokens: Option<f64>,
    /// Time of the choice.
    pub now: UnixTime,
}

impl<'a> KeyChoice<'a> {
    fn allowed(self) -> impl Iterator<Item = (KeyIdx, &'a CandidateKey)> {
        let all = KeyIdx::all(self.keys.keys.len()).zip(&self.keys.keys);
        all.filter(move |(key, _)| {
            !(self.scope.tried.contains(&(self.target, *key))
                || self.scope.is_first_only && !self.keys.shares_quota && key.get() > 0)
        })
    }

    /// Returns what a key waits for; `None` if it may be used.
    fn wait(self, key: &CandidateKey) -> Option<KeyWait> {
        let blocked = key.blocked.filter(|&(until, _)| self.now < until);
        if let Some((until, failure)) = blocked {
            return Some(KeyWait::Blocked(until, failure));
        }
        let wait = self.tokens.map(|tokens| key.quota_wait(tokens, self.now));
        wait.filter(|wait| *wait > 0.0).map(KeyWait::Quota)
    }

    /// Checks that a key may be used.
    ///
    /// # Errors
    ///
    /// The wait of the key that recovers first; `None` if the request tried all of them.
    pub fn check(self) -> Result<(), Option<KeyWait>> {
        let mut soonest: Option<KeyWait> = None;
        for (_, key) in self.allowed() {
            let Some(wait) = self.wait(key) else {
                return Ok(());
            };
            if soonest.is_none_or(|best| wait.seconds(self.now) < best.seconds(self.now)) {
                soonest = Some(wait);
            }
        }
        Err(soonest)
    }

    /// Returns the seconds until the first key recovers, where no provider asked for its wait.
    pub fn recovery_wait(self) -> Option<f64> {
        let wait = |(_, key): (KeyIdx, &CandidateKey)| {
            let blocked = key.blocked_for(self.now);
            let asked = |&(_, failure): &(UnixTime, Failure)| failure != Failure::RateLimit(None);
            if blocked > 0.0 && key.blocked.as_ref().is_some_and(asked) {
                return None;
            }
            let quota = self.tokens.unwrap_or_default();
            Some(key.quota_wait(quota, self.now).max(blocked))
        };
        self.allowed().filter_map(wait).min_by(f64::total_cmp)
    }

    /// Returns the key for one attempt: one of the usable keys, in proportion to weight and remaining
    /// quota. `count` numbers the attempts. If none is usable, the one that recovers first; `None`
    /// for a target with a single key.
    pub fn choose(self, count: u64) -> Option<KeyIdx> {
        let odds = |key: &CandidateKey| match self.wait(key) {
            None => key.weight * key.quota.left_share(key.sent.totals(), self.now),
            Some(_) => 0.0,
        };
        let total: f64 = self.allowed().map(|(_, key)| odds(key)).sum();
        if total <= 0.0 {
            // An estimate may be wrong, but what a provider asks for holds.
            let wait = |key: &CandidateKey| match self.wait(key) {
                None => 0.0,
                Some(wait @ KeyWait::Blocked(_, failure))
                    if failure != Failure::RateLimit(None) =>
                {
                    BINDING_S + wait.seconds(self.now)
                }
                Some(wait) => wait.seconds(self.now),
            };
            let soonest = self
                .allowed()
                .min_by(|(_, one), (_, other)| wait(one).total_cmp(&wait(other)));
            return soonest.map(|(key, _)| key);
        }
        // Evenly spread numbers instead of random ones, so that equal keys take turns.
        let mut left = (count as f64 * GOLDEN_RATIO).fract() * total;
        let mut last = None;
        for (at, key) in self.allowed() {
            let odds = odds(key);
            if odds > 0.0 {
                last = Some(at);
                if left < odds {
                    break;
                }
                left -= odds;
            }
        }
        last
    }
}

impl CandidateKeys {
    /// Returns true for a target with a single key or none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Returns the first key that is in no cooldown.
    pub fn unblocked(&self, now: UnixTime) -> Option<KeyIdx> {
        let mut all = KeyIdx::all(self.keys.len()).zip(&self.keys);
        let found = all.find(|(_, key)| key.blocked_for(now) <= 0.0);
        found.map(|(at, _)| at)
    }

    /// Returns the factor for the selection probability of the target, as
    /// [`UpstreamQuota::headroom`]: of the mean share that is left to its keys.
    pub fn headroom(&self, now: UnixTime) -> f64 {
        if self.keys.is_empty() {
            return 1.0;
        }
        let share = |key: &CandidateKey| {
            if key.blocked_for(now) > 0.0 {
                0.0
            } else {
                key.quota.left_share(key.sent.totals(), now)
            }
        };
        let sum: f64 = self.keys.iter().map(share).sum();
        UpstreamQuota::factor_of(sum / self.keys.len() as f64)
    }
}

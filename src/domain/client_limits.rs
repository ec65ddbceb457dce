//! Limits per minute of client tokens and of their groups. A request counts in all limits that hold
//! for its token, or in none.

use super::budget::BudgetOwner;
use super::client_terms::ClientTerms;
use super::rate_limiter::{RateLimitExceeded, RateLimiter, RateLimits};
use super::units::UnixTime;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// State of the limits; clones share it.
#[derive(Debug, Clone, Default)]
pub struct ClientLimits {
    /// Limits that hold for each token that has any.
    tokens: BTreeMap<Arc<str>, Arc<[ClientLimit]>>,
    limiters: BTreeMap<BudgetOwner, Arc<RateLimiter>>,
}

/// Limits of one token or group.
#[derive(Debug, Clone)]
struct ClientLimit {
    owner: BudgetOwner,
    rates: RateLimits,
    limiter: Arc<RateLimiter>,
}

/// One limit per minute, and what is left of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateWindow {
    /// Limit per minute.
    pub limit: u64,
    /// Remaining amount.
    pub left: u64,
    /// Seconds until all of it is available again.
    pub reset_s: f64,
}

/// What is left of the limits of a token and its group: of each kind the one with the least left.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RateWindows {
    /// Requests.
    pub requests: Option<RateWindow>,
    /// Tokens, in and out.
    pub tokens: Option<RateWindow>,
}

/// Error: a request exceeds a limit of its token or group.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientLimitExceeded {
    /// Whose limit it is.
    pub owner: BudgetOwner,
    /// The limit.
    pub exceeded: RateLimitExceeded,
    /// What is left of all limits.
    pub windows: RateWindows,
}

/// Formats for example `the token "app": its requests_per_minute of 60 is used up for 3 s more`.
impl fmt::Display for ClientLimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.owner, self.exceeded)
    }
}

impl ClientLimits {
    /// Returns the limits of other terms; what was used of the limits that remain is kept.
    #[must_use]
    pub fn with_terms(&self, terms: &ClientTerms) -> Self {
        let mut limiters = BTreeMap::new();
        let mut limit = |owner: BudgetOwner, rates: RateLimits| {
            if rates.is_unlimited() {
                return None;
            }
            let limiter = limiters.entry(owner.clone()).or_insert_with(|| {
                let known = self.limiters.get(&owner);
                known.map_or_else(Arc::default, Arc::clone)
            });
            let limiter = Arc::clone(limiter);
            Some(ClientLimit {
                owner,
                rates,
                limiter,
            })
        };
        let mut tokens = BTreeMap::new();
        for token in &terms.tokens {
            let own = limit(BudgetOwner::Token(Arc::clone(&token.name)), token.rates);
            let group = token.group.as_ref();
            let group = group.and_then(|name| terms.groups.iter().find(|it| it.name == *name));
            let shared = group
                .and_then(|group| limit(BudgetOwner::Group(Arc::clone(&group.name)), group.rates));
            let limits: Vec<ClientLimit> = own.into_iter().chain(shared).collect();
            if !limits.is_empty() {
                tokens.insert(Arc::clone(&token.name), limits.into());
            }
        }
        Self { tokens, limiters }
    }

    /// Returns the limits that hold for a token; `None` without any.
    pub fn scope_of(&self, token: &str) -> Option<RateScope> {
        self.tokens.get(token).map(Arc::clone).map(RateScope)
    }
}

/// Limits that hold for one token; cheap to clone.
#[derive(Debug, Clone)]
pub struct RateScope(Arc<[ClientLimit]>);

impl RateScope {
    /// Takes a request that may use `tokens` tokens.
    ///
    /// # Errors
    ///
    /// The limit that it exceeds; nothing is taken then.
    pub fn acquire(&self, tokens: u64, now: UnixTime) -> Result<RatePermit, ClientLimitExceeded> {
        for (place, limit) in self.0.iter().enumerate() {
            let ClientLimit { rates, limiter, .. } = limit;
            if limiter.try_acquire(*rates, tokens, now) {
                continue;
            }
            for taken in &self.0[..place] {
                taken.limiter.give_back(taken.rates, tokens);
            }
            // Others may have given back meanwhile: then a moment is enough.
            let soon = RateLimitExceeded::Requests {
                limit: rates.requests.unwrap_or(1),
                seconds: 0.0,
            };
            return Err(ClientLimitExceeded {
                owner: limit.owner.clone(),
                exceeded: limiter.check(*rates, tokens, now).unwrap_or(soon),
                windows: self.windows(now),
            });
        }
        Ok(RatePermit {
            scope: self.clone(),
            held: Some(tokens),
        })
    }

    /// Returns what is left of the limits.
    pub fn windows(&self, now: UnixTime) -> RateWindows {
        let mut all = RateWindows::default();
        for ClientLimit { rates, limiter, .. } in self.0.iter() {
            let left = limiter.left(*rates, now);
            let pairs = [
                (&mut all.requests, rates.requests.zip(left.requests)),
                (&mut all.tokens, rates.tokens.zip(left.tokens)),
            ];
            for (least, own) in pairs {
                let Some((limit, left)) = own else { continue };
                if least.is_none_or(|least| left < least.left) {
                    let used = limit.saturating_sub(left) as f64;
                    let reset_s = used * 60.0 / limit.max(1) as f64;
                    *least = Some(RateWindow {
                        limit,
                        left,
                        reset_s,
                    });
                }
            }
        }
        all
    }
}

/// A request that counts in the limits. Dropped unsettled, it counts as one without tokens.
#[derive(Debug)]
pub struct RatePermit {
    scope: RateScope,
    /// Tokens that it may use, until it is settled.
    held: Option<u64>,
}

impl RatePermit {
    /// Replaces the tokens that it might use by those that it `used`. Later calls have no effect.
    pub fn settle(&mut self, used: u64, now: UnixTime) {
        if let Some(held) = self.held.take() {
            for ClientLimit { rates, limiter, .. } in self.scope.0.iter() {
                limiter.settle(*rates, (held, used), now);
            }
        }
    }

    /// Returns what is left of the limits.
    pub fn windows(&self, now: UnixTime) -> RateWindows {
        self.scope.windows(now)
    }
}

impl Drop for RatePermit {
    fn drop(&mut self) {
        if let Some(held) = self.held {
            for ClientLimit { rates, limiter, .. } in self.scope.0.iter() {
                limiter.release(*rates, held);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::budget::SpendingLimits;
    use super::super::client_terms::{GroupTerms, TokenTerms};
    use super::*;
    use std::time::Duration;

    const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

    fn rates(requests: Option<u64>, tokens: Option<u64>) -> RateLimits {
        RateLimits { requests, tokens }
    }

    fn token(name: &str, group: Option<&str>, rates: RateLimits) -> TokenTerms {
        TokenTerms {
            name: name.into(),
            group: group.map(Into::into),
            spending: SpendingLimits::default(),
            rates,
        }
    }

    /// Two tokens of a group that may send three requests and 1,000 tokens per minute together.
    fn team() -> ClientTerms {
        ClientTerms {
            tokens: vec![
                token("a", Some("team"), rates(Some(2), None)),
                token("b", Some("team"), rates(None, None)),
                token("free", None, rates(None, None)),
            ],
            groups: vec![GroupTerms {
                name: "team".into(),
                spending: SpendingLimits::default(),
                rates: rates(Some(3), Some(1_000)),
            }],
        }
    }

    #[test]
    fn the_limits_of_a_token_and_of_its_group_hold_together() {
        let limits = ClientLimits::default().with_terms(&team());
        assert!(limits.scope_of("free").is_none() && limits.scope_of("other").is_none());
        let (a, b) = (limits.scope_of("a").unwrap(), limits.scope_of("b").unwrap());
        let first = [a.acquire(100, NOW).unwrap(), a.acquire(100, NOW).unwrap()];
        let refused = a.acquire(100, NOW).unwrap_err();
        assert_eq!(refused.owner, BudgetOwner::Token("a".into()));
        assert_eq!(
            refused.to_string(),
            "the token \"a\": its requests_per_minute of 2 is used up for 30 s more"
        );
        let third = b
            .acquire(100, NOW)
            .expect("the refused one took nothing of the group");
        let refused = b.acquire(100, NOW).unwrap_err();
        assert_eq!(refused.owner, BudgetOwner::Group("team".into()));
        assert_eq!(refused.windows.requests.unwrap().left, 0);
        drop((first, third));
    }

    #[test]
    fn tokens_are_held_while_a_request_runs_and_settled_at_its_end() {
        let limits = ClientLimits::default().with_terms(&team());
        let b = limits.scope_of("b").unwrap();
        let mut running = b.acquire(800, NOW).unwrap();
        assert!(matches!(
            b.acquire(300, NOW).unwrap_err().exceeded,
            RateLimitExceeded::Tokens { limit: 1_000, .. }
        ));
        assert_eq!(
            b.windows(NOW).requests.unwrap().left,
            2,
            "refused, not counted"
        );
        running.settle(100, NOW);
        running.settle(900, NOW);
        let windows = running.windows(NOW);
        assert_eq!(windows.tokens.unwrap().left, 900);
        assert!((windows.tokens.unwrap().reset_s - 6.0).abs() < 0.1);
        drop(b.acquire(900, NOW).unwrap());
        assert_eq!(b.windows(NOW).tokens.unwrap().left, 900, "nothing was used");
    }

    #[test]
    fn new_terms_keep_what_was_used() {
        let limits = ClientLimits::default().with_terms(&team());
        let mut used = limits.scope_of("b").unwrap().acquire(10, NOW).unwrap();
        used.settle(500, NOW);
        let mut terms = team();
        terms.groups[0].rates.requests = None;
        let limits = limits.with_terms(&terms);
        let windows = limits.scope_of("b").unwrap().windows(NOW);
        assert_eq!(
            (windows.requests, windows.tokens.unwrap().left),
            (None, 500)
        );
        let later = NOW.plus(Duration::from_secs(30));
        assert_eq!(
            limits
                .scope_of("b")
                .unwrap()
                .windows(later)
                .tokens
                .unwrap()
                .left,
            1_000
        );
    }
}

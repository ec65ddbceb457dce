//! A shadow of a provider's own bookkeeping of our rate limits: a bucket of requests and one of
//! tokens, filled by what its headers say and drained by what we send, so that a target is left in
//! peace before it answers 429.

use super::lease::Ledger;
use super::units::Moment;

/// Headers that say how much there is but not when it comes back are read as limits per minute,
/// as most vendors mean them, in seconds.
const USUAL_PERIOD: f64 = 60.0;
/// With less than this part of a limit left, odds fall in proportion: 15 %.
const SOFT: f64 = 0.15;
/// The odds keep at least this part, so that a wrong shadow is found out.
const LEAST: f64 = 0.02;

/// One limit as a provider's headers state it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    pub limit: f64,
    pub remaining: f64,
    /// Seconds until it is whole again, where it was said.
    pub reset: Option<f64>,
}

/// What the headers of one answer said; limits of 0 or less mean that nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RateLimits {
    pub requests: Option<Limit>,
    pub tokens: Option<Limit>,
}

impl RateLimits {
    pub fn is_empty(&self) -> bool {
        self.requests.is_none() && self.tokens.is_none()
    }
}

/// One bucket, as it stood at one moment; what was sent since is in the gauge's ledger.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    limit: f64,
    level: f64,
    /// Per second.
    refill: f64,
    at: Moment,
    /// The ledger's count at that moment.
    sent: u64,
    /// When a header last spoke of it.
    told: Moment,
}

impl Bucket {
    /// What is left at `now`; the refilling counts up to the limit, what was sent since counts in
    /// full.
    pub fn left(&self, sent: u64, now: Moment) -> f64 {
        let level = self.level + self.refill * now.seconds_since(self.at);
        level.clamp(0.0, self.limit) - sent.saturating_sub(self.sent) as f64
    }

    /// Seconds until so much is left; 0 where it is.
    pub fn wait(&self, needed: f64, sent: u64, now: Moment) -> f64 {
        let missing = needed - self.left(sent, now);
        if missing <= 0.0 {
            0.0
        } else if self.refill > 0.0 {
            missing / self.refill
        } else {
            USUAL_PERIOD
        }
    }

    /// Brings it to `now`.
    fn refresh(&mut self, sent: u64, now: Moment) {
        self.level = self.left(sent, now).max(0.0);
        (self.at, self.sent) = (now, sent);
    }

    /// What a header says of a moment in the past: since `started` it has been refilled, and we
    /// have sent what lies between the two counts.
    fn told(
        known: Option<Self>,
        limit: Limit,
        since: (Moment, u64),
        sent: u64,
        now: Moment,
    ) -> Self {
        let refill = match limit.reset.filter(|reset| *reset > 0.0) {
            Some(reset) if limit.remaining < limit.limit => {
                (limit.limit - limit.remaining.max(0.0)) / reset
            }
            _ => known
                .filter(|known| known.limit == limit.limit)
                .map_or(limit.limit / USUAL_PERIOD, |known| known.refill),
        };
        let (started, sent_then) = since;
        let level = limit.remaining + refill * now.seconds_since(started)
            - sent.saturating_sub(sent_then) as f64;
        Self {
            limit: limit.limit,
            level: level.clamp(0.0, limit.limit),
            refill,
            at: now,
            sent,
            told: now,
        }
    }
}

/// Both buckets of a target; a bucket that no header has spoken of holds any amount.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Quota {
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
}

impl Quota {
    /// Learns from the headers of an attempt that was begun at `started`, when the ledger stood at
    /// `then`.
    pub fn learn(
        &mut self,
        limits: &RateLimits,
        (started, then): (Moment, Ledger),
        sent: Ledger,
        now: Moment,
    ) {
        let valid = |limit: &Limit| {
            limit.limit > 0.0 && limit.limit.is_finite() && limit.remaining.is_finite()
        };
        if let Some(limit) = limits.requests.filter(valid) {
            let since = (started, then.requests);
            self.requests = Some(Bucket::told(
                self.requests,
                limit,
                since,
                sent.requests,
                now,
            ));
        }
        if let Some(limit) = limits.tokens.filter(valid) {
            let since = (started, then.tokens);
            self.tokens = Some(Bucket::told(self.tokens, limit, since, sent.tokens, now));
        }
    }

    /// A 429 says that at most one request is left, whatever we thought.
    pub fn exhaust(&mut self, sent: Ledger, now: Moment) {
        if let Some(bucket) = &mut self.requests {
            bucket.refresh(sent.requests, now);
            bucket.level = bucket.level.min(1.0);
        }
    }

    /// An answer said nothing of limits: what was said long before does not hold any more.
    pub fn unlearn(&mut self, now: Moment) {
        let holds = |bucket: &Bucket| now.seconds_since(bucket.told) < USUAL_PERIOD;
        self.requests = self.requests.filter(holds);
        self.tokens = self.tokens.filter(holds);
    }

    /// Brings both to `now`, so that a full bucket does not fill beyond its limit unseen.
    pub fn refresh(&mut self, sent: Ledger, now: Moment) {
        if let Some(bucket) = &mut self.requests {
            bucket.refresh(sent.requests, now);
        }
        if let Some(bucket) = &mut self.tokens {
            bucket.refresh(sent.tokens, now);
        }
    }

    /// Seconds until a request of so many tokens fits; 0 where it does.
    pub fn wait(&self, tokens: f64, sent: Ledger, now: Moment) -> f64 {
        let requests = self
            .requests
            .map_or(0.0, |bucket| bucket.wait(1.0, sent.requests, now));
        // A request larger than the whole limit would wait for ever; the provider shall say so.
        let tokens = self.tokens.map_or(0.0, |bucket| {
            bucket.wait(tokens.min(bucket.limit), sent.tokens, now)
        });
        requests.max(tokens)
    }

    /// What of the odds is kept, 0.02..1: everything while 15 % of both limits are left.
    pub fn headroom(&self, sent: Ledger, now: Moment) -> f64 {
        let part = |bucket: Option<Bucket>, sent: u64| {
            bucket.map_or(1.0, |bucket| bucket.left(sent, now) / bucket.limit)
        };
        let least = part(self.requests, sent.requests).min(part(self.tokens, sent.tokens));
        (least / SOFT).clamp(LEAST, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::from_seconds(1_000 + seconds)
    }

    fn sent(requests: u64) -> Ledger {
        Ledger {
            requests,
            tokens: 0,
        }
    }

    fn said(remaining: f64, reset: Option<f64>) -> RateLimits {
        let limit = Limit {
            limit: 60.0,
            remaining,
            reset,
        };
        RateLimits {
            requests: Some(limit),
            tokens: None,
        }
    }

    #[test]
    fn what_was_sent_since_is_taken_off_and_time_fills_up() {
        let mut quota = Quota::default();
        assert_eq!(
            quota.headroom(sent(9), at(0)),
            1.0,
            "nobody has said anything"
        );
        // Begun when one had been sent; by now four more were, and two seconds filled two.
        quota.learn(&said(5.0, None), (at(0), sent(1)), sent(5), at(2));

        assert_eq!(quota.wait(0.0, sent(7), at(2)), 0.0);
        assert_eq!(
            quota.wait(0.0, sent(8), at(2)),
            1.0,
            "three were left and are gone"
        );
        assert!((quota.headroom(sent(5), at(2)) - 3.0 / 60.0 / SOFT).abs() < 1e-9);
    }

    #[test]
    fn a_full_bucket_does_not_fill_beyond_its_limit() {
        let mut quota = Quota::default();
        quota.learn(&said(60.0, None), (at(0), sent(1)), sent(1), at(0));
        quota.refresh(sent(1), at(10_000));

        assert!(quota.wait(0.0, sent(61), at(10_000)) > 0.0);
    }

    #[test]
    fn a_reset_tells_the_refill_and_a_limit_of_nothing_is_none() {
        let mut quota = Quota::default();
        quota.learn(&said(0.0, Some(6.0)), (at(0), sent(1)), sent(1), at(0));
        assert!(
            (quota.wait(0.0, sent(1), at(0)) - 0.1).abs() < 1e-9,
            "ten a second"
        );

        let mut unknown = Quota::default();
        let limit = Limit {
            limit: -1.0,
            remaining: 0.0,
            reset: None,
        };
        let said = RateLimits {
            requests: Some(limit),
            tokens: Some(limit),
        };
        unknown.learn(&said, (at(0), sent(1)), sent(1), at(0));
        assert_eq!(unknown, Quota::default());
    }

    #[test]
    fn a_limit_that_is_not_spoken_of_any_more_is_forgotten() {
        let mut quota = Quota::default();
        quota.learn(&said(0.0, None), (at(0), sent(1)), sent(1), at(0));
        quota.unlearn(at(59));
        assert_ne!(quota, Quota::default());
        quota.refresh(sent(1), at(60));
        quota.unlearn(at(60));
        assert_eq!(quota, Quota::default());
    }

    #[test]
    fn a_429_leaves_one_at_most() {
        let mut quota = Quota::default();
        quota.exhaust(sent(1), at(0));
        assert_eq!(
            quota,
            Quota::default(),
            "where no limit is known there is none to empty"
        );
        quota.learn(&said(50.0, None), (at(0), sent(1)), sent(1), at(0));
        quota.exhaust(sent(1), at(0));
        assert!(quota.wait(0.0, sent(2), at(0)) > 0.0);
    }
}

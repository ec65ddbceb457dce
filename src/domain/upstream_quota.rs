//! A shadow of a provider's own bookkeeping of our rate limits: a bucket of requests and one of
//! tokens, filled by what its headers say and drained by what we send, so that a target is left in
//! peace before it answers 429.

use super::lease::SentTotals;
use super::units::UnixTime;

/// Headers that say how much there is but not when it comes back are read as limits per minute,
/// as most vendors mean them, in seconds.
const DEFAULT_PERIOD_S: f64 = 60.0;
/// With less than this part of a limit left, odds fall in proportion: 15 %.
const SOFT_LIMIT_SHARE: f64 = 0.15;
/// The odds keep at least this part, so that a wrong shadow is found out.
const MIN_SHARE: f64 = 0.02;

/// One limit as a provider's headers state it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UpstreamLimit {
    pub limit: f64,
    pub remaining: f64,
    /// Seconds until it is whole again, where it was said.
    pub reset: Option<f64>,
}

/// What the headers of one answer said; limits of 0 or less mean unknown.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct UpstreamLimits {
    pub requests: Option<UpstreamLimit>,
    pub tokens: Option<UpstreamLimit>,
}

impl UpstreamLimits {
    pub fn is_empty(&self) -> bool {
        self.requests.is_none() && self.tokens.is_none()
    }
}

/// One bucket, as it stood at one moment; what was sent since is in the gauge's ledger.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuotaBucket {
    limit: f64,
    level: f64,
    /// Per second.
    refill: f64,
    at: UnixTime,
    /// The ledger's count at that moment.
    sent: u64,
    /// When a header last spoke of it.
    told: UnixTime,
}

impl QuotaBucket {
    /// What is left at `now`; the refilling counts up to the limit, what was sent since counts in
    /// full.
    pub fn left(&self, sent: u64, now: UnixTime) -> f64 {
        let level = self.level + self.refill * now.seconds_since(self.at);
        level.clamp(0.0, self.limit) - sent.saturating_sub(self.sent) as f64
    }

    /// Seconds until so much is left; 0 where it is.
    pub fn wait(&self, needed: f64, sent: u64, now: UnixTime) -> f64 {
        let missing = needed - self.left(sent, now);
        if missing <= 0.0 {
            0.0
        } else if self.refill > 0.0 {
            missing / self.refill
        } else {
            DEFAULT_PERIOD_S
        }
    }

    /// Brings it to `now`.
    fn refresh(&mut self, sent: u64, now: UnixTime) {
        self.level = self.left(sent, now).max(0.0);
        (self.at, self.sent) = (now, sent);
    }

    /// What a header says of a moment in the past: since `started` it has been refilled, and we
    /// have sent what lies between the two counts.
    fn apply_header(
        known: Option<Self>,
        limit: UpstreamLimit,
        since: (UnixTime, u64),
        sent: u64,
        now: UnixTime,
    ) -> Self {
        let refill = match limit.reset.filter(|reset| *reset > 0.0) {
            Some(reset) if limit.remaining < limit.limit => {
                (limit.limit - limit.remaining.max(0.0)) / reset
            }
            _ => known
                .filter(|known| known.limit == limit.limit)
                .map_or(limit.limit / DEFAULT_PERIOD_S, |known| known.refill),
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
pub struct UpstreamQuota {
    requests: Option<QuotaBucket>,
    tokens: Option<QuotaBucket>,
}

impl UpstreamQuota {
    /// Learns from the headers of an attempt that was begun at `started`, when the ledger stood at
    /// `then`.
    pub fn observe_headers(
        &mut self,
        limits: &UpstreamLimits,
        (started, then): (UnixTime, SentTotals),
        sent: SentTotals,
        now: UnixTime,
    ) {
        let valid = |limit: &UpstreamLimit| {
            limit.limit > 0.0 && limit.limit.is_finite() && limit.remaining.is_finite()
        };
        if let Some(limit) = limits.requests.filter(valid) {
            let since = (started, then.requests);
            self.requests = Some(QuotaBucket::apply_header(
                self.requests,
                limit,
                since,
                sent.requests,
                now,
            ));
        }
        if let Some(limit) = limits.tokens.filter(valid) {
            let since = (started, then.tokens);
            self.tokens = Some(QuotaBucket::apply_header(
                self.tokens,
                limit,
                since,
                sent.tokens,
                now,
            ));
        }
    }

    /// A 429 says that at most one request is left, whatever we thought.
    pub fn mark_exhausted(&mut self, sent: SentTotals, now: UnixTime) {
        if let Some(bucket) = &mut self.requests {
            bucket.refresh(sent.requests, now);
            bucket.level = bucket.level.min(1.0);
        }
    }

    /// An answer said nothing of limits: what was said long before does not hold any more.
    pub fn expire(&mut self, now: UnixTime) {
        let holds = |bucket: &QuotaBucket| now.seconds_since(bucket.told) < DEFAULT_PERIOD_S;
        self.requests = self.requests.filter(holds);
        self.tokens = self.tokens.filter(holds);
    }

    /// Brings both to `now`, so that a full bucket does not fill beyond its limit unseen.
    pub fn refresh(&mut self, sent: SentTotals, now: UnixTime) {
        if let Some(bucket) = &mut self.requests {
            bucket.refresh(sent.requests, now);
        }
        if let Some(bucket) = &mut self.tokens {
            bucket.refresh(sent.tokens, now);
        }
    }

    /// Seconds until a request of so many tokens fits; 0 where it does.
    pub fn wait(&self, tokens: f64, sent: SentTotals, now: UnixTime) -> f64 {
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
    pub fn headroom(&self, sent: SentTotals, now: UnixTime) -> f64 {
        let part = |bucket: Option<QuotaBucket>, sent: u64| {
            bucket.map_or(1.0, |bucket| bucket.left(sent, now) / bucket.limit)
        };
        let least = part(self.requests, sent.requests).min(part(self.tokens, sent.tokens));
        (least / SOFT_LIMIT_SHARE).clamp(MIN_SHARE, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_seconds(1_000 + seconds)
    }

    fn sent(requests: u64) -> SentTotals {
        SentTotals {
            requests,
            tokens: 0,
        }
    }

    fn said(remaining: f64, reset: Option<f64>) -> UpstreamLimits {
        let limit = UpstreamLimit {
            limit: 60.0,
            remaining,
            reset,
        };
        UpstreamLimits {
            requests: Some(limit),
            tokens: None,
        }
    }

    #[test]
    fn what_was_sent_since_is_taken_off_and_time_fills_up() {
        let mut quota = UpstreamQuota::default();
        assert_eq!(
            quota.headroom(sent(9), at(0)),
            1.0,
            "nobody has said anything"
        );
        // Begun when one had been sent; by now four more were, and two seconds filled two.
        quota.observe_headers(&said(5.0, None), (at(0), sent(1)), sent(5), at(2));

        assert_eq!(quota.wait(0.0, sent(7), at(2)), 0.0);
        assert_eq!(
            quota.wait(0.0, sent(8), at(2)),
            1.0,
            "three were left and are gone"
        );
        assert!((quota.headroom(sent(5), at(2)) - 3.0 / 60.0 / SOFT_LIMIT_SHARE).abs() < 1e-9);
    }

    #[test]
    fn a_full_bucket_does_not_fill_beyond_its_limit() {
        let mut quota = UpstreamQuota::default();
        quota.observe_headers(&said(60.0, None), (at(0), sent(1)), sent(1), at(0));
        quota.refresh(sent(1), at(10_000));

        assert!(quota.wait(0.0, sent(61), at(10_000)) > 0.0);
    }

    #[test]
    fn a_reset_tells_the_refill_and_a_limit_of_nothing_is_none() {
        let mut quota = UpstreamQuota::default();
        quota.observe_headers(&said(0.0, Some(6.0)), (at(0), sent(1)), sent(1), at(0));
        assert!(
            (quota.wait(0.0, sent(1), at(0)) - 0.1).abs() < 1e-9,
            "ten a second"
        );

        let mut unknown = UpstreamQuota::default();
        let limit = UpstreamLimit {
            limit: -1.0,
            remaining: 0.0,
            reset: None,
        };
        let said = UpstreamLimits {
            requests: Some(limit),
            tokens: Some(limit),
        };
        unknown.observe_headers(&said, (at(0), sent(1)), sent(1), at(0));
        assert_eq!(unknown, UpstreamQuota::default());
    }

    #[test]
    fn a_limit_that_is_not_spoken_of_any_more_is_forgotten() {
        let mut quota = UpstreamQuota::default();
        quota.observe_headers(&said(0.0, None), (at(0), sent(1)), sent(1), at(0));
        quota.expire(at(59));
        assert_ne!(quota, UpstreamQuota::default());
        quota.refresh(sent(1), at(60));
        quota.expire(at(60));
        assert_eq!(quota, UpstreamQuota::default());
    }

    #[test]
    fn a_429_leaves_one_at_most() {
        let mut quota = UpstreamQuota::default();
        quota.mark_exhausted(sent(1), at(0));
        assert_eq!(
            quota,
            UpstreamQuota::default(),
            "where no limit is known there is none to empty"
        );
        quota.observe_headers(&said(50.0, None), (at(0), sent(1)), sent(1), at(0));
        quota.mark_exhausted(sent(1), at(0));
        assert!(quota.wait(0.0, sent(2), at(0)) > 0.0);
    }
}

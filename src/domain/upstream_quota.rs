//! Estimate of the remaining rate limits at a provider: a bucket of requests and one of tokens, set
//! from its response headers and drained by what the gateway sends, so that the gateway stops before
//! the provider returns 429.

use super::lease::SentTotals;
use super::units::UnixTime;
use std::time::Duration;

/// Period in seconds of limits whose headers state no reset; per minute at most vendors.
const DEFAULT_PERIOD_S: f64 = 60.0;
/// Longest wait that is learnt from what a provider states. A header may be wrong or hostile, and a
/// request after that time corrects the estimate.
pub const MAX_LEARNT_WAIT: Duration = Duration::from_mins(15);
/// Remaining share of a limit below which selection probabilities fall in proportion.
const SOFT_LIMIT_SHARE: f64 = 0.15;
/// Minimum factor, so that a wrong estimate is corrected by traffic.
const MIN_SHARE: f64 = 0.02;

/// One limit as a provider's headers state it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UpstreamLimit {
    /// Capacity.
    pub limit: f64,
    /// Remaining amount.
    pub remaining: f64,
    /// Seconds until the limit is full again; `None` if not stated.
    pub reset: Option<f64>,
}

/// Limits from the headers of one response; limits of 0 or less are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct UpstreamLimits {
    /// Limit on requests.
    pub requests: Option<UpstreamLimit>,
    /// Limit on tokens.
    pub tokens: Option<UpstreamLimit>,
}

impl UpstreamLimits {
    /// Returns true if the headers stated no limit.
    pub fn is_empty(&self) -> bool {
        self.requests.is_none() && self.tokens.is_none()
    }
}

/// A token bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BucketTerms {
    /// Most that it holds.
    pub limit: f64,
    /// Refill per second.
    pub refill: f64,
    /// What is left.
    pub level: f64,
}

/// Bucket of one limit at one time. [`SentTotals`] counts what was sent since then.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuotaBucket {
    limit: f64,
    level: f64,
    /// Per second.
    refill: f64,
    at: UnixTime,
    /// Sent total at that time.
    sent: u64,
    /// Time of the last header about it.
    reported_at: UnixTime,
}

impl QuotaBucket {
    /// Returns the remaining amount at `now`; the refill is capped at the limit, and everything sent
    /// since is subtracted.
    pub fn left(&self, sent: u64, now: UnixTime) -> f64 {
        let level = self.level + self.refill * now.seconds_since(self.at);
        level.clamp(0.0, self.limit) - sent.saturating_sub(self.sent) as f64
    }

    /// Returns the seconds until `needed` is left; 0 if it is, or if the last header about it is
    /// older than [`MAX_LEARNT_WAIT`].
    pub fn wait(&self, needed: f64, sent: u64, now: UnixTime) -> f64 {
        let missing = needed - self.left(sent, now);
        let known_for = MAX_LEARNT_WAIT.saturating_sub(now.since(self.reported_at));
        if missing <= 0.0 {
            return 0.0;
        }
        let wait = if self.refill > 0.0 {
            missing / self.refill
        } else {
            DEFAULT_PERIOD_S
        };
        wait.min(known_for.as_secs_f64())
    }

    /// Updates the level to `now`.
    fn refresh(&mut self, sent: u64, now: UnixTime) {
        self.level = self.left(sent, now).max(0.0);
        (self.at, self.sent) = (now, sent);
    }

    /// Updates the bucket from a header, which describes the time `started`: adds the refill since
    /// then and subtracts what was sent between the two counts.
    fn apply_header(
        known: Option<Self>,
        limit: UpstreamLimit,
        since: (UnixTime, u64),
        sent: u64,
        now: UnixTime,
    ) -> Self {
        let refill = match limit.reset.filter(|reset| *reset > 0.0) {
            Some(reset) if limit.remaining < limit.limit => {
                (limit.limit - limit.remaining.max(0.0)) / reset.min(MAX_LEARNT_WAIT.as_secs_f64())
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
            reported_at: now,
        }
    }
}

/// Both buckets of a target; a limit without headers is unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct UpstreamQuota {
    requests: Option<QuotaBucket>,
    tokens: Option<QuotaBucket>,
}

impl UpstreamQuota {
    /// Returns the remaining requests and tokens, where the provider states a limit.
    pub fn left(&self, sent: SentTotals, now: UnixTime) -> [Option<f64>; 2] {
        let left = |bucket: Option<QuotaBucket>, sent| Some(bucket?.left(sent, now).max(0.0));
        [
            left(self.requests, sent.requests),
            left(self.tokens, sent.tokens),
        ]
    }

    /// Returns the buckets of requests and tokens as of the last refresh, where the provider states
    /// limits.
    pub fn terms(&self) -> [Option<BucketTerms>; 2] {
        let terms = |bucket: QuotaBucket| BucketTerms {
            limit: bucket.limit,
            refill: bucket.refill,
            level: bucket.level,
        };
        [self.requests.map(terms), self.tokens.map(terms)]
    }

    /// Updates the buckets from the headers of an attempt that began at `started`, when the sent totals
    /// were `then`.
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

    /// Sets the remaining requests to at most 1, after a 429.
    pub fn mark_exhausted(&mut self, sent: SentTotals, now: UnixTime) {
        if let Some(bucket) = &mut self.requests {
            bucket.refresh(sent.requests, now);
            bucket.level = bucket.level.min(1.0);
        }
    }

    /// Discards old limits, after a response whose headers state none.
    pub fn expire(&mut self, now: UnixTime) {
        let is_recent =
            |bucket: &QuotaBucket| now.seconds_since(bucket.reported_at) < DEFAULT_PERIOD_S;
        self.requests = self.requests.filter(is_recent);
        self.tokens = self.tokens.filter(is_recent);
    }

    /// Updates both levels to `now`, so that the refill is capped at the limit.
    pub fn refresh(&mut self, sent: SentTotals, now: UnixTime) {
        if let Some(bucket) = &mut self.requests {
            bucket.refresh(sent.requests, now);
        }
        if let Some(bucket) = &mut self.tokens {
            bucket.refresh(sent.tokens, now);
        }
    }

    /// Returns the seconds until a request of `tokens` tokens fits; 0 if it does.
    pub fn wait(&self, tokens: f64, sent: SentTotals, now: UnixTime) -> f64 {
        let requests = self
            .requests
            .map_or(0.0, |bucket| bucket.wait(1.0, sent.requests, now));
        // A request larger than the whole limit would wait forever; the provider rejects it.
        let tokens = self.tokens.map_or(0.0, |bucket| {
            bucket.wait(tokens.min(bucket.limit), sent.tokens, now)
        });
        requests.max(tokens)
    }

    /// Returns the factor for selection probabilities, 0.02..1: 1 while 15 % of both limits are left.
    pub fn headroom(&self, sent: SentTotals, now: UnixTime) -> f64 {
        Self::factor_of(self.least_left(sent, now))
    }

    /// Returns the factor for selection probabilities where this share of a limit is left.
    pub fn factor_of(share: f64) -> f64 {
        (share / SOFT_LIMIT_SHARE).clamp(MIN_SHARE, 1.0)
    }

    /// Returns the share of the scarcer limit that is left, 0.02..1.
    pub fn left_share(&self, sent: SentTotals, now: UnixTime) -> f64 {
        self.least_left(sent, now).clamp(MIN_SHARE, 1.0)
    }

    fn least_left(&self, sent: SentTotals, now: UnixTime) -> f64 {
        let part = |bucket: Option<QuotaBucket>, sent: u64| {
            bucket.map_or(1.0, |bucket| bucket.left(sent, now) / bucket.limit)
        };
        part(self.requests, sent.requests).min(part(self.tokens, sent.tokens))
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

    fn stated(remaining: f64, reset: Option<f64>) -> UpstreamLimits {
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
    fn requests_sent_since_the_header_are_subtracted_and_time_refills() {
        let mut quota = UpstreamQuota::default();
        assert_eq!(quota.headroom(sent(9), at(0)), 1.0, "no limit is known");
        // At the start one request was sent; since then four more, and two seconds refilled two.
        quota.observe_headers(&stated(5.0, None), (at(0), sent(1)), sent(5), at(2));

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
        quota.observe_headers(&stated(60.0, None), (at(0), sent(1)), sent(1), at(0));
        quota.refresh(sent(1), at(800));

        assert!(quota.wait(0.0, sent(61), at(800)) > 0.0);
    }

    #[test]
    fn a_reset_determines_the_refill_and_invalid_limits_are_ignored() {
        let mut quota = UpstreamQuota::default();
        quota.observe_headers(&stated(0.0, Some(6.0)), (at(0), sent(1)), sent(1), at(0));
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
        let stated = UpstreamLimits {
            requests: Some(limit),
            tokens: Some(limit),
        };
        unknown.observe_headers(&stated, (at(0), sent(1)), sent(1), at(0));
        assert_eq!(unknown, UpstreamQuota::default());
    }

    #[test]
    fn no_header_excludes_a_target_for_longer_than_a_learnt_wait() {
        let most = MAX_LEARNT_WAIT.as_secs();
        let resets = [
            Some(1e9),
            Some(1e300),
            Some(f64::INFINITY),
            Some(f64::NAN),
            None,
        ];
        for (limit, reset) in resets
            .into_iter()
            .flat_map(|reset| [(60.0, reset), (1e-9, reset)])
        {
            let mut quota = UpstreamQuota::default();
            let limit = Some(UpstreamLimit {
                limit,
                remaining: 0.0,
                reset,
            });
            let stated = UpstreamLimits {
                requests: limit,
                tokens: limit,
            };
            quota.observe_headers(&stated, (at(0), sent(1)), sent(1), at(0));
            let wait = |seconds| quota.wait(1.0, sent(1), at(seconds));
            assert!(wait(0) <= most as f64, "{limit:?}");
            assert_eq!(wait(most), 0.0, "{limit:?}");
        }
    }

    #[test]
    fn a_limit_without_recent_headers_expires() {
        let mut quota = UpstreamQuota::default();
        quota.observe_headers(&stated(0.0, None), (at(0), sent(1)), sent(1), at(0));
        quota.expire(at(59));
        assert_ne!(quota, UpstreamQuota::default());
        quota.refresh(sent(1), at(60));
        quota.expire(at(60));
        assert_eq!(quota, UpstreamQuota::default());
    }

    #[test]
    fn a_429_leaves_at_most_one_request() {
        let mut quota = UpstreamQuota::default();
        quota.mark_exhausted(sent(1), at(0));
        assert_eq!(
            quota,
            UpstreamQuota::default(),
            "an unknown limit stays unknown"
        );
        quota.observe_headers(&stated(50.0, None), (at(0), sent(1)), sent(1), at(0));
        quota.mark_exhausted(sent(1), at(0));
        assert!(quota.wait(0.0, sent(2), at(0)) > 0.0);
    }
}

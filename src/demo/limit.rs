//! Limit of requests per minute: a bucket that holds one minute's worth and refills evenly. Pure:
//! the time is an argument, in simulated time since the vendor's start.

use std::time::Duration;

/// The state of a vendor's limit, as its headers report it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Requests per minute.
    pub limit: u32,
    /// Requests that are allowed now.
    pub remaining: u32,
    /// Time until the bucket is full.
    pub reset: Duration,
}

/// The token bucket of one vendor.
#[derive(Debug)]
pub struct Bucket {
    level: f64,
    limit: u32,
    updated: Duration,
}

impl Bucket {
    /// A full bucket.
    pub fn full(limit: u32) -> Self {
        Self {
            level: f64::from(limit),
            limit,
            updated: Duration::ZERO,
        }
    }

    /// Takes one request under the limit in force (at least 1 per minute).
    ///
    /// # Errors
    /// With the time until a request is allowed.
    pub fn take(&mut self, limit: u32, now: Duration) -> Result<Allowance, Duration> {
        let limit = limit.max(1);
        let per_second = f64::from(limit) / 60.0;
        let passed = now.saturating_sub(self.updated).as_secs_f64();
        self.level = (self.level + passed * per_second).min(f64::from(limit));
        self.limit = limit;
        self.updated = self.updated.max(now);

        if self.level < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - self.level) / per_second));
        }
        self.level -= 1.0;
        Ok(self.allowance())
    }

    /// The state after the last request.
    pub fn allowance(&self) -> Allowance {
        let limit = f64::from(self.limit);
        Allowance {
            limit: self.limit,
            remaining: whole(self.level),
            reset: Duration::from_secs_f64((limit - self.level) * 60.0 / limit),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the level lies between 0 and a u32, and only whole requests count"
)]
fn whole(level: f64) -> u32 {
    level.floor() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_above_one_minutes_worth_wait_for_the_refill() {
        let mut bucket = Bucket::full(30);
        for left in (0..30).rev() {
            let allowance = bucket.take(30, Duration::ZERO).expect("not yet empty");
            assert_eq!(allowance.remaining, left);
        }

        assert_eq!(bucket.take(30, Duration::ZERO), Err(Duration::from_secs(2)));
        assert!(bucket.take(30, Duration::from_secs(2)).is_ok());
    }

    #[test]
    fn a_lowered_limit_holds_at_once() {
        let mut bucket = Bucket::full(3000);

        let allowance = bucket.take(2, Duration::ZERO).expect("the first of two");

        assert_eq!((allowance.limit, allowance.remaining), (2, 1));
        assert!(bucket.take(2, Duration::ZERO).is_ok());
        assert!(bucket.take(2, Duration::ZERO).is_err());
    }
}

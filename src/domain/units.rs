//! Numbers with their units.

use std::iter::Sum;
use std::ops::{Add, AddAssign};
use std::time::Duration;

/// Point in time in microseconds since the Unix epoch, read from a monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixTime(u64);

impl UnixTime {
    /// Creates a time from microseconds since the epoch.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Creates a time from seconds since the epoch.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds * 1_000_000)
    }

    /// Returns the microseconds since the epoch.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// Returns the whole seconds since the epoch.
    pub const fn unix_seconds(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Returns the seconds since `earlier`; 0 if `earlier` is later.
    pub fn seconds_since(self, earlier: Self) -> f64 {
        self.since(earlier).as_secs_f64()
    }

    /// Returns the time since `earlier`; zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// Adds a duration; saturates.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)),
        )
    }

    /// Subtracts a duration; saturates at the epoch.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)),
        )
    }
}

/// Amount in whole pico-dollars (10⁻¹² USD), so that sums are exact: the cheapest token on the
/// market costs some thousands of them. The maximum is 18 million USD.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money(u64);

impl Money {
    /// Zero dollars.
    pub const ZERO: Self = Self(0);

    /// Creates an amount from pico-dollars.
    pub const fn from_pico(pico: u64) -> Self {
        Self(pico)
    }

    /// Returns the price of one token, from a price in USD per million tokens. Negative prices are
    /// 0.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float cast saturates, and the configuration rejects negative prices"
    )]
    pub fn per_token(usd_per_million: f64) -> Self {
        Self((usd_per_million * 1e6).round() as u64)
    }

    /// Creates an amount from US dollars; saturates at 0 and at the maximum.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float cast saturates"
    )]
    pub fn from_usd(usd: f64) -> Self {
        Self((usd * 1e12).round() as u64)
    }

    /// Returns the amount in pico-dollars.
    pub const fn pico(self) -> u64 {
        self.0
    }

    /// Returns the amount in US dollars.
    pub fn usd(self) -> f64 {
        self.0 as f64 / 1e12
    }

    /// Subtracts `other`; saturates at 0.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Multiplies by `count`; saturates.
    #[must_use]
    pub const fn times(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count))
    }
}

impl Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_price_is_exact() {
        assert_eq!(Money::per_token(0.02), Money::from_pico(20_000));
        assert!((Money::per_token(2.5).times(1_000_000).usd() - 2.5).abs() < 1e-12);
    }

    #[test]
    fn a_duration_is_never_negative() {
        let (early, late) = (UnixTime::from_seconds(1), UnixTime::from_seconds(3));

        assert_eq!(late.seconds_since(early), 2.0);
        assert_eq!(early.seconds_since(late), 0.0);
    }
}

//! Numbers with their units.

use std::iter::Sum;
use std::ops::{Add, AddAssign};
use std::time::Duration;

/// A point in time: microseconds since the Unix epoch, read from a clock that never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixTime(u64);

impl UnixTime {
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds * 1_000_000)
    }

    pub const fn micros(self) -> u64 {
        self.0
    }

    pub const fn unix_seconds(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Seconds from `earlier` to here; 0 where `earlier` is later.
    pub fn seconds_since(self, earlier: Self) -> f64 {
        self.since(earlier).as_secs_f64()
    }

    /// Time from `earlier` to here; zero where `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)),
        )
    }

    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)),
        )
    }
}

/// An amount of US dollars in whole pico-dollars, so that sums are exact: the cheapest token on
/// the market costs some thousands of them, and 18 million dollars fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money(u64);

impl Money {
    pub const ZERO: Self = Self(0);

    pub const fn from_pico(pico: u64) -> Self {
        Self(pico)
    }

    /// The price of one token, from a price in USD per million tokens. Negative is zero.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float cast saturates, and negative prices are refused by the configuration"
    )]
    pub fn per_token(usd_per_million: f64) -> Self {
        Self((usd_per_million * 1e6).round() as u64)
    }

    /// From US dollars; negative is zero, and more than fits is all that fits.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float cast saturates"
    )]
    pub fn from_usd(usd: f64) -> Self {
        Self((usd * 1e12).round() as u64)
    }

    pub const fn pico(self) -> u64 {
        self.0
    }

    pub fn usd(self) -> f64 {
        self.0 as f64 / 1e12
    }

    /// What is left; never less than nothing.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

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
    fn time_never_runs_backwards() {
        let (early, late) = (UnixTime::from_seconds(1), UnixTime::from_seconds(3));

        assert_eq!(late.seconds_since(early), 2.0);
        assert_eq!(early.seconds_since(late), 0.0);
    }
}

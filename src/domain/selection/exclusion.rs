//! Reasons that exclude a target from a selection, and their duration.

use crate::domain::budget::format_usd;
use crate::domain::capability::MissingCapability;
use crate::domain::failure::Failure;
use crate::domain::rate_limiter::RateLimitExceeded;
use crate::domain::units::{Money, UnixTime};
use std::sync::Arc;
use std::time::Duration;

/// Time added to a recovery that requires a successful probe request.
const PROBE_EXTRA_WAIT: Duration = Duration::from_secs(1);
/// Expected time until the next probe of a provider that is down.
const UNPROBED_RECHECK: Duration = Duration::from_secs(5);

/// Reason that excludes a target from a selection.
#[derive(Debug, Clone, PartialEq)]
pub enum ExclusionReason {
    /// The model lacks a capability, as far as is stated.
    MissingCapability(MissingCapability),
    /// Its provider is disabled or unusable, with the reason.
    Off(Arc<str>),
    /// Its provider is draining.
    Draining,
    /// Probes do not reach its provider.
    Down,
    /// Its breaker is open until then.
    BreakerOpen(UnixTime),
    /// Its breaker is half-open and the probe request is running.
    HalfOpen,
    /// In a cooldown until then, after a `Retry-After` or a failure that only an operator can repair.
    CoolingDown(UnixTime, Option<Failure>),
    /// Its estimated quota at the provider is used up for this number of seconds.
    UpstreamRateLimited(f64),
    /// Its provider reached the limit on concurrent requests.
    ProviderAtCapacity(u32),
    /// The model reached its own limit on concurrent requests.
    ModelAtCapacity(u32),
    /// A configured limit per minute is used up.
    RateLimited(RateLimitExceeded),
    /// It failed earlier in the same request.
    AlreadyTried,
    /// The request limits the cost, and the price is unknown.
    UnknownPrice,
    /// Its price is above the limit of the request.
    AboveMaxCost,
    /// Its expected latency is above the limit of the request.
    AboveMaxLatency,
    /// Its maximum cost exceeds the remaining budget.
    OverBudget {
        /// Maximum cost.
        needed: Money,
        /// Remaining budget.
        left: Money,
    },
    /// Its maximum cost exceeds the rest of its provider's own budget.
    OverProviderBudget {
        /// Maximum cost.
        needed: Money,
        /// Remaining budget.
        left: Money,
    },
    /// The budget is used up, and another target is cheaper.
    NotCheapest,
}

impl ExclusionReason {
    /// Returns true if it is a transient estimate, which a last resort may ignore. Limits set by the
    /// operator are not.
    pub fn allows_last_resort(&self) -> bool {
        matches!(
            self,
            Self::Down
                | Self::BreakerOpen(_)
                | Self::HalfOpen
                | Self::CoolingDown(..)
                | Self::UpstreamRateLimited(_)
        )
    }

    /// Returns true if it is transient, estimated or not.
    pub fn is_transient(&self) -> bool {
        self.allows_last_resort() || self.is_at_capacity()
    }

    /// Returns true if other requests use up the capacity.
    pub fn is_at_capacity(&self) -> bool {
        matches!(
            self,
            Self::HalfOpen
                | Self::ProviderAtCapacity(_)
                | Self::ModelAtCapacity(_)
                | Self::RateLimited(_)
        )
    }

    /// Returns the expected time until it ends; `None` if time alone does not end it.
    pub fn recovers_in(&self, now: UnixTime) -> Option<Duration> {
        match self {
            Self::BreakerOpen(until) => Some(until.since(now) + PROBE_EXTRA_WAIT),
            Self::CoolingDown(until, _) => Some(until.since(now)),
            Self::UpstreamRateLimited(seconds) => Duration::try_from_secs_f64(*seconds).ok(),
            Self::RateLimited(exceeded) => Duration::try_from_secs_f64(exceeded.seconds()).ok(),
            Self::HalfOpen | Self::ProviderAtCapacity(_) | Self::ModelAtCapacity(_) => {
                Some(PROBE_EXTRA_WAIT)
            }
            Self::Down => Some(UNPROBED_RECHECK),
            _ => None,
        }
    }

    /// Returns the reason as text, for example `breaker open for 12 s more`.
    pub fn text(&self, now: UnixTime) -> String {
        match self {
            Self::MissingCapability(missing) => missing.to_string(),
            Self::Off(why) => why.to_string(),
            Self::Draining => "draining".to_owned(),
            Self::Down => "down: probes do not reach it".to_owned(),
            Self::BreakerOpen(until) => {
                format!(
                    "breaker open for {:.0} s more",
                    until.seconds_since(now).ceil()
                )
            }
            Self::HalfOpen => "breaker half-open, its probe request is running".to_owned(),
            Self::CoolingDown(until, failure) => {
                let seconds = until.seconds_since(now).ceil();
                let why = match failure {
                    Some(Failure::Auth | Failure::Permission) => {
                        "refuses the gateway's own key; check it. Excluded"
                    }
                    Some(Failure::Quota) => "its account has no credit or quota left. Excluded",
                    Some(Failure::NotFound) => "does not know the model or the path. Excluded",
                    _ => return format!("asked to wait {seconds:.0} s more"),
                };
                format!("{why} for {seconds:.0} s more")
            }
            Self::UpstreamRateLimited(seconds) => {
                format!("its rate limit is used up for {:.0} s more", seconds.ceil())
            }
            Self::ProviderAtCapacity(limit) => {
                format!("its concurrency limit of {limit} is reached")
            }
            Self::ModelAtCapacity(limit) => {
                format!("the model's concurrency limit of {limit} is reached")
            }
            Self::RateLimited(exceeded) => exceeded.to_string(),
            Self::AlreadyTried => "already tried".to_owned(),
            Self::UnknownPrice => "price unknown, so maxCost cannot be checked".to_owned(),
            Self::AboveMaxCost => "more expensive than maxCost".to_owned(),
            Self::AboveMaxLatency => "slower than maxLatency".to_owned(),
            Self::OverBudget { needed, left } => format!(
                "may cost {}, but {} of the budget is left",
                format_usd(*needed),
                format_usd(*left)
            ),
            Self::OverProviderBudget { needed, left } => format!(
                "may cost {}, but {} of its provider's budget is left",
                format_usd(*needed),
                format_usd(*left)
            ),
            Self::NotCheapest => "the budget is used up, and another target is cheaper".to_owned(),
        }
    }
}

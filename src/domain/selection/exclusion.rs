//! Why a target is out of a decision, and when it may be back.

use crate::domain::budget::format_usd;
use crate::domain::capability::MissingCapability;
use crate::domain::failure::Failure;
use crate::domain::rate_limiter::RateLimitExceeded;
use crate::domain::units::{Money, UnixTime};
use std::sync::Arc;
use std::time::Duration;

/// Added to a recovery's waiting time where only a trial request will tell.
const PROBE_EXTRA_WAIT: Duration = Duration::from_secs(1);
/// A provider that probes do not reach is probed this often.
const UNPROBED_RECHECK: Duration = Duration::from_secs(5);

/// What kept a target out of a decision.
#[derive(Debug, Clone, PartialEq)]
pub enum ExclusionReason {
    /// It cannot do what is asked, as far as is stated.
    MissingCapability(MissingCapability),
    Off(Arc<str>),
    Draining,
    Down,
    BreakerOpen(UnixTime),
    /// Half-open, and its one trial is out or this is not a first attempt.
    HalfOpen,
    /// Left alone until then: told to wait, or for what only people can mend.
    CoolingDown(UnixTime, Option<Failure>),
    /// Our shadow of its rate limits has no room, for so many seconds.
    UpstreamRateLimited(f64),
    ProviderAtCapacity(u32),
    /// The same for the model's own places.
    ModelAtCapacity(u32),
    /// What its operator lets it have in a minute is used up.
    RateLimited(RateLimitExceeded),
    AlreadyTried,
    UnknownPrice,
    AboveMaxCost,
    AboveMaxLatency,
    /// It may come to more than what is left of a budget.
    OverBudget {
        needed: Money,
        left: Money,
    },
    /// The budget is used up, and others are cheaper.
    NotCheapest,
}

impl ExclusionReason {
    /// Whether it is a guess of ours about this moment: in need, where no other target is left, it is
    /// passed over. Places are the operator's word, and hold.
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

    /// Whether it is of this moment, guess or not: without it the target might serve.
    pub fn is_transient(&self) -> bool {
        self.allows_last_resort() || self.is_at_capacity()
    }

    /// Whether it is only that others are served there.
    pub fn is_at_capacity(&self) -> bool {
        matches!(
            self,
            Self::HalfOpen
                | Self::ProviderAtCapacity(_)
                | Self::ModelAtCapacity(_)
                | Self::RateLimited(_)
        )
    }

    /// Whether time alone may bring it back, and how soon.
    pub fn recovers_in(&self, now: UnixTime) -> Option<Duration> {
        match self {
            Self::BreakerOpen(until) => Some(until.since(now) + PROBE_EXTRA_WAIT),
            Self::CoolingDown(until, _) => Some(until.since(now)),
            Self::UpstreamRateLimited(seconds) => Duration::try_from_secs_f64(*seconds).ok(),
            Self::RateLimited(shortage) => Duration::try_from_secs_f64(shortage.seconds()).ok(),
            Self::HalfOpen | Self::ProviderAtCapacity(_) | Self::ModelAtCapacity(_) => {
                Some(PROBE_EXTRA_WAIT)
            }
            Self::Down => Some(UNPROBED_RECHECK),
            _ => None,
        }
    }

    /// In words, for example `breaker open for 12 s more`.
    pub fn text(&self, now: UnixTime) -> String {
        match self {
            Self::MissingCapability(lack) => lack.to_string(),
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
                    Some(Failure::NotFound) => "does not know the model. Excluded",
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
            Self::RateLimited(shortage) => shortage.to_string(),
            Self::AlreadyTried => "already tried".to_owned(),
            Self::UnknownPrice => "price unknown, so maxCost cannot be checked".to_owned(),
            Self::AboveMaxCost => "more expensive than maxCost".to_owned(),
            Self::AboveMaxLatency => "slower than maxLatency".to_owned(),
            Self::OverBudget { needed, left } => format!(
                "may cost {}, but {} of the budget is left",
                format_usd(*needed),
                format_usd(*left)
            ),
            Self::NotCheapest => "the budget is used up, and another target is cheaper".to_owned(),
        }
    }
}

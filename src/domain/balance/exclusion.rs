//! Why a target is out of a decision, and when it may be back.

use crate::domain::budget::dollars;
use crate::domain::capability::Lack;
use crate::domain::observation::Failure;
use crate::domain::rates::Shortage;
use crate::domain::units::{Moment, Money};
use std::sync::Arc;
use std::time::Duration;

/// Added to a recovery's waiting time where only a trial request will tell.
const TRIAL_WAIT: Duration = Duration::from_secs(1);
/// A provider that probes do not reach is probed this often.
const NEXT_PROBE: Duration = Duration::from_secs(5);

/// What kept a target out of a decision.
#[derive(Debug, Clone, PartialEq)]
pub enum Exclusion {
    /// It cannot do what is asked, as far as is stated.
    Lacks(Lack),
    Off(Arc<str>),
    Draining,
    Down,
    BreakerOpen(Moment),
    /// Half-open, and its one trial is out or this is not a first attempt.
    HalfOpen,
    /// Left alone until then: told to wait, or for what only people can mend.
    Limited(Moment, Option<Failure>),
    /// Our shadow of its rate limits has no room, for so many seconds.
    Exhausted(f64),
    Full(u32),
    /// The same for the model's own places.
    Crowded(u32),
    /// What its operator lets it have in a minute is used up.
    Metered(Shortage),
    Tried,
    UnknownPrice,
    TooDear,
    TooSlow,
    /// It may come to more than what is left of a budget.
    OverBudget {
        needed: Money,
        left: Money,
    },
    /// The budget is used up, and others are cheaper.
    Dearer,
}

impl Exclusion {
    /// Whether it is a guess of ours about this moment: in need, where nobody else is left, it is
    /// passed over. Places are the operator's word, and hold.
    pub fn is_guess(&self) -> bool {
        matches!(
            self,
            Self::Down
                | Self::BreakerOpen(_)
                | Self::HalfOpen
                | Self::Limited(..)
                | Self::Exhausted(_)
        )
    }

    /// Whether it is of this moment, guess or not: without it the target might serve.
    pub fn is_of_the_moment(&self) -> bool {
        self.is_guess() || self.is_busy()
    }

    /// Whether it is only that others are served there.
    pub fn is_busy(&self) -> bool {
        matches!(
            self,
            Self::HalfOpen | Self::Full(_) | Self::Crowded(_) | Self::Metered(_)
        )
    }

    /// Whether time alone may bring it back, and how soon.
    pub fn recovery(&self, now: Moment) -> Option<Duration> {
        match self {
            Self::BreakerOpen(until) => Some(until.since(now) + TRIAL_WAIT),
            Self::Limited(until, _) => Some(until.since(now)),
            Self::Exhausted(seconds) => Duration::try_from_secs_f64(*seconds).ok(),
            Self::Metered(shortage) => Duration::try_from_secs_f64(shortage.seconds()).ok(),
            Self::HalfOpen | Self::Full(_) | Self::Crowded(_) => Some(TRIAL_WAIT),
            Self::Down => Some(NEXT_PROBE),
            _ => None,
        }
    }

    /// In words, for example `breaker open for 12 s more`.
    pub fn text(&self, now: Moment) -> String {
        match self {
            Self::Lacks(lack) => lack.to_string(),
            Self::Off(why) => why.to_string(),
            Self::Draining => "draining".to_owned(),
            Self::Down => "down: probes do not reach it".to_owned(),
            Self::BreakerOpen(until) => {
                format!(
                    "breaker open for {:.0} s more",
                    until.seconds_since(now).ceil()
                )
            }
            Self::HalfOpen => "breaker half-open, its trial request is out".to_owned(),
            Self::Limited(until, failure) => {
                let seconds = until.seconds_since(now).ceil();
                let why = match failure {
                    Some(Failure::Auth | Failure::Permission) => {
                        "refuses the gateway's own key; check it. Not asked"
                    }
                    Some(Failure::Quota) => "its account is out of money or quota. Not asked",
                    Some(Failure::NotFound) => "does not know the model. Not asked",
                    _ => return format!("asked to wait {seconds:.0} s more"),
                };
                format!("{why} for {seconds:.0} s more")
            }
            Self::Exhausted(seconds) => {
                format!("its rate limit is used up for {:.0} s more", seconds.ceil())
            }
            Self::Full(limit) => format!("all {limit} places taken"),
            Self::Crowded(limit) => format!("all {limit} places of this model taken"),
            Self::Metered(shortage) => shortage.text(),
            Self::Tried => "tried already".to_owned(),
            Self::UnknownPrice => "price unknown, so maxCost cannot be kept".to_owned(),
            Self::TooDear => "dearer than maxCost".to_owned(),
            Self::TooSlow => "slower than maxLatency".to_owned(),
            Self::OverBudget { needed, left } => format!(
                "may come to {}, but {} of the budget is left",
                dollars(*needed),
                dollars(*left)
            ),
            Self::Dearer => "the budget is used up, and others are cheaper".to_owned(),
        }
    }
}

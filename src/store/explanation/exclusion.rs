//! Reasons of exclusion as they are stored.

use crate::domain::{
    ExclusionReason, Failure, MissingCapability, Money, RateLimitExceeded, UnixTime,
};
use serde::{Deserialize, Serialize};

/// One variant for each reason.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StoredExclusion {
    Missing(StoredCapability),
    Off(String),
    Draining,
    Down,
    Open(u64),
    HalfOpen,
    Cooling(u64, Option<String>),
    Upstream(f64),
    ProviderFull(u32),
    ModelFull(u32),
    /// Whether it is the limit on tokens, the limit, and seconds.
    Rate(bool, u64, f64),
    Tried,
    NoPrice,
    Cost,
    Latency,
    Budget(u64, u64),
    ProviderBudget(u64, u64),
    NotCheapest,
}

/// One variant for each capability.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StoredCapability {
    Chat,
    Embeddings,
    Vision,
    Tools,
    JsonSchema,
    Reasoning,
    Prefill,
    Context(u64, u64),
    Output(u64, u64),
    ContextExceeded,
}

impl StoredExclusion {
    pub(super) fn new(reason: &ExclusionReason) -> Self {
        match reason {
            ExclusionReason::MissingCapability(missing) => Self::Missing(capability(*missing)),
            ExclusionReason::Off(why) => Self::Off(why.to_string()),
            ExclusionReason::Draining => Self::Draining,
            ExclusionReason::Down => Self::Down,
            ExclusionReason::BreakerOpen(until) => Self::Open(until.micros()),
            ExclusionReason::HalfOpen => Self::HalfOpen,
            ExclusionReason::CoolingDown(until, failure) => {
                let failure = failure.map(|failure| failure.as_str().to_owned());
                Self::Cooling(until.micros(), failure)
            }
            ExclusionReason::UpstreamRateLimited(seconds) => Self::Upstream(*seconds),
            ExclusionReason::ProviderAtCapacity(limit) => Self::ProviderFull(*limit),
            ExclusionReason::ModelAtCapacity(limit) => Self::ModelFull(*limit),
            ExclusionReason::RateLimited(RateLimitExceeded::Requests { limit, seconds }) => {
                Self::Rate(false, *limit, *seconds)
            }
            ExclusionReason::RateLimited(RateLimitExceeded::Tokens { limit, seconds }) => {
                Self::Rate(true, *limit, *seconds)
            }
            ExclusionReason::AlreadyTried => Self::Tried,
            ExclusionReason::UnknownPrice => Self::NoPrice,
            ExclusionReason::AboveMaxCost => Self::Cost,
            ExclusionReason::AboveMaxLatency => Self::Latency,
            ExclusionReason::OverBudget { needed, left } => {
                Self::Budget(needed.pico(), left.pico())
            }
            ExclusionReason::OverProviderBudget { needed, left } => {
                Self::ProviderBudget(needed.pico(), left.pico())
            }
            ExclusionReason::NotCheapest => Self::NotCheapest,
        }
    }

    pub(super) fn reason(&self) -> ExclusionReason {
        match self {
            Self::Missing(missing) => ExclusionReason::MissingCapability(missing.missing()),
            Self::Off(why) => ExclusionReason::Off(why.as_str().into()),
            Self::Draining => ExclusionReason::Draining,
            Self::Down => ExclusionReason::Down,
            Self::Open(until) => ExclusionReason::BreakerOpen(UnixTime::from_micros(*until)),
            Self::HalfOpen => ExclusionReason::HalfOpen,
            Self::Cooling(until, failure) => ExclusionReason::CoolingDown(
                UnixTime::from_micros(*until),
                failure.as_deref().and_then(Failure::parse),
            ),
            Self::Upstream(seconds) => ExclusionReason::UpstreamRateLimited(*seconds),
            Self::ProviderFull(limit) => ExclusionReason::ProviderAtCapacity(*limit),
            Self::ModelFull(limit) => ExclusionReason::ModelAtCapacity(*limit),
            Self::Rate(is_tokens, limit, seconds) => {
                let (limit, seconds) = (*limit, *seconds);
                ExclusionReason::RateLimited(if *is_tokens {
                    RateLimitExceeded::Tokens { limit, seconds }
                } else {
                    RateLimitExceeded::Requests { limit, seconds }
                })
            }
            Self::Tried => ExclusionReason::AlreadyTried,
            Self::NoPrice => ExclusionReason::UnknownPrice,
            Self::Cost => ExclusionReason::AboveMaxCost,
            Self::Latency => ExclusionReason::AboveMaxLatency,
            Self::Budget(needed, left) => ExclusionReason::OverBudget {
                needed: Money::from_pico(*needed),
                left: Money::from_pico(*left),
            },
            Self::ProviderBudget(needed, left) => ExclusionReason::OverProviderBudget {
                needed: Money::from_pico(*needed),
                left: Money::from_pico(*left),
            },
            Self::NotCheapest => ExclusionReason::NotCheapest,
        }
    }
}

fn capability(missing: MissingCapability) -> StoredCapability {
    match missing {
        MissingCapability::Chat => StoredCapability::Chat,
        MissingCapability::Embeddings => StoredCapability::Embeddings,
        MissingCapability::Vision => StoredCapability::Vision,
        MissingCapability::Tools => StoredCapability::Tools,
        MissingCapability::JsonSchema => StoredCapability::JsonSchema,
        MissingCapability::Reasoning => StoredCapability::Reasoning,
        MissingCapability::Prefill => StoredCapability::Prefill,
        MissingCapability::Context { window, prompt } => StoredCapability::Context(window, prompt),
        MissingCapability::Output { most, wanted } => StoredCapability::Output(most, wanted),
        MissingCapability::ContextExceeded => StoredCapability::ContextExceeded,
    }
}

impl StoredCapability {
    fn missing(&self) -> MissingCapability {
        match self {
            Self::Chat => MissingCapability::Chat,
            Self::Embeddings => MissingCapability::Embeddings,
            Self::Vision => MissingCapability::Vision,
            Self::Tools => MissingCapability::Tools,
            Self::JsonSchema => MissingCapability::JsonSchema,
            Self::Reasoning => MissingCapability::Reasoning,
            Self::Prefill => MissingCapability::Prefill,
            Self::Context(window, prompt) => MissingCapability::Context {
                window: *window,
                prompt: *prompt,
            },
            Self::Output(most, wanted) => MissingCapability::Output {
                most: *most,
                wanted: *wanted,
            },
            Self::ContextExceeded => MissingCapability::ContextExceeded,
        }
    }
}

//! Time limits of an attempt in a run.

use super::simulated_target::SimulatedFate;
use crate::domain::failure::Failure;
use crate::domain::observation::Outcome;

/// Share of the remaining time that one attempt at a whole response gets.
const ATTEMPT_SHARE: f64 = 0.6;

/// Time limits and attempts, as the gateway has them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunLimits {
    /// Seconds until the first content of a stream.
    pub first_token_s: f64,
    /// Seconds until a whole response.
    pub response_s: f64,
    /// Maximum attempts after the first.
    pub max_retries: u32,
}

/// The limits of a gateway without settings.
impl Default for RunLimits {
    fn default() -> Self {
        Self {
            first_token_s: 10.0,
            response_s: 30.0,
            max_retries: 3,
        }
    }
}

/// An attempt within its time limits.
pub struct LimitedFate {
    pub first_token: Option<f64>,
    pub outcome: Outcome,
    pub seconds: f64,
    /// True if the client's own limit ended it.
    pub is_hurried: bool,
}

/// Cuts an attempt that takes longer than its target may, or than its client waits.
pub fn limited(
    fate: SimulatedFate,
    is_streamed: bool,
    left: Option<f64>,
    limits: RunLimits,
) -> LimitedFate {
    let timeout = Outcome::Failed(Failure::Timeout);
    let patience = if is_streamed {
        limits.first_token_s
    } else {
        left.map_or(limits.response_s, |left| left * ATTEMPT_SHARE)
    };
    let (first_token, outcome, seconds) = match fate {
        SimulatedFate::Failed { failure, seconds } => (None, Outcome::Failed(failure), seconds),
        SimulatedFate::Answered {
            first_token,
            seconds,
        } => {
            let awaited = if is_streamed { first_token } else { seconds };
            if awaited > patience {
                (None, timeout, patience)
            } else {
                let first_token = is_streamed.then_some(first_token);
                (first_token, Outcome::Success, seconds)
            }
        }
    };
    match left {
        Some(left) if seconds > left => LimitedFate {
            first_token: first_token.filter(|seconds| *seconds < left),
            outcome: timeout,
            seconds: left.max(0.0),
            is_hurried: true,
        },
        _ => LimitedFate {
            first_token,
            outcome,
            seconds,
            is_hurried: false,
        },
    }
}

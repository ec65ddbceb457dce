//! Upper bound of the tokens and the cost of one attempt.

use super::request_profile::RequestProfile;
use crate::domain::pricing::{Usage, cost};
use crate::domain::snapshot::Candidate;
use crate::domain::units::Money;

/// Upper bound of one attempt, reserved from every limit before it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MaxUsage {
    /// Estimated prompt, plus the maximum output that the client allows or else the expected output,
    /// capped by the maximum output of the model; once for each choice.
    pub tokens: u64,
    /// Cost of these tokens; `None` if the price is unknown.
    pub cost: Option<Money>,
}

impl MaxUsage {
    /// Returns the upper bound of a request at a target.
    pub fn of(candidate: &Candidate, ask: &RequestProfile<'_>, expected_output: f64) -> Self {
        let requested = whole(ask.max_tokens.unwrap_or(expected_output));
        let model_limit = candidate.capabilities.max_output.unwrap_or(u64::MAX);
        let usage = Usage {
            input: whole(ask.input),
            output: requested
                .min(model_limit)
                .saturating_mul(whole(ask.choices)),
            ..Usage::default()
        };
        Self {
            tokens: usage.input.saturating_add(usage.output),
            cost: candidate.price.as_ref().map(|price| cost(usage, price)),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates, and NaN becomes 0"
)]
fn whole(tokens: f64) -> u64 {
    tokens.ceil().max(0.0) as u64
}

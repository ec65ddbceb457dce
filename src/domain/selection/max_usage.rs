//! Upper bound of the tokens and the cost of one attempt.

use super::request_profile::RequestProfile;
use crate::domain::pricing::{Usage, cost};
use crate::domain::snapshot::Candidate;
use crate::domain::units::Money;

/// Upper bound of one attempt, reserved of every limit before it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MaxUsage {
    /// The estimated prompt, and what the client lets the answer have, or else what is expected of
    /// it; never more than the model can say.
    pub tokens: u64,
    /// Nothing where the price is unknown.
    pub cost: Option<Money>,
}

impl MaxUsage {
    pub fn of(candidate: &Candidate, ask: &RequestProfile<'_>, expected_output: f64) -> Self {
        let stated = whole(ask.max_tokens.unwrap_or(expected_output));
        let able = candidate.capabilities.max_output.unwrap_or(u64::MAX);
        let usage = Usage {
            input: whole(ask.input),
            output: stated.min(able),
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
    reason = "a float cast saturates, and what is no number counts as none"
)]
fn whole(tokens: f64) -> u64 {
    tokens.ceil().max(0.0) as u64
}

//! Failures of attempts, and what follows from each class.

use std::time::Duration;

/// Why an attempt failed: the class decides who may be asked next and what the target's record
/// shows for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The request itself is wrong; no other target would take it.
    InvalidRequest,
    /// Too long for this model.
    ContextLength,
    /// The provider refuses our key.
    Auth,
    /// Our key may not use this.
    Permission,
    /// The provider does not know the model.
    NotFound,
    /// The body is too large for the provider.
    TooLarge,
    /// The provider's protocol has no words for what is asked; another's may.
    Unsupported,
    /// Too many requests or tokens; with the delay it asked for.
    RateLimit(Option<Duration>),
    /// The account has no money or no quota left.
    Quota,
    /// No answer in time.
    Timeout,
    /// The provider has too much to do; with the delay it asked for.
    Overloaded(Option<Duration>),
    /// The provider's own mistake, or an answer that nobody can read.
    Server,
    /// No connection, or the answer broke off.
    Disconnected,
}

impl Failure {
    /// Whether the client caused it: then it counts in no rate and another target would not help.
    pub fn is_client_error(self) -> bool {
        matches!(
            self,
            Self::InvalidRequest | Self::ContextLength | Self::TooLarge | Self::Unsupported
        )
    }

    /// Whether it is our own key that is refused.
    pub fn is_auth(self) -> bool {
        matches!(self, Self::Auth | Self::Permission)
    }

    /// Whether another target may answer the same request.
    pub fn can_fail_over(self) -> bool {
        !matches!(self, Self::InvalidRequest)
    }

    /// Whether the same target may answer a little later.
    pub fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::RateLimit(_)
                | Self::Timeout
                | Self::Overloaded(_)
                | Self::Server
                | Self::Disconnected
        )
    }

    /// Whether it speaks against the target's health: its breaker and its reliability hear of it.
    pub fn counts_against_health(self) -> bool {
        matches!(
            self,
            Self::Timeout | Self::Overloaded(_) | Self::Server | Self::Disconnected
        )
    }

    /// How long the target is left alone because of it, whatever its breaker says: as long as the
    /// provider asks, and for what only people can mend long enough not to be hammered on.
    pub fn cooldown(self) -> Option<Duration> {
        match self {
            Self::Auth | Self::Permission => Some(Duration::from_mins(5)),
            Self::NotFound => Some(Duration::from_mins(1)),
            Self::Quota => Some(Duration::from_mins(10)),
            Self::RateLimit(delay) | Self::Overloaded(delay) => delay,
            _ => None,
        }
    }

    /// One word for logs, events and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::ContextLength => "context_length",
            Self::Auth => "auth",
            Self::Permission => "permission",
            Self::NotFound => "not_found",
            Self::TooLarge => "too_large",
            Self::Unsupported => "unsupported",
            Self::RateLimit(_) => "rate_limit",
            Self::Quota => "quota",
            Self::Timeout => "timeout",
            Self::Overloaded(_) => "overloaded",
            Self::Server => "server",
            Self::Disconnected => "disconnected",
        }
    }
}

//! Classes of failed attempts, and their consequences.

use std::time::Duration;

/// Class of a failed attempt. It determines which targets may be tried next and which statistics
/// of the target change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The request is invalid; every target would reject it.
    InvalidRequest,
    /// The request exceeds the context of this model.
    ContextLength,
    /// The provider rejects the key.
    Auth,
    /// The key lacks the permission.
    Permission,
    /// The provider does not know the model.
    NotFound,
    /// The body is too large for the provider.
    TooLarge,
    /// The provider's protocol cannot represent the request; another may.
    Unsupported,
    /// Too many requests or tokens, with the delay that the provider asks for.
    RateLimit(Option<Duration>),
    /// The balance or quota of the account is used up.
    Quota,
    /// No response in time.
    Timeout,
    /// The provider is overloaded, with the delay that it asks for.
    Overloaded(Option<Duration>),
    /// Internal error of the provider, or a response that cannot be parsed.
    Server,
    /// No connection, or the response broke off.
    Disconnected,
}

impl Failure {
    /// Returns true if the client caused it: it counts in no rate, and another target would not help.
    pub fn is_client_error(self) -> bool {
        matches!(
            self,
            Self::InvalidRequest | Self::ContextLength | Self::TooLarge | Self::Unsupported
        )
    }

    /// Returns true if the key is rejected.
    pub fn is_auth(self) -> bool {
        matches!(self, Self::Auth | Self::Permission)
    }

    /// Returns true if another target may serve the same request.
    pub fn can_fail_over(self) -> bool {
        !matches!(self, Self::InvalidRequest)
    }

    /// Returns true if the same target may serve the request later.
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

    /// Returns true if it counts in the circuit breaker and the reliability of the target.
    pub fn counts_against_health(self) -> bool {
        matches!(
            self,
            Self::Timeout | Self::Overloaded(_) | Self::Server | Self::Disconnected
        )
    }

    /// Returns the cooldown of the target after this failure, independent of its circuit breaker: the
    /// delay that the provider asks for, and minutes for faults that only an operator can repair.
    pub fn cooldown(self) -> Option<Duration> {
        match self {
            Self::Auth | Self::Permission => Some(Duration::from_mins(5)),
            Self::NotFound => Some(Duration::from_mins(1)),
            Self::Quota => Some(Duration::from_mins(10)),
            Self::RateLimit(delay) | Self::Overloaded(delay) => delay,
            _ => None,
        }
    }

    /// Returns true if a failure says something of the key that was used, not of the target.
    pub fn is_of_key(self, shares_quota: bool) -> bool {
        match self {
            Self::Auth | Self::Permission | Self::Quota => true,
            Self::RateLimit(_) => !shares_quota,
            _ => false,
        }
    }

    /// Returns true if a failure of a key holds for all models of its provider.
    pub fn is_of_account(self) -> bool {
        matches!(self, Self::Auth | Self::Quota)
    }

    /// Returns the code in logs, events and metrics.
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

    /// Returns the failure of a code; delays are not part of it.
    pub fn parse(code: &str) -> Option<Self> {
        const ALL: [Failure; 13] = [
            Failure::InvalidRequest,
            Failure::ContextLength,
            Failure::Auth,
            Failure::Permission,
            Failure::NotFound,
            Failure::TooLarge,
            Failure::Unsupported,
            Failure::RateLimit(None),
            Failure::Quota,
            Failure::Timeout,
            Failure::Overloaded(None),
            Failure::Server,
            Failure::Disconnected,
        ];
        ALL.into_iter().find(|known| known.as_str() == code)
    }
}

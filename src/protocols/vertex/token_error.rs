//! The failure to get an access token.

use crate::domain::Failure;
use crate::protocols::{TransportError, UpstreamError};

/// The reason why no access token came. Neither text nor source holds what a token server or
/// Google's library sent: that may name accounts or quote the credentials.
#[derive(Debug, thiserror::Error)]
pub(in crate::protocols) enum TokenError {
    #[error("no token was received within 10 s; check that the token server can be reached")]
    Timeout,
    #[error("the token server of the service account cannot be reached: {0}")]
    Unreachable(#[source] TransportError),
    #[error("no connection to the token server can be set up")]
    NoClient(#[source] reqwest::Error),
    #[error(
        "the token server refused the service account with {0}; check that its key in the file \
         that `credentials` names is still valid"
    )]
    Refused(u16),
    #[error("the token server answered {0} without a token")]
    NoToken(u16),
    #[error("the token server sent a token that is not a valid header value")]
    InvalidToken,
    #[error("the token server failed; try again later")]
    ServerFailed,
    #[error("the private key in the file that `credentials` names cannot be used; make a new key")]
    UnusableKey,
    #[error(
        "the credentials in the file that `credentials` names were refused or cannot be used; \
         make a new key"
    )]
    FileRefused,
    #[error(
        "there are no application-default credentials, or they were refused; run `gcloud auth \
         application-default login`, name a file in `credentials`, or name a variable with a \
         token in `api_key_env`"
    )]
    NoDefaultCredentials,
    #[error("the file that `credentials` names {0}")]
    File(#[source] FileFault),
}

/// The reason why a credentials file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::protocols) enum FileFault {
    #[error("is too large for credentials")]
    TooLarge,
    #[error("cannot be read: {0}")]
    Unreadable(std::io::ErrorKind),
    #[error("is not JSON")]
    NotJson,
    #[error("has no `type`; it must be a key or credentials as Google makes them")]
    NoType,
    #[error(
        "has the type {0:?}, but must be service_account, authorized_user, \
         impersonated_service_account or external_account"
    )]
    UnknownType(String),
    #[error("is not a complete {0}: a field is missing or wrong; download it again")]
    Incomplete(String),
}

impl From<FileFault> for TokenError {
    fn from(fault: FileFault) -> Self {
        Self::File(fault)
    }
}

impl TokenError {
    /// Class of the failure.
    fn failure(&self) -> Failure {
        match self {
            Self::Timeout => Failure::Timeout,
            Self::Unreachable(_) | Self::NoClient(_) => Failure::Disconnected,
            Self::NoToken(_) | Self::InvalidToken | Self::ServerFailed => Failure::Server,
            Self::Refused(_)
            | Self::UnusableKey
            | Self::FileRefused
            | Self::NoDefaultCredentials
            | Self::File(_) => Failure::Auth,
        }
    }
}

impl From<TokenError> for UpstreamError {
    fn from(error: TokenError) -> Self {
        Self::caused_by(error.failure(), error)
    }
}

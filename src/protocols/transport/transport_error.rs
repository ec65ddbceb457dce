//! A request that got no response.

use crate::domain::Failure;
use crate::foreign::ConnectionFault;
use std::error::Error;
use std::fmt;
use std::io;

/// The reason why a request got no response. The source never holds the URL, which may name an
/// account.
#[derive(Debug)]
pub struct TransportError {
    /// Class of the failure: `Timeout` or `Disconnected`.
    pub failure: Failure,
    /// The way in which the connection failed.
    pub fault: ConnectionFault,
    /// True if no connection was opened, so nothing can have reached the provider.
    pub unsent: bool,
    source: Option<reqwest::Error>,
}

impl TransportError {
    /// The provider has no connection, or the URL is invalid.
    pub(super) fn no_endpoint() -> Self {
        Self {
            failure: Failure::Disconnected,
            fault: ConnectionFault::Other,
            unsent: true,
            source: None,
        }
    }
}

impl From<reqwest::Error> for TransportError {
    fn from(error: reqwest::Error) -> Self {
        Self {
            failure: classify_transport_error(&error),
            fault: ConnectionFault::of(&error),
            unsent: error.is_connect(),
            source: Some(error.without_url()),
        }
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.failure, self.fault) {
            (Failure::Timeout, _) => f.write_str("no response in time"),
            (_, ConnectionFault::Timeout) => f.write_str("timeout: no connection in time"),
            (_, fault) => fault.fmt(f),
        }
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|error| error as _)
    }
}

/// Classifies an error of the HTTP client. A connect that times out counts as disconnected: the
/// provider did not work on the request.
pub fn classify_transport_error(error: &reqwest::Error) -> Failure {
    if error.is_timeout() && !error.is_connect() {
        Failure::Timeout
    } else {
        Failure::Disconnected
    }
}

/// Checks whether the connection ended before the response began.
pub(super) fn is_interrupted(error: &reqwest::Error) -> bool {
    const CLOSED: [io::ErrorKind; 4] = [
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::BrokenPipe,
        io::ErrorKind::NotConnected,
    ];
    if error.is_timeout() || error.is_connect() {
        return false;
    }
    let mut cause: Option<&dyn Error> = Some(error);
    while let Some(inner) = cause {
        let ended = |error: &hyper::Error| error.is_incomplete_message() || error.is_closed();
        let io_kind = inner.downcast_ref::<io::Error>().map(io::Error::kind);
        if inner.downcast_ref::<hyper::Error>().is_some_and(ended)
            || io_kind.is_some_and(|kind| CLOSED.contains(&kind))
        {
            return true;
        }
        cause = inner.source();
    }
    false
}

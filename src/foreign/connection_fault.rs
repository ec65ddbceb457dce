//! The ways in which a connection fails: one classification for providers, probes and clients of an
//! instance.

use rustls::{AlertDescription, CertificateError};
use std::error::Error;
use std::fmt;
use std::io;

/// The way in which a connection failed. It holds no address and no name, so it may be shown and logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionFault {
    /// The host name has no address.
    Dns,
    /// Nothing listens on the port.
    Refused,
    /// No route leads to the host.
    Unreachable,
    /// The Unix socket does not exist.
    NoSocket,
    /// The operating system denies access, for example to a Unix socket.
    Denied,
    /// The TLS handshake failed.
    Tls(TlsFault),
    /// A time limit was reached.
    Timeout,
    /// The other side reset the connection.
    Reset,
    /// The other side closed the connection before its response was complete.
    Closed,
    /// Any other cause.
    Other,
}

/// The reason for which a TLS handshake failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsFault {
    /// The certificate has expired.
    Expired,
    /// The certificate is not valid yet.
    NotYetValid,
    /// No trusted authority signed the certificate.
    UnknownIssuer,
    /// The certificate belongs to another host name.
    WrongName,
    /// The certificate was revoked.
    Revoked,
    /// Any other fault of the certificate.
    InvalidCertificate,
    /// The other side requires a client certificate, or refuses the one that it got.
    ClientCertificate,
    /// The other side does not speak TLS on this port.
    NotTls,
    /// Both sides have no version or cipher in common, or the handshake broke in another way.
    Handshake,
}

impl ConnectionFault {
    /// Classifies an error of the HTTP client by its chain of causes.
    pub fn of(error: &reqwest::Error) -> Self {
        match in_chain(error) {
            Some(fault) => fault,
            None if error.is_timeout() => Self::Timeout,
            None => Self::Other,
        }
    }

    /// Classifies an error of the operating system.
    pub fn of_io(error: &io::Error) -> Self {
        in_io(error).unwrap_or(Self::Other)
    }

    /// The fault as one fixed word, for logs and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::NoSocket => "no_socket",
            Self::Denied => "denied",
            Self::Tls(fault) => fault.as_str(),
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::Closed => "closed",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for ConnectionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dns => "DNS: the host name has no address",
            Self::Refused => "connection refused: nothing listens there",
            Self::Unreachable => "unreachable: no route leads to the host",
            Self::NoSocket => "there is no such socket",
            Self::Denied => "the operating system denies access",
            Self::Tls(fault) => return write!(f, "TLS: {fault}"),
            Self::Timeout => "timeout: it took too long",
            Self::Reset => "the other side reset the connection",
            Self::Closed => "the other side closed the connection early",
            Self::Other => "no connection, or it was closed early",
        })
    }
}

impl TlsFault {
    /// The fault as one fixed word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "tls_expired",
            Self::NotYetValid => "tls_not_yet_valid",
            Self::UnknownIssuer => "tls_unknown_issuer",
            Self::WrongName => "tls_wrong_name",
            Self::Revoked => "tls_revoked",
            Self::InvalidCertificate => "tls_invalid_certificate",
            Self::ClientCertificate => "tls_client_certificate",
            Self::NotTls => "tls_not_spoken",
            Self::Handshake => "tls_handshake",
        }
    }

    fn of(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(fault) => Self::of_certificate(fault),
            rustls::Error::AlertReceived(
                AlertDescription::CertificateRequired
                | AlertDescription::NoCertificate
                | AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA
                | AlertDescription::AccessDenied,
            ) => Self::ClientCertificate,
            rustls::Error::InvalidMessage(_) => Self::NotTls,
            _ => Self::Handshake,
        }
    }

    fn of_certificate(fault: &CertificateError) -> Self {
        match fault {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Self::NotYetValid
            }
            CertificateError::UnknownIssuer => Self::UnknownIssuer,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::WrongName
            }
            CertificateError::Revoked => Self::Revoked,
            _ => Self::InvalidCertificate,
        }
    }
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "the certificate has expired",
            Self::NotYetValid => "the certificate is not valid yet (compare both clocks)",
            Self::UnknownIssuer => "no trusted authority signed the certificate",
            Self::WrongName => "the certificate belongs to another host name",
            Self::Revoked => "the certificate was revoked",
            Self::InvalidCertificate => "the certificate is invalid",
            Self::ClientCertificate => "a client certificate is required, or was refused",
            Self::NotTls => "the other side does not speak TLS on this port",
            Self::Handshake => "the handshake failed",
        })
    }
}

/// The fault that the innermost classified error of a chain shows.
fn in_chain(error: &(dyn Error + 'static)) -> Option<ConnectionFault> {
    let (mut cause, mut fault) = (Some(error), None);
    while let Some(inner) = cause {
        fault = in_error(inner).or(fault);
        cause = inner.source();
    }
    fault
}

fn in_error(error: &(dyn Error + 'static)) -> Option<ConnectionFault> {
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return in_io(error);
    }
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(ConnectionFault::Tls(TlsFault::of(error)));
    }
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        let is_closed = error.is_incomplete_message() || error.is_closed();
        return is_closed.then_some(ConnectionFault::Closed);
    }
    // The type of the connector's error is private; a test resolves a name that does not exist.
    (error.to_string() == "dns error").then_some(ConnectionFault::Dns)
}

fn in_io(error: &io::Error) -> Option<ConnectionFault> {
    // An error that wraps another one names the source of that as its own source.
    if let Some(inner) = error.get_ref() {
        let inner: &(dyn Error + 'static) = inner;
        if let Some(fault) = in_chain(inner) {
            return Some(fault);
        }
    }
    Some(match error.kind() {
        io::ErrorKind::ConnectionRefused => ConnectionFault::Refused,
        io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown => ConnectionFault::Unreachable,
        io::ErrorKind::NotFound => ConnectionFault::NoSocket,
        io::ErrorKind::PermissionDenied => ConnectionFault::Denied,
        io::ErrorKind::TimedOut => ConnectionFault::Timeout,
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => ConnectionFault::Reset,
        io::ErrorKind::BrokenPipe | io::ErrorKind::NotConnected | io::ErrorKind::UnexpectedEof => {
            ConnectionFault::Closed
        }
        _ if is_lookup(error) => ConnectionFault::Dns,
        _ => return None,
    })
}

/// Whether the standard library says that a name could not be resolved; it has no kind for that.
fn is_lookup(error: &io::Error) -> bool {
    error
        .to_string()
        .starts_with("failed to lookup address information")
}

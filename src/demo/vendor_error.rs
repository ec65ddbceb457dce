//! Reasons why a vendor rejects a request, before a wire writes them in its own format.

use http::Method;

/// Reason why a request is rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VendorError {
    /// The request has no key.
    NoKey,
    /// The key is not the vendor's.
    WrongKey,
    /// The request is invalid.
    Malformed {
        /// One sentence for people.
        message: String,
        /// The invalid member.
        param: Option<&'static str>,
    },
    /// The vendor does not have this model.
    UnknownModel(String),
    /// The vendor does not have this path or method.
    NoRoute {
        /// The method of the request.
        method: Method,
        /// The path of the request.
        path: String,
    },
    /// The limit is exceeded.
    RateLimited {
        /// Seconds to wait, at least 1.
        retry_after: u64,
    },
    /// An internal error of the vendor.
    Broken,
    /// The vendor is overloaded or down.
    Unavailable,
}

impl VendorError {
    /// An invalid request.
    pub fn malformed(message: impl Into<String>, param: Option<&'static str>) -> Self {
        Self::Malformed {
            message: message.into(),
            param,
        }
    }
}

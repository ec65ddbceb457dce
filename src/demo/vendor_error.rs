//! Reasons why a vendor rejects a request, before a wire writes them in its own format.

use http::Method;

/// Why a request is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VendorError {
    /// No key came with it.
    NoKey,
    /// The key is not the vendor's.
    WrongKey,
    /// It cannot be understood: what is wrong, and where.
    Malformed {
        /// One sentence for people.
        message: String,
        /// The member at fault.
        param: Option<&'static str>,
    },
    /// Nobody serves this model here.
    UnknownModel(String),
    /// No such path or method.
    NoRoute {
        /// The method that was used.
        method: Method,
        /// The path that was asked for.
        path: String,
    },
    /// Over the limit.
    RateLimited {
        /// Seconds to wait, at least 1.
        retry_after: u64,
    },
    /// An error of the vendor's own.
    Broken,
    /// The vendor is overloaded or down.
    Unavailable,
}

impl VendorError {
    /// A request that cannot be understood.
    pub fn malformed(message: impl Into<String>, param: Option<&'static str>) -> Self {
        Self::Malformed {
            message: message.into(),
            param,
        }
    }
}

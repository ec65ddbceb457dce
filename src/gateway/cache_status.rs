//! Part that the response cache had in a response.

use std::time::Duration;

/// Part that the cache had in a response; the value of the header `x-aibal-cache`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CacheStatus {
    /// The response was stored this long ago.
    Hit(Duration),
    /// The response of an identical request that was in flight.
    Coalesced,
    Miss,
    /// The request cannot be cached, or asked not to be.
    Off,
}

impl CacheStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit(_) => "hit",
            Self::Coalesced => "coalesced",
            Self::Miss => "miss",
            Self::Off => "off",
        }
    }
}

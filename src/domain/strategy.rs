//! How a target is selected among the eligible ones.

use std::str::FromStr;

/// Strategy of the selection among eligible targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// Weighted random over current predictions, following the operator's weights closely.
    #[default]
    Adaptive,
    /// Always the best linear score over the last 1000 attempts.
    Best,
    /// Weighted random by the scores of decayed means.
    Weighted,
    /// Each target in turn.
    RoundRobin,
    /// The provider with the fewest requests in flight.
    LeastBusy,
    /// The lowest expected latency; a small share goes to targets unused for long.
    LowestLatency,
    /// The lowest expected cost; free is a price, an unknown price counts as the highest.
    LowestCost,
}

impl Strategy {
    /// All strategies.
    pub const ALL: [Self; 7] = [
        Self::Adaptive,
        Self::Best,
        Self::Weighted,
        Self::RoundRobin,
        Self::LeastBusy,
        Self::LowestLatency,
        Self::LowestCost,
    ];

    /// Returns the name in the configuration and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Adaptive => "adaptive",
            Self::Best => "best",
            Self::Weighted => "weighted",
            Self::RoundRobin => "round-robin",
            Self::LeastBusy => "least-busy",
            Self::LowestLatency => "lowest-latency",
            Self::LowestCost => "lowest-cost",
        }
    }

    /// Returns true if the operator's weights decide.
    pub const fn uses_weights(self) -> bool {
        matches!(self, Self::Adaptive | Self::Best | Self::Weighted)
    }
}

impl FromStr for Strategy {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|known| known.as_str() == word);
        known.ok_or_else(|| {
            let words = Self::ALL.map(Self::as_str).join(", ");
            format!("{word:?} is not one of {words}")
        })
    }
}

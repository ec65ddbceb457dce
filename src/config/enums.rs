//! The words of the file, as values.

use super::settings::{ArmMode, ModelType, ProbeMode, Recovery, Role, Strategy};
use std::time::Duration;

macro_rules! words {
    ($kind:ty: $($value:ident = $word:literal),+) => {
        impl $kind {
            /// The word that the configuration uses.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$value => $word),+ }
            }

            pub(super) fn parse_name(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$value),)+ _ => None }
            }
        }
    };
}

words!(Strategy: Adaptive = "adaptive", Best = "best", Weighted = "weighted",
    RoundRobin = "round-robin", LeastBusy = "least-busy", LowestLatency = "lowest-latency",
    LowestCost = "lowest-cost");
words!(Recovery: Error = "error", Restart = "restart");
words!(ProbeMode: Models = "models", Completion = "completion", Off = "off");
words!(ModelType: Chat = "chat", Vision = "vision", Reasoning = "reasoning",
    Artifact = "artifact", Embedding = "embedding");
words!(ArmMode: Auto = "auto", Always = "always", Never = "never");
words!(Role: Client = "client", Viewer = "viewer", Operator = "operator");

/// `15m` → 15 minutes.
pub(super) fn window(word: &str) -> Option<Duration> {
    let minutes = match word {
        "1m" => 1,
        "5m" => 5,
        "15m" => 15,
        "1h" => 60,
        "6h" => 6 * 60,
        "24h" => 24 * 60,
        _ => return None,
    };
    Some(Duration::from_mins(minutes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys;

    #[test]
    fn every_word_that_the_file_may_use_has_a_value() {
        assert!(
            keys::STRATEGIES
                .iter()
                .all(|word| Strategy::parse_name(word).is_some())
        );
        assert!(
            keys::MODEL_TYPES
                .iter()
                .all(|word| ModelType::parse_name(word).is_some())
        );
        assert!(
            keys::ROLES
                .iter()
                .all(|word| Role::parse_name(word).is_some())
        );
        assert!(keys::WINDOWS.iter().all(|word| window(word).is_some()));
    }
}

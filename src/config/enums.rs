//! Names of the configuration file and their values.

use super::settings::{ArmMode, ProbeMode};
use std::time::Duration;

macro_rules! words {
    ($kind:ty: $($value:ident = $word:literal),+) => {
        impl $kind {
            /// The name in the configuration file.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$value => $word),+ }
            }

            pub(super) fn parse_name(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$value),)+ _ => None }
            }
        }
    };
}

words!(ProbeMode: Models = "models", Completion = "completion", Off = "off");
words!(ArmMode: Auto = "auto", Always = "always", Never = "never");

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
    use crate::config::setting_specs;
    use crate::domain::{ModelType, Role, Strategy};

    #[test]
    fn every_name_that_the_file_may_use_has_a_value() {
        assert!(
            setting_specs::STRATEGIES
                .iter()
                .all(|word| word.parse::<Strategy>().is_ok())
        );
        assert!(
            setting_specs::MODEL_TYPES
                .iter()
                .all(|word| word.parse::<ModelType>().is_ok())
        );
        assert!(
            setting_specs::ROLES
                .iter()
                .all(|word| word.parse::<Role>().is_ok())
        );
        assert!(
            setting_specs::WINDOWS
                .iter()
                .all(|word| window(word).is_some())
        );
    }
}

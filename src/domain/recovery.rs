//! Recovery of streams that break.

use std::str::FromStr;

/// Handling of a stream that breaks after its first content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Recovery {
    /// Sends an error event to the client.
    #[default]
    Error,
    /// Buffers the response and restarts the request at another target.
    Restart,
}

impl Recovery {
    /// All values.
    pub const ALL: [Self; 2] = [Self::Error, Self::Restart];

    /// Returns the name in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Restart => "restart",
        }
    }
}

impl FromStr for Recovery {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|recovery| recovery.as_str() == name)
            .ok_or_else(|| format!("{name:?} is not one of error, restart"))
    }
}

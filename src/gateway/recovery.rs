//! Handling of streams that break after their first content.

use super::byte_budget::ByteBudget;
use crate::domain;

/// Longest response that is held back, in bytes.
const MAX_HELD_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of all responses that are held back at once.
const MAX_TOTAL_HELD_BYTES: usize = 128 * 1024 * 1024;

/// Handling of streams that break after their first content.
#[derive(Debug, Clone, Default)]
pub enum StreamRecovery {
    /// The client has part of a response and gets an error event.
    #[default]
    Error,
    /// Responses are held back until they are complete; a broken one starts again at another
    /// target.
    Restart(ByteBudget),
}

impl StreamRecovery {
    /// Restart, with an own budget for the bytes that are held back.
    pub fn restart() -> Self {
        Self::Restart(ByteBudget::new(MAX_HELD_BYTES, MAX_TOTAL_HELD_BYTES))
    }
}

impl From<domain::Recovery> for StreamRecovery {
    fn from(recovery: domain::Recovery) -> Self {
        match recovery {
            domain::Recovery::Error => Self::Error,
            domain::Recovery::Restart => Self::restart(),
        }
    }
}

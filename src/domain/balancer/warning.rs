//! Subjects of warnings about weights.

use crate::domain::index::TargetIdx;

/// Subject of a warning: emitted once, and not again when its numbers change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Warning {
    CostAlone,
    /// The target with the best score is expected to fail.
    Favourite(TargetIdx),
}

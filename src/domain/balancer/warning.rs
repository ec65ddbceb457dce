//! Subjects of warnings about weights.

use crate::domain::index::TargetIdx;

/// Subject of a warning: each is emitted once, and not again with every new figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Warning {
    CostAlone,
    /// The target with the best score is expected to fail.
    Favourite(TargetIdx),
}

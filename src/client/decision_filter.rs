//! What a page of decisions shows.

use crate::contract::DecisionOutcome;
use crate::store::TroubleFilter;

/// Which decisions a page shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DecisionFilter {
    /// Number of decisions.
    pub limit: usize,
    /// Only of this provider.
    pub provider: Option<String>,
    /// Only of this model.
    pub model: Option<String>,
    /// Only of this client's token.
    pub client: Option<String>,
    /// Only with this outcome.
    pub outcome: Option<DecisionOutcome>,
    /// Only those in trouble.
    pub trouble: Option<TroubleFilter>,
    /// Only older than this one: the last one of the page before.
    pub before: Option<String>,
}

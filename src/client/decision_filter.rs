//! What a page of decisions shows.

use crate::contract::DecisionOutcome;
use crate::domain::UnixTime;
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
    /// Only those that ended at this time or later.
    pub since: Option<UnixTime>,
    /// Only those that ended before this time.
    pub until: Option<UnixTime>,
}

impl DecisionFilter {
    /// Limits it to those that ended in a period, in Unix seconds.
    pub fn set_period(&mut self, from_s: u64, until_s: u64) {
        self.since = Some(UnixTime::from_seconds(from_s));
        self.until = Some(UnixTime::from_seconds(until_s));
    }
}

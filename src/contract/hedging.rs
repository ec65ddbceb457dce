//! Report of hedging.

use crate::domain::HedgingSnapshot;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Second attempts beside late ones, since the start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HedgingReport {
    /// Percentile of a target's usual times after which a stream is late: `p95` or `p99`.
    pub percentile: String,
    /// Number of second attempts.
    pub hedges: u64,
    /// Those that began before the first one.
    pub won: u64,
    /// Late streams without a second attempt, because too many were late.
    pub too_many: u64,
    /// The same because `usd_per_hour` was reached.
    pub over_spending: u64,
    /// What cancelled attempts did cost within the last hour, in USD.
    pub usd_last_hour: f64,
    /// Limit of that.
    pub usd_per_hour: f64,
}

impl From<HedgingSnapshot> for HedgingReport {
    fn from(snapshot: HedgingSnapshot) -> Self {
        Self {
            percentile: snapshot.policy.point.as_str().to_owned(),
            hedges: snapshot.hedges,
            won: snapshot.won,
            too_many: snapshot.too_many,
            over_spending: snapshot.over_spending,
            usd_last_hour: snapshot.spent_last_hour.usd(),
            usd_per_hour: snapshot.policy.usd_per_hour.usd(),
        }
    }
}

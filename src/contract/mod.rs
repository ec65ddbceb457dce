//! WHAT WE PROMISE: the shapes that scripts, dashboards and other programs hold on to.
//!
//! Each is its own type with its own names, made from domain values at the door, so that the
//! rules can change without breaking anybody's script. JSON in camelCase; rates and factors are
//! fractions 0..1 and more is better; durations end in `Ms`, money in `Usd`; what is unknown is
//! `null`, never 0.

mod change;
mod conversion;
mod decision;
mod event;
mod performance;
mod selection;
mod status;

pub use change::{
    GaugeChange, GaugeReading, ProbeReport, ProviderChange, RevisionReport, WeightOverride,
    WeightsChange, WeightsReport,
};
pub use conversion::{Instance, rejections, rfc3339};
pub use decision::{DecisionList, DecisionReport};
pub use event::{EventKind, EventReport};
pub use performance::{
    ModelPerformance, Percentiles, Performance, ProviderPerformance, State, Totals,
};
pub use selection::{Factors, Fallback, Rejection, SelectRequest, Selection, WeightPoints};
pub use status::{Bucket, Dropped, ProviderStatus, Series, ServiceState, Status, Window};

use serde::{Deserialize, Serialize};

/// A refusal as RFC 9457 `application/problem+json`, with what an operator needs to mend it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Always `about:blank`: the status says which kind of problem it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words, for example `Unprocessable Entity`.
    pub title: String,
    /// HTTP status code.
    pub status: u16,
    /// One sentence that names the thing, the value and what was expected.
    pub detail: String,
    /// The single mistakes, where there are fields to name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
}

/// One mistake in one field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldProblem {
    pub field: String,
    /// The value as it came.
    pub value: serde_json::Value,
    /// What would have been right, for example `a number from 0 to 100`.
    pub expected: String,
}

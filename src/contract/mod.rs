//! WHAT WE PROMISE: the shapes that scripts, dashboards and other programs hold on to.
//!
//! Each is its own type with its own names, made from domain values at the door, so that the
//! rules can change without breaking anybody's script. JSON in camelCase; rates and factors are
//! fractions 0..1 and more is better; durations end in `Ms`, money in `Usd`; what is unknown is
//! `null`, never 0.

mod budget;
mod change;
mod conversion;
mod decision;
mod delta;
mod event;
mod explaining;
mod performance;
mod problem;
mod recording;
mod reload;
mod round;
mod selection;
mod status;
mod what_if;

pub use budget::{
    BudgetReport, RateLeft, RateReport, RefusedReport, SpendingReport, TokenSpending,
};
pub use change::{
    GaugeChange, GaugeReading, ProbeReport, ProviderChange, ProviderReport, RevisionList,
    RevisionReport, WeightOverride, WeightsChange, WeightsReport,
};
pub use conversion::{Instance, rejections, rfc3339};
pub use decision::{DecisionList, DecisionReport};
pub use delta::Newest;
pub use event::{EventKind, EventReport};
pub use performance::{
    CostBasis, ModelPerformance, Percentiles, Performance, ProviderPerformance, State, Totals,
};
pub use problem::{FieldProblem, Problem};
pub use recording::Recording;
pub use reload::{ReloadReport, SettingChange};
pub use round::{
    BadsReport, CandidateReport, Contributions, DecisionDetail, FlipReport, RoundReport,
    TuningReport,
};
pub use selection::{Factors, Fallback, Rejection, SelectRequest, Selection, WeightPoints};
pub use status::{
    Bucket, CacheReport, Dropped, FailureCount, ProviderStatus, Revised, Series, ServiceState,
    Status, Window,
};
pub use what_if::{
    ProspectReport, ProviderDraft, ProviderOutlook, SideReport, TargetOutlook, TotalOutlook,
    WeightsDraft, WhatIfReport, WhatIfRequest,
};

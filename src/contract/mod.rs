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
mod decision_conversion;
mod decision_file;
mod delta;
mod event;
mod performance;
mod problem;
mod reload;
mod selection;
mod selection_round;
mod status;
mod what_if;

pub use budget::{
    BudgetReport, RateLeft, RateReport, RejectionReport, SpendingReport, TokenSpending,
};
pub use change::{
    ExternalLoadChange, ExternalLoadReading, ProbeReport, ProviderChange, ProviderReport,
    RevisionList, RevisionReport, WeightOverride, WeightsChange, WeightsReport,
};
pub use conversion::{InstanceInfo, rejections, rfc3339};
pub use decision::{DecisionList, DecisionReport};
pub use decision_file::DecisionFile;
pub use delta::OpenBucket;
pub use event::{EventKind, EventReport};
pub use performance::{
    CostBasisCounts, HealthState, ModelPerformance, Percentiles, Performance, ProviderPerformance,
    Totals,
};
pub use problem::{FieldProblem, Problem};
pub use reload::{ReloadReport, SettingChange};
pub use selection::{ExcludedTarget, Factors, Fallback, SelectRequest, Selection, WeightPoints};
pub use selection_round::{
    CandidateReport, Contributions, CounterfactualReport, DecisionDetail, PenaltiesReport,
    SelectionRoundReport, TuningReport,
};
pub use status::{
    CacheReport, Dropped, FailureCount, ProviderStatus, Revised, Series, ServiceState, Status,
    TimeBucket, Window,
};
pub use what_if::{
    ProviderDraft, ProviderForecastReport, TargetWhatIfReport, TotalWhatIfReport,
    TrafficForecastReport, WeightsDraft, WhatIfReport, WhatIfRequest, WhatIfTotalsReport,
};

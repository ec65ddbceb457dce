//! Wire shapes of the management API, which scripts, dashboards and other programs rely on.
//!
//! They are types of their own, made from domain values at the edge, so that the rules can change
//! without breaking a script. JSON in camelCase; rates and factors are fractions 0..1 and more is
//! better; durations end in `Ms`, money in `Usd`; unknown values are `null`, never 0.

#![warn(missing_docs)]

mod advice;
mod alert;
mod attempt;
mod audit;
mod budget;
mod change;
mod client_report;
mod closed_loop;
mod codes;
mod conversion;
mod decision;
mod decision_conversion;
mod decision_file;
mod decision_text;
mod delta;
mod doctor;
mod effect;
mod event;
mod external_load;
mod forecast;
mod hedging;
mod key_listing;
mod key_report;
mod log;
mod past;
mod past_status;
mod performance;
mod performance_sums;
mod problem;
mod reload;
mod route_report;
mod schedule_report;
mod score;
mod selection;
mod selection_round;
mod settings;
mod status;
mod store;
mod time;
mod token;
mod usage;
mod weights;
mod what_if;

pub use advice::{AdviceReport, AdviceRequest, AdvisedWeightsReport, MissedGoalReport};
pub use alert::{
    AlertEffectReport, AlertHistoryReport, AlertList, AlertNoticeReport, AlertReport,
    AlertTestReport, DeliveryReport, MuteRequest, WebhookReport,
};
pub use attempt::AttemptReport;
pub use audit::{AuditChainReport, AuditCheckReport, AuditList, AuditReport};
pub use budget::{
    BudgetReport, NamedSpending, RateLeft, RateReport, RejectionReport, SpendingReport,
};
pub use change::{
    OPERATOR_HEADER, ProbeReport, ProviderChange, ProviderReport, RevisionList, RevisionReport,
    WeightsChange, WeightsReport,
};
pub use client_report::{ClientReport, ClientsReport};
pub use conversion::InstanceInfo;
pub use decision::{DecisionList, DecisionOutcome, DecisionReport, RequestTrouble, TroubledReport};
pub use decision_file::DecisionFile;
pub use decision_text::{ExplainedLine, Privacy};
pub use delta::OpenBucket;
pub use doctor::{DoctorCheck, DoctorReport, DoctorResult};
pub use effect::{EffectFiguresReport, EffectReport, PeriodReport, ProviderEffect};
pub use event::{EventKind, EventReport, TroubleReport};
pub use external_load::{ExternalLoadAction, ExternalLoadChange, ExternalLoadReading};
pub use forecast::{
    CapacityNeedReport, HourlyForecast, LoadForecastReport, ProviderLoadForecast,
    SeriesForecastReport,
};
pub use hedging::HedgingReport;
pub use key_listing::{KeyListing, ListedKey};
pub use key_report::{KeyReport, KeyState};
pub use log::{LogLevel, LogLine, LogList};
pub use past::{PastMoment, PastWindow};
pub use past_status::{PastColumns, PastSums};
pub use performance::{
    CostBasisCounts, HealthState, ModelPerformance, Percentiles, Performance, PerformanceStep,
    ProviderPerformance, Totals,
};
pub use problem::{FieldProblem, Problem};
pub use reload::{ReloadReport, SettingChange};
pub use route_report::{RouteReport, RouteTargetReport};
pub use schedule_report::{ScheduleReport, ScheduledTimeReport};
pub use score::{Contributions, Factors, PenaltiesReport};
pub use selection::{ExcludedTarget, Fallback, SelectRequest, Selection};
pub use selection_round::{
    CandidateReport, CounterfactualReport, DecisionDetail, Exclusion, SelectionRoundReport,
    TuningReport,
};
pub use settings::{
    BreakerChange, BreakerValues, BudgetChange, BudgetValues, SettingsChange, SettingsReport,
    SettingsValues, UsdLimit,
};
pub use status::{
    CacheReport, CallersReport, Dropped, FailureCount, ProviderStatus, Revised, Series,
    ServiceState, Status, StoreReport, TimeBucket, Window,
};
pub use store::{DatabaseReport, MigrationReport, TableReport};
pub use time::{parse_duration, rfc3339};
pub use token::{NewToken, TokenList, TokenOrigin, TokenReport, TokenRequest, TokenState};
pub use usage::{UsageBy, UsagePeriod, UsageReport, UsageRow};
pub use weights::{WeightOverride, WeightPoints, WeightsDraft};
pub use what_if::{
    CapacityReport, ClosedLoopReport, ProviderDraft, ProviderForecastReport, TargetWhatIfReport,
    TotalWhatIfReport, TrafficForecastReport, WhatIfReport, WhatIfRequest, WhatIfTotalsReport,
};

//! RULES: everything that decides, and nothing that does.
//!
//! The law of this folder: no task, no socket, no screen, no database, no clock, no dice, no log.
//! Time comes in as a [`UnixTime`], chance as a number; wishes come in as a [`Command`], news as an
//! [`Observation`], and what the outside shall do goes out as an [`Effect`]. So every rule can be
//! tested in microseconds and read by somebody who knows balancing but not async Rust.
//!
//! Reading order: units and ids, what is configured (`target`, `weights`), what was seen
//! (`observation`, `decay`, `elasticity`, `quota`, `histogram`, `timeline`), what follows
//! (`breaker`, `score`, `balance`, `decision`, `retry`, `pricing`), what an operator allows (`rates`,
//! `crowd`, `budget`), and the model that owns it all (`fleet`).

mod balancer;
mod budget;
mod capability;
mod catalogue_merge;
mod circuit_breaker;
mod command;
mod config_update;
mod decay;
mod decision_log;
mod event;
mod expected_output;
mod histogram;
mod ids;
mod in_flight;
mod index;
mod lease;
mod load_sensitivity;
mod model_resolution;
mod observation;
mod pricing;
mod prompt;
mod prompt_sensitivity;
mod random;
mod rate_limiter;
mod recovery;
mod replay;
mod retry;
mod role;
mod schedule;
mod score;
mod selection;
mod snapshot;
mod target;
mod timeline;
mod traffic_forecast;
mod tuning;
mod units;
mod upstream_quota;
mod weights;
mod what_if;

pub use balancer::{BalancerState, GlobalLimits};
pub use budget::{
    BudgetConfig, BudgetExceeded, BudgetHeadroom, BudgetReservation, BudgetScope, BudgetSnapshot,
    BudgetUsage, Budgets, OverBudgetPolicy, Period, format_usd,
};
pub use capability::{Capabilities, MissingCapability, RequiredCapabilities};
pub use catalogue_merge::CatalogueMerge;
pub use circuit_breaker::{BreakerState, CircuitBreaker, FailureContext, Transition};
pub use command::{
    Command, CommandError, CommandReply, ExternalLoadAction, ProviderPatch, WeightsPatch,
};
pub use config_update::{ConfigUpdate, EndpointChange, ProviderSetting};
pub use decay::{DecayedCount, DecayedMean};
pub use decision_log::{
    DecisionLog, DecisionRecord, RecordedCandidate, SelectionContext, SelectionRound,
};
pub use event::{Effect, Event, EventKind, Revision};
pub use expected_output::ExpectedOutputs;
pub use histogram::Histogram;
pub use ids::{DecisionId, TargetId};
pub use in_flight::{InFlightLimiter, InFlightPermit};
pub use index::{PerProvider, PerTarget, ProviderIdx, TargetIdx};
pub use lease::{AttemptStart, Lease, LeaseRequest, LoadCounters, PendingFirstTokens, SentTotals};
pub use load_sensitivity::{LoadCurve, LoadSensitivity};
pub use model_resolution::{ModelResolution, UnknownModel, model_names, resolve};
pub use observation::{
    AttemptEnd, Failure, FirstToken, Observation, Outcome, ProbeEnd, ProbeVerdict, RejectionCounts,
    RejectionReason, RequestEnd, RequestOutcome,
};
pub use pricing::{
    CostBasisCounts, MeasuredUsage, Price, PriceTier, Usage, UsageBasis, attempt_cost, cost,
    cost_basis, estimate_tokens,
};
pub use prompt::prompt_tokens;
pub use prompt_sensitivity::PromptCurve;
pub use random::{RandomDraw, SplitMix64};
pub use rate_limiter::{RateLimitExceeded, RateLimitRemaining, RateLimits};
pub use recovery::Recovery;
pub use replay::{Counterfactual, ProviderOverride, Replay, WhatIfSettings};
pub use retry::{MIN_TIME_LEFT, RetryBudget, RetryDecision, RetryState, backoff_estimate};
pub use role::Role;
pub use schedule::probe_due;
pub use score::{Estimate, Factors, Penalties, Prediction, Risk, linear_score};
pub use selection::{
    CandidateSet, Eligibility, ExclusionReason, MaxUsage, NoEligibleTarget, RankedTarget,
    RequestProfile, ScoredCandidate, SelectionReason, TargetScope, TargetSelection, select_target,
    shares, soonest_recovery,
};
pub use snapshot::{
    Candidate, HealthState, ModelSnapshot, PerformanceReport, ProviderSnapshot, RoutingState,
    RoutingTable, Snapshot, Strategy, TimeBucket, Totals,
};
pub use target::{
    Catalogue, ModelType, ModelTypes, Provider, RemovedEntries, RequestClass, Route, Target,
};
pub use timeline::{BucketCounts, BucketRange, Timeline, Uptime};
pub use traffic_forecast::{TrafficForecast, traffic_forecasts};
pub use tuning::{GUARD_FREE_RISK, Tuning};
pub use units::{Money, UnixTime};
pub use upstream_quota::{UpstreamLimit, UpstreamLimits, UpstreamQuota};
pub use weights::{Objective, WeightOverride, Weights, WeightsError};
pub use what_if::{TargetWhatIf, WhatIf, WhatIfTotals, simulate, what_if};

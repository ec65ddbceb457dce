//! The rules of balancing, without I/O.
//!
//! This module uses no task, socket, screen, database, clock, random source or log. Time is passed
//! as a [`UnixTime`], randomness as a number, changes as a [`Command`], results as an
//! [`Observation`]; required I/O is returned as an [`Effect`]. Unit tests therefore need no async
//! runtime.
//!
//! Reading order: units and ids, the configuration (`target`, `weights`), statistics
//! (`observation`, `decay`, `load_sensitivity`, `upstream_quota`, `histogram`, `timeline`, `counters`), decisions
//! (`circuit_breaker`, `score`, `selection`, `decision_log`, `retry`, `pricing`), limits
//! (`rate_limiter`, `in_flight`, `key_pool`, `budget`), `alerts`, and the state that owns them all (`balancer`).

#![warn(missing_docs)]

mod alerts;
mod allowed_models;
mod attempt_record;
mod balancer;
mod budget;
mod capability;
mod catalogue_merge;
mod change_effect;
mod circuit_breaker;
mod client_limits;
mod client_terms;
mod clients;
mod closed_loop;
mod command;
mod config_update;
mod counters;
mod decay;
mod decision_log;
mod decision_record;
mod event;
mod expected_output;
mod failure;
mod forecast;
mod glob;
mod global_settings;
mod health_state;
mod hedging;
mod held_changes;
mod hexadecimal;
mod histogram;
mod ids;
mod in_flight;
mod index;
mod key_pool;
mod lease;
mod left_keys;
mod limiter;
mod load_forecast;
mod load_sensitivity;
mod model_resolution;
mod model_type;
mod observation;
mod pricing;
mod prompt;
mod prompt_cache;
mod prompt_sensitivity;
mod random;
mod rate_limiter;
mod recovery;
mod rejection;
mod replay;
mod request_terms;
mod retry;
mod role;
mod route_snapshot;
mod schedule;
mod score;
mod selection;
mod selection_round;
mod snapshot;
mod strategy;
mod tag;
mod target;
mod time_text;
mod timeline;
mod traffic_forecast;
mod traffic_recording;
mod trouble;
mod troubled_decisions;
mod tuning;
mod units;
mod upstream_quota;
mod weights;
mod weights_schedule;
mod what_if;

pub use alerts::{
    Acknowledgement, Alert, AlertBoard, AlertChange, AlertConfig, AlertDetails, AlertEffect,
    AlertError, AlertHistory, AlertId, AlertNotice, AlertRule, AlertSeverity, AlertSubject,
    LossCounts, Mute, SavedAlerts, ToldFraction,
};
pub use allowed_models::AllowedModels;
pub use attempt_record::AttemptRecord;
pub use balancer::{BalancerState, GlobalLimits};
pub use budget::{
    BudgetConfig, BudgetExceeded, BudgetHeadroom, BudgetOwner, BudgetProjection, BudgetReservation,
    BudgetScope, BudgetSnapshot, BudgetUsage, Budgets, LedgerEntry, LedgerMode, OverBudgetPolicy,
    OwnedUsage, Period, SharedBudget, SpendingLimits, format_usd,
};
pub use capability::{Capabilities, MissingCapability, RequiredCapabilities};
pub use catalogue_merge::CatalogueMerge;
pub use change_effect::{ChangeEffect, EffectFigures, PeriodFigures};
pub use circuit_breaker::{
    BreakerSettings, BreakerState, CircuitBreaker, FailureContext, Transition,
};
pub use client_limits::{
    ClientLimitExceeded, ClientLimits, RatePermit, RateScope, RateWindow, RateWindows,
};
pub use client_terms::{ClientTerms, GroupDefinition, GroupTerms, TokenDefinition, TokenTerms};
pub use clients::{ClientCounts, ClientSnapshot, ClientTable, ClientsSnapshot};
pub use closed_loop::{
    Capacity, ClosedLoopForecast, ForecastEffort, ForecastFigures, GoalPart, JudgedWeights,
    MissedGoal, RunLimits, ServiceGoal, SettingsDraft, Spread, TargetForecast, TrafficData,
    WeightAdvice, advise, forecast,
};
pub use command::{
    Command, CommandError, CommandReply, ExternalLoadAction, NewBudget, ProviderPatch,
    SettingsPatch, WeightsPatch,
};
pub use config_update::{ConfigUpdate, EndpointChange, ProviderSetting};
pub use counters::{
    AttemptCounts, CallLabels, Counters, DURATION_BOUNDS, Exemplar, FIRST_TOKEN_BOUNDS,
    FixedHistogram, ModelLabel, OutcomeLabels, PER_TOKEN_BOUNDS, RequestCounts, TOKEN_BOUNDS,
};
pub use decay::{DecayedCount, DecayedMean};
pub use decision_log::DecisionLog;
pub use decision_record::{DecisionRecord, DecisionTrouble};
pub use event::{Effect, Event, EventKind, Revision};
pub use expected_output::ExpectedOutputs;
pub use failure::Failure;
pub use forecast::{ForecastModel, MAX_FORECAST_HOURS, SeriesForecast, forecast_series};
pub use glob::matches_glob;
pub use global_settings::{GlobalSetting, GlobalSettings};
pub use health_state::HealthState;
pub use hedging::{
    Hedge, HedgeBudget, HedgeEnd, HedgePoint, HedgePolicy, HedgeRefusal, HedgeReservation,
    HedgeResult,
};
pub use held_changes::{HeldChanges, PendingChange, PendingChanges, PendingProviderChanges};
pub use hexadecimal::hexadecimal;
pub use histogram::Histogram;
pub use ids::{DecisionId, KeyIdx, TargetId};
pub use in_flight::{InFlightLimiter, InFlightPermit};
pub use index::{PerProvider, PerTarget, ProviderIdx, TargetIdx};
pub use key_pool::{
    CandidateKey, CandidateKeys, KeyChoice, KeyScope, KeyWait, ProviderKey, ProviderKeys,
};
pub use lease::{
    AttemptStart, Lease, LeaseRequest, LoadCounters, PendingFirstTokens, SentCounters, SentTotals,
};
pub use left_keys::LeftKeys;
pub use limiter::{Limiter, Permit};
pub use load_forecast::{CapacityNeed, ForecastReport, LoadForecast};
pub use load_sensitivity::{LoadCurve, LoadSensitivity};
pub use model_resolution::{ModelResolution, UnknownModel, model_names, resolve};
pub use model_type::{ModelType, ModelTypes, RequestClass};
pub use observation::{
    AttemptEnd, FirstToken, Observation, Outcome, ProbeEnd, ProbeVerdict, RequestEnd,
    RequestIdentity, RequestOutcome,
};
pub use pricing::{
    CostBasisCounts, MeasuredUsage, Price, PriceTier, Usage, UsageBasis, attempt_cost, cost,
    cost_basis, estimate_tokens,
};
pub use prompt::prompt_tokens;
pub use prompt_cache::{CacheSaving, CachedPrompt, PromptCaches, ServedPrompt, SessionKey};
pub use prompt_sensitivity::PromptCurve;
pub use random::{RandomDraw, SplitMix64};
pub use rate_limiter::{RateLimitExceeded, RateLimitRemaining, RateLimits};
pub use recovery::Recovery;
pub use rejection::{RejectionCounts, RejectionReason};
pub use replay::{Counterfactual, ProviderOverride, Replay, WhatIfSettings};
pub use request_terms::RequestTerms;
pub use retry::{AttemptBudget, MIN_TIME_LEFT, RetryDecision, RetryState, backoff_estimate};
pub use role::Role;
pub use route_snapshot::RouteSnapshot;
pub use schedule::probe_due;
pub use score::{Estimate, Factors, Penalties, Prediction, Risk, linear_score, temperature};
pub use selection::{
    CandidateSet, Eligibility, ExclusionReason, MaxUsage, NoEligibleTarget, RankedTarget,
    RequestProfile, ScoredCandidate, SelectionReason, TargetScope, TargetSelection, select_target,
    shares, soonest_recovery,
};
pub use selection_round::{RecordedCandidate, SelectionContext, SelectionRound};
pub use snapshot::{
    Candidate, HedgingSnapshot, KeySnapshot, LatestRequests, ModelSnapshot, PerformanceReport,
    ProviderSnapshot, RoutingState, RoutingTable, Snapshot, TimeBucket, Totals,
};
pub use strategy::Strategy;
pub use tag::{DailyTags, MAX_TAG_BYTES, Tag, TagError};
pub use target::{Catalogue, Provider, RemovedEntries, Route, RouteOrder, Target};
pub use time_text::parse_time;
pub use timeline::{BucketCounts, BucketRange, Merge, Timeline, Uptime};
pub use traffic_forecast::{TrafficForecast, traffic_forecasts};
pub use traffic_recording::{
    AttemptResult, PastTraffic, RecordedAttempt, RecordedRequest, TrafficRecording,
};
pub use trouble::TroubleSummary;
pub use troubled_decisions::TroubledDecisions;
pub use tuning::{GUARD_FREE_RISK, Tuning};
pub use units::{Money, UnixTime};
pub use upstream_quota::{MAX_LEARNT_WAIT, UpstreamLimit, UpstreamLimits, UpstreamQuota};
pub use weights::{Objective, WeightOverride, Weights, WeightsError};
pub use weights_schedule::{
    ScheduledTime, ScheduledWeights, WeeklyTime, WeightsSchedule, scheduled_change, scheduled_next,
    scheduled_now,
};
pub use what_if::{TargetWhatIf, WhatIf, WhatIfTotals, simulate, what_if};

//! RULES: everything that decides, and nothing that does.
//!
//! The law of this folder: no task, no socket, no screen, no database, no clock, no dice, no log.
//! Time comes in as a [`Moment`], chance as a number; wishes come in as a [`Command`], news as an
//! [`Observation`], and what the outside shall do goes out as an [`Effect`]. So every rule can be
//! tested in microseconds and read by somebody who knows balancing but not async Rust.
//!
//! Reading order: units and ids, what is configured (`target`, `weights`), what was seen
//! (`observation`, `decay`, `elasticity`, `quota`, `histogram`, `timeline`), what follows
//! (`breaker`, `score`, `balance`, `decision`, `retry`, `pricing`), what an operator allows (`rates`,
//! `crowd`, `budget`), and the model that owns it all (`fleet`).

mod balance;
mod breaker;
mod budget;
mod capability;
mod chance;
mod command;
mod crowd;
mod decay;
mod decision;
mod elasticity;
mod event;
mod fleet;
mod histogram;
mod ids;
mod lease;
mod naming;
mod observation;
mod pricing;
mod prompt;
mod prospect;
mod quota;
mod rates;
mod reconfiguration;
mod replay;
mod retry;
mod schedule;
mod score;
mod snapshot;
mod succession;
mod target;
mod timeline;
mod tuning;
mod units;
mod weights;
mod what_if;

pub use balance::{
    Ask, Choice, Entry, Exclusion, Field, Most, NoTarget, Ranked, Reason, Row, Scope, choose,
    shares,
};
pub use breaker::{Breaker, BreakerState, Circumstance, Transition};
pub use budget::{
    Booking, BudgetPicture, BudgetTerms, Budgets, Means, OnLimit, Payer, Period, PurseView,
    Shortfall, dollars,
};
pub use capability::{Capabilities, Lack, Needs};
pub use chance::{Chance, Luck};
pub use command::{Answer, Command, GaugeAction, ProviderPatch, Refusal, WeightsPatch};
pub use crowd::{Crowd, Place};
pub use decay::{DecayedCount, DecayedMean};
pub use decision::{Considered, Decision, Decisions, Occasion, Round};
pub use elasticity::{Elasticity, LoadCurve};
pub use event::{Effect, Event, EventKind, Revision};
pub use fleet::{Allowances, Fleet};
pub use histogram::Histogram;
pub use ids::{DecisionId, TargetId};
pub use lease::{Gauge, Lease, Ledger, Terms, Ticket, Waiting};
pub use naming::{Naming, UnknownModel, model_names, resolve};
pub use observation::{
    AttemptEnd, Failure, FirstToken, Observation, Outcome, ProbeEnd, ProbeVerdict, Refused,
    RequestEnd, RequestOutcome, Scarcity,
};
pub use pricing::{
    Basis, CostBasis, Metered, Price, PriceTier, Usage, cost, cost_basis, spent, tokens_of,
};
pub use prompt::prompt_tokens;
pub use prospect::{Prospect, prospects};
pub use quota::{Limit, Quota, RateLimits};
pub use rates::{Rates, RatesLeft, Shortage};
pub use reconfiguration::{ProviderSetting, Reconfiguration, Renewal};
pub use replay::{Flip, Replay, SupposedProvider, Supposition};
pub use retry::{Attempts, RetryBudget, Verdict};
pub use schedule::probe_due;
pub use score::{Bads, Estimate, Factors, Prediction, Risk, combine};
pub use snapshot::{
    Candidate, Column, ModelSnapshot, PerformanceReport, ProviderSnapshot, RoutingTable, Snapshot,
    Standing, State, Strategy, Totals,
};
pub use succession::Succession;
pub use target::{Catalogue, Class, ModelType, ModelTypes, Provider, Retired, Route, Target};
pub use timeline::{Span, Tally, Timeline, Uptime};
pub use tuning::{GUARD_FREE, Tuning};
pub use units::{Moment, Money};
pub use weights::{Objective, WeightOverride, Weights, WeightsError};
pub use what_if::{Outlook, Side, WhatIf, suppose, what_if};

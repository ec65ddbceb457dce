//! RULES: everything that decides, and nothing that does.
//!
//! The law of this folder: no task, no socket, no screen, no database, no clock, no dice, no log.
//! Time comes in as a [`Moment`], chance as a number; wishes come in as a [`Command`], news as an
//! [`Observation`], and what the outside shall do goes out as an [`Effect`]. So every rule can be
//! tested in microseconds and read by somebody who knows balancing but not async Rust.
//!
//! Reading order: units and ids, what is configured (`target`, `weights`), what was seen
//! (`observation`, `decay`, `histogram`, `timeline`), what follows (`breaker`, `score`,
//! `balance`, `retry`, `pricing`), and the model that owns it all (`fleet`).

mod balance;
mod breaker;
mod capability;
mod chance;
mod command;
mod decay;
mod event;
mod fleet;
mod histogram;
mod ids;
mod lease;
mod naming;
mod observation;
mod pricing;
mod prompt;
mod retry;
mod schedule;
mod score;
mod snapshot;
mod target;
mod timeline;
mod units;
mod weights;

pub use balance::{Ask, Choice, Exclusion, NoTarget, Ranked, Reason, Scope, choose, shares};
pub use breaker::{Breaker, BreakerState, Transition};
pub use capability::{Capabilities, Lack, Needs};
pub use chance::Chance;
pub use command::{Answer, Command, GaugeAction, ProviderPatch, Refusal, WeightsPatch};
pub use decay::{DecayedCount, DecayedMean};
pub use event::{Effect, Event, EventKind, Revision};
pub use fleet::Fleet;
pub use histogram::Histogram;
pub use ids::{DecisionId, TargetId};
pub use lease::{Gauge, Lease};
pub use naming::{Naming, UnknownModel, model_names, resolve};
pub use observation::{
    AttemptEnd, Failure, Observation, Outcome, ProbeEnd, ProbeVerdict, RequestEnd, RequestOutcome,
};
pub use pricing::{
    Basis, CostBasis, Metered, Price, PriceTier, Usage, cost, cost_basis, spent, tokens_of,
};
pub use prompt::prompt_tokens;
pub use retry::{Attempts, Verdict};
pub use schedule::probe_due;
pub use score::{
    Estimate, Factors, LATENCY_REFERENCE, TOKEN_REFERENCE, combine, cost_factor, latency_factor,
};
pub use snapshot::{
    Candidate, Column, ModelSnapshot, PerformanceReport, ProviderSnapshot, RoutingTable, Snapshot,
    Standing, State, Strategy, Totals,
};
pub use target::{Catalogue, ModelType, ModelTypes, Provider, Route, Target};
pub use timeline::{Span, Tally, Timeline, Uptime};
pub use units::{Moment, Money};
pub use weights::{WeightOverride, Weights, WeightsError};

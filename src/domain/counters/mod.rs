//! Counts since the start, for the metrics. They are made where the timelines are, from the same
//! observations, so that both agree. Labels come from the configuration only.

mod fixed_histogram;
mod model_labels;
#[cfg(test)]
mod tests;

pub use fixed_histogram::{Exemplar, FixedHistogram};
pub use model_labels::ModelLabel;

use super::failure::Failure;
use super::hedging::{Hedge, HedgeRefusal, HedgeResult};
use super::observation::{AttemptEnd, Outcome, ProbeEnd, ProbeVerdict, RequestEnd, RequestOutcome};
use super::pricing::{MeasuredUsage, Usage};
use super::rejection::RejectionReason;
use super::target::Catalogue;
use super::units::Money;
use crate::domain::index::{ProviderIdx, TargetIdx};
use model_labels::ModelLabels;
use std::collections::BTreeMap;

/// Bounds of durations in seconds: OpenTelemetry's, and longer ones, because reasoning takes minutes.
pub const DURATION_BOUNDS: &[f64] = &[
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 120.0,
    300.0, 600.0,
];
/// Bounds of the time to the first token in seconds.
pub const FIRST_TOKEN_BOUNDS: &[f64] = &[
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
    15.0, 20.0, 30.0, 45.0, 60.0,
];
/// Bounds of the time of each further token in seconds.
pub const PER_TOKEN_BOUNDS: &[f64] = &[
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5,
];
/// Bounds of token counts: powers of four.
pub const TOKEN_BOUNDS: &[f64] = &[
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];
/// Bounds of the gateway's own time, and of probes, in seconds.
const SHORT_BOUNDS: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];
/// Most combinations of operation, model and target that are told apart; further ones count as a
/// model that is not configured.
const MAX_CALLS: usize = 4_096;
/// Reason of the cooldown that a circuit breaker starts.
const BREAKER_OPENED: &str = "breaker_open";

/// Labels of one kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallLabels {
    /// The operation.
    pub operation: &'static str,
    /// The model that the client asked for.
    pub model: ModelLabel,
    /// The target; `None` if none was called.
    pub target: Option<TargetIdx>,
}

/// How a request or an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OutcomeLabels {
    /// The class, as the rates distinguish them; `ok` for a success.
    pub class: &'static str,
    /// The code of everything but a success, else empty.
    pub error: &'static str,
}

/// Counts of client requests of one kind.
#[derive(Debug, Clone)]
pub struct RequestCounts {
    /// Durations by outcome.
    pub durations: BTreeMap<OutcomeLabels, FixedHistogram>,
    /// Seconds to the first content of streams that succeeded.
    pub first_token: FixedHistogram,
    /// Seconds for each further output token of these streams.
    pub per_token: FixedHistogram,
}

impl Default for RequestCounts {
    fn default() -> Self {
        Self {
            durations: BTreeMap::new(),
            first_token: FixedHistogram::new(FIRST_TOKEN_BOUNDS),
            per_token: FixedHistogram::new(PER_TOKEN_BOUNDS),
        }
    }
}

/// Counts of attempts of one kind.
#[derive(Debug, Clone, Default)]
pub struct AttemptCounts {
    /// Durations by outcome.
    pub durations: BTreeMap<OutcomeLabels, FixedHistogram>,
    /// Tokens of attempts with known usage, by type.
    pub tokens: BTreeMap<&'static str, FixedHistogram>,
    /// Known cost.
    pub cost: Money,
    /// Attempts with an unknown cost.
    pub unknown_costs: u64,
    /// Fields that were left out in translation.
    pub dropped_fields: u64,
}

/// All counts since the start.
#[derive(Debug, Clone)]
pub struct Counters {
    labels: ModelLabels,
    /// Client requests.
    pub requests: BTreeMap<CallLabels, RequestCounts>,
    /// Attempts.
    pub attempts: BTreeMap<CallLabels, AttemptCounts>,
    /// Attempts after the first of a request, without hedges.
    pub retries: u64,
    /// Takeovers by the target that answered last, and by whether the request succeeded.
    pub fallbacks: BTreeMap<(Option<TargetIdx>, bool), u64>,
    /// Hedges by the target of the second attempt, and by which attempt began first.
    pub hedges: BTreeMap<(TargetIdx, HedgeResult), u64>,
    /// Late streams that were not hedged, by the reason.
    pub hedges_refused: BTreeMap<HedgeRefusal, u64>,
    /// Known cost of the attempts that lost against another one.
    pub hedge_cost: Money,
    /// Cooldowns by target and reason.
    pub cooldowns: BTreeMap<(TargetIdx, &'static str), u64>,
    /// Durations of probes by provider and verdict.
    pub probes: BTreeMap<(ProviderIdx, &'static str), FixedHistogram>,
    /// Seconds that the gateway itself took for the beginning of a response.
    pub gateway: FixedHistogram,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            labels: ModelLabels::default(),
            requests: BTreeMap::new(),
            attempts: BTreeMap::new(),
            retries: 0,
            fallbacks: BTreeMap::new(),
            hedges: BTreeMap::new(),
            hedges_refused: BTreeMap::new(),
            hedge_cost: Money::ZERO,
            cooldowns: BTreeMap::new(),
            probes: BTreeMap::new(),
            gateway: FixedHistogram::new(SHORT_BOUNDS),
        }
    }
}

impl Counters {
    /// Returns the text of a model's label.
    pub fn model_name(&self, label: ModelLabel) -> &str {
        self.labels.name(label)
    }

    /// Makes the names of a configuration labels.
    pub(super) fn add_labels(&mut self, catalogue: &Catalogue) {
        self.labels.add(catalogue);
    }

    pub(super) fn count_attempt(&mut self, end: &AttemptEnd) {
        let labels = CallLabels {
            operation: end.identity.operation,
            model: self.labels.of(&end.identity.model),
            target: Some(end.target),
        };
        let counts = entry(&mut self.attempts, labels);
        duration(&mut counts.durations, end.outcome.into()).add_of(
            end.decision,
            end.seconds(),
            end.ended,
        );
        match end.cost {
            Some(cost) => counts.cost += cost,
            None => counts.unknown_costs += 1,
        }
        counts.dropped_fields += u64::from(end.dropped_fields);
        // As in the timelines: rejected attempts used nothing.
        let used = end.usage.filter(|used| *used != MeasuredUsage::ZERO);
        if let Some(MeasuredUsage { usage, .. }) = used {
            count_tokens(&mut counts.tokens, usage);
        }
    }

    pub(super) fn count_request(&mut self, end: &RequestEnd) {
        let labels = CallLabels {
            operation: end.identity.operation,
            model: self.labels.of(&end.identity.model),
            target: end.target,
        };
        let seconds = end.ended.seconds_since(end.started);
        let counts = entry(&mut self.requests, labels);
        duration(&mut counts.durations, end.outcome.into()).add_of(
            end.decision,
            seconds,
            end.ended,
        );
        let is_ok = end.outcome == RequestOutcome::Ok;
        if let Some(first) = end.first_content.filter(|_| is_ok) {
            counts.first_token.add(first);
            let output = end.usage.map_or(0, |used| used.usage.output);
            if output > 1 {
                let rest = (seconds - first) / (output - 1) as f64;
                counts.per_token.add(rest);
            }
        }
        self.retries += u64::from(end.retries());
        if end.fallbacks > 0 {
            let fallbacks = self.fallbacks.entry((end.target, is_ok)).or_default();
            *fallbacks += u64::from(end.fallbacks);
        }
        match end.hedge {
            Some(Hedge::Ran(hedge)) => {
                let hedges = self.hedges.entry((hedge.target, hedge.result));
                *hedges.or_default() += 1;
                self.hedge_cost += hedge.cost.unwrap_or_default();
            }
            Some(Hedge::Refused(why)) => *self.hedges_refused.entry(why).or_default() += 1,
            None => {}
        }
        if let Some(seconds) = end.gateway_seconds {
            self.gateway.add(seconds);
        }
    }

    pub(super) fn count_cooldown(&mut self, target: TargetIdx, failure: Failure) {
        let cooldowns = self.cooldowns.entry((target, failure.as_str()));
        *cooldowns.or_default() += 1;
    }

    pub(super) fn count_breaker_opened(&mut self, target: TargetIdx) {
        *self.cooldowns.entry((target, BREAKER_OPENED)).or_default() += 1;
    }

    pub(super) fn count_probe(&mut self, end: &ProbeEnd) {
        let verdict = match end.verdict {
            ProbeVerdict::Good => "good",
            ProbeVerdict::Inconclusive => "inconclusive",
            ProbeVerdict::Bad => "bad",
        };
        let new = || FixedHistogram::new(SHORT_BOUNDS);
        let probes = self.probes.entry((end.provider, verdict));
        probes.or_insert_with(new).add(end.latency.as_secs_f64());
    }
}

/// The counts of a kind of call; of its model as "other" where there are too many kinds.
fn entry<T: Default>(counts: &mut BTreeMap<CallLabels, T>, labels: CallLabels) -> &mut T {
    let is_full = counts.len() >= MAX_CALLS && !counts.contains_key(&labels);
    let model = if is_full {
        ModelLabel::OTHER
    } else {
        labels.model
    };
    counts.entry(CallLabels { model, ..labels }).or_default()
}

fn duration(
    durations: &mut BTreeMap<OutcomeLabels, FixedHistogram>,
    outcome: OutcomeLabels,
) -> &mut FixedHistogram {
    let new = || FixedHistogram::new(DURATION_BOUNDS);
    durations.entry(outcome).or_insert_with(new)
}

/// Counts every type of token; the last three are parts of the first two, and 0 is not counted for
/// them.
fn count_tokens(tokens: &mut BTreeMap<&'static str, FixedHistogram>, usage: Usage) {
    let types = [
        ("input", Some(usage.input)),
        ("output", Some(usage.output)),
        (
            "cached_input",
            Some(usage.cached).filter(|count| *count > 0),
        ),
        (
            "cache_creation_input",
            Some(usage.written).filter(|count| *count > 0),
        ),
        (
            "reasoning",
            Some(usage.reasoning).filter(|count| *count > 0),
        ),
    ];
    for (name, count) in types {
        if let Some(count) = count {
            let new = || FixedHistogram::new(TOKEN_BOUNDS);
            tokens.entry(name).or_insert_with(new).add(count as f64);
        }
    }
}

impl OutcomeLabels {
    const OK: Self = Self {
        class: "ok",
        error: "",
    };
    const CANCELLED: Self = Self::alone("cancelled");

    /// A class of one code.
    const fn alone(class: &'static str) -> Self {
        Self {
            class,
            error: class,
        }
    }

    fn of_failure(failure: Failure) -> Self {
        let class = if failure.is_client_error() {
            "client_error"
        } else {
            "error"
        };
        Self {
            class,
            error: failure.as_str(),
        }
    }
}

impl From<Outcome> for OutcomeLabels {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Success => Self::OK,
            Outcome::Failed(failure) => Self::of_failure(failure),
            Outcome::Cancelled => Self::CANCELLED,
        }
    }
}

impl From<RequestOutcome> for OutcomeLabels {
    fn from(outcome: RequestOutcome) -> Self {
        match outcome {
            RequestOutcome::Ok => Self::OK,
            RequestOutcome::Error(failure) => Self::of_failure(failure),
            RequestOutcome::Cancelled => Self::CANCELLED,
            RequestOutcome::Rejected(RejectionReason::NoTarget) => Self::alone("no_target"),
            RequestOutcome::Rejected(RejectionReason::BudgetExceeded) => {
                Self::alone("budget_exceeded")
            }
            RequestOutcome::Rejected(RejectionReason::ClientLimit) => Self::alone("client_limit"),
            RequestOutcome::Rejected(RejectionReason::Overloaded) => Self::alone("max_in_flight"),
        }
    }
}

//! Simulation of recorded requests under other weights.
//!
//! The target of each request is selected again. Its outcome is estimated from the target's own
//! outcomes: the nearest one in time gives success and the ratio of measured to expected latency; the
//! cost follows from the price. If a target had few outcomes, or would get far more requests than it
//! had, its result is an extrapolation and counted as one.

use super::decision_record::DecisionRecord;
use super::observation::{RequestEnd, RequestOutcome};
use super::pricing::MeasuredUsage;
use super::replay::{Replay, WhatIfSettings};
use super::selection_round::{RecordedCandidate, SelectionRound};
use super::units::UnixTime;
use super::weights::Weights;
use crate::domain::index::TargetIdx;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Minimum number of own outcomes in the window; below it a result is an extrapolation.
const MIN_OWN_OUTCOMES: usize = 20;
/// Factor of requests over the recorded ones above which a result is an extrapolation.
const MAX_EXTRAPOLATION: f64 = 2.0;
/// Minimum window in seconds for rates per hour; shorter ones would be noise.
const MIN_WINDOW_S: f64 = 1.0;

/// Figures of one side of the comparison, of one target or of all.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct WhatIfTotals {
    /// Requests.
    pub requests: usize,
    /// Share of all requests, 0..1.
    pub share: f64,
    /// Mean latency of successes, milliseconds.
    pub mean_latency_ms: Option<f64>,
    /// Median latency, milliseconds.
    pub p50_ms: Option<f64>,
    /// 95th percentile of the latency, milliseconds.
    pub p95_ms: Option<f64>,
    /// Share of successes, 0..1.
    pub success_rate: Option<f64>,
    /// Cost per hour, USD.
    pub usd_per_hour: Option<f64>,
    /// Cost of 1000 requests, USD.
    pub usd_per_1k: Option<f64>,
}

/// Comparison for one target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TargetWhatIf {
    /// Compared target.
    pub target: TargetIdx,
    /// Recorded figures.
    pub now: WhatIfTotals,
    /// Simulated figures.
    pub then: WhatIfTotals,
    /// True if the simulated figures are an extrapolation.
    pub extrapolated: bool,
}

/// Result of a simulation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WhatIf {
    /// Number of simulated requests.
    pub decisions: usize,
    /// Number of requests whose simulated outcome is an extrapolation.
    pub extrapolated: usize,
    /// Time of the first simulated request.
    pub since: Option<UnixTime>,
    /// Targets that were or would be selected.
    pub targets: Vec<TargetWhatIf>,
    /// Recorded figures of all requests.
    pub now: WhatIfTotals,
    /// Simulated figures of all requests.
    pub then: WhatIfTotals,
}

/// Outcome of one request at one target, recorded or simulated.
#[derive(Debug, Clone, Copy)]
struct ReplayedOutcome {
    at: UnixTime,
    ok: bool,
    seconds: f64,
    /// Ratio of measured to expected latency.
    pace: f64,
    usd: Option<f64>,
}

/// A finished request: its first round and its end.
struct ReplayedRequest<'d> {
    round: &'d SelectionRound,
    end: &'d RequestEnd,
    target: TargetIdx,
    then: TargetIdx,
}

/// Simulates recorded requests under other global weights.
pub fn what_if(decisions: &[Arc<DecisionRecord>], weights: &Weights) -> WhatIf {
    simulate(decisions, &WhatIfSettings::from(*weights))
}

/// Simulates recorded requests under other settings.
pub fn simulate(decisions: &[Arc<DecisionRecord>], supposed: &WhatIfSettings) -> WhatIf {
    let mut replay = Replay::default();
    let mut cases: Vec<ReplayedRequest<'_>> = decisions
        .iter()
        .filter_map(|decision| case(decision, supposed, &mut replay))
        .collect();
    cases.sort_by_key(|case| case.round.at);
    let (Some(first), Some(last)) = (cases.first(), cases.last()) else {
        return WhatIf::default();
    };
    let hours = last
        .round
        .at
        .seconds_since(first.round.at)
        .max(MIN_WINDOW_S)
        / 3_600.0;
    let mut recorded: BTreeMap<TargetIdx, Vec<ReplayedOutcome>> = BTreeMap::new();
    for case in &cases {
        recorded
            .entry(case.target)
            .or_default()
            .push(case.recorded());
    }
    let mut outcomes_then: BTreeMap<TargetIdx, (Vec<ReplayedOutcome>, usize)> = BTreeMap::new();
    for case in &cases {
        let own = recorded.get(&case.then).map_or(&[][..], Vec::as_slice);
        let (outcomes, moved) = outcomes_then.entry(case.then).or_default();
        *moved += usize::from(case.then != case.target);
        outcomes.push(case.simulated(own));
    }
    let all = cases.len();
    let side = |outcomes: &[ReplayedOutcome]| side(outcomes, all, hours);
    let none = (Vec::new(), 0);
    let mut result = WhatIf {
        decisions: all,
        since: Some(first.round.at),
        ..WhatIf::default()
    };
    let targets: std::collections::BTreeSet<TargetIdx> = recorded
        .keys()
        .chain(outcomes_then.keys())
        .copied()
        .collect();
    for target in targets {
        let own = recorded.get(&target).map_or(&[][..], Vec::as_slice);
        let (then, moved) = outcomes_then.get(&target).unwrap_or(&none);
        let is_uncertain = own.len() < MIN_OWN_OUTCOMES
            || then.len() as f64 > MAX_EXTRAPOLATION * own.len() as f64;
        let extrapolated = is_uncertain && *moved > 0;
        result.extrapolated += if extrapolated { *moved } else { 0 };
        result.targets.push(TargetWhatIf {
            target,
            now: side(own),
            then: side(then),
            extrapolated,
        });
    }
    let flat = |outcomes: &mut dyn Iterator<Item = &ReplayedOutcome>| {
        outcomes.copied().collect::<Vec<_>>()
    };
    result.now = side(&flat(&mut recorded.values().flatten()));
    result.then = side(&flat(
        &mut outcomes_then.values().flat_map(|(outcomes, _)| outcomes),
    ));
    result
}

fn case<'d>(
    decision: &'d DecisionRecord,
    draft: &WhatIfSettings,
    replay: &mut Replay,
) -> Option<ReplayedRequest<'d>> {
    let (round, end) = (decision.rounds.first()?, decision.end.as_ref()?);
    let counts = match end.outcome {
        RequestOutcome::Ok => true,
        RequestOutcome::Error(failure) => !failure.is_client_error(),
        RequestOutcome::Cancelled | RequestOutcome::Rejected(_) => false,
    };
    if !counts || round.attempt != 1 {
        return None;
    }
    let target = round.chosen?;
    Some(ReplayedRequest {
        then: replay.simulate(round, draft)?,
        round,
        end,
        target,
    })
}

impl ReplayedRequest<'_> {
    fn considered(&self, target: TargetIdx) -> Option<&RecordedCandidate> {
        let mut candidates = self.round.candidates.iter();
        candidates.find(|considered| considered.row.target == target)
    }

    /// Returns the tokens in and out: the measured ones of a complete response, else the expected ones,
    /// because another target might have completed it.
    fn tokens(&self) -> (f64, f64) {
        match self.end.usage {
            Some(MeasuredUsage { usage, .. }) if self.end.outcome == RequestOutcome::Ok => {
                (usage.input as f64, usage.output as f64)
            }
            _ => (self.round.input, self.round.output),
        }
    }

    fn expected(&self, target: TargetIdx) -> f64 {
        let (_, output) = self.tokens();
        self.considered(target)
            .map_or(0.0, |considered| considered.row.predicted.latency(output))
    }

    fn recorded(&self) -> ReplayedOutcome {
        let seconds = self.end.ended.seconds_since(self.end.started);
        let expected = self.expected(self.target);
        ReplayedOutcome {
            at: self.round.at,
            ok: self.end.outcome == RequestOutcome::Ok,
            seconds,
            pace: if expected > 0.0 {
                seconds / expected
            } else {
                1.0
            },
            usd: self.end.cost.map(super::units::Money::usd),
        }
    }

    /// Returns the outcome at the simulated target, by the outcome of its nearest request in time.
    fn simulated(&self, own: &[ReplayedOutcome]) -> ReplayedOutcome {
        if self.then == self.target {
            return self.recorded();
        }
        let expected = self.expected(self.then);
        let (input, output) = self.tokens();
        let considered = self.considered(self.then);
        let price = considered.and_then(|considered| considered.price);
        let risk = considered.map_or(0.0, |considered| considered.row.risk.total());
        let near = nearest(own, self.round.at);
        ReplayedOutcome {
            at: self.round.at,
            ok: near.map_or(risk < 0.5, |near| near.ok),
            seconds: expected * near.map_or(1.0, |near| near.pace),
            pace: 1.0,
            usd: price.map(|(per_input, per_output)| per_input * input + per_output * output),
        }
    }
}

/// Returns the outcome nearest in time; `outcomes` is sorted by time.
fn nearest(outcomes: &[ReplayedOutcome], at: UnixTime) -> Option<&ReplayedOutcome> {
    let after = outcomes.partition_point(|outcome| outcome.at < at);
    let distance = |outcome: &&ReplayedOutcome| outcome.at.since(at).max(at.since(outcome.at));
    let before = after
        .checked_sub(1)
        .and_then(|position| outcomes.get(position));
    [before, outcomes.get(after)]
        .into_iter()
        .flatten()
        .min_by_key(distance)
}

fn side(outcomes: &[ReplayedOutcome], all: usize, hours: f64) -> WhatIfTotals {
    let n = outcomes.len() as f64;
    if outcomes.is_empty() {
        return WhatIfTotals::default();
    }
    let mut latencies: Vec<f64> = outcomes
        .iter()
        .filter(|outcome| outcome.ok)
        .map(|outcome| outcome.seconds * 1e3)
        .collect();
    latencies.sort_by(f64::total_cmp);
    let quantile = |part: usize| {
        let last = latencies.len().checked_sub(1)?;
        latencies.get(last * part / 100).copied()
    };
    let costs: Vec<f64> = outcomes.iter().filter_map(|outcome| outcome.usd).collect();
    let usd = (!costs.is_empty()).then(|| costs.iter().sum::<f64>());
    let sum: f64 = latencies.iter().sum();
    WhatIfTotals {
        requests: outcomes.len(),
        share: n / all as f64,
        mean_latency_ms: (!latencies.is_empty()).then(|| sum / latencies.len() as f64),
        p50_ms: quantile(50),
        p95_ms: quantile(95),
        success_rate: Some(latencies.len() as f64 / n),
        usd_per_hour: usd.map(|usd| usd / hours),
        usd_per_1k: usd.map(|usd| usd / costs.len() as f64 * 1e3),
    }
}

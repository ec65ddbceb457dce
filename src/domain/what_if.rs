//! What other weights would have done to the requests that were recorded.
//!
//! Who would have been chosen is decided again. How it would have gone is read off the target's own
//! outcomes: the one nearest in time says whether it succeeded, and how much slower or faster than
//! expected; the price is known. Where a target had few outcomes, or would get far more than it
//! had, that is an extrapolation, and counted as one.

use super::decision_log::DecisionRecord;
use super::observation::{RequestEnd, RequestOutcome};
use super::pricing::MeasuredUsage;
use super::replay::{Replay, WhatIfSettings};
use super::selection_round::{RecordedCandidate, SelectionRound};
use super::units::UnixTime;
use super::weights::Weights;
use crate::domain::index::TargetIdx;
use std::collections::BTreeMap;
use std::sync::Arc;

/// With fewer outcomes of its own in the window, what a target would do is a guess.
const MIN_OWN_OUTCOMES: usize = 20;
/// And so it is with that many times the requests it had.
const MAX_EXTRAPOLATION: f64 = 2.0;
/// RateLimits are per hour; over less than a second they would be noise.
const MIN_WINDOW_S: f64 = 1.0;

/// One side of the comparison, of one target or of all.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct WhatIfTotals {
    pub requests: usize,
    /// 0..1.
    pub share: f64,
    pub mean_latency_ms: Option<f64>,
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    /// 0..1.
    pub success_rate: Option<f64>,
    pub usd_per_hour: Option<f64>,
    pub usd_per_1k: Option<f64>,
}

/// A target, now and then.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TargetWhatIf {
    /// Place in the catalogue.
    pub target: TargetIdx,
    pub now: WhatIfTotals,
    pub then: WhatIfTotals,
    /// Whether what is said of then is an extrapolation.
    pub extrapolated: bool,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct WhatIf {
    /// Finished requests behind it.
    pub decisions: usize,
    /// Those of which the outcome then is an extrapolation.
    pub extrapolated: usize,
    /// From the first of them to the last.
    pub since: Option<UnixTime>,
    pub targets: Vec<TargetWhatIf>,
    pub now: WhatIfTotals,
    pub then: WhatIfTotals,
}

/// One request's outcome at one target, seen or supposed.
#[derive(Debug, Clone, Copy)]
struct ReplayedOutcome {
    at: UnixTime,
    ok: bool,
    seconds: f64,
    /// Seconds over what was expected.
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

/// Decides all of them again under other weights.
pub fn what_if(decisions: &[Arc<DecisionRecord>], weights: &Weights) -> WhatIf {
    simulate(decisions, &WhatIfSettings::from(*weights))
}

/// The same with more than the global weights set otherwise.
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
    let mut seen: BTreeMap<TargetIdx, Vec<ReplayedOutcome>> = BTreeMap::new();
    for case in &cases {
        seen.entry(case.target).or_default().push(case.seen());
    }
    let mut outcomes_then: BTreeMap<TargetIdx, (Vec<ReplayedOutcome>, usize)> = BTreeMap::new();
    for case in &cases {
        let own = seen.get(&case.then).map_or(&[][..], Vec::as_slice);
        let (outcomes, moved) = outcomes_then.entry(case.then).or_default();
        *moved += usize::from(case.then != case.target);
        outcomes.push(case.supposed(own));
    }
    let all = cases.len();
    let side = |outcomes: &[ReplayedOutcome]| side(outcomes, all, hours);
    let nobody = (Vec::new(), 0);
    let mut answer = WhatIf {
        decisions: all,
        since: Some(first.round.at),
        ..WhatIf::default()
    };
    let places: std::collections::BTreeSet<TargetIdx> =
        seen.keys().chain(outcomes_then.keys()).copied().collect();
    for target in places {
        let own = seen.get(&target).map_or(&[][..], Vec::as_slice);
        let (then, moved) = outcomes_then.get(&target).unwrap_or(&nobody);
        let is_guess = own.len() < MIN_OWN_OUTCOMES
            || then.len() as f64 > MAX_EXTRAPOLATION * own.len() as f64;
        let extrapolated = is_guess && *moved > 0;
        answer.extrapolated += if extrapolated { *moved } else { 0 };
        answer.targets.push(TargetWhatIf {
            target,
            now: side(own),
            then: side(then),
            extrapolated,
        });
    }
    let flat = |outcomes: &mut dyn Iterator<Item = &ReplayedOutcome>| {
        outcomes.copied().collect::<Vec<_>>()
    };
    answer.now = side(&flat(&mut seen.values().flatten()));
    answer.then = side(&flat(
        &mut outcomes_then.values().flat_map(|(outcomes, _)| outcomes),
    ));
    answer
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

    /// Tokens in and out: as they were of a whole answer, else as they were expected, for a
    /// refusal's none and a broken answer's few are not what another target would have made.
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

    fn seen(&self) -> ReplayedOutcome {
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

    /// What the target chosen then would have made of it, by what it made of others at that time.
    fn supposed(&self, own: &[ReplayedOutcome]) -> ReplayedOutcome {
        if self.then == self.target {
            return self.seen();
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

/// Outcomes are in the order of time.
fn nearest(outcomes: &[ReplayedOutcome], at: UnixTime) -> Option<&ReplayedOutcome> {
    let after = outcomes.partition_point(|outcome| outcome.at < at);
    let far = |outcome: &&ReplayedOutcome| outcome.at.since(at).max(at.since(outcome.at));
    let before = after.checked_sub(1).and_then(|place| outcomes.get(place));
    [before, outcomes.get(after)]
        .into_iter()
        .flatten()
        .min_by_key(far)
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

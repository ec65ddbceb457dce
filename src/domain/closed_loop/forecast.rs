//! The forecast: runs under a draft and under the settings in force, and their ranges.

use super::attempt_limits::RunLimits;
use super::draft::SettingsDraft;
use super::learning::learn;
use super::learnt_target::LearntTarget;
use super::run::{RunResult, run};
use super::run_figures::{Capacity, ForecastFigures, TargetForecast, combined};
use super::run_traffic::RunPlan;
use super::traffic_data::TrafficData;
use crate::domain::command::CommandError;
use crate::domain::index::TargetIdx;
use crate::domain::units::UnixTime;

/// Least recorded traffic to forecast from.
const MIN_HISTORY_S: f64 = 120.0;
const MIN_REQUESTS: usize = 20;
/// Number of runs, and the number with very many requests.
const RUNS: usize = 8;
const FEW_RUNS: usize = 4;
/// Requests of all runs of one side above which there are fewer runs, and then shorter ones.
const MAX_REQUESTS: f64 = 80_000.0;
/// Seconds of a run.
const RUN_S: f64 = 300.0;
const MIN_RUN_S: f64 = 10.0;
/// Requests of a quick forecast.
const QUICK_REQUESTS: f64 = 2_000.0;
/// Share of the attempts from which doubts about a target matter.
const DOUBTFUL_SHARE: f64 = 0.05;
/// Seconds of the recorded attempts that the forecast of the settings in force is compared with.
const SELF_TEST_S: f64 = 300.0;

/// How much a forecast may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForecastEffort {
    /// One run of at most 2000 requests, without ranges.
    Quick,
    /// Eight runs.
    Full,
    /// One run of the full length.
    Single,
}

/// Forecast of shares, latency and cost.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClosedLoopForecast {
    /// True if too little traffic was recorded; everything else is empty then.
    pub is_too_little: bool,
    /// Number of runs of each side.
    pub runs: usize,
    /// Recorded requests.
    pub requests: usize,
    /// Time of the oldest one.
    pub since: Option<UnixTime>,
    /// Every target that serves or would serve requests.
    pub targets: Vec<TargetForecast>,
    /// All requests under the settings in force.
    pub now: ForecastFigures,
    /// All requests under the draft.
    pub then: ForecastFigures,
    /// Mean difference of the shares under the settings in force from those of the last minutes, in
    /// points.
    pub self_test_points: f64,
    /// True if a share of the last minutes lies outside of its range: things are moving.
    pub is_moving: bool,
}

/// Forecasts the traffic under a draft. The same data, draft and seed give the same forecast.
///
/// # Errors
///
/// The draft is invalid.
pub fn forecast(
    data: &TrafficData,
    draft: &SettingsDraft,
    limits: RunLimits,
    (effort, seed): (ForecastEffort, u64),
) -> Result<ClosedLoopForecast, CommandError> {
    // An invalid draft is an error, also without traffic.
    draft.apply(&mut data.state.fork(data.at), data.at)?;
    let known = ClosedLoopForecast {
        requests: data.requests.len(),
        since: data.requests.first().map(|first| first.at),
        ..ClosedLoopForecast::default()
    };
    if !is_enough(data) {
        return Ok(ClosedLoopForecast {
            is_too_little: true,
            ..known
        });
    }
    let learnt = learn(data);
    let rate = data.requests.len() as f64 / data.history_s().max(1.0);
    let extent = extent(effort, rate);
    let side = |draft: &SettingsDraft| Side::play(data, &learnt, draft, (limits, extent, seed));
    let (now, then) = (side(&SettingsDraft::default())?, side(draft)?);
    let (self_test_points, is_moving) = now.self_test(data);
    let (runs, _) = extent;
    Ok(ClosedLoopForecast {
        runs,
        targets: compared(data, &learnt, &now, &then),
        now: now.total,
        then: then.total,
        self_test_points,
        is_moving: is_moving && runs > 1,
        ..known
    })
}

/// Returns true if enough traffic was recorded to forecast from.
pub(super) fn is_enough(data: &TrafficData) -> bool {
    let is_long = data.history_s() >= MIN_HISTORY_S || data.is_full;
    is_long && data.requests.len() >= MIN_REQUESTS
}

/// Returns the number of runs and their seconds.
fn extent(effort: ForecastEffort, rate: f64) -> (usize, f64) {
    let within = |requests: f64| (requests / rate).clamp(MIN_RUN_S, RUN_S);
    match effort {
        ForecastEffort::Quick => (1, within(QUICK_REQUESTS)),
        ForecastEffort::Single => (1, within(MAX_REQUESTS / RUNS as f64)),
        ForecastEffort::Full if rate * RUN_S * RUNS as f64 <= MAX_REQUESTS => (RUNS, RUN_S),
        ForecastEffort::Full => (FEW_RUNS, within(MAX_REQUESTS / FEW_RUNS as f64)),
    }
}

/// All runs of one draft.
pub(super) struct Side {
    targets: Vec<ForecastFigures>,
    /// Targets that too many attempts reach at a load that was never seen.
    beyond_seen: Vec<bool>,
    /// All requests in the mean of the runs, and in each run.
    pub total: ForecastFigures,
    pub runs: Vec<ForecastFigures>,
}

impl Side {
    /// Plays so many runs of so many seconds.
    pub fn play(
        data: &TrafficData,
        learnt: &[LearntTarget],
        draft: &SettingsDraft,
        (limits, (runs, seconds), seed): (RunLimits, (usize, f64), u64),
    ) -> Result<Self, CommandError> {
        let one = |number| {
            let plan = RunPlan {
                number,
                seed,
                seconds,
                limits,
            };
            run(data, learnt, draft, plan)
        };
        let results: Result<Vec<RunResult>, CommandError> = (0..runs).map(one).collect();
        Ok(Self::of(results?, seconds))
    }

    /// Returns true if a target with much of the traffic is hardly measured or was never seen at its
    /// load.
    pub fn is_doubtful(&self, learnt: &[LearntTarget]) -> bool {
        let targets = self.targets.iter().zip(learnt).zip(&self.beyond_seen);
        targets.into_iter().any(|((figures, learnt), beyond)| {
            let is_much = figures.share.value > DOUBTFUL_SHARE;
            is_much && (learnt.is_hardly_measured || *beyond)
        })
    }

    /// Compares the shares with those of the last minutes.
    pub fn self_test(&self, data: &TrafficData) -> (f64, bool) {
        self_test(self, &recent_shares(data))
    }

    fn of(mut results: Vec<RunResult>, seconds: f64) -> Self {
        let count = results.first().map_or(0, |result| result.targets.len());
        let mut all = RunResult::default();
        for result in &results {
            all.add(result);
        }
        let beyond_seen = all.targets.iter();
        let beyond_seen = beyond_seen
            .map(|tally| tally.is_beyond_seen(all.total.attempts))
            .collect();
        let mut figures = |of: &dyn Fn(&mut RunResult) -> ForecastFigures| {
            let runs: Vec<ForecastFigures> = results.iter_mut().map(of).collect();
            (combined(&runs), runs)
        };
        let targets = (0..count).map(|at| {
            let of = |result: &mut RunResult| {
                let attempts = result.total.attempts;
                result.targets[at].figures(attempts, seconds)
            };
            figures(&of).0
        });
        let targets = targets.collect();
        let (total, runs) = figures(&|result| {
            let attempts = result.total.attempts;
            result.total.figures(attempts, seconds)
        });
        Self {
            targets,
            beyond_seen,
            total,
            runs,
        }
    }
}

fn compared(
    data: &TrafficData,
    learnt: &[LearntTarget],
    now: &Side,
    then: &Side,
) -> Vec<TargetForecast> {
    let n = data.requests.len().max(1) as f64;
    let input = data.requests.iter().map(|it| it.input).sum::<f64>() / n;
    let output = data.requests.iter().map(|it| it.output).sum::<f64>() / n;
    let active = data.state.catalogue().active_targets();
    let forecast = |(target, _): (TargetIdx, _)| {
        let at = target.get();
        TargetForecast {
            target,
            now: now.targets[at],
            then: then.targets[at],
            is_hardly_measured: learnt[at].is_hardly_measured,
            is_beyond_seen: then.beyond_seen[at],
            capacity: Capacity::of(&learnt[at], (input, output)),
        }
    };
    let is_used = |it: &TargetForecast| it.now.share.high > 0.0 || it.then.share.high > 0.0;
    active.map(forecast).filter(is_used).collect()
}

/// Returns the share of each target in the latest recorded attempts.
fn recent_shares(data: &TrafficData) -> Vec<f64> {
    let recent = |attempts: &Vec<_>| count_recent(attempts, data.at);
    let counts: Vec<f64> = data.attempts.iter().map(recent).collect();
    let all: f64 = counts.iter().sum();
    counts.iter().map(|count| count / all.max(1.0)).collect()
}

fn count_recent(
    attempts: &[crate::domain::traffic_recording::RecordedAttempt],
    now: UnixTime,
) -> f64 {
    let is_recent = |ended: UnixTime| now.seconds_since(ended) <= SELF_TEST_S;
    attempts.iter().filter(|it| is_recent(it.ended)).count() as f64
}

/// Returns the mean difference in points, and true if a real share lies outside of its range.
fn self_test(now: &Side, real: &[f64]) -> (f64, bool) {
    let pairs = now.targets.iter().zip(real);
    let used = pairs.filter(|(side, real)| side.share.high > 0.0 || **real > 0.0);
    let (mut sum, mut count, mut is_outside) = (0.0, 0.0_f64, false);
    for (side, &real) in used {
        sum += (side.share.value - real).abs();
        count += 1.0;
        is_outside |= !(side.share.low..=side.share.high).contains(&real);
    }
    (100.0 * sum / count.max(1.0), is_outside)
}

//! Search for the cheapest weights that meet a goal.
//!
//! All weightings in steps of 20 points are tried in two short runs each, then the surroundings of the
//! best one in steps of 10 and 5. What seems to meet the goal is run eight times, the cheapest first,
//! until one meets it in nearly every run.

use super::attempt_limits::RunLimits;
use super::draft::SettingsDraft;
use super::forecast::{Side, is_enough};
use super::goal::{MissedGoal, ServiceGoal};
use super::learning::learn;
use super::learnt_target::LearntTarget;
use super::run_figures::ForecastFigures;
use super::traffic_data::TrafficData;
use crate::domain::command::CommandError;
use crate::domain::units::UnixTime;
use crate::domain::weights::Weights;
use std::collections::BTreeMap;

/// Steps of the search, in points.
const COARSE: u32 = 20;
const FINER: [u32; 2] = [10, 5];
/// Moves in each finer step.
const MOVES: usize = 2;
/// Runs that try a weighting, and runs that confirm it.
const TRIAL_RUNS: usize = 2;
const CONFIRMING_RUNS: usize = 8;
/// Weightings that are confirmed.
const CONFIRMED: usize = 5;
/// Share of the runs that must meet the goal.
const SURE: f64 = 0.75;
/// Part of the present cost below which other weights are cheaper.
const CHEAPER: f64 = 0.99;
/// Seconds of a run, and its requests with so many targets; with more targets each takes longer.
const RUN_S: f64 = 300.0;
const MIN_RUN_S: f64 = 10.0;
const MAX_REQUESTS: f64 = 8_000.0;
const USUAL_TARGETS: f64 = 8.0;

/// Cost, latency and reliability in points.
type Points = [u32; 3];

/// One weighting with what it comes to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct JudgedWeights {
    /// Weights.
    pub weights: Weights,
    /// Figures of all requests.
    pub figures: ForecastFigures,
    /// Share of the runs that meet the goal, 0..1.
    pub met_share: f64,
    /// True if a target with much of the traffic is hardly measured or was never seen at that load.
    pub is_doubtful: bool,
}

/// Advice on weights.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WeightAdvice {
    /// True if too little traffic was recorded; everything else is empty then.
    pub is_too_little: bool,
    /// Recorded requests.
    pub requests: usize,
    /// Time of the oldest one.
    pub since: Option<UnixTime>,
    /// Weightings that were tried.
    pub tried: usize,
    /// Runs behind each reported figure.
    pub runs: usize,
    /// The weights in force.
    pub now: JudgedWeights,
    /// The cheapest weights that meet the goal, or those that come nearest.
    pub then: JudgedWeights,
    /// True if `then` meets the goal in nearly every run.
    pub is_met: bool,
    /// What `then` misses.
    pub missed: Vec<MissedGoal>,
    /// True if the recorded shares lie outside of the forecast of the weights in force.
    pub is_moving: bool,
}

/// Searches the cheapest weights that meet a goal. The same data, goal and seed give the same advice.
///
/// # Errors
///
/// The weights in force are invalid.
pub fn advise(
    data: &TrafficData,
    goal: ServiceGoal,
    limits: RunLimits,
    seed: u64,
) -> Result<WeightAdvice, CommandError> {
    let known = WeightAdvice {
        requests: data.requests.len(),
        since: data.requests.first().map(|first| first.at),
        ..WeightAdvice::default()
    };
    if !is_enough(data) {
        return Ok(WeightAdvice {
            is_too_little: true,
            ..known
        });
    }
    let mut search = Search::new(data, goal, limits, seed);
    let now = search.confirm_present()?;
    search.explore()?;
    let then = search.cheapest(&now)?;
    let is_met = then.met_share >= SURE;
    let missed = if is_met {
        Vec::new()
    } else {
        search.missed(&then.figures)
    };
    Ok(WeightAdvice {
        tried: search.trials.len(),
        runs: CONFIRMING_RUNS,
        is_moving: search.is_moving,
        now,
        then,
        is_met,
        missed,
        ..known
    })
}

/// The weightings that were tried.
struct Search<'d> {
    data: &'d TrafficData,
    learnt: Vec<LearntTarget>,
    goal: ServiceGoal,
    limits: RunLimits,
    seed: u64,
    seconds: f64,
    trials: BTreeMap<Points, JudgedWeights>,
    is_moving: bool,
}

impl<'d> Search<'d> {
    fn new(data: &'d TrafficData, goal: ServiceGoal, limits: RunLimits, seed: u64) -> Self {
        let targets = data.state.catalogue().active_targets().count() as f64;
        let requests = MAX_REQUESTS * (USUAL_TARGETS / targets.max(1.0)).min(1.0);
        let rate = data.requests.len() as f64 / data.history_s().max(1.0);
        Self {
            data,
            learnt: learn(data),
            goal,
            limits,
            seed,
            seconds: (requests / rate).clamp(MIN_RUN_S, RUN_S),
            trials: BTreeMap::new(),
            is_moving: false,
        }
    }

    fn play(&self, draft: &SettingsDraft, runs: usize) -> Result<Side, CommandError> {
        let extent = (runs, self.seconds);
        Side::play(
            self.data,
            &self.learnt,
            draft,
            (self.limits, extent, self.seed),
        )
    }

    fn judge(&self, weights: Weights, side: &Side) -> JudgedWeights {
        let meets = |run: &&ForecastFigures| self.goal.missed(run).is_empty();
        let met = side.runs.iter().filter(meets).count() as f64;
        JudgedWeights {
            weights,
            figures: side.total,
            met_share: met / side.runs.len().max(1) as f64,
            is_doubtful: side.is_doubtful(&self.learnt),
        }
    }

    /// Runs the weights in force.
    fn confirm_present(&mut self) -> Result<JudgedWeights, CommandError> {
        let side = self.play(&SettingsDraft::default(), CONFIRMING_RUNS)?;
        self.is_moving = side.self_test(self.data).1;
        Ok(self.judge(self.data.state.global_weights(), &side))
    }

    fn try_out(&self, points: Points, runs: usize) -> Result<JudgedWeights, CommandError> {
        let [cost, latency, reliability] = points.map(f64::from);
        let weights = Weights {
            cost,
            latency,
            reliability,
            ..self.data.state.global_weights()
        };
        let draft = SettingsDraft {
            weights: Some(weights),
            ..SettingsDraft::default()
        };
        let side = self.play(&draft, runs)?;
        Ok(self.judge(weights, &side))
    }

    /// Tries the coarse grid, then the surroundings of what is best.
    fn explore(&mut self) -> Result<(), CommandError> {
        for points in grid() {
            self.trial(points)?;
        }
        for step in FINER {
            for _ in 0..MOVES {
                let Some(center) = self.ranked().first().copied() else {
                    break;
                };
                for points in around(center, step) {
                    self.trial(points)?;
                }
                if self.ranked().first() == Some(&center) {
                    break;
                }
            }
        }
        Ok(())
    }

    fn trial(&mut self, points: Points) -> Result<(), CommandError> {
        if !self.trials.contains_key(&points) {
            let judged = self.try_out(points, TRIAL_RUNS)?;
            self.trials.insert(points, judged);
        }
        Ok(())
    }

    /// Returns what was tried: what meets the goal by its cost, then the rest by what it misses.
    fn ranked(&self) -> Vec<Points> {
        let mut ranked: Vec<(f64, f64, f64, Points)> = self
            .trials
            .iter()
            .map(|(points, judged)| {
                let missing = self.goal.shortfall(&judged.figures);
                let change = distance(&judged.weights, &self.data.state.global_weights());
                (missing, cost(judged), change, *points)
            })
            .collect();
        ranked.sort_by(|a, b| {
            let by_figures = a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1));
            by_figures.then(a.2.total_cmp(&b.2))
        });
        ranked.into_iter().map(|(.., points)| points).collect()
    }

    /// Confirms the best of what was tried until one meets the goal for sure; else returns the one
    /// that does so most often, or is nearest to it. The weights in force stay where nothing is
    /// cheaper.
    fn cheapest(&self, now: &JudgedWeights) -> Result<JudgedWeights, CommandError> {
        let mut best = *now;
        let is_present_sure = now.met_share >= SURE;
        for points in self.ranked().into_iter().take(CONFIRMED) {
            let judged = self.try_out(points, CONFIRMING_RUNS)?;
            let is_sure = judged.met_share >= SURE;
            if is_sure && is_present_sure {
                let is_cheaper = cost(&judged) < CHEAPER * cost(now);
                return Ok(if is_cheaper { judged } else { *now });
            }
            if is_sure {
                return Ok(judged);
            }
            let missing = |it: &JudgedWeights| self.goal.shortfall(&it.figures);
            let is_better = judged.met_share > best.met_share
                || (judged.met_share == best.met_share && missing(&judged) < missing(&best));
            if is_better && !is_present_sure {
                best = judged;
            }
        }
        Ok(best)
    }

    /// Returns what the figures miss, with the best values of all that was tried.
    fn missed(&self, figures: &ForecastFigures) -> Vec<MissedGoal> {
        let mut missed = self.goal.missed(figures);
        for it in &mut missed {
            let values = self
                .trials
                .values()
                .filter_map(|judged| it.part.of(&judged.figures));
            it.best = values
                .chain(it.expected)
                .reduce(|a, b| it.part.better(a, b));
        }
        missed
    }
}

/// Returns all points in coarse steps.
fn grid() -> Vec<Points> {
    let steps = 100 / COARSE;
    let of = |cost: u32| {
        (0..=steps - cost).map(move |latency| {
            [cost, latency, steps - cost - latency].map(|number| number * COARSE)
        })
    };
    (0..=steps).flat_map(of).collect()
}

/// Returns the points that differ by a step from one weight to another.
fn around(center: Points, step: u32) -> Vec<Points> {
    let mut around = Vec::new();
    for from in 0..center.len() {
        for to in 0..center.len() {
            let mut points = center;
            if from != to && points[from] >= step {
                points[from] -= step;
                points[to] += step;
                around.push(points);
            }
        }
    }
    around
}

/// Returns the cost of 1000 requests; 0 without prices.
fn cost(judged: &JudgedWeights) -> f64 {
    judged.figures.usd_per_1k.map_or(0.0, |usd| usd.value)
}

fn distance(one: &Weights, other: &Weights) -> f64 {
    (one.cost - other.cost).abs()
        + (one.latency - other.latency).abs()
        + (one.reliability - other.reliability).abs()
}

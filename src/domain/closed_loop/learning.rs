//! Learns the targets from the recorded attempts.

use super::failure_rate::failure_rate;
use super::learnt_target::{LearntTarget, mean_of};
use super::load_curve::{Growth, LearntCurve, PacesByLoad};
use super::rate_limits::rate_limits;
use super::slowness::slowness;
use super::traffic_data::TrafficData;
use crate::domain::balancer::KnownTarget;
use crate::domain::index::TargetIdx;
use crate::domain::pricing::Price;
use crate::domain::traffic_recording::{AttemptResult, RecordedAttempt};
use crate::domain::units::UnixTime;

/// Minimum output tokens of a stream whose time per token tells the effect of load.
const MIN_TOKENS: f64 = 8.0;
/// Minimum number of responses of a measured target.
const MIN_RESPONSES: usize = 20;
/// Windows in seconds. The longest counts that agrees with every shorter one.
const WINDOWS_S: [f64; 4] = [120.0, 240.0, 480.0, 900.0];
const AGREEING_ERRORS: f64 = 3.0;
/// Spread of the parts of a whole response, and the least share of each.
const FIRST_TOKEN_SPREAD: f64 = 0.5;
const PER_TOKEN_SPREAD: f64 = 0.25;
const MIN_PART: f64 = 0.05;
/// Steps in which the means of the parts settle.
const LEVEL_STEPS: usize = 4;
/// Least concurrency of a target whose load curve holds for others.
const MIN_SHARED_CONCURRENCY: u32 = 60;
/// Responses of every other target that stand for one that is hardly measured.
const BORROWED_RESPONSES: usize = 200;
/// Tokens of the response by which targets are compared, and the least spread between them.
const COMPARED_TOKENS: f64 = 200.0;
const MIN_TARGET_SPREAD: f64 = 0.3;
/// Bounds of the ratio of measured to expected cost.
const COST_RATIO: (f64, f64) = (0.1, 10.0);

/// A response as recorded.
struct Response {
    ended: UnixTime,
    in_flight: f64,
    first_token: Option<f64>,
    seconds: f64,
    tokens: f64,
}

/// A response without the effect of load.
struct Unloaded {
    ended: UnixTime,
    pair: (f64, f64),
    tokens: f64,
}

/// Returns what is known of every target.
pub fn learn(data: &TrafficData) -> Vec<LearntTarget> {
    let now = data.at;
    let known = data.state.known_targets(now);
    let catalogue = data.state.catalogue();
    let responses: Vec<Vec<Response>> = data.attempts.iter().map(|it| answered(it)).collect();
    let starts: Vec<(f64, f64)> = known.iter().map(estimated).collect();
    let paces: Vec<PacesByLoad> = responses
        .iter()
        .zip(&starts)
        .map(|(responses, start)| {
            let parts = mean_parts(responses, &LearntCurve::FLAT, *start);
            paces_by_load(responses, parts)
        })
        .collect();
    let mut curves: Vec<LearntCurve> = paces.iter().map(PacesByLoad::fitted).collect();
    share_curves(&mut curves, &paces, &known);
    let targets = responses.iter().zip(&starts).zip(&curves);
    let unloaded: Vec<Vec<Unloaded>> = targets
        .map(|((responses, start), curve)| without_load(responses, curve, *start))
        .collect();
    let spread = target_spread(&unloaded);
    let mut learnt: Vec<LearntTarget> = TargetIdx::all(known.len())
        .map(|target| {
            let at = target.get();
            let attempts = &data.attempts[at];
            let (limits, states_limits) = rate_limits(attempts, &known[at].quotas, now);
            let mut learnt = LearntTarget {
                responses: Vec::new(),
                curve: curves[at],
                failure: 0.0,
                failures: Vec::new(),
                limits,
                denials: known[at].denials.clone(),
                states_limits,
                level_spread: 0.0,
                is_hardly_measured: unloaded[at].len() < MIN_RESPONSES,
                cost_ratio: cost_ratio(attempts, catalogue.targets[target].price.as_ref()),
                max_concurrent: known[at].max_concurrent,
            };
            if learnt.is_hardly_measured {
                learnt.responses = borrowed(at, &unloaded, &known[at], &curves[at]);
                learnt.level_spread = spread / (1.0 + unloaded[at].len() as f64 / 2.0).sqrt();
            } else {
                learnt.responses = stable_window(&unloaded[at], now);
                learnt.level_spread = level_error(&learnt.responses);
            }
            learnt
        })
        .collect();
    let slow = slowness(data, &learnt);
    for (at, learnt) in learnt.iter_mut().enumerate() {
        let is_closed = known[at].is_breaker_closed;
        (learnt.failure, learnt.failures) =
            failure_rate(&data.attempts[at], &slow[at], is_closed, now);
    }
    learnt
}

fn answered(attempts: &[RecordedAttempt]) -> Vec<Response> {
    let response = |attempt: &RecordedAttempt| {
        let tokens = attempt.output?;
        (attempt.result == AttemptResult::Answered).then_some(Response {
            ended: attempt.ended,
            in_flight: attempt.in_flight,
            first_token: attempt.first_token.filter(|_| attempt.streamed),
            seconds: attempt.seconds,
            tokens,
        })
    };
    attempts.iter().filter_map(response).collect()
}

/// Returns the seconds of the parts of a response without load, as the balancer estimates them.
fn estimated(known: &KnownTarget) -> (f64, f64) {
    let estimate = &known.estimate;
    (estimate.first_token.max(1e-4), estimate.per_token.max(1e-7))
}

/// Returns the responses without the effect of load.
fn without_load(responses: &[Response], curve: &LearntCurve, start: (f64, f64)) -> Vec<Unloaded> {
    let parts = mean_parts(responses, curve, start);
    let unloaded = |response: &Response| Unloaded {
        ended: response.ended,
        pair: split(response, curve, parts).pair,
        tokens: response.tokens,
    };
    responses.iter().map(unloaded).collect()
}

/// Returns the mean seconds of the parts of a response without load. A whole response counts for each
/// part as far as it tells it apart, so this repeats with what the last step found.
fn mean_parts(responses: &[Response], curve: &LearntCurve, start: (f64, f64)) -> (f64, f64) {
    let mut parts = start;
    for _ in 0..LEVEL_STEPS {
        let (mut first, mut rest) = ((0.0, 0.0), (0.0, 0.0));
        for response in responses {
            let split = split(response, curve, parts);
            first.0 += split.first_weight * split.pair.0;
            first.1 += split.first_weight;
            rest.0 += split.rest_weight * split.pair.1;
            rest.1 += split.rest_weight;
        }
        // The start counts as one response.
        parts = (
            (first.0 + start.0) / (first.1 + 1.0),
            (rest.0 + start.1) / (rest.1 + 1.0),
        );
    }
    (parts.0.max(1e-4), parts.1.max(1e-7))
}

/// Returns what shows the load curve. Streams show it by their time per token, other responses by their duration;
/// each kind around its own mean.
fn paces_by_load(responses: &[Response], (first, rest): (f64, f64)) -> PacesByLoad {
    let mut kinds: [Vec<(f64, f64)>; 2] = [Vec::new(), Vec::new()];
    for response in responses {
        match response.first_token {
            Some(first_token) if response.tokens >= MIN_TOKENS => {
                let pace = (response.seconds - first_token) / response.tokens;
                kinds[0].push((response.in_flight, pace.max(1e-7).ln()));
            }
            _ => {
                let pace = response.seconds / (first + rest * response.tokens);
                kinds[1].push((response.in_flight, pace.max(1e-7).ln()));
            }
        }
    }
    let mut all = Vec::with_capacity(responses.len());
    for kind in kinds {
        let mean = kind.iter().map(|(_, pace)| pace).sum::<f64>() / kind.len().max(1) as f64;
        all.extend(kind.into_iter().map(|(before, pace)| (before, pace - mean)));
    }
    PacesByLoad::of(&all)
}

/// Gives a target the median curve of those that can take much, unless its own responses say clearly
/// otherwise. A knee is moved beyond what a target took without one.
fn share_curves(curves: &mut [LearntCurve], paces: &[PacesByLoad], known: &[KnownTarget]) {
    let takes_much = |known: &KnownTarget| {
        known
            .max_concurrent
            .is_none_or(|most| most >= MIN_SHARED_CONCURRENCY)
    };
    let shown = curves.iter().zip(known);
    let mut shown: Vec<Growth> = shown
        .filter(|(curve, known)| curve.growth != Growth::Flat && takes_much(known))
        .map(|(curve, _)| curve.growth)
        .collect();
    shown.sort_by(|a, b| a.double_at().total_cmp(&b.double_at()));
    let Some(&median) = shown.get(shown.len() / 2) else {
        return;
    };
    for ((curve, paces), known) in curves.iter_mut().zip(paces).zip(known) {
        let shared = match (median, curve.growth) {
            (Growth::Knee { exponent, knee }, Growth::Flat) => Growth::Knee {
                exponent,
                knee: knee.max(curve.seen),
            },
            (other, _) => other,
        };
        let is_alike = curve.growth == Growth::Flat || takes_much(known);
        if is_alike && paces.allow(shared, curve.growth) {
            curve.growth = shared;
        }
    }
}

/// The parts of a response without load, and how far it tells each, 0..1.
struct Split {
    pair: (f64, f64),
    first_weight: f64,
    rest_weight: f64,
}

/// Removes the effect of load. The duration of a whole response is split by how far each part varies
/// around its mean; few tokens tell little of the time per token.
fn split(response: &Response, curve: &LearntCurve, (first, rest): (f64, f64)) -> Split {
    let factor = curve.at(1.0 + response.in_flight);
    let seconds = response.seconds / factor;
    let tokens = response.tokens;
    if let Some(first_token) = response.first_token {
        let own = (first_token / factor).min(seconds);
        let weight = if tokens >= MIN_TOKENS {
            1.0
        } else {
            tokens / (tokens + MIN_TOKENS)
        };
        let per_token = (seconds - own) / tokens.max(1.0);
        return Split {
            pair: (own, rest + weight * (per_token - rest)),
            first_weight: 1.0,
            rest_weight: if weight < 1.0 { 0.0 } else { 1.0 },
        };
    }
    if tokens <= 0.0 {
        return Split {
            pair: (seconds, rest),
            first_weight: 1.0,
            rest_weight: 0.0,
        };
    }
    let least = MIN_PART * seconds;
    let of_first = (FIRST_TOKEN_SPREAD * first.max(least)).powi(2);
    let of_rest = (PER_TOKEN_SPREAD * (rest * tokens).max(least)).powi(2);
    let part = of_first / (of_first + of_rest).max(1e-18);
    let surplus = seconds - first - rest * tokens;
    let own = (first + part * surplus).clamp(0.0, seconds);
    Split {
        pair: (own, (seconds - own) / tokens),
        first_weight: part,
        rest_weight: 1.0 - part,
    }
}

/// Returns the responses of the longest window whose mean agrees with that of every shorter one.
fn stable_window(unloaded: &[Unloaded], now: UnixTime) -> Vec<(f64, f64)> {
    let pairs: Vec<(f64, f64)> = unloaded.iter().map(|it| it.pair).collect();
    let (first, rest) = mean_of(&pairs);
    let deviation = |it: &Unloaded| {
        let usual = (first + rest * it.tokens).max(1e-9);
        ((it.pair.0 + it.pair.1 * it.tokens).max(1e-9) / usual).ln()
    };
    let mut begins_at: Option<usize> = None;
    let mut shorter: Vec<(f64, f64)> = Vec::new();
    for window in WINDOWS_S {
        let begin = unloaded.partition_point(|it| now.seconds_since(it.ended) > window);
        let part = &unloaded[begin..];
        if part.len() < MIN_RESPONSES {
            continue;
        }
        let n = part.len() as f64;
        let mean = part.iter().map(deviation).sum::<f64>() / n;
        let variance = part
            .iter()
            .map(|it| (deviation(it) - mean).powi(2))
            .sum::<f64>()
            / (n - 1.0);
        let is_close =
            |(other, error): &(f64, f64)| (mean - other).abs() <= AGREEING_ERRORS * error;
        if !shorter.iter().all(is_close) {
            break;
        }
        begins_at = Some(begin);
        shorter.push((mean, (variance / n).sqrt()));
    }
    let begin = begins_at.unwrap_or_else(|| unloaded.len().saturating_sub(MIN_RESPONSES));
    pairs.get(begin..).unwrap_or_default().to_vec()
}

/// Returns the standard error of the logarithm of the mean.
fn level_error(responses: &[(f64, f64)]) -> f64 {
    let (first, rest) = mean_of(responses);
    let n = responses.len() as f64;
    let part = |pair: &(f64, f64)| if rest > 0.0 { pair.1 } else { pair.0 };
    let mean = if rest > 0.0 { rest } else { first };
    let squares = responses.iter().map(|pair| (part(pair) - mean).powi(2));
    let deviation = (squares.sum::<f64>() / (n - 1.0).max(1.0)).sqrt();
    if mean > 0.0 {
        deviation / mean / n.sqrt()
    } else {
        0.0
    }
}

/// Returns the spread between the measured targets.
fn target_spread(unloaded: &[Vec<Unloaded>]) -> f64 {
    let levels: Vec<f64> = unloaded
        .iter()
        .filter(|responses| responses.len() >= MIN_RESPONSES)
        .map(|responses| {
            let pairs: Vec<(f64, f64)> = responses.iter().map(|it| it.pair).collect();
            let (first, rest) = mean_of(&pairs);
            (first + COMPARED_TOKENS * rest).max(1e-9).ln()
        })
        .collect();
    let n = levels.len() as f64;
    if n < 2.0 {
        return MIN_TARGET_SPREAD;
    }
    let mean = levels.iter().sum::<f64>() / n;
    let squares = levels.iter().map(|level| (level - mean).powi(2));
    (squares.sum::<f64>() / (n - 1.0))
        .sqrt()
        .max(MIN_TARGET_SPREAD)
}

/// Returns responses for a target that is hardly measured: those of the others around its estimate.
fn borrowed(
    at: usize,
    unloaded: &[Vec<Unloaded>],
    known: &KnownTarget,
    curve: &LearntCurve,
) -> Vec<(f64, f64)> {
    let usual = curve.at(known.estimate.curve.usual.exp());
    let (first, rest) = estimated(known);
    let (first, rest) = (first / usual, rest / usual);
    let mut all = Vec::new();
    let others = unloaded.iter().enumerate();
    for (_, responses) in others.filter(|(other, it)| *other != at && it.len() >= MIN_RESPONSES) {
        let latest = responses.len().saturating_sub(BORROWED_RESPONSES);
        let pairs: Vec<(f64, f64)> = responses[latest..].iter().map(|it| it.pair).collect();
        let mean = mean_of(&pairs);
        let ratio = |value: f64, mean: f64| if mean > 0.0 { value / mean } else { 1.0 };
        all.extend(
            pairs
                .iter()
                .map(|pair| (first * ratio(pair.0, mean.0), rest * ratio(pair.1, mean.1))),
        );
    }
    if all.is_empty() {
        all.push((first, rest));
    }
    all
}

/// Returns the ratio of the measured cost to that of estimated prompts.
fn cost_ratio(attempts: &[RecordedAttempt], price: Option<&Price>) -> f64 {
    let Some(price) = price else { return 1.0 };
    let (mut measured, mut expected) = (0.0, 0.0);
    for attempt in attempts {
        if let (Some(usd), Some(output)) = (attempt.usd, attempt.output) {
            measured += usd;
            expected += price.cost_of(attempt.prompt, output);
        }
    }
    if expected > 0.0 {
        (measured / expected).clamp(COST_RATIO.0, COST_RATIO.1)
    } else {
        1.0
    }
}

//! How far timeouts are good answers that would have come too late.
//!
//! A long answer that comes in one piece times out at every target, and its length stays unknown. So
//! the timeouts of such a request are judged together, over the lengths that its class can have.

use super::learnt_target::LearntTarget;
use super::traffic_data::TrafficData;
use crate::domain::failure::Failure;
use crate::domain::ids::DecisionId;
use crate::domain::model_type::RequestClass;
use crate::domain::traffic_recording::{AttemptResult, RecordedAttempt, RecordedRequest};
use std::collections::BTreeMap;

/// Lengths that are tried, in standard deviations of the logarithm from its mean.
const DEVIATIONS: [f64; 12] = [-1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5];
/// Responses of a target that are compared with.
const COMPARED_RESPONSES: usize = 64;
/// Least standard deviation of the logarithm of a length.
const MIN_DEVIATION: f64 = 0.1;

/// Returns by target and attempt the probability that a good answer would have taken longer than the
/// attempt did; 0 for all but timeouts.
pub fn slowness(data: &TrafficData, learnt: &[LearntTarget]) -> Vec<Vec<f64>> {
    let none = |attempts: &Vec<RecordedAttempt>| vec![0.0; attempts.len()];
    let mut slow: Vec<Vec<f64>> = data.attempts.iter().map(none).collect();
    let timeouts = timeouts(data);
    if timeouts.is_empty() {
        return slow;
    }
    let lengths = class_lengths(&data.requests);
    let requests = data.requests.iter();
    let known: BTreeMap<DecisionId, &RecordedRequest> = requests
        .filter(|request| timeouts.contains_key(&request.decision))
        .map(|request| (request.decision, request))
        .collect();
    for (decision, places) in timeouts {
        let Some(request) = known.get(&decision) else {
            continue;
        };
        let outputs = possible_outputs(request, &lengths);
        let likelihoods: Vec<Vec<f64>> = places
            .iter()
            .map(|&(target, place)| {
                let attempt = &data.attempts[target][place];
                let later = |(output, _): &(f64, f64)| is_later(&learnt[target], attempt, *output);
                outputs.iter().map(later).collect()
            })
            .collect();
        for (at, &(target, place)) in places.iter().enumerate() {
            slow[target][place] = given_others(&outputs, &likelihoods, at);
        }
    }
    slow
}

/// Returns target and place of the timeouts of each request.
fn timeouts(data: &TrafficData) -> BTreeMap<DecisionId, Vec<(usize, usize)>> {
    let mut timeouts: BTreeMap<DecisionId, Vec<(usize, usize)>> = BTreeMap::new();
    for (target, attempts) in data.attempts.iter().enumerate() {
        for (place, attempt) in attempts.iter().enumerate() {
            if attempt.result == AttemptResult::Failed(Failure::Timeout) {
                let places = timeouts.entry(attempt.decision).or_default();
                places.push((target, place));
            }
        }
    }
    timeouts
}

/// Returns mean and standard deviation of the logarithm of the output tokens by class.
fn class_lengths(requests: &[RecordedRequest]) -> BTreeMap<RequestClass, (f64, f64)> {
    let mut sums: BTreeMap<RequestClass, (f64, f64, f64)> = BTreeMap::new();
    for request in requests.iter().filter(|request| request.is_measured) {
        let log = request.output.max(1.0).ln();
        let sum = sums.entry(request.class).or_default();
        *sum = (sum.0 + 1.0, sum.1 + log, sum.2 + log * log);
    }
    let moments = |(n, logs, squares): (f64, f64, f64)| {
        let mean = logs / n;
        let variance = squares / n - mean * mean;
        (mean, variance.max(0.0).sqrt().max(MIN_DEVIATION))
    };
    let all = sums.into_iter();
    all.map(|(class, sums)| (class, moments(sums))).collect()
}

/// Returns the output tokens that a request may have, with their weights.
fn possible_outputs(
    request: &RecordedRequest,
    lengths: &BTreeMap<RequestClass, (f64, f64)>,
) -> Vec<(f64, f64)> {
    let Some((mean, deviation)) = lengths.get(&request.class).filter(|_| !request.is_measured)
    else {
        return vec![(request.output, 1.0)];
    };
    let most = request.terms.max_tokens.unwrap_or(f64::INFINITY) * request.terms.choices;
    let output = |z: f64| ((mean + z * deviation).exp().min(most), (-0.5 * z * z).exp());
    DEVIATIONS.map(output).to_vec()
}

/// Returns the probability that a good answer of so many tokens would have taken longer.
fn is_later(learnt: &LearntTarget, attempt: &RecordedAttempt, output: f64) -> f64 {
    // A stream is awaited until its first token.
    let awaited = if attempt.streamed { 0.0 } else { output };
    let factor = learnt.curve.at(1.0 + attempt.in_flight);
    let step = learnt.responses.len().div_ceil(COMPARED_RESPONSES).max(1);
    let (mut later, mut all) = (0.0, 0.0_f64);
    for (first, rest) in learnt.responses.iter().step_by(step) {
        later += f64::from(u8::from(
            (first + rest * awaited) * factor > attempt.seconds,
        ));
        all += 1.0;
    }
    later / all.max(1.0)
}

/// Returns the probability that the timeout `at` came of a slow answer, given that the others did.
fn given_others(outputs: &[(f64, f64)], likelihoods: &[Vec<f64>], at: usize) -> f64 {
    let (mut together, mut others, mut alone, mut weights) = (0.0, 0.0, 0.0, 0.0);
    for (place, (_, weight)) in outputs.iter().enumerate() {
        let own = likelihoods[at][place];
        let rest = likelihoods.iter().enumerate();
        let rest: f64 = rest
            .filter(|(other, _)| *other != at)
            .map(|(_, likelihood)| likelihood[place])
            .product();
        together += weight * own * rest;
        others += weight * rest;
        alone += weight * own;
        weights += weight;
    }
    if others > 0.0 {
        together / others
    } else {
        alone / weights
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::balancer::BalancerState;
    use crate::domain::closed_loop::load_curve::LearntCurve;
    use crate::domain::model_type::ModelType;
    use crate::domain::request_terms::RequestTerms;
    use crate::domain::selection::RequestProfile;
    use crate::domain::strategy::Strategy;
    use crate::domain::units::UnixTime;
    use crate::domain::weights::Weights;
    use std::sync::Arc;

    fn request(decision: u64, output: f64, is_measured: bool) -> RecordedRequest {
        let profile = RequestProfile::usual(ModelType::Chat);
        RecordedRequest {
            at: UnixTime::default(),
            decision: DecisionId(decision),
            class: RequestClass::new(ModelType::Chat, false),
            input: 100.0,
            output,
            is_measured,
            terms: Arc::new(RequestTerms::of(&profile, None)),
        }
    }

    fn timeout(decision: u64, seconds: f64) -> RecordedAttempt {
        RecordedAttempt {
            decision: DecisionId(decision),
            key: None,
            ended: UnixTime::default(),
            in_flight: 0.0,
            first_token: None,
            seconds,
            output: None,
            prompt: 100.0,
            usd: None,
            streamed: false,
            result: AttemptResult::Failed(Failure::Timeout),
        }
    }

    #[test]
    fn a_long_answer_explains_its_timeouts_at_every_target_and_a_short_one_none() {
        // Lengths from 20 to 2000 tokens; 18 seconds are enough for 1750 of them.
        let length = |number: u32| 20.0 * (f64::from(number % 47) / 10.0).exp();
        let mut requests: Vec<RecordedRequest> = (0..470_u32)
            .map(|number| request(number.into(), length(number), true))
            .collect();
        requests.push(request(900, 300.0, false));
        requests.push(request(901, 100.0, true));
        let now = UnixTime::default();
        let data = TrafficData {
            at: now,
            state: BalancerState::new(
                crate::domain::Catalogue::default(),
                Strategy::Adaptive,
                Weights::default(),
                1,
                now,
            ),
            requests,
            attempts: vec![
                vec![timeout(900, 18.0), timeout(901, 18.0)],
                vec![timeout(900, 7.2)],
            ],
            is_full: false,
        };
        let learnt = LearntTarget {
            responses: (0..60)
                .map(|step| (0.5, 0.008 + 0.0001 * f64::from(step % 40)))
                .collect(),
            curve: LearntCurve::FLAT,
            failure: 0.0,
            failures: Vec::new(),
            limits: vec![[None, None]],
            denials: Vec::new(),
            states_limits: false,
            level_spread: 0.0,
            is_hardly_measured: false,
            cost_ratio: 1.0,
            max_concurrent: None,
        };

        let slow = slowness(&data, &[learnt.clone(), learnt]);

        assert!(slow[1][0] > 0.9, "{slow:?}");
        assert!((0.1..0.9).contains(&slow[0][0]), "{slow:?}");
        assert_eq!(slow[0][1], 0.0, "its length is known");
    }
}

//! Who knows everything: true latencies, errors, limits and what the script does right now, but
//! neither this request's length nor the future. It takes the vendor that costs least now and does not
//! price the load that it puts on others, so a strategy can beat it by a hundredth.

use super::scenario::Scenario;
use super::traffic::Request;
use super::vendor::Vendor;
use aibal_tui::domain::Weights;

/// Spread of latency that it reckons with, for missing the deadline.
const SIGMA: f64 = 0.30;
/// What a failure takes, in seconds.
const FAILURE_SECONDS: f64 = 2.9;
const REFUSED: f64 = 5.0;
const GONE: f64 = 4.0;

/// The best of those that serve the request and were not tried.
pub fn choose(
    scenario: &Scenario,
    vendors: &mut [Vendor],
    weights: &Weights,
    (request, earlier): (&Request, &[usize]),
    t: f64,
) -> Option<usize> {
    let dearest = dearest(scenario, request, request.work.shape());
    let mut best: Option<(f64, usize)> = None;
    for (place, vendor) in vendors.iter_mut().enumerate() {
        let profile = vendor.profile;
        if !profile.serves(request.work)
            || earlier.contains(&place)
            || scenario.mood(place, t).is_absent
            || vendor.in_flight >= profile.max_concurrent
        {
            continue;
        }
        let loss = loss(scenario, (place, vendor), weights, (request, dearest), t);
        if best.is_none_or(|(least, _)| loss < least) {
            best = Some((loss, place));
        }
    }
    best.map(|(_, place)| place)
}

fn loss(
    scenario: &Scenario,
    (place, vendor): (usize, &mut Vendor),
    weights: &Weights,
    (request, dearest): (&Request, f64),
    t: f64,
) -> f64 {
    let mood = scenario.mood(place, t);
    let (_, output, _) = request.work.shape();
    if mood.is_down || mood.hangs {
        return GONE;
    }
    if !vendor.has_room(&mood, request.input + output, t) {
        return REFUSED;
    }
    let (first_token, per_token) = vendor.pace(
        &mood,
        (t, scenario.day),
        request.input,
        vendor.in_flight + 1,
    );
    let (latency, reference) = (first_token + output * per_token, 2.0 + 0.030 * output);
    let spare = ((request.deadline() - t) / latency).ln() / SIGMA;
    let miss = 1.0 / (1.0 + (1.7 * spare).exp());
    let errors = vendor.errors(&mood);
    let mut slowness = (latency / reference).min(2.0);
    if let Some((part, times)) = mood.tail {
        slowness = slowness * (1.0 - part) + (times * latency / reference).min(2.0) * part;
    }
    let slowness = slowness * (1.0 - miss) + 2.0 * miss + FAILURE_SECONDS * errors / reference;
    let cost = vendor.profile.cost(request.input, output) / dearest;
    (weights.cost * cost
        + weights.latency * slowness
        + weights.reliability * (errors + miss).min(1.0))
        / 100.0
}

/// What such a request costs at the dearest prices of the catalogue.
pub fn dearest(scenario: &Scenario, request: &Request, (_, output, _): (f64, f64, f64)) -> f64 {
    let serving = scenario
        .vendors
        .iter()
        .filter(|vendor| vendor.serves(request.work));
    let costs = serving.map(|vendor| vendor.cost(request.input, output));
    costs.fold(1e-12, f64::max)
}

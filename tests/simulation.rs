//! The balancer in simulated scenarios, shortened to seconds: scenarios and the day pass six times as
//! fast as in `benches/simulation.rs`, which prints the complete table.
//!
//! The balancer needs the usual time to detect a failure. In a shortened scenario this time counts
//! six times as much against the calm after it; the limits here allow for that.

#[path = "../benches/simulation/mod.rs"]
mod simulation;

use aibal_tui::domain::{
    ForecastEffort, ServiceGoal, SettingsDraft, Strategy, WeightAdvice, Weights, advise,
};
use simulation::futures::{
    LIMITS, drafts, error, future, mean, predict, predicted_shares, truth, watched,
};
use simulation::hedging::hedged;
use simulation::report::{Figures, diversion, figures, oscillation};
use simulation::run::{Outcome, Who, run};
use simulation::scenario::{Scenario, Trouble};
use simulation::worlds::world;

const SEED: u64 = 1;
const OURS: Who = Who::Ours(Strategy::Adaptive);

fn simulate(scenario: &Scenario, who: Who) -> (Figures, Vec<Outcome>) {
    let weights = Weights::default();
    let outcomes = run(scenario, who, weights, SEED);
    (figures(scenario, &outcomes, &weights), outcomes)
}

/// Runs a scenario and checks its limits: regret against the oracle and loss against the best rival,
/// as shares; client failures per 10,000.
fn assert_within(scenario: &Scenario, regret: f64, failures: f64) -> Vec<Outcome> {
    let name = scenario.name;
    let (ours, outcomes) = simulate(scenario, OURS);
    let (oracle, _) = simulate(scenario, Who::Oracle);
    let rivals = [Who::PeakEwma, Who::Ours(Strategy::RoundRobin)];
    let best = rivals.map(|who| simulate(scenario, who).0.loss);
    let best = best.into_iter().fold(f64::INFINITY, f64::min);

    assert!(
        ours.loss <= oracle.loss * (1.0 + regret),
        "{name}: {ours:?} against the oracle's {oracle:?}"
    );
    assert!(ours.loss <= 0.92 * best, "{name}: {ours:?} against {best}");
    assert!(ours.failures <= failures, "{name}: {ours:?}");
    outcomes
}

#[test]
fn in_calm_it_equals_the_oracle_and_shares_are_stable() {
    let scenario = Scenario::named("S1").fast();
    let outcomes = assert_within(&scenario, 0.024, 18.0);

    let swing = oscillation(&scenario, &outcomes);
    assert!(swing <= 9.6, "{swing}");
}

#[test]
fn traffic_leaves_a_brownout_within_half_a_minute() {
    let scenario = Scenario::named("S2").fast();
    let outcomes = assert_within(&scenario, 0.05, 25.0);

    let (away, _) = diversion(&scenario, &outcomes);
    assert!(away.is_some_and(|seconds| seconds <= 36.0), "{away:?}");
}

#[test]
fn traffic_leaves_an_outage_within_seconds_and_returns_after_it() {
    for (name, max) in [("S3", 6.0), ("S4", 12.0)] {
        let scenario = Scenario::named(name).fast();
        let outcomes = assert_within(&scenario, 0.04, 18.0);

        let (away, back) = diversion(&scenario, &outcomes);
        assert!(
            away.is_some_and(|seconds| seconds <= max),
            "{name}: {away:?}"
        );
        // Two of three days: on one, the share may have moved elsewhere meanwhile.
        let mut returns = vec![back];
        for seed in [SEED + 1, SEED + 2] {
            let outcomes = run(&scenario, OURS, Weights::default(), seed);
            returns.push(diversion(&scenario, &outcomes).1);
        }
        let in_time = |back: &&Option<f64>| back.is_some_and(|seconds| seconds <= 54.0);
        assert!(
            returns.iter().filter(in_time).count() >= 2,
            "{name}: {returns:?}"
        );
    }
}

#[test]
fn flapping_and_flaky_vendors_cost_little() {
    assert_within(&Scenario::named("S5").fast(), 0.06, 18.0);
    assert_within(&Scenario::named("S8").fast(), 0.06, 18.0);
}

#[test]
fn bursts_of_upstream_limits_cause_almost_no_429() {
    let scenario = Scenario::named("S6").fast();
    assert_within(&scenario, 0.024, 18.0);

    let (ours, _) = simulate(&scenario, OURS);
    assert!(ours.refusals <= 1.2, "{ours:?}");
}

#[test]
fn a_slow_decline_and_a_new_vendor_are_followed() {
    assert_within(&Scenario::named("S7").fast(), 0.04, 18.0);
    assert_within(&Scenario::named("S9").fast(), 0.024, 18.0);
}

#[test]
fn when_all_vendors_fail_no_needed_vendor_is_excluded() {
    assert_within(&Scenario::named("S10").fast(), 0.08, 180.0);
}

#[test]
fn one_request_in_two_seconds_is_enough_for_estimates() {
    // Not shortened: with so little traffic it runs fast.
    assert_within(&Scenario::named("S12"), 0.096, 24.0);
}

/// Regret of `adaptive` against the oracle in a world, as a part.
fn regret(name: &'static str) -> f64 {
    let scenario = world(name);
    let (ours, oracle) = (
        simulate(&scenario, OURS).0,
        simulate(&scenario, Who::Oracle).0,
    );
    ours.loss / oracle.loss - 1.0
}

#[test]
fn whole_answers_are_learnt_as_well_as_streams() {
    for (name, most) in [
        ("L1", 0.03),
        ("L3", 0.03),
        ("T1", 0.03),
        ("M1", 0.03),
        ("M4", 0.06),
    ] {
        let regret = regret(name);
        assert!(regret <= most, "{name}: {regret:.3}");
    }
}

#[test]
fn prompt_caches_are_worth_their_price() {
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for name in ["C1", "C2", "C3", "C4", "C5"] {
        let aware = world(name).fast();
        let mut unaware = aware.clone();
        unaware.has_affinity = false;
        let oracle = simulate(&aware, Who::Oracle).0.loss;
        let regret = |scenario| simulate(scenario, OURS).0.loss / oracle - 1.0;
        with.push(regret(&aware));
        without.push(regret(&unaware));
    }
    let mean = |regrets: &[f64]| regrets.iter().sum::<f64>() / regrets.len() as f64;
    let gain = mean(&without) - mean(&with);
    assert!(mean(&with) <= 0.0, "with: {with:.3?}");
    assert!(gain >= 0.05, "with: {with:.3?}, without: {without:.3?}");
}

/// Answers of the first vendor per minute between two moments, to first attempts.
fn served_per_minute(outcomes: &[Outcome], from: f64, until: f64) -> f64 {
    let served =
        |it: &&Outcome| it.first == Some(0) && !it.failed && (from..until).contains(&it.request.at);
    outcomes.iter().filter(served).count() as f64 / (until - from) * 60.0
}

#[test]
fn two_keys_serve_what_both_may_and_a_refused_one_takes_nothing_with_it() {
    let played = ["A1", "A2"].map(|name| simulate(&world(name), OURS));
    for (figures, outcomes) in &played {
        assert_eq!((figures.refusals, figures.failures), (0.0, 0.0));
        let calm = served_per_minute(outcomes, 60.0, 400.0);
        assert!((118.0..=122.0).contains(&calm), "{calm}");
    }
    let [(_, both), (_, denied)] = &played;
    let denials = |outcomes: &[Outcome]| outcomes.iter().map(|it| it.denials).sum::<u32>();
    assert_eq!(denials(both), 0);
    assert!((1..=3).contains(&denials(denied)), "{}", denials(denied));
    let one = served_per_minute(denied, 420.0, 700.0);
    assert!(
        (58.0..=61.0).contains(&one),
        "the other key serves on: {one}"
    );
    let again = served_per_minute(denied, 800.0, 1_200.0);
    assert!(again >= 118.0, "it is tried again: {again}");
}

#[test]
fn keys_of_one_account_and_a_single_key_have_one_quota() {
    let [(shared, outcomes), (single, _)] = ["A3", "A4"].map(|name| simulate(&world(name), OURS));
    assert_eq!((shared.refusals, single.refusals), (0.0, 0.0));
    let served = served_per_minute(&outcomes, 60.0, 1_200.0);
    assert!((118.0..=122.0).contains(&served), "{served}");
    assert!(
        (shared.loss / single.loss - 1.0).abs() < 1e-3,
        "{shared:?}, {single:?}"
    );
    for name in ["A1", "A2", "A3", "A4"] {
        let regret = regret(name);
        assert!(regret <= 0.02, "{name}: {regret:.3}");
    }
}

#[test]
fn hedging_halves_the_tail_of_first_tokens_and_costs_little() {
    for name in ["H1", "H3"] {
        let (mut times, mut cost) = (0.0, 0.0);
        for seed in [SEED, SEED + 1] {
            let [off, p99, _] = hedged(&world(name), seed);
            assert_eq!(off.hedges, 0.0);
            times += p99.first_token[2] / off.first_token[2] / 2.0;
            cost += p99.usd_per_1k / off.usd_per_1k / 2.0;
        }
        assert!(
            times <= 0.5 && cost <= 1.08,
            "{name}: x {times}, $ x {cost}"
        );
    }
}

#[test]
fn long_prompts_cost_little() {
    for (name, most) in [("P1", 0.04), ("P1u", 0.04)] {
        let regret = regret(name);
        assert!(regret <= most, "{name}: {regret:.3}");
    }
}

#[test]
fn more_weight_on_latency_makes_short_whole_answers_faster() {
    let scenario = world("L1");
    let latencies: Vec<f64> = (0..=4_u32)
        .map(|step| {
            let latency = f64::from(step) * 25.0;
            let rest = (100.0 - latency) / 2.0;
            let weights = Weights {
                cost: rest,
                latency,
                reliability: rest,
                ..Weights::default()
            };
            let outcomes = run(&scenario, OURS, weights, SEED);
            outcomes.iter().map(|outcome| outcome.latency).sum::<f64>() / outcomes.len() as f64
        })
        .collect();

    let range = latencies[0] - latencies[4];
    assert!(range > 0.0, "{latencies:?}");
    for pair in latencies.windows(2) {
        assert!(pair[1] <= pair[0] + 0.01 * range, "{latencies:?}");
    }
}

#[test]
fn more_weight_on_cost_never_costs_more() {
    let scenario = Scenario::named("K").fast();
    let spent: Vec<f64> = (0..=4_u32)
        .map(|step| {
            let cost = f64::from(step) * 20.0;
            let rest = (100.0 - cost) / 2.0;
            let weights = Weights {
                cost,
                latency: rest,
                reliability: rest,
                ..Weights::default()
            };
            let outcomes = run(&scenario, OURS, weights, SEED);
            let usd: f64 = outcomes.iter().map(|outcome| outcome.usd).sum();
            usd / outcomes.len() as f64
        })
        .collect();

    let range = spent[0] - spent[4];
    assert!(range > 0.0);
    for pair in spent.windows(2) {
        assert!(pair[1] <= pair[0] + 0.01 * range, "{spent:?}");
    }
}

/// What forecasts of a world came to.
#[derive(Debug, Default)]
struct ForecastScore {
    /// Errors of the forecasts in points, and those of the open loop.
    errors: Vec<f64>,
    open_loop: Vec<f64>,
    /// Errors of the cost of 1000 requests, and of the 95th percentile, as parts.
    cost: Vec<f64>,
    p95: Vec<f64>,
    /// Shares of single futures, and those within their ranges.
    shares: f64,
    held: f64,
}

impl ForecastScore {
    fn mean(values: &[f64]) -> f64 {
        values.iter().sum::<f64>() / values.len() as f64
    }
}

/// Forecasts some drafts against three futures each; `drain` is checked besides.
fn score_forecasts(scenario: &Scenario, seed: u64, names: &[&str]) -> ForecastScore {
    let mut score = ForecastScore::default();
    let vendors = scenario.vendors.len();
    for it in drafts(simulation::vendor::GOOGLE) {
        if !names.contains(&it.name) {
            continue;
        }
        let played = [1, 2, 3].map(|number| future(scenario, seed, &it.draft, number));
        let truths = played.each_ref().map(|one| truth(scenario, one));
        let real = mean(&truths);
        let known = played[0].known.as_ref().expect("our balancer played");
        let predicted = predict(&known.data, &it.draft, ForecastEffort::Full);
        let shares = predicted_shares(&predicted, vendors);
        score.errors.push(error(&shares, &real));
        let open_loop = known.open_loop.iter().map(|share| (*share, 0.0, 0.0));
        score
            .open_loop
            .push(error(&open_loop.collect::<Vec<_>>(), &real));
        let part = |value: f64, real: f64| (value / real - 1.0).abs();
        let usd = predicted.then.usd_per_1k.unwrap_or_default().value;
        score.cost.push(part(usd, real.usd_per_1k));
        let p95 = predicted.then.p95_ms.unwrap_or_default().value / 1e3;
        score.p95.push(part(p95, real.p95));
        for truth in &truths {
            for (real, (_, low, high)) in truth.shares.iter().zip(&shares) {
                score.shares += 1.0;
                score.held += f64::from(u8::from((low..=high).contains(&real)));
            }
        }
        if it.name == "drain" {
            assert_eq!(shares[simulation::vendor::GOOGLE], (0.0, 0.0, 0.0));
        }
    }
    score
}

const MOVED: [&str; 8] = [
    "35/37/28", "25/50/25", "15/70/15", "70/15/15", "60/20/20", "20/20/60", "xai +20", "drain",
];

fn assert_comes_true(scenario: &Scenario, seed: u64, names: &[&str]) {
    let unchanged = score_forecasts(scenario, seed, &["unchanged"]);
    assert!(unchanged.errors[0] <= 2.0, "{unchanged:?}");
    assert!(unchanged.cost[0] <= 0.15, "{unchanged:?}");
    assert!(unchanged.p95[0] <= 0.1, "{unchanged:?}");

    let moved = score_forecasts(scenario, seed, names);
    assert!(ForecastScore::mean(&moved.errors) <= 3.0, "{moved:?}");
    let close = moved.errors.iter().filter(|error| **error <= 5.0).count();
    assert!(10 * close >= 9 * names.len(), "{moved:?}");
    assert!(ForecastScore::mean(&moved.cost) <= 0.15, "{moved:?}");
    assert!(moved.held >= 0.8 * moved.shares, "{moved:?}");
    // What the closed loop is for.
    assert!(ForecastScore::mean(&moved.open_loop) > 3.0, "{moved:?}");
}

#[test]
fn a_forecast_comes_true_in_the_mean_of_three_futures() {
    assert_comes_true(&watched(Scenario::named("S1"), 8.0), 501, &MOVED);
}

#[test]
fn a_forecast_of_much_traffic_comes_true() {
    let names = ["15/70/15", "70/15/15", "drain"];
    assert_comes_true(&watched(Scenario::named("S1"), 30.0), 502, &names);
}

#[test]
fn a_forecast_of_whole_answers_comes_true() {
    let names = ["25/50/25", "15/70/15", "70/15/15", "drain"];
    assert_comes_true(&watched(world("M6"), 12.0), 511, &names);
}

#[test]
fn an_outage_before_the_forecast_is_part_of_it() {
    for trouble in [Trouble::Down, Trouble::Hang] {
        let mut scenario = watched(Scenario::named("S1"), 8.0);
        scenario.strike(simulation::vendor::GOOGLE, 780.0, 1_300.0, trouble);
        let score = score_forecasts(&scenario, 501, &["unchanged", "35/37/28"]);
        let error = ForecastScore::mean(&score.errors);
        assert!(error <= 2.0, "{trouble:?}: {score:?}");
    }
}

#[test]
fn limits_that_a_provider_does_not_state_are_learnt() {
    let mut scenario = watched(Scenario::named("S1"), 12.0);
    scenario.states_limits = false;
    scenario.strike(
        simulation::vendor::GOOGLE,
        0.0,
        1_300.0,
        Trouble::Limits(0.2),
    );
    let score = score_forecasts(&scenario, 501, &["unchanged", "35/37/28", "70/15/15"]);
    assert!(ForecastScore::mean(&score.errors) <= 2.5, "{score:?}");
}

#[test]
fn a_forecast_knows_the_keys_of_a_vendor_and_one_that_is_refused() {
    for name in ["A1", "A2", "A3"] {
        let mut scenario = watched(world(name), 3.0);
        if name == "A2" {
            scenario.strike(0, 780.0, 1_300.0, Trouble::DeniedKey(0));
        }
        let score = score_forecasts(&scenario, 501, &["unchanged", "15/70/15"]);
        let error = ForecastScore::mean(&score.errors);
        assert!(error <= 1.0, "{name}: {score:?}");
        assert!(
            ForecastScore::mean(&score.cost) <= 0.05,
            "{name}: {score:?}"
        );
    }
}

#[test]
fn advised_weights_meet_their_goal_when_they_are_applied() {
    let scenario = watched(Scenario::named("S1"), 8.0);
    let present = future(&scenario, 501, &SettingsDraft::default(), 1);
    let known = present.known.as_ref().expect("our balancer played");
    let goal = ServiceGoal {
        p95_ms: Some(17_000.0),
        success_rate: Some(0.99),
        usd_per_day: None,
    };

    let advised =
        |goal| advise(&known.data, goal, LIMITS, 7).expect("the weights in force are valid");
    let advice = advised(goal);

    assert!(advice.is_met, "{advice:?}");
    assert!(advice.now.met_share < 0.75, "it is no goal: {advice:?}");
    let draft = SettingsDraft {
        weights: Some(advice.then.weights),
        ..SettingsDraft::default()
    };
    let played = [1, 2, 3].map(|number| future(&scenario, 501, &draft, number));
    let real = mean(&played.each_ref().map(|one| truth(&scenario, one)));
    assert!(real.p95 <= 17.0, "{real:?}, {advice:?}");
    // Less latency would cost more.
    let dear = advised(ServiceGoal {
        p95_ms: Some(14_500.0),
        ..goal
    });
    let cost = |it: &WeightAdvice| it.then.figures.usd_per_1k.unwrap_or_default().value;
    assert!(dear.is_met && cost(&dear) > cost(&advice), "{dear:?}");
}

#[test]
fn equal_data_and_drafts_give_equal_forecasts() {
    let scenario = watched(Scenario::named("S1"), 4.0);
    let draft = drafts(0).swap_remove(1).draft;
    let played = future(&scenario, 1, &draft, 1);
    let known = played.known.as_ref().expect("our balancer played");
    let forecast = || predict(&known.data, &draft, ForecastEffort::Quick);
    assert_eq!(forecast(), forecast());
}

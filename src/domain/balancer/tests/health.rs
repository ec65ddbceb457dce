//! Health of providers: brownouts, rate limits, idle breakers, and the time of a state.

use super::*;
use crate::domain::Observation;

/// A success at a target that took some seconds and ended then.
fn success(target: usize, ended: u64, seconds: f64) -> Observation {
    let Observation::Attempt(end) = attempt(target, ended, Outcome::Success) else {
        unreachable!()
    };
    Observation::Attempt(AttemptEnd {
        started: at(ended).minus(Duration::from_secs_f64(seconds)),
        ended: at(ended),
        first_token: Some(seconds / 2.0),
        ..end
    })
}

/// One success a second at each target, which take `seconds`; the time ticks on.
fn serve(fleet: &mut BalancerState, from: u64, until: u64, seconds: [f64; 2]) {
    for second in from..until {
        for (target, seconds) in seconds.into_iter().enumerate() {
            fleet.observe(&success(target, second, seconds), at(second));
        }
        fleet.tick(at(second));
    }
}

fn shown(fleet: &BalancerState, second: u64) -> (HealthState, String) {
    let provider = fleet.snapshot(900, at(second)).providers.swap_remove(0);
    (provider.state, provider.why)
}

#[test]
fn a_provider_is_slow_against_its_own_past_and_its_peers() {
    let mut fleet = fleet();
    serve(&mut fleet, 0, 400, [1.6, 2.0]);
    assert_eq!(shown(&fleet, 400).0, HealthState::Ok);

    serve(&mut fleet, 400, 420, [5.1, 2.0]);
    let (state, why) = shown(&fleet, 420);
    assert_eq!(state, HealthState::Slow, "{why}");
    assert!(why.starts_with("p95 5."), "{why}");
    assert!(why.contains("times its usual 1."), "{why}");

    serve(&mut fleet, 420, 500, [1.6, 2.0]);
    assert_eq!(shown(&fleet, 500).0, HealthState::Ok);
}

#[test]
fn what_slows_all_providers_down_is_no_brownout_of_one() {
    let mut fleet = fleet();
    serve(&mut fleet, 0, 400, [1.6, 1.5]);
    serve(&mut fleet, 400, 460, [5.1, 5.0]);

    assert_eq!(shown(&fleet, 460).0, HealthState::Ok);
}

#[test]
fn a_provider_that_always_takes_long_is_not_slow() {
    let mut fleet = fleet();
    serve(&mut fleet, 0, 400, [6.0, 1.0]);

    assert_eq!(shown(&fleet, 400).0, HealthState::Ok);
}

#[test]
fn a_brownout_is_seen_although_the_traffic_has_left() {
    let mut fleet = fleet();
    serve(&mut fleet, 0, 400, [1.6, 1.5]);
    // Only requests that explore remain.
    for second in 400..520 {
        fleet.observe(&success(1, second, 1.5), at(second));
        if second % 20 == 0 {
            fleet.observe(&success(0, second, 6.0), at(second));
        }
        fleet.tick(at(second));
    }
    assert_eq!(shown(&fleet, 520).0, HealthState::Slow);

    // With no response at all it is forgotten, not held for ever.
    for second in 520..900 {
        fleet.observe(&success(1, second, 1.5), at(second));
        fleet.tick(at(second));
    }
    assert_ne!(shown(&fleet, 900).0, HealthState::Slow);
}

#[test]
fn three_rate_limit_responses_in_a_minute_are_a_limit_that_is_held_for_a_minute() {
    let mut fleet = fleet();
    let limited = Outcome::Failed(Failure::RateLimit(Some(Duration::from_secs(1))));
    for second in [0, 20] {
        fleet.observe(&attempt(0, second, limited), at(second + 1));
    }
    fleet.observe(&success(0, 30, 1.0), at(30));
    fleet.tick(at(31));
    assert_eq!(shown(&fleet, 31).0, HealthState::Ok, "two are usual");

    fleet.observe(&attempt(0, 40, limited), at(41));
    for second in 44..156 {
        fleet.observe(&success(0, second, 1.0), at(second));
        fleet.tick(at(second));
        let (state, why) = shown(&fleet, second);
        // The first of the three leaves the last minute at 61 seconds.
        let is_held = second < 60 + 60;
        assert_eq!(state == HealthState::Limited, is_held, "{second}: {why}");
    }
    let usable = fleet.snapshot(900, at(156)).providers[0].availability;
    assert!(usable.unwrap() > 0.9, "it served all the time");
}

#[test]
fn a_few_attempts_make_no_provider_failing() {
    let mut fleet = fleet();
    for second in 0..9 {
        let outcome = if second % 3 == 0 {
            BAD
        } else {
            Outcome::Success
        };
        fleet.observe(&attempt(0, second, outcome), at(second + 1));
    }
    assert_eq!(state(&mut fleet, 10), HealthState::Ok);

    fleet.observe(&attempt(0, 10, Outcome::Success), at(11));
    assert_eq!(state(&mut fleet, 11), HealthState::Failing);
}

#[test]
fn time_in_which_it_fails_is_not_available() {
    let mut fleet = fleet();
    for second in 0..40 {
        let outcome = if second % 4 == 0 {
            BAD
        } else {
            Outcome::Success
        };
        fleet.observe(&attempt(0, second, outcome), at(second + 1));
        fleet.tick(at(second + 1));
    }
    let provider = fleet.snapshot(900, at(40)).providers.swap_remove(0);

    assert_eq!(provider.state, HealthState::Failing);
    assert!(provider.availability.unwrap() < 0.4, "{provider:?}");
}

/// The provider `a` with a chat model that is used and one that is not, after an outage that probes
/// saw.
fn with_an_idle_model() -> BalancerState {
    let mut fleet = fleet_of(vec![
        target(0, "a", "chat", Some(Price::flat(1.0, 2.0))),
        target(0, "a", "unused", Some(Price::flat(1.0, 2.0))),
    ]);
    for second in 0..3 {
        probe(&mut fleet, second, ProbeVerdict::Bad);
    }
    assert_eq!(state(&mut fleet, 3), HealthState::Down);
    probe(&mut fleet, 4, ProbeVerdict::Good);
    for second in 5..15 {
        let Observation::Attempt(end) = attempt(0, second, Outcome::Success) else {
            unreachable!()
        };
        let end = AttemptEnd { trial: true, ..end };
        fleet.observe(&Observation::Attempt(end), at(second + 1));
    }
    fleet
}

fn idle_models(fleet: &BalancerState, second: u64) -> usize {
    let models = &fleet.snapshot(900, at(second)).providers[0].models;
    models.iter().filter(|model| model.is_idle).count()
}

#[test]
fn a_model_that_nobody_asks_for_after_an_outage_does_not_judge_its_provider() {
    let mut fleet = with_an_idle_model();

    assert_eq!(state(&mut fleet, 16), HealthState::Ok);
    assert_eq!(idle_models(&fleet, 16), 1);
}

#[test]
fn a_good_probe_or_time_closes_the_breaker_of_an_idle_model() {
    let mut probed = with_an_idle_model();
    probe(&mut probed, 30, ProbeVerdict::Good);
    assert_eq!(idle_models(&probed, 30), 1, "too early");
    probe(&mut probed, 70, ProbeVerdict::Good);
    assert_eq!(idle_models(&probed, 70), 0);

    let mut unprobed = with_an_idle_model();
    unprobed.tick(at(300));
    assert_eq!(idle_models(&unprobed, 300), 1);
    unprobed.tick(at(305));
    assert_eq!(idle_models(&unprobed, 305), 0);
}

#[test]
fn every_state_has_its_own_clock() {
    let mut fleet = fleet();
    for second in 0..30 {
        let outcome = if second % 4 == 0 {
            BAD
        } else {
            Outcome::Success
        };
        fleet.observe(&attempt(0, second, outcome), at(second + 1));
        fleet.tick(at(second + 1));
    }
    assert_eq!(state(&mut fleet, 30), HealthState::Failing);
    for second in 31..34 {
        probe(&mut fleet, second, ProbeVerdict::Bad);
    }
    assert_eq!(state(&mut fleet, 34), HealthState::Down);
    let provider = fleet.snapshot(900, at(60)).providers.swap_remove(0);

    assert_eq!(provider.state_since, at(34));
    assert!(provider.trouble_since.unwrap() < at(20), "{provider:?}");
}

#[test]
fn a_breaker_that_opens_again_after_a_trial_keeps_its_clock() {
    let mut fleet = fleet();
    for second in 0..4 {
        fleet.observe(&attempt(0, second, BAD), at(second + 1));
    }
    assert_eq!(state(&mut fleet, 5), HealthState::Open);
    assert_eq!(state(&mut fleet, 10), HealthState::HalfOpen);
    let provider = fleet.snapshot(900, at(10)).providers.swap_remove(0);

    assert_eq!(provider.state_since, at(5));
}

#[test]
fn callers_are_judged_by_the_last_minute_if_it_has_enough_requests() {
    let mut fleet = fleet();
    let failed = RequestOutcome::Error(Failure::Server);
    for second in 0..12 {
        let outcome = if second < 6 {
            failed
        } else {
            RequestOutcome::Ok
        };
        fleet.observe(&request(second, outcome, 1), at(second + 1));
    }
    let latest = |fleet: &BalancerState, second| {
        let latest = fleet.snapshot(60, at(second)).latest;
        (latest.rated, latest.failed, latest.seconds)
    };
    assert_eq!(latest(&fleet, 20), (12, 6, 60));
    assert_eq!(latest(&fleet, 100), (12, 6, 900), "none in the last minute");
    for second in 100..110 {
        fleet.observe(&request(second, RequestOutcome::Ok, 1), at(second + 1));
    }
    assert_eq!(latest(&fleet, 112), (10, 0, 60));
}

#[test]
fn a_share_is_counted_over_the_last_minute_and_the_odds_are_of_the_next_request() {
    let mut fleet = fleet();
    serve(&mut fleet, 0, 30, [1.0, 1.0]);
    for second in 30..40 {
        fleet.observe(&success(0, second, 1.0), at(second));
    }
    let of = |fleet: &BalancerState, second, window| {
        let providers = fleet.snapshot(window, at(second)).providers;
        let shares: Vec<f64> = providers.iter().map(|it| it.share).collect();
        let odds: f64 = providers.iter().map(|it| it.odds).sum();
        (shares, odds)
    };
    let (shares, odds) = of(&fleet, 40, 60);
    assert_eq!(shares, [40.0 / 70.0, 30.0 / 70.0]);
    assert!((odds - 1.0).abs() < 1e-9);
    assert_eq!(of(&fleet, 40, 86_400).0, shares, "in every window");
    assert_eq!(of(&fleet, 200, 900).0, [0.0, 0.0]);
}

#[test]
fn the_rate_of_spending_is_the_same_in_every_window_and_zero_has_no_sign() {
    let mut fleet = fleet();
    let nothing = fleet.snapshot(900, at(5)).usd_per_hour;
    assert!(nothing == 0.0 && nothing.is_sign_positive());
    for second in 0..300 {
        fleet.observe(&attempt(0, second, Outcome::Success), at(second + 1));
    }
    let rate = |window| fleet.snapshot(window, at(301)).usd_per_hour;

    // 50 millionths a second.
    assert!((rate(60) - 0.18).abs() < 0.02, "{}", rate(60));
    assert_eq!(rate(60), rate(86_400));
}

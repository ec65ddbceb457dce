use super::{BAD, at, attempt, fleet, probe, request};
use crate::domain::{
    AlertConfig, AlertRule, BalancerState, GlobalLimits, Observation, Outcome, ProbeVerdict,
    RequestOutcome,
};
use std::time::Duration;

/// The balancer of the other tests with a hold time of 10 seconds.
fn watched() -> BalancerState {
    fleet().with_limits(&GlobalLimits {
        alerts: AlertConfig {
            hold: Duration::from_secs(10),
            ..AlertConfig::default()
        },
        ..GlobalLimits::default()
    })
}

/// Ticks once a second; returns the rules of all alerts of that time, in the order of their begin.
fn pass(fleet: &mut BalancerState, seconds: std::ops::Range<u64>) -> Vec<AlertRule> {
    let mut rules = Vec::new();
    for second in seconds {
        fleet.tick(at(second));
        for alert in fleet.snapshot(60, at(second)).alerts {
            if !rules.contains(&alert.rule) {
                rules.push(alert.rule);
            }
        }
    }
    rules
}

#[test]
fn an_outage_and_its_echo_in_the_figures_are_one_alert() {
    let mut fleet = watched();
    for second in 0..60 {
        for _ in 0..2 {
            fleet.observe(&attempt(1, second, Outcome::Success), at(second));
            fleet.observe(&attempt(0, second, BAD), at(second));
        }
        fleet.tick(at(second));
    }
    assert_eq!(
        pass(&mut fleet, 60..62),
        [AlertRule::ProviderUnavailable],
        "the breaker opened, and error rate is high"
    );

    // The provider recovers; what failed in the last minutes is told no more.
    let mut rules = Vec::new();
    for second in 62..400 {
        if let Observation::Attempt(mut end) = attempt(0, second, Outcome::Success) {
            end.trial = true;
            fleet.observe(&Observation::Attempt(end), at(second));
        }
        rules.extend(pass(&mut fleet, second..second + 1));
    }
    rules.dedup();
    assert_eq!(rules, [AlertRule::ProviderUnavailable]);
    assert!(fleet.snapshot(60, at(400)).alerts.is_empty());
}

#[test]
fn failures_everywhere_are_one_alert_although_breakers_stay_closed() {
    let mut fleet = watched();
    let mut rules = Vec::new();
    for second in 0..90 {
        for target in [0, 1] {
            fleet.observe(&attempt(target, second, BAD), at(second));
        }
        rules.extend(pass(&mut fleet, second..second + 1));
    }
    rules.dedup();

    assert_eq!(rules, [AlertRule::NoProvider]);
}

#[test]
fn failing_probes_are_told_before_the_provider_is_down() {
    let mut fleet = watched();
    probe(&mut fleet, 1, ProbeVerdict::Bad);
    probe(&mut fleet, 2, ProbeVerdict::Bad);
    assert_eq!(pass(&mut fleet, 2..20), [AlertRule::ProbeFailing]);

    probe(&mut fleet, 20, ProbeVerdict::Bad);
    let rules = pass(&mut fleet, 20..40);
    assert_eq!(rules.last(), Some(&AlertRule::ProviderUnavailable));
    assert_eq!(fleet.snapshot(60, at(40)).alerts.len(), 1);
}

#[test]
fn an_alert_knows_what_callers_saw_and_how_often_it_came() {
    let mut fleet = watched();
    let mut second = 0;
    for _ in 0..2 {
        let begin = second;
        while second < begin + 60 {
            for _ in 0..2 {
                fleet.observe(&attempt(0, second, BAD), at(second));
            }
            fleet.observe(&request(second, RequestOutcome::Ok, 2), at(second));
            fleet.tick(at(second));
            second += 1;
        }
        let all = fleet.all_alerts(at(second));
        let first = &all[0];
        assert_eq!(first.alert.until, None);
        let effect = first.effect.expect("it is recent");
        assert!(effect.requests > 0 && effect.failed_requests == 0);
        assert!(effect.failed_attempts > 0 && effect.attempts == effect.failed_attempts);
        assert_eq!(first.history.times, u64::from(begin > 0));
        // It recovers.
        while second < begin + 600 {
            if let Observation::Attempt(mut end) = attempt(0, second, Outcome::Success) {
                end.trial = true;
                fleet.observe(&Observation::Attempt(end), at(second));
            }
            fleet.tick(at(second));
            second += 1;
        }
        assert!(fleet.snapshot(60, at(second)).alerts.is_empty());
    }
}

#[test]
fn an_acknowledgement_can_be_withdrawn() {
    let mut fleet = watched();
    for second in 0..60 {
        for _ in 0..2 {
            fleet.observe(&attempt(0, second, BAD), at(second));
        }
        fleet.tick(at(second));
    }
    let id = fleet.all_alerts(at(60))[0].alert.id;
    fleet.acknowledge_alert(id, "alice", at(60)).unwrap();
    assert_eq!(fleet.all_alerts(at(60))[0].alert.state(), "acknowledged");
    fleet.withdraw_acknowledgement(id).unwrap();
    assert_eq!(fleet.all_alerts(at(60))[0].alert.state(), "firing");
}

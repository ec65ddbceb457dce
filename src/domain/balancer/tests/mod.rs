mod alerting;
mod apply_config;
mod auto_revert;
mod commands;
mod drain;
mod effects;
mod forecasting;
mod global_limits;
mod health;
mod held_changes;
mod key_pool;
mod observe;
mod replaying;
mod settings;
mod traffic_forecast;
mod troubles;
mod warm_start;

use super::BalancerState;
use crate::domain::{
    AttemptEnd, AttemptStart, CandidateSet, Capabilities, Catalogue, DecisionId, Effect, Failure,
    HealthState, MeasuredUsage, ModelType, ModelTypes, Money, Observation, Outcome, Price,
    ProbeEnd, ProbeVerdict, Provider, RandomDraw, RequestEnd, RequestOutcome, RequestProfile,
    RoutingState, RoutingTable, Strategy, Target, TargetId, TargetSelection, UnixTime,
    UpstreamLimits, Usage, Weights, select_target,
};
use std::sync::Arc;
use std::time::Duration;

const START: u64 = 1_000_000;

fn at(seconds: u64) -> UnixTime {
    UnixTime::from_seconds(START + seconds)
}

/// Two providers with a model each; the second has no price.
fn fleet() -> BalancerState {
    fleet_of(vec![
        target(0, "a", "m", Some(Price::flat(1.0, 2.0))),
        target(1, "b", "m", None),
    ])
}

fn target(provider: usize, name: &str, model: &str, price: Option<Price>) -> Target {
    Target {
        id: TargetId::new(name, model),
        provider: provider.into(),
        types: ModelTypes::CHAT,
        capabilities: Capabilities::default(),
        price,
        max_concurrent: None,
    }
}

/// The providers `a` and `b` with these targets.
fn fleet_of(targets: Vec<Target>) -> BalancerState {
    let provider = |name: &str| Provider::new(name, "openai-compatible");
    let catalogue = Catalogue {
        providers: vec![provider("a"), provider("b")],
        targets,
        ..Catalogue::default()
    };
    BalancerState::new(catalogue, Strategy::Adaptive, Weights::default(), 1, at(0))
}

fn attempt(target: usize, second: u64, outcome: Outcome) -> Observation {
    let usage = (outcome == Outcome::Success).then_some(Usage {
        input: 10,
        output: 20,
        ..Usage::default()
    });
    Observation::Attempt(AttemptEnd {
        decision: DecisionId(0),
        identity: Arc::default(),
        target: target.into(),
        started: at(second),
        ended: at(second + 1),
        outcome,
        first_token: Some(0.4),
        usage: usage.map(MeasuredUsage::exact),
        cost: usage
            .filter(|_| target == 0)
            .map(|_| Money::per_token(50.0)),
        streamed: false,
        trial: false,
        number: 1,
        status: None,
        message: None,
        dropped_fields: 0,
        ticket: AttemptStart::default(),
        limits: UpstreamLimits::default(),
        client_deadline_hit: false,
        abandoned_after: None,
    })
}

fn request(second: u64, outcome: RequestOutcome, attempts: u32) -> Observation {
    Observation::Request(RequestEnd {
        decision: DecisionId(second),
        identity: Arc::default(),
        request_id: format!("r{second}"),
        started: at(second),
        ended: at(second + 1),
        outcome,
        target: Some(0.into()),
        score: Some(0.8),
        reason: "best score".to_owned(),
        attempts,
        fallbacks: 0,
        hedge: None,
        first_content: None,
        gateway_seconds: None,
        usage: None,
        cost: None,
        status: None,
        message: None,
        dropped_fields: Vec::new(),
    })
}

fn probe(fleet: &mut BalancerState, second: u64, verdict: ProbeVerdict) -> Vec<Effect> {
    let end = ProbeEnd {
        context_windows: Vec::new(),
        provider: 0.into(),
        at: at(second),
        latency: Duration::from_millis(5),
        verdict,
        detail: "503".to_owned(),
    };
    fleet.observe(&Observation::Probe(end), at(second))
}

fn state(fleet: &mut BalancerState, second: u64) -> HealthState {
    fleet.tick(at(second));
    fleet.snapshot(900, at(second)).providers[0].state
}

fn chosen(table: &RoutingTable, now: UnixTime, draw: f64) -> TargetSelection {
    let (ask, draw) = (
        RequestProfile::usual(ModelType::Chat),
        RandomDraw::without_exploration(draw),
    );
    select_target(table, &ask, now, draw, &mut CandidateSet::default()).unwrap()
}

const BAD: Outcome = Outcome::Failed(Failure::Server);

#[test]
fn an_outage_opens_the_breaker_and_stops_traffic_until_its_half_open_probe() {
    let mut fleet = fleet();
    for second in 0..4 {
        fleet.observe(&attempt(0, second, BAD), at(second + 1));
    }
    let table = fleet.routing_table(at(4));
    assert!(matches!(
        table.candidates[0].standing,
        RoutingState::Open(_)
    ));
    for draw in 0..100 {
        let choice = chosen(&table, at(5), f64::from(draw) / 100.0);
        assert_eq!(choice.target.get(), 1);
    }
    assert_eq!(state(&mut fleet, 5), HealthState::Open);
    assert_eq!(state(&mut fleet, 10), HealthState::HalfOpen);
    let trial = chosen(&fleet.routing_table(at(10)), at(10), 0.0);
    assert!(trial.trial && trial.target.get() == 0);
}

#[test]
fn a_rate_limit_cooldown_lasts_as_long_as_requested_and_never_gets_shorter() {
    let mut fleet = fleet();
    let limited = |seconds| Outcome::Failed(Failure::RateLimit(Some(Duration::from_secs(seconds))));
    fleet.observe(&attempt(0, 0, limited(60)), at(1));
    let first = fleet.routing_table(at(1)).candidates[0]
        .blocked_until
        .unwrap();
    fleet.observe(&attempt(0, 0, limited(2)), at(1));
    let second = fleet.routing_table(at(1)).candidates[0]
        .blocked_until
        .unwrap();

    assert!(first >= at(61) && second == first);
    assert_eq!(state(&mut fleet, 2), HealthState::Limited);
    assert!(
        matches!(
            fleet.routing_table(at(1)).candidates[0].standing,
            RoutingState::Usable
        ),
        "429 is no ill health"
    );
}

#[test]
fn a_rate_limit_without_a_delay_backs_off() {
    let mut fleet = fleet();
    let mut pauses = Vec::new();
    for second in [0, 100, 200] {
        fleet.observe(
            &attempt(0, second, Outcome::Failed(Failure::RateLimit(None))),
            at(second),
        );
        let until = fleet.routing_table(at(second)).candidates[0]
            .blocked_until
            .unwrap();
        pauses.push(until.seconds_since(at(second)).floor());
    }
    assert_eq!(pauses, [1.0, 2.0, 4.0]);
}

#[test]
fn three_consecutive_failed_probes_take_a_provider_down_and_a_good_one_half_opens_its_breaker() {
    let mut fleet = fleet();
    probe(&mut fleet, 0, ProbeVerdict::Bad);
    probe(&mut fleet, 1, ProbeVerdict::Bad);
    probe(&mut fleet, 2, ProbeVerdict::Good);
    probe(&mut fleet, 3, ProbeVerdict::Bad);
    assert_eq!(probe(&mut fleet, 4, ProbeVerdict::Bad).len(), 0);
    probe(&mut fleet, 5, ProbeVerdict::Inconclusive);
    assert_eq!(probe(&mut fleet, 6, ProbeVerdict::Bad).len(), 1);
    assert_eq!(state(&mut fleet, 6), HealthState::Down);

    assert_eq!(probe(&mut fleet, 7, ProbeVerdict::Good).len(), 1);
    assert_eq!(state(&mut fleet, 7), HealthState::HalfOpen);
}

#[test]
fn snapshot_and_performance_show_the_same_numbers() {
    let mut fleet = fleet();
    for second in 0..50 {
        let target = usize::from(second % 3 == 0);
        fleet.observe(&attempt(target, second, Outcome::Success), at(second + 1));
        fleet.observe(&request(second, RequestOutcome::Ok, 1), at(second + 1));
    }
    fleet.observe(&attempt(0, 50, BAD), at(51));
    fleet.observe(&attempt(0, 50, Outcome::Cancelled), at(51));
    fleet.observe(
        &attempt(0, 50, Outcome::Failed(Failure::InvalidRequest)),
        at(51),
    );
    fleet.observe(&request(50, RequestOutcome::Cancelled, 1), at(51));

    let (day, picture) = (
        fleet.performance(24, at(60)),
        fleet.snapshot(86_400, at(60)),
    );

    assert_eq!(day.totals, picture.totals);
    assert_eq!(
        (
            day.totals.requests,
            day.totals.attempts,
            day.totals.success_rate
        ),
        (51, 53, Some(1.0))
    );
    assert_eq!(
        day.providers[0].success_rate,
        picture.providers[0].success_rate
    );
    assert_eq!(
        day.providers[0].success_rate,
        Some(33.0 / 34.0),
        "cancelled and mistaken count in no rate"
    );
    assert_eq!(
        day.providers[1].cost, None,
        "an unknown price is unknown, not zero"
    );
    assert!((day.totals.cost.unwrap().usd() - 33.0 * 50e-6).abs() < 1e-9);
    let columns: u64 = picture.providers[0]
        .columns
        .iter()
        .map(|column| column.rated)
        .sum();
    assert_eq!(columns, 34);
}

#[test]
fn availability_is_the_share_of_time_in_a_usable_state() {
    let mut fleet = fleet();
    fleet.tick(at(10));
    for second in 10..13 {
        probe(&mut fleet, second, ProbeVerdict::Bad);
    }
    fleet.tick(at(20));
    fleet.tick(at(30));

    let part = fleet.snapshot(900, at(30)).providers[0]
        .availability
        .unwrap();
    assert!((part - 1.0 / 3.0).abs() < 0.01, "{part}");
}

#[test]
fn failing_providers_are_shown_as_such() {
    let mut fleet = fleet();
    for second in 0..20 {
        let outcome = if second % 4 == 0 {
            BAD
        } else {
            Outcome::Success
        };
        fleet.observe(&attempt(0, second, outcome), at(second + 1));
    }
    assert_eq!(state(&mut fleet, 21), HealthState::Failing);
    for second in 21..52 {
        fleet.observe(&attempt(0, second, Outcome::Success), at(second + 1));
    }
    assert_eq!(state(&mut fleet, 53), HealthState::Ok);
}

#[test]
fn an_observation_of_an_unknown_target_is_ignored() {
    assert_eq!(fleet().observe(&attempt(9, 0, Outcome::Success), at(1)), []);
}

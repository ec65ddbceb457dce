//! Statistics of attempts, as the gateway reports them.

use super::{BAD, at, attempt, chosen, fleet};
use crate::domain::{
    AttemptEnd, AttemptStart, BalancerState, BreakerState, Capabilities, Catalogue, Failure,
    FirstToken, HealthState, MeasuredUsage, ModelType, ModelTypes, Observation, Outcome, Provider,
    RequestClass, RoutingState, Strategy, Target, TargetId, UnixTime, UpstreamLimit,
    UpstreamLimits, Usage, Weights,
};
use proptest::prelude::{prop, prop_assert, proptest};
use std::time::Duration;

fn first_token(target: usize, seconds: f64) -> FirstToken {
    FirstToken {
        target: target.into(),
        ticket: AttemptStart::default(),
        seconds,
        trial: false,
        limits: UpstreamLimits::default(),
    }
}

fn ended(target: usize, second: u64, outcome: Outcome) -> AttemptEnd {
    let Observation::Attempt(end) = attempt(target, second, outcome) else {
        unreachable!()
    };
    end
}

/// One stream of `tokens` output tokens.
fn stream(fleet: &mut BalancerState, second: u64, seconds: f64, tokens: u64) {
    fleet.observe(
        &Observation::FirstToken(first_token(0, seconds)),
        at(second),
    );
    let total = seconds + tokens as f64 * 0.01;
    let end = AttemptEnd {
        started: at(second),
        ended: at(second).plus(Duration::from_secs_f64(total)),
        first_token: Some(seconds),
        streamed: true,
        usage: Some(MeasuredUsage::exact(Usage {
            output: tokens,
            ..Usage::default()
        })),
        ..ended(0, second, Outcome::Success)
    };
    fleet.observe(&Observation::Attempt(end), at(second));
}

#[test]
fn the_length_of_a_response_does_not_change_the_latency() {
    let estimate = |tokens: u64| {
        let mut fleet = fleet();
        (0..30).for_each(|second| stream(&mut fleet, second, 0.4, tokens));
        fleet.routing_table(at(30)).candidates[0].estimate
    };
    let (short, long) = (estimate(10), estimate(1_000));

    assert!((short.first_token - long.first_token).abs() < 1e-9);
    assert!(
        (short.per_token - long.per_token).abs() < 1e-4,
        "{short:?} {long:?}"
    );
}

#[test]
fn failures_and_429s_do_not_count_as_fast_responses() {
    let mut fleet = fleet();
    (0..20).for_each(|second| stream(&mut fleet, second, 2.0, 100));
    let before = fleet.routing_table(at(20)).candidates[0].estimate;
    for outcome in [BAD, Outcome::Failed(Failure::RateLimit(None))] {
        fleet.observe(&attempt(0, 20, outcome), at(20));
    }
    let after = fleet.routing_table(at(20)).candidates[0].estimate;

    assert_eq!(after.first_token, before.first_token);
    assert_eq!(after.per_token, before.per_token);
    assert!(after.failure > before.failure && after.limited > before.limited);
}

#[test]
fn a_429_is_no_failure_and_a_short_client_deadline_opens_no_breaker() {
    let mut fleet = fleet();
    let before = fleet.routing_table(at(0)).candidates[0].estimate.failure;
    let limited = Outcome::Failed(Failure::RateLimit(Some(Duration::from_secs(5))));
    (0..10).for_each(|_| drop(fleet.observe(&attempt(0, 0, limited), at(1))));
    assert_eq!(
        fleet.routing_table(at(1)).candidates[0].estimate.failure,
        before
    );

    for _ in 0..10 {
        let end = AttemptEnd {
            client_deadline_hit: true,
            ..ended(1, 0, Outcome::Failed(Failure::Timeout))
        };
        fleet.observe(&Observation::Attempt(end), at(1));
    }
    assert_eq!(fleet.breaker_state(1.into()), BreakerState::Closed);
    assert!(fleet.routing_table(at(1)).candidates[1].estimate.failure <= before);
}

#[test]
fn a_rate_limited_half_open_probe_extends_the_open_state_of_its_breaker() {
    let mut fleet = fleet();
    (0..4).for_each(|second| drop(fleet.observe(&attempt(0, second, BAD), at(second))));
    fleet.tick(at(10));
    assert_eq!(fleet.breaker_state(0.into()), BreakerState::HalfOpen);
    let end = AttemptEnd {
        trial: true,
        ..ended(
            0,
            10,
            Outcome::Failed(Failure::RateLimit(Some(Duration::from_mins(1)))),
        )
    };
    fleet.observe(&Observation::Attempt(end), at(10));

    let standing = &fleet.routing_table(at(10)).candidates[0].standing;
    assert!(
        matches!(standing, RoutingState::Open(until) if *until >= at(70)),
        "{standing:?}"
    );
}

#[test]
fn of_a_thousand_concurrent_requests_none_passes_an_open_breaker_and_one_a_half_open_one() {
    let mut fleet = fleet();
    (0..4).for_each(|second| drop(fleet.observe(&attempt(0, second, BAD), at(second))));
    let thousand = |fleet: &BalancerState, second: u64| {
        let table = fleet.routing_table(at(second));
        let places: Vec<_> = (0..1_000)
            .filter_map(|number| {
                let choice = chosen(&table, at(second), f64::from(number) / 1_000.0);
                let lease = choice.acquire_lease(&table, at(second));
                lease.map(|lease| (choice.target, lease))
            })
            .collect();
        places
            .iter()
            .filter(|(target, _)| target.get() == 0)
            .count()
    };

    assert_eq!(thousand(&fleet, 4), 0);
    fleet.tick(at(10));
    assert_eq!(thousand(&fleet, 10), 1);
}

#[test]
fn a_breaker_closes_with_first_tokens_and_the_target_starts_slowly() {
    let mut fleet = fleet();
    (0..4).for_each(|second| drop(fleet.observe(&attempt(0, second, BAD), at(second))));
    fleet.tick(at(10));
    for _ in 0..4 {
        let first = FirstToken {
            trial: true,
            ..first_token(0, 0.4)
        };
        fleet.observe(&Observation::FirstToken(first), at(11));
    }

    let table = fleet.routing_table(at(11));
    assert_eq!(table.candidates[0].standing, RoutingState::Usable);
    assert_eq!(table.candidates[0].slow_from, Some(at(11)));
}

#[test]
fn quota_headers_reduce_traffic_before_the_quota_is_exhausted() {
    let mut fleet = fleet();
    let table = fleet.routing_table(at(0));
    let lease = chosen(&table, at(0), 0.0)
        .acquire_lease(&table, at(0))
        .unwrap();
    let limit = UpstreamLimit {
        limit: 100.0,
        remaining: 0.0,
        reset: Some(50.0),
    };
    let first = FirstToken {
        ticket: lease.attempt_start(),
        limits: UpstreamLimits {
            requests: Some(limit),
            tokens: None,
        },
        ..first_token(0, 0.4)
    };
    fleet.observe(&Observation::FirstToken(first), at(0));

    let quota = |fleet: &BalancerState, second| {
        let candidate = &fleet.routing_table(at(second)).candidates[0];
        candidate
            .quota
            .wait(1.0, candidate.load_counters.sent_totals(), at(second))
    };
    assert!((quota(&fleet, 0) - 0.5).abs() < 1e-6, "two a second");
    assert_eq!(quota(&fleet, 1), 0.0);
}

#[test]
fn expected_output_is_estimated_by_class() {
    let mut fleet = fleet();
    let class = RequestClass::new(ModelType::Reasoning, true);
    for second in 0..50 {
        let end = AttemptEnd {
            ticket: AttemptStart {
                class,
                ..AttemptStart::default()
            },
            usage: Some(MeasuredUsage::exact(Usage {
                output: 2_000,
                ..Usage::default()
            })),
            ..ended(0, second, Outcome::Success)
        };
        fleet.observe(&Observation::Attempt(end), at(second));
    }

    let outputs = fleet.routing_table(at(50)).outputs;
    assert!(outputs[class.index()] > 1_800.0);
    assert_eq!(
        outputs[RequestClass::new(ModelType::Chat, true).index()],
        300.0
    );
}

proptest! {
    #[test]
    fn a_cooldown_never_gets_shorter(
        delays in prop::collection::vec((0_u64..100, 0_u64..20, prop::bool::ANY), 1..20),
    ) {
        let mut fleet = fleet();
        let (mut now, mut last) = (0, UnixTime::default());
        for (delay, step, has_delay) in delays {
            now += step;
            let delay = has_delay.then(|| Duration::from_secs(delay));
            let outcome = Outcome::Failed(Failure::RateLimit(delay));
            fleet.observe(&attempt(0, now, outcome), at(now));
            let until = fleet.routing_table(at(now)).candidates[0].blocked_until.unwrap();
            prop_assert!(until >= last.max(at(now)));
            last = until;
        }
    }
}

#[test]
fn an_attempt_cut_by_the_client_s_own_deadline_is_no_failure_of_the_target() {
    let mut fleet = fleet();
    let before = fleet.routing_table(at(0)).candidates[0].estimate.failure;
    for second in 0..20 {
        let Observation::Attempt(end) = attempt(0, second, Outcome::Failed(Failure::Timeout))
        else {
            unreachable!()
        };
        let end = AttemptEnd {
            client_deadline_hit: true,
            ..end
        };
        fleet.observe(&Observation::Attempt(end), at(second + 1));
    }

    let table = fleet.routing_table(at(21));
    assert_eq!(table.candidates[0].estimate.failure, before);
    assert_eq!(table.candidates[0].estimate.limited, 0.0);
    assert_eq!(table.candidates[0].standing, RoutingState::Usable);
}

#[test]
fn a_limit_of_the_headers_that_leaves_nothing_is_the_reason_that_is_shown() {
    let mut fleet = fleet();
    let empty = Some(UpstreamLimit {
        limit: 60.0,
        remaining: 0.0,
        reset: Some(1e9),
    });
    let limits = UpstreamLimits {
        requests: empty,
        tokens: None,
    };
    let end = AttemptEnd {
        limits,
        ticket: AttemptStart {
            started: at(1),
            ..AttemptStart::default()
        },
        ..ended(0, 0, Outcome::Success)
    };
    fleet.observe(&Observation::Attempt(end), at(1));
    fleet.tick(at(1));
    let shown = fleet.snapshot(900, at(1)).providers[0].clone();
    assert_eq!(shown.state, HealthState::Limited);
    assert_eq!(
        shown.why,
        "its rate limit headers leave nothing for 15 s more"
    );
    fleet.tick(at(901));
    assert_ne!(
        fleet.snapshot(900, at(901)).providers[0].state,
        HealthState::Limited
    );
}

#[test]
fn no_requested_delay_excludes_a_target_for_more_than_a_quarter_of_an_hour() {
    let mut fleet = fleet();
    let year = Duration::from_hours(8_760);
    let failed = Outcome::Failed(Failure::RateLimit(Some(year)));
    fleet.observe(&attempt(0, 0, failed), at(1));
    let until = fleet.routing_table(at(1)).candidates[0]
        .blocked_until
        .unwrap();
    assert!(until.seconds_since(at(1)) <= 990.0, "{until:?}");
}

#[test]
fn a_refused_key_excludes_all_targets_of_its_provider_and_no_other() {
    let target = |provider: usize, name: &str, model: &str| Target {
        id: TargetId::new(name, model),
        provider: provider.into(),
        types: ModelTypes::CHAT,
        capabilities: Capabilities::default(),
        price: None,
        max_concurrent: None,
    };
    let provider = |name: &str| Provider::new(name, "openai-compatible");
    let catalogue = Catalogue {
        providers: vec![provider("a"), provider("b")],
        targets: vec![
            target(0, "a", "m"),
            target(0, "a", "n"),
            target(1, "b", "m"),
        ],
        ..Catalogue::default()
    };
    let mut fleet = BalancerState::new(catalogue, Strategy::Adaptive, Weights::default(), 1, at(0));
    let refused = Outcome::Failed(Failure::Auth);
    let effects = fleet.observe(&attempt(0, 0, refused), at(1));

    let table = fleet.routing_table(at(1));
    let blocked = |target: usize| table.candidates[target].blocked_until.is_some();
    assert_eq!([0, 1, 2].map(blocked), [true, true, false]);
    assert_eq!(effects.len(), 1, "one event for the key: {effects:?}");
    assert!(fleet.observe(&attempt(1, 0, refused), at(1)).is_empty());
}

use super::*;
use proptest::prelude::*;

fn at(seconds: u64) -> UnixTime {
    UnixTime::from_seconds(seconds)
}

fn context(own: f64, trial: bool) -> FailureContext {
    FailureContext {
        own,
        peers: 0.02,
        trial,
        had_begun: false,
        may_open: true,
        luck: 0.0,
        settings: BreakerSettings::default(),
    }
}

#[test]
fn it_stays_open_no_longer_than_its_settings_say() {
    let short = FailureContext {
        settings: BreakerSettings {
            max_open_s: 2,
            ..BreakerSettings::default()
        },
        ..context(0.02, false)
    };
    let mut breaker = CircuitBreaker::default();
    for _ in 0..4 {
        breaker.record_failure(short, at(0));
    }
    assert_eq!(breaker.state(), BreakerState::Open(at(2)));
}

fn opened() -> CircuitBreaker {
    let mut breaker = CircuitBreaker::default();
    for _ in 0..4 {
        breaker.record_failure(context(0.02, false), at(0));
    }
    breaker
}

#[test]
fn four_consecutive_failures_open_it_and_four_successful_probes_close_it() {
    let mut breaker = CircuitBreaker::default();
    for _ in 0..3 {
        assert_eq!(breaker.record_failure(context(0.02, false), at(100)), None);
    }
    let until = at(103);
    assert_eq!(
        breaker.record_failure(context(0.02, false), at(100)),
        Some(Transition::Opened(until))
    );

    assert_eq!(breaker.tick(0.02, at(102)), None);
    assert_eq!(breaker.tick(0.02, until), Some(Transition::HalfOpened));
    for _ in 0..3 {
        assert_eq!(breaker.record_success(context(0.5, true), at(104)), None);
    }
    assert_eq!(
        breaker.record_success(context(0.5, true), at(104)),
        Some(Transition::Closed)
    );
}

#[test]
fn streams_that_break_after_their_first_token_open_it_as_quickly() {
    let broke = FailureContext {
        had_begun: true,
        ..context(0.02, false)
    };
    let mut breaker = CircuitBreaker::default();
    for _ in 0..3 {
        assert_eq!(breaker.record_success(context(0.02, false), at(1)), None);
        assert_eq!(breaker.record_failure(broke, at(1)), None);
    }
    assert_eq!(breaker.record_success(context(0.02, false), at(1)), None);
    assert!(breaker.record_failure(broke, at(1)).is_some());

    // A probe that breaks after its first token is a failed probe.
    breaker.tick(0.02, at(100));
    let broke = FailureContext {
        trial: true,
        ..broke
    };
    assert_eq!(breaker.record_success(context(0.02, true), at(101)), None);
    assert!(breaker.record_failure(broke, at(102)).is_some());
}

#[test]
fn a_high_usual_rate_of_the_target_or_its_peers_requires_more_failures() {
    for (own, peers) in [(0.25, 0.02), (0.02, 0.25)] {
        let mut breaker = CircuitBreaker::default();
        let event = FailureContext {
            own,
            peers,
            ..context(own, false)
        };
        let failures = (1..20).find(|_| breaker.record_failure(event, at(1)).is_some());
        assert!(failures.unwrap() >= 8, "{failures:?}");
    }
}

#[test]
fn it_does_not_open_while_half_of_all_are_open() {
    let mut breaker = CircuitBreaker::default();
    let blocked = FailureContext {
        may_open: false,
        ..context(0.02, false)
    };
    assert!((0..20).all(|_| breaker.record_failure(blocked, at(1)).is_none()));
    assert!(
        breaker
            .record_failure(context(0.02, false), at(1))
            .is_some()
    );
}

#[test]
fn after_a_failed_probe_the_open_time_is_half_of_the_outage() {
    let mut breaker = opened();
    breaker.tick(0.02, at(40));
    assert_eq!(
        breaker.record_failure(context(0.02, true), at(40)),
        Some(Transition::Opened(at(60)))
    );
}

#[test]
fn a_rate_limited_probe_sets_the_open_time() {
    let mut breaker = opened();
    breaker.tick(0.02, at(9));
    assert_eq!(
        breaker.extend_open(at(70)),
        Some(Transition::Opened(at(70)))
    );
    assert_eq!(CircuitBreaker::default().extend_open(at(70)), None);
}

#[test]
fn requests_sent_before_it_opened_do_not_count() {
    let mut breaker = opened();
    breaker.tick(0.02, at(3));

    assert_eq!(breaker.record_failure(context(0.02, false), at(3)), None);
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
}

/// Fails at `from` until it opens; returns the number of failures and the end of the open time.
fn fail(breaker: &mut CircuitBreaker, from: u64) -> (usize, UnixTime) {
    for count in 1..20 {
        if let Some(Transition::Opened(until)) =
            breaker.record_failure(context(0.02, false), at(from))
        {
            return (count, until);
        }
    }
    panic!("it did not open");
}

/// Succeeds in half-open from `now` until it closes; returns the number of successes.
fn recover(breaker: &mut CircuitBreaker, now: u64) -> usize {
    assert!(breaker.tick(0.02, at(now)).is_some());
    let probe = context(0.02, true);
    let closes = |_: &usize| breaker.record_success(probe, at(now)).is_some();
    (1..20).find(closes).unwrap()
}

#[test]
fn a_target_that_flaps_is_left_sooner_and_returns_when_its_outages_usually_end() {
    let mut breaker = CircuitBreaker::default();
    assert_eq!(fail(&mut breaker, 100), (4, at(103)));
    assert_eq!(recover(&mut breaker, 110), 4);
    assert_eq!(breaker.slow_start_s(), 5.0);

    // One outage of 10 s is known, so probes begin after 7 s; two of them at once.
    assert_eq!(fail(&mut breaker, 130), (3, at(137)));
    assert!(breaker.tick(0.02, at(137)).is_some());
    assert_eq!(breaker.max_probes(), 2);
    assert_eq!(
        breaker.record_success(context(0.02, true), at(138)),
        Some(Transition::Closed)
    );
    assert_eq!(fail(&mut breaker, 160).0, 2);
}

#[test]
fn a_target_that_serves_nothing_but_probes_is_left_alone_for_longer_each_time() {
    let mut breaker = CircuitBreaker::default();
    let mut now = 100;
    let mut pauses = Vec::new();
    for _ in 0..6 {
        let (_, until) = fail(&mut breaker, now);
        pauses.push(until.seconds_since(at(now)));
        now = until.micros().div_ceil(1_000_000);
        recover(&mut breaker, now);
    }
    assert!(pauses.is_sorted(), "{pauses:?}");
    assert_eq!((pauses[0], pauses[5]), (3.0, 30.0));
}

#[test]
fn outages_of_the_past_are_forgotten() {
    let mut breaker = CircuitBreaker::default();
    fail(&mut breaker, 100);
    recover(&mut breaker, 110);
    let later = 110 + 2_000;
    assert_eq!(fail(&mut breaker, later), (4, at(later + 3)));
}

proptest! {
    #[test]
    fn the_open_time_is_between_half_a_second_and_30_seconds(
        jitter in 0.0..1.0_f64, rounds in 1_usize..20,
    ) {
        let mut breaker = CircuitBreaker::default();
        let mut now = at(1_000);
        let event = FailureContext { luck: jitter, ..context(0.9, true) };
        for _ in 0..rounds {
            let mut opened = None;
            while opened.is_none() {
                opened = breaker.record_failure(event, now);
            }
            let Some(Transition::Opened(until)) = opened else { unreachable!() };
            let pause = until.seconds_since(now);
            prop_assert!((0.5..=30.0).contains(&pause), "{pause}");
            now = until;
            prop_assert_eq!(breaker.tick(0.02, now), Some(Transition::HalfOpened));
        }
    }
}

use super::*;
use proptest::prelude::*;
use std::time::Duration;

const START: UnixTime = UnixTime::from_seconds(1_700_000_000);

fn after(milliseconds: u64) -> UnixTime {
    START.plus(Duration::from_millis(milliseconds))
}

fn rates(requests: Option<u64>, tokens: Option<u64>) -> RateLimits {
    RateLimits { requests, tokens }
}

#[test]
fn a_burst_of_one_minutes_amount_passes_and_refills_evenly() {
    for limit in [1, 7, 10, 60, 499, 100_000] {
        let (limiter, rates) = (RateLimiter::default(), rates(Some(limit), None));
        let taken = (0..limit + 5).filter(|_| limiter.try_acquire(rates, 0, START));
        assert_eq!(taken.count() as u64, limit);

        let shortage = limiter
            .check(rates, 0, START)
            .expect("the limit is used up");
        assert!((shortage.seconds() - 60.0 / limit as f64).abs() < 0.1);
        let half = (0..limit + 5).filter(|_| limiter.try_acquire(rates, 0, after(30_000)));
        assert_eq!(half.count() as u64, limit / 2);
    }
}

#[test]
fn held_tokens_are_drained_at_the_end_and_unused_ones_are_free_at_once() {
    let (limiter, rates) = (RateLimiter::default(), rates(None, Some(1_000)));
    assert!(limiter.try_acquire(rates, 600, START));
    assert!(!limiter.try_acquire(rates, 600, START), "400 are left");
    assert_eq!(limiter.left(rates, START).tokens, Some(400));

    limiter.settle(rates, (600, 100), START);
    assert_eq!(limiter.left(rates, START).tokens, Some(900));
    assert!(limiter.try_acquire(rates, 900, START));
    limiter.settle(rates, (900, 1_900), START);
    let shortage = limiter.check(rates, 1, START).expect("a debt");
    assert_eq!(
        shortage.to_string(),
        "its tokens_per_minute of 1000 is used up for 60 s more"
    );
    assert!(limiter.try_acquire(rates, 1, after(60_100)));
}

#[test]
fn a_request_over_one_limit_takes_from_neither() {
    let (limiter, rates) = (RateLimiter::default(), rates(Some(2), Some(100)));
    assert!(limiter.try_acquire(rates, 80, START));
    assert!(!limiter.try_acquire(rates, 80, START));

    assert_eq!(limiter.left(rates, START).requests, Some(1));
    assert_eq!(limiter.left(rates, START).tokens, Some(20));
}

#[test]
fn a_request_larger_than_the_limit_runs_alone_and_is_counted_in_full() {
    let (limiter, rates) = (RateLimiter::default(), rates(None, Some(100)));
    assert!(limiter.try_acquire(rates, 250, START));
    assert!(!limiter.try_acquire(rates, 1, START));
    limiter.settle(rates, (250, 250), START);

    assert!(
        !limiter.try_acquire(rates, 1, after(89_000)),
        "150 are owed"
    );
    assert!(limiter.try_acquire(rates, 1, after(91_000)));
}

#[test]
fn a_request_of_maximum_size_does_not_change_tokens_held_by_others() {
    let (limiter, rates) = (RateLimiter::default(), rates(None, Some(1_000)));
    assert!(limiter.try_acquire(rates, 600, START));

    assert!(!limiter.try_acquire(rates, u64::MAX, START));
    assert_eq!(limiter.left(rates, START).tokens, Some(400));

    limiter.settle(rates, (600, 0), START);
    assert!(limiter.try_acquire(rates, u64::MAX, START));
    assert!(!limiter.try_acquire(rates, 1, START), "all of it is held");
    limiter.settle(rates, (u64::MAX, 10), START);
    assert_eq!(limiter.left(rates, START).tokens, Some(990));
}

#[test]
fn headroom_falls_below_15_percent_and_a_new_limit_keeps_the_share() {
    let (limiter, few) = (RateLimiter::default(), rates(Some(100), None));
    assert_eq!(limiter.headroom(few, START), 1.0);
    for _ in 0..90 {
        assert!(limiter.try_acquire(few, 0, START));
    }

    assert!((limiter.headroom(few, START) - 10.0 / 15.0).abs() < 0.01);
    let many = rates(Some(1_000), None);
    assert_eq!(limiter.left(many, START).requests, Some(100));
}

proptest! {
    /// In any window, admitted requests are at most the capacity plus the refill.
    #[test]
    fn requests_never_exceed_their_limit_in_any_window(
        limit in 1_u64..200,
        pauses in prop::collection::vec(0_u64..2_000, 1..300),
    ) {
        let (limiter, rates) = (RateLimiter::default(), rates(Some(limit), None));
        let (mut at, mut admitted) = (0, Vec::new());
        for pause in pauses {
            at += pause;
            if limiter.try_acquire(rates, 0, after(at)) {
                admitted.push(at);
            }
        }
        for (first, from) in admitted.iter().enumerate() {
            for (last, to) in admitted.iter().enumerate().skip(first) {
                let filled = limit as f64 * (to - from) as f64 / 60_000.0;
                prop_assert!((last - first + 1) as f64 <= limit as f64 + filled + NEGLIGIBLE_UNITS);
            }
        }
    }

    /// For any order of acquire, settle and release: while no request uses more than it held, the
    /// bucket is not overdrawn, and held tokens never exceed the remaining ones.
    #[test]
    fn tokens_never_exceed_their_limit_in_any_order(
        limit in 1_u64..10_000,
        steps in prop::collection::vec((0_u8..3, 0_u64..3_000, 0_u64..20_000, any::<prop::sample::Index>()), 1..200),
    ) {
        let (limiter, rates) = (RateLimiter::default(), rates(None, Some(limit)));
        let (mut at, mut running) = (0, Vec::new());
        for (step, tokens, pause, which) in steps {
            at += pause;
            let now = after(at);
            match step {
                0 => {
                    let tokens = tokens.min(limit);
                    let fitted = limiter.check(rates, tokens, now).is_none();
                    let taken = limiter.try_acquire(rates, tokens, now);
                    prop_assert_eq!(fitted, taken);
                    if taken {
                        running.push(tokens);
                    }
                }
                1 if !running.is_empty() => {
                    let held = running.swap_remove(which.index(running.len()));
                    limiter.settle(rates, (held, tokens.min(held)), now);
                }
                2 if !running.is_empty() => {
                    let held = running.swap_remove(which.index(running.len()));
                    let before = limiter.left(rates, now).tokens.unwrap_or(0);
                    limiter.settle(rates, (held, 0), now);
                    let after = limiter.left(rates, now).tokens.unwrap_or(0);
                    prop_assert!(after - before <= held, "a release is at most the held amount");
                }
                _ => {}
            }
            let held: u64 = running.iter().sum();
            let left = limiter.tokens.left(limit, now);
            prop_assert!(held as f64 <= left + 1.0, "{held} held of {left}");
        }
    }
}

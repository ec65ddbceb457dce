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
fn a_whole_minutes_amount_may_go_at_once_and_comes_back_evenly() {
    for limit in [1, 7, 10, 60, 499, 100_000] {
        let (meter, rates) = (RateLimiter::default(), rates(Some(limit), None));
        let taken = (0..limit + 5).filter(|_| meter.try_acquire(rates, 0, START));
        assert_eq!(taken.count() as u64, limit);

        let shortage = meter.check(rates, 0, START).expect("nothing is left");
        assert!((shortage.seconds() - 60.0 / limit as f64).abs() < 0.1);
        let half = (0..limit + 5).filter(|_| meter.try_acquire(rates, 0, after(30_000)));
        assert_eq!(half.count() as u64, limit / 2);
    }
}

#[test]
fn tokens_are_held_then_drained_and_what_was_not_used_is_free_at_once() {
    let (meter, rates) = (RateLimiter::default(), rates(None, Some(1_000)));
    assert!(meter.try_acquire(rates, 600, START));
    assert!(!meter.try_acquire(rates, 600, START), "400 are left");
    assert_eq!(meter.left(rates, START).tokens, Some(400));

    meter.settle(rates, (600, 100), START);
    assert_eq!(meter.left(rates, START).tokens, Some(900));
    assert!(meter.try_acquire(rates, 900, START));
    meter.settle(rates, (900, 1_900), START);
    let shortage = meter.check(rates, 1, START).expect("a debt");
    assert_eq!(
        shortage.to_string(),
        "its tokens_per_minute of 1000 is used up for 60 s more"
    );
    assert!(meter.try_acquire(rates, 1, after(60_100)));
}

#[test]
fn one_without_the_other_takes_neither() {
    let (meter, rates) = (RateLimiter::default(), rates(Some(2), Some(100)));
    assert!(meter.try_acquire(rates, 80, START));
    assert!(!meter.try_acquire(rates, 80, START));

    assert_eq!(meter.left(rates, START).requests, Some(1));
    assert_eq!(meter.left(rates, START).tokens, Some(20));
}

#[test]
fn what_is_larger_than_the_limit_goes_alone_and_is_paid_for() {
    let (meter, rates) = (RateLimiter::default(), rates(None, Some(100)));
    assert!(meter.try_acquire(rates, 250, START));
    assert!(!meter.try_acquire(rates, 1, START));
    meter.settle(rates, (250, 250), START);

    assert!(!meter.try_acquire(rates, 1, after(89_000)), "150 are owed");
    assert!(meter.try_acquire(rates, 1, after(91_000)));
}

#[test]
fn a_wish_beyond_all_numbers_takes_nothing_from_what_others_hold() {
    let (meter, rates) = (RateLimiter::default(), rates(None, Some(1_000)));
    assert!(meter.try_acquire(rates, 600, START));

    assert!(!meter.try_acquire(rates, u64::MAX, START));
    assert_eq!(meter.left(rates, START).tokens, Some(400));

    meter.settle(rates, (600, 0), START);
    assert!(meter.try_acquire(rates, u64::MAX, START));
    assert!(!meter.try_acquire(rates, 1, START), "all of it is held");
    meter.settle(rates, (u64::MAX, 10), START);
    assert_eq!(meter.left(rates, START).tokens, Some(990));
}

#[test]
fn the_odds_fall_with_the_last_part_and_a_new_limit_keeps_the_part() {
    let (meter, few) = (RateLimiter::default(), rates(Some(100), None));
    assert_eq!(meter.headroom(few, START), 1.0);
    for _ in 0..90 {
        assert!(meter.try_acquire(few, 0, START));
    }

    assert!((meter.headroom(few, START) - 10.0 / 15.0).abs() < 0.01);
    let many = rates(Some(1_000), None);
    assert_eq!(meter.left(many, START).requests, Some(100));
}

proptest! {
    /// Every window of time: what was admitted in it is at most the bucket and what time filled.
    #[test]
    fn requests_never_exceed_their_limit_in_any_window(
        limit in 1_u64..200,
        pauses in prop::collection::vec(0_u64..2_000, 1..300),
    ) {
        let (meter, rates) = (RateLimiter::default(), rates(Some(limit), None));
        let (mut at, mut admitted) = (0, Vec::new());
        for pause in pauses {
            at += pause;
            if meter.try_acquire(rates, 0, after(at)) {
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

    /// Whatever is taken, settled and given back, in whatever order: as long as nobody uses more
    /// than was held, nothing is owed, and what is held never exceeds what is left.
    #[test]
    fn tokens_never_exceed_their_limit_whatever_the_order(
        limit in 1_u64..10_000,
        steps in prop::collection::vec((0_u8..3, 0_u64..3_000, 0_u64..20_000, any::<prop::sample::Index>()), 1..200),
    ) {
        let (meter, rates) = (RateLimiter::default(), rates(None, Some(limit)));
        let (mut at, mut running) = (0, Vec::new());
        for (step, tokens, pause, which) in steps {
            at += pause;
            let now = after(at);
            match step {
                0 => {
                    let tokens = tokens.min(limit);
                    let fitted = meter.check(rates, tokens, now).is_none();
                    let taken = meter.try_acquire(rates, tokens, now);
                    prop_assert_eq!(fitted, taken);
                    if taken {
                        running.push(tokens);
                    }
                }
                1 if !running.is_empty() => {
                    let held = running.swap_remove(which.index(running.len()));
                    meter.settle(rates, (held, tokens.min(held)), now);
                }
                2 if !running.is_empty() => {
                    let held = running.swap_remove(which.index(running.len()));
                    let before = meter.left(rates, now).tokens.unwrap_or(0);
                    meter.settle(rates, (held, 0), now);
                    let after = meter.left(rates, now).tokens.unwrap_or(0);
                    prop_assert!(after - before <= held, "a refund is at most its hold");
                }
                _ => {}
            }
            let held: u64 = running.iter().sum();
            let left = meter.tokens.left(limit, now);
            prop_assert!(held as f64 <= left + 1.0, "{held} held of {left}");
        }
    }
}

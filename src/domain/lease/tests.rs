use super::*;
use crate::domain::ModelType;

const NOW: UnixTime = UnixTime::from_seconds(1_700_000_000);

fn lease_request(limit: Option<u32>, trial: bool) -> LeaseRequest {
    LeaseRequest {
        limit,
        trial,
        tokens: 800.0,
        class: RequestClass::new(ModelType::Chat, true),
        ..LeaseRequest::default()
    }
}

#[test]
fn an_attempt_is_counted_while_its_lease_lives() {
    let (target, provider) = (Arc::default(), Arc::<LoadCounters>::default());
    let first = Lease::try_acquire(&target, &provider, lease_request(Some(1), false), NOW).unwrap();

    assert_eq!(provider.in_flight(), 1);
    assert!(Lease::try_acquire(&target, &provider, lease_request(Some(1), false), NOW).is_none());
    drop(first);
    assert_eq!((provider.in_flight(), target.in_flight()), (0, 0));
    assert_eq!(
        target.sent_totals(),
        SentTotals {
            requests: 1,
            tokens: 800
        }
    );
}

#[test]
fn a_full_target_or_a_used_up_minute_takes_no_capacity_of_its_provider() {
    let (target, provider) = (
        Arc::<LoadCounters>::default(),
        Arc::<LoadCounters>::default(),
    );
    let narrow = LeaseRequest {
        own_limit: Some(1),
        ..lease_request(Some(9), false)
    };
    let first = Lease::try_acquire(&target, &provider, narrow, NOW).unwrap();
    assert!(Lease::try_acquire(&target, &provider, narrow, NOW).is_none());
    assert_eq!(provider.in_flight(), 1);
    drop(first);

    let scarce = LeaseRequest {
        rates: RateLimits {
            requests: Some(1),
            tokens: None,
        },
        ..lease_request(Some(9), true)
    };
    let only = Lease::try_acquire(&target, &provider, scarce, NOW).unwrap();
    drop(only);
    assert!(Lease::try_acquire(&target, &provider, scarce, NOW).is_none());
    assert_eq!((provider.in_flight(), target.in_flight()), (0, 0));
    assert!(
        target.half_open_probes() == 0,
        "a probe that was not sent is not counted"
    );
}

#[test]
fn tokens_of_an_attempt_are_settled_once() {
    let (target, provider) = (
        Arc::<LoadCounters>::default(),
        Arc::<LoadCounters>::default(),
    );
    let rates = RateLimits {
        requests: None,
        tokens: Some(10_000),
    };
    let request = LeaseRequest {
        rates,
        most_tokens: 5_000,
        ..lease_request(None, false)
    };
    let left = || provider.rates_left(rates, NOW).tokens;
    let mut known = Lease::try_acquire(&target, &provider, request, NOW).unwrap();
    let unknown = Lease::try_acquire(&target, &provider, request, NOW).unwrap();
    assert_eq!(left(), Some(0));

    known.settle(Some(100), NOW);
    drop(known);
    drop(unknown);
    assert_eq!(left(), Some(10_000 - 100 - 800));
}

#[test]
fn only_one_half_open_probe_runs_at_a_time_and_it_ends_with_its_first_token() {
    let (target, provider) = (Arc::default(), Arc::default());
    let mut probe = Lease::try_acquire(&target, &provider, lease_request(None, true), NOW).unwrap();

    assert!(Lease::try_acquire(&target, &provider, lease_request(None, true), NOW).is_none());
    probe.on_first_token();
    let second = Lease::try_acquire(&target, &provider, lease_request(None, true), NOW);
    drop(probe);
    assert!(
        target.half_open_probes() == 1,
        "the first one's end does not end the second"
    );
    drop(second);
    assert_eq!(target.half_open_probes(), 0);
}

#[test]
fn as_many_half_open_probes_run_at_once_as_the_breaker_admits() {
    let (target, provider) = (Arc::default(), Arc::default());
    let probe = LeaseRequest {
        max_trials: 2,
        ..lease_request(None, true)
    };
    let acquire = || Lease::try_acquire(&target, &provider, probe, NOW);
    let first = acquire().unwrap();
    let _second = acquire().unwrap();
    assert!(acquire().is_none());
    drop(first);
    assert!(acquire().is_some());
}

#[test]
fn the_age_of_pending_streams_is_their_mean() {
    let (target, provider) = (Arc::<LoadCounters>::default(), Arc::default());
    let at = |seconds: u64| UnixTime::from_seconds(1_700_000_000 + seconds);
    let mut first =
        Lease::try_acquire(&target, &provider, lease_request(None, false), at(0)).unwrap();
    let second = Lease::try_acquire(&target, &provider, lease_request(None, false), at(2)).unwrap();

    assert_eq!(
        target.waiting(at(4)),
        PendingFirstTokens {
            count: 2,
            age: 3.0,
            arrived: 0.0
        }
    );
    first.on_first_token();
    first.on_first_token();
    assert_eq!(
        target.waiting(at(4)),
        PendingFirstTokens {
            count: 1,
            age: 2.0,
            arrived: 1.0
        }
    );
    assert_eq!(target.waiting(at(1)).age, 0.0, "a clock behind sees no age");
    drop(second);
    assert_eq!(target.waiting(at(4)), PendingFirstTokens::default());
}

#[test]
fn a_count_never_falls_below_zero() {
    let counters = LoadCounters::default();
    counters.release();

    assert_eq!(counters.in_flight(), 0);
}

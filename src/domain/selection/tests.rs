use super::{
    CandidateSet, ExclusionReason, NoEligibleTarget, RequestProfile, SelectionReason, TargetScope,
    TargetSelection, select_target,
};
use crate::domain::TargetIdx;
use crate::domain::failure::Failure;
use crate::domain::lease::{Lease, LeaseRequest};
use crate::domain::{
    AttemptBudget, BudgetConfig, Budgets, Candidate, CandidateKeys, Capabilities, Catalogue,
    Estimate, HedgeBudget, ModelType, ModelTypes, Price, RandomDraw, RateLimits, RequestClass,
    RoutingState, RoutingTable, SentTotals, Strategy, TargetId, Tuning, UnixTime, UpstreamLimit,
    UpstreamLimits, UpstreamQuota, WeightOverride, Weights,
};
use std::sync::Arc;

pub(super) const NOW: UnixTime = UnixTime::from_seconds(1_000);

pub(super) fn candidate(
    provider: usize,
    model: &str,
    usd: f64,
    seconds: f64,
    failure: f64,
) -> Candidate {
    let estimate = Estimate {
        first_token: seconds,
        per_token: 0.01,
        failure,
        samples: 10.0,
        measured: true,
        ..Estimate::default()
    };
    Candidate {
        id: TargetId::new(&format!("p{provider}"), model),
        provider: provider.into(),
        types: ModelTypes::CHAT,
        capabilities: Capabilities::default(),
        price: Some(Price::flat(usd, usd * 5.0)),
        standing: RoutingState::Usable,
        max_trials: 1,
        blocked_until: None,
        blocked_by: None,
        block_binds: true,
        awaits_trial: false,
        estimate,
        hedge_factor: None,
        window: estimate,
        quota: UpstreamQuota::default(),
        keys: CandidateKeys::default(),
        slow_from: None,
        slow_start_s: 10.0,
        succeeded_at: None,
        priority: 0.5,
        weights: Weights::default(),
        own_weights: WeightOverride::default(),
        max_concurrent: None,
        own_max_concurrent: None,
        rates: RateLimits::default(),
        load_counters: Arc::default(),
        provider_load_counters: Arc::default(),
    }
}

pub(super) fn table(candidates: Vec<Candidate>) -> RoutingTable {
    RoutingTable {
        catalogue: Arc::new(Catalogue::default()),
        client_limits: Arc::default(),
        strategy: Strategy::Adaptive,
        tuning: Tuning::default(),
        weights: Weights::default(),
        revision: 1,
        candidates,
        expected_output: 300.0,
        outputs: [300.0; RequestClass::COUNT],
        peers_first_token: 0.8,
        request_rate: 1.0,
        pinned: None,
        retries: Arc::new(AttemptBudget::retries(NOW)),
        hedges: Arc::new(HedgeBudget::new(NOW)),
        budgets: Arc::new(Budgets::new(&BudgetConfig::default(), NOW)),
        crowd: Arc::default(),
        max_in_flight: None,
    }
}

/// Returns a cheap and slow, a medium, and an expensive and fast target.
pub(super) fn three() -> RoutingTable {
    table(vec![
        candidate(0, "m", 0.5, 1.5, 0.02),
        candidate(1, "m", 1.5, 0.8, 0.02),
        candidate(2, "m", 3.0, 0.3, 0.02),
    ])
}

pub(super) fn ask() -> RequestProfile<'static> {
    RequestProfile::usual(ModelType::Chat)
}

pub(super) fn weigh(table: &mut RoutingTable, cost: f64, latency: f64, reliability: f64) {
    for candidate in &mut table.candidates {
        candidate.weights = Weights {
            cost,
            latency,
            reliability,
            load: 0.0,
            priority: 0.0,
        };
    }
}

/// Selects without exploration.
pub(super) fn choose(
    table: &RoutingTable,
    ask: &RequestProfile<'_>,
    draw: f64,
) -> Result<TargetSelection, NoEligibleTarget> {
    select_target(
        table,
        ask,
        NOW,
        RandomDraw::without_exploration(draw),
        &mut CandidateSet::default(),
    )
}

fn rejected(table: &RoutingTable, ask: &RequestProfile<'_>) -> Vec<(TargetIdx, ExclusionReason)> {
    let mut field = CandidateSet::default();
    field.evaluate(table, ask, NOW);
    field.rejected()
}

fn tried(tried: &[TargetIdx]) -> RequestProfile<'_> {
    RequestProfile { tried, ..ask() }
}

#[test]
fn constraints_exclude_targets_with_a_reason() {
    let mut table = three();
    table.candidates[1].price = None;
    table.candidates[0].estimate.measured = false;
    let cheap = |usd| RequestProfile {
        max_cost: Some(usd),
        ..ask()
    };
    let none = choose(&table, &cheap(1e-6), 0.0).unwrap_err();
    assert_eq!((none.rejected.len(), none.retry_after), (3, None));

    assert_eq!(choose(&table, &cheap(5e-6), 0.9).unwrap().target.get(), 0);
    assert_eq!(
        rejected(&table, &cheap(5e-6)),
        [
            (1.into(), ExclusionReason::UnknownPrice),
            (2.into(), ExclusionReason::AboveMaxCost)
        ]
    );
    let quick = RequestProfile {
        max_latency: Some(3.5),
        ..ask()
    };
    assert_eq!(
        rejected(&table, &quick),
        [(1.into(), ExclusionReason::AboveMaxLatency)],
        "an unmeasured target passes"
    );
}

#[test]
fn the_error_states_the_first_recovery() {
    let mut table = three();
    table.candidates[0].standing = RoutingState::Open(UnixTime::from_seconds(1_012));
    table.candidates[0].blocked_until = Some(UnixTime::from_seconds(1_020));
    table.candidates[1].blocked_until = Some(UnixTime::from_seconds(1_008));
    table.candidates[2].standing = RoutingState::Off("no key".into());

    let none = choose(&table, &ask(), 0.0).unwrap_err();

    assert_eq!(none.retry_after.unwrap().as_secs(), 8);
    let texts: Vec<String> = none.rejected.iter().map(|(_, why)| why.text(NOW)).collect();
    assert_eq!(
        texts,
        [
            "breaker open for 12 s more",
            "asked to wait 8 s more",
            "no key"
        ]
    );
}

#[test]
fn failures_that_need_an_operator_have_their_own_texts() {
    let text = |failure| {
        let until = UnixTime::from_seconds(1_300);
        ExclusionReason::CoolingDown(until, Some(failure)).text(NOW)
    };

    assert_eq!(
        text(Failure::Auth),
        "refuses the gateway's own key; check it. Excluded for 300 s more"
    );
    assert_eq!(
        text(Failure::Quota),
        "its account has no credit or quota left. Excluded for 300 s more"
    );
    assert_eq!(text(Failure::RateLimit(None)), "asked to wait 300 s more");
}

#[test]
fn a_last_resort_is_the_first_to_recover_and_respects_binding_cooldowns() {
    let mut table = three();
    table.candidates[0].standing = RoutingState::Open(UnixTime::from_seconds(1_020));
    table.candidates[1].blocked_until = Some(UnixTime::from_seconds(1_002));
    table.candidates[2].standing = RoutingState::Draining;

    let choice = choose(&table, &ask(), 0.0).unwrap();
    assert_eq!(
        (choice.target, choice.reason, choice.trial),
        (0.into(), SelectionReason::LastResort, false),
        "its provider asked for the wait, so it binds"
    );
    table.candidates[1].block_binds = false;
    assert_eq!(choose(&table, &ask(), 0.0).unwrap().target.get(), 1);

    table.candidates[1].standing = RoutingState::Off("no key".into());
    let hurried = RequestProfile {
        remaining: Some(2.0),
        ..ask()
    };
    assert!(choose(&table, &hurried, 0.0).is_err(), "no time for it");
}

#[test]
fn a_half_open_target_gets_one_probe_and_no_fallbacks_while_others_are_eligible() {
    let mut table = three();
    table.candidates[1].standing = RoutingState::HalfOpen;

    let choice = choose(&table, &ask(), 0.0).unwrap();
    assert_eq!(
        (choice.target, choice.reason, choice.trial),
        (1.into(), SelectionReason::HalfOpenProbe, true)
    );
    let trial = choice.acquire_lease(&table, NOW).unwrap();
    assert!(!choose(&table, &ask(), 0.0).unwrap().trial);
    drop(trial);
    let fallback = choose(&table, &tried(&[0.into()]), 0.0).unwrap();
    assert_eq!((fallback.target.get(), fallback.trial), (2, false));
    let last = choose(&table, &tried(&[0.into(), 2.into()]), 0.0).unwrap();
    assert_eq!(
        (last.target, last.reason, last.trial),
        (1.into(), SelectionReason::LastResort, false)
    );
}

#[test]
fn a_fallback_goes_to_another_provider_before_another_model() {
    let table = table(vec![
        candidate(0, "a", 0.1, 0.1, 0.01),
        candidate(0, "b", 0.1, 0.1, 0.01),
        candidate(1, "a", 3.0, 3.0, 0.01),
    ]);

    let next = choose(&table, &tried(&[0.into()]), 0.0).unwrap();
    assert_eq!(
        (next.target.get(), next.reason),
        (2, SelectionReason::Fallback)
    );
    let then = choose(&table, &tried(&[0.into(), 2.into()]), 0.0).unwrap();
    assert_eq!(then.target.get(), 1);
}

#[test]
fn a_preferred_provider_is_selected_unless_it_is_likely_to_fail() {
    let mut table = three();
    let preferring = RequestProfile {
        preferred: Some(2.into()),
        ..ask()
    };

    assert_eq!(
        choose(&table, &preferring, 0.0).unwrap().reason,
        SelectionReason::Preferred
    );
    table.candidates[2].estimate.failure = 0.6;
    assert_ne!(
        choose(&table, &preferring, 0.0).unwrap().reason,
        SelectionReason::Preferred
    );
}

#[test]
fn a_pinned_provider_gets_all_requests_while_it_is_eligible() {
    let mut table = three();
    table.pinned = Some(2.into());
    let preferring = RequestProfile {
        preferred: Some(0.into()),
        ..ask()
    };

    let choice = choose(&table, &preferring, 0.0).unwrap();
    assert_eq!(
        (choice.target.get(), choice.reason),
        (2, SelectionReason::Pinned)
    );
    assert_eq!(super::shares(&table, &ask(), NOW)[2].share, 1.0);
    assert_ne!(
        choose(&table, &tried(&[2.into()]), 0.0)
            .unwrap()
            .target
            .get(),
        2
    );
    table.candidates[2].standing = RoutingState::Draining;
    assert_eq!(
        choose(&table, &preferring, 0.0).unwrap().reason,
        SelectionReason::Preferred
    );
}

#[test]
fn a_provider_at_a_limit_is_excluded() {
    let mut table = three();
    table.candidates[2].max_concurrent = Some(1);
    let only = RequestProfile {
        scope: TargetScope::Only(&[2.into()]),
        ..ask()
    };
    let _lease = choose(&table, &only, 0.0)
        .unwrap()
        .acquire_lease(&table, NOW);
    let limit = UpstreamLimit {
        limit: 60.0,
        remaining: 0.0,
        reset: None,
    };
    let limits = UpstreamLimits {
        requests: Some(limit),
        tokens: None,
    };
    let sent = SentTotals::default();
    table.candidates[1]
        .quota
        .observe_headers(&limits, (NOW, sent), sent, NOW);

    assert_eq!(choose(&table, &ask(), 0.999).unwrap().target.get(), 0);
    assert_eq!(
        rejected(&table, &ask()),
        [
            (1.into(), ExclusionReason::UpstreamRateLimited(1.0)),
            (2.into(), ExclusionReason::ProviderAtCapacity(1))
        ]
    );
    assert!(
        choose(&table, &only, 0.0).is_err(),
        "concurrency limits hold for a last resort"
    );
    let short = RequestProfile {
        scope: TargetScope::Only(&[1.into()]),
        ..ask()
    };
    assert_eq!(
        choose(&table, &short, 0.0).unwrap().reason,
        SelectionReason::LastResort
    );
}

#[test]
fn a_target_unused_for_long_is_explored_at_times() {
    let table = three();
    for target in 0..3 {
        let only = [target.into()];
        let ask = RequestProfile {
            scope: TargetScope::Only(&only),
            ..ask()
        };
        // The middle one last.
        let when = UnixTime::from_seconds(if target == 1 { 900 } else { 990 });
        drop(
            choose(&table, &ask, 0.0)
                .unwrap()
                .acquire_lease(&table, when),
        );
    }
    let decide = |gate, now| {
        let random = RandomDraw { gate, draw: 0.0 };
        select_target(&table, &ask(), now, random, &mut CandidateSet::default()).unwrap()
    };

    let explored = decide(0.005, NOW);
    assert_eq!(
        (explored.target, explored.reason),
        (1.into(), SelectionReason::Exploration)
    );
    assert_eq!(decide(0.02, NOW).reason, SelectionReason::WeightedRandom);
    drop(explored.acquire_lease(&table, NOW));
    assert_eq!(
        decide(0.005, NOW).reason,
        SelectionReason::WeightedRandom,
        "no target is unused for long"
    );
}

#[test]
fn a_scope_of_targets_is_respected() {
    let only = RequestProfile {
        scope: TargetScope::Only(&[1.into()]),
        ..ask()
    };
    let choice = choose(&three(), &only, 0.99).unwrap();

    assert_eq!(
        (choice.target.get(), choice.reason),
        (1, SelectionReason::Only)
    );
}

#[test]
fn a_recovered_target_and_one_near_its_limit_get_smaller_shares() {
    let even = || {
        table(vec![
            candidate(0, "m", 1.0, 1.0, 0.02),
            candidate(1, "m", 1.0, 1.0, 0.02),
        ])
    };
    let share = |table: &RoutingTable| super::shares(table, &ask(), NOW)[1].share;

    let mut recovered = even();
    recovered.candidates[1].slow_from = Some(UnixTime::from_seconds(995));
    assert!((share(&recovered) - 1.0 / 3.0).abs() < 1e-9, "half way");
    recovered.candidates[1].slow_from = Some(UnixTime::from_seconds(900));
    assert!((share(&recovered) - 0.5).abs() < 1e-9);

    let mut short = even();
    let limit = UpstreamLimit {
        limit: 1_000.0,
        remaining: 15.0,
        reset: None,
    };
    let limits = UpstreamLimits {
        requests: Some(limit),
        tokens: None,
    };
    let sent = SentTotals::default();
    short.candidates[1]
        .quota
        .observe_headers(&limits, (NOW, sent), sent, NOW);
    assert!((share(&short) - 0.1 / 1.1).abs() < 1e-9);
}

#[test]
fn a_target_that_was_never_measured_gets_one_of_the_next_requests() {
    let mut table = three();
    table.candidates[2].estimate.samples = 0.0;
    table.candidates[2].price = table.candidates[0].price;
    let look = |table: &RoutingTable, gate: f64| {
        let (ask, luck) = (
            RequestProfile::usual(ModelType::Chat),
            RandomDraw { gate, draw: 0.0 },
        );
        select_target(table, &ask, NOW, luck, &mut CandidateSet::default()).expect("a target")
    };

    let choice = look(&table, 0.15);
    assert_eq!(
        (choice.target.get(), choice.reason),
        (2, SelectionReason::Exploration)
    );
    assert_ne!(look(&table, 0.25).reason, SelectionReason::Exploration);
    let lease = choice.acquire_lease(&table, NOW);
    assert!(lease.is_some());
    assert_ne!(
        look(&table, 0.15).reason,
        SelectionReason::Exploration,
        "one at a time"
    );
}

#[test]
fn a_target_whose_price_alone_rules_it_out_is_explored_a_tenth_as_often() {
    let explored = |usd: f64, gate: f64| {
        let mut table = three();
        table.candidates[0].price = Some(Price::flat(0.1, 0.5));
        table.candidates[2].price = Some(Price::flat(usd, usd * 5.0));
        table.candidates[2].estimate.samples = 0.0;
        let in_use = |target: usize| {
            let candidate = &table.candidates[target];
            let (own, provider) = (&candidate.load_counters, &candidate.provider_load_counters);
            Lease::try_acquire(own, provider, LeaseRequest::default(), NOW)
        };
        let _leases = [in_use(0), in_use(1)];
        let (ask, luck) = (
            RequestProfile::usual(ModelType::Chat),
            RandomDraw { gate, draw: 0.0 },
        );
        let choice = select_target(&table, &ask, NOW, luck, &mut CandidateSet::default());
        choice.expect("a target").target.get() == 2
    };
    assert!(explored(0.2, 0.005));
    assert!(!explored(100.0, 0.005));
    assert!(explored(100.0, 0.0005));
}

use super::*;
use crate::domain::{
    AttemptEnd, AttemptStart, BalancerState, CandidateSet, Capabilities, Catalogue, DecisionId,
    Failure, MeasuredUsage, ModelType, ModelTypes, Observation, Outcome, Price, Provider,
    ProviderPatch, RandomDraw, RequestClass, RequestProfile, RequestTerms, SelectionContext,
    SelectionRound, Strategy, Target, TargetId, UnixTime, UpstreamLimits, Usage, Weights,
    select_target,
};
use std::sync::Arc;
use std::time::Duration;

const LIMITS: RunLimits = RunLimits {
    first_token_s: 10.0,
    response_s: 30.0,
    max_retries: 2,
};

fn at(seconds: f64) -> UnixTime {
    UnixTime::from_seconds(1_000_000).plus(Duration::from_secs_f64(seconds))
}

fn state(names: &[&str]) -> BalancerState {
    let mut catalogue = Catalogue::default();
    for (place, name) in names.iter().enumerate() {
        catalogue.providers.push(Provider::new(name, "simulated"));
        catalogue.targets.push(Target {
            id: TargetId::new(name, "model"),
            provider: place.into(),
            types: ModelTypes::CHAT,
            capabilities: Capabilities::default(),
            price: Some(Price::flat(1.0 + place as f64, 4.0)),
            max_concurrent: None,
        });
    }
    BalancerState::new(
        catalogue,
        Strategy::Adaptive,
        Weights::default(),
        1,
        at(0.0),
    )
}

/// Sends one request in a second for so many seconds; every answer takes two, or fails.
fn traffic(state: &mut BalancerState, seconds: u32, failure: Option<Failure>) {
    for second in 0..seconds {
        request_at(state, second, |_| (2.0, failure));
    }
}

/// Sends a request; its target answers or fails after so many seconds.
fn request_at(
    state: &mut BalancerState,
    second: u32,
    fate: impl Fn(usize) -> (f64, Option<Failure>),
) {
    let mut field = CandidateSet::default();
    let profile = RequestProfile::usual(ModelType::Chat);
    let now = at(f64::from(second));
    state.tick(now);
    let table = state.routing_table(now);
    let draw = RandomDraw::without_exploration(f64::from(second % 10) / 10.0);
    let choice = select_target(&table, &profile, now, draw, &mut field).ok();
    let context = SelectionContext {
        decision: DecisionId(u64::from(second)),
        is_dry_run: false,
        attempt: 1,
        class: RequestClass::new(ModelType::Chat, true),
        input: 500.0,
        luck: draw,
        at: now,
    };
    let round = SelectionRound::of(&table, &field, choice.as_ref(), context)
        .with_terms(RequestTerms::of(&profile, None));
    state.observe(&Observation::Selection(Box::new(round)), now);
    let Some(choice) = choice else { return };
    let (seconds, failure) = fate(choice.target.get());
    let ended = now.plus(Duration::from_secs_f64(seconds));
    state.observe(&attempt(choice.target, now, ended, failure), ended);
}

fn attempt(
    target: crate::domain::TargetIdx,
    started: UnixTime,
    ended: UnixTime,
    failure: Option<Failure>,
) -> Observation {
    let usage = Usage {
        input: 500,
        output: 100,
        ..Usage::default()
    };
    Observation::Attempt(AttemptEnd {
        decision: DecisionId(0),
        identity: Arc::default(),
        number: 1,
        target,
        started,
        ended,
        outcome: failure.map_or(Outcome::Success, Outcome::Failed),
        status: None,
        message: None,
        first_token: failure.is_none().then_some(0.5),
        usage: failure.is_none().then(|| MeasuredUsage::exact(usage)),
        cost: None,
        streamed: true,
        trial: false,
        dropped_fields: 0,
        ticket: AttemptStart {
            started,
            class: RequestClass::new(ModelType::Chat, true),
            prompt: 500.0,
            ..AttemptStart::default()
        },
        limits: UpstreamLimits::default(),
        client_deadline_hit: false,
        abandoned_after: None,
    })
}

fn full(data: &TrafficData, draft: &SettingsDraft) -> ClosedLoopForecast {
    forecast(data, draft, LIMITS, (ForecastEffort::Full, 7)).expect("the draft is valid")
}

#[test]
fn without_traffic_it_says_so() {
    let mut state = state(&["a", "b"]);
    let data = TrafficData::of(&state, at(0.0));
    assert!(full(&data, &SettingsDraft::default()).is_too_little);

    traffic(&mut state, 60, None);
    let data = TrafficData::of(&state, at(60.0));
    let answer = full(&data, &SettingsDraft::default());
    assert!(answer.is_too_little && answer.targets.is_empty());
    assert_eq!(answer.requests, 60);
}

#[test]
fn one_provider_gets_everything_and_one_without_an_answer_is_hardly_measured() {
    let mut one = state(&["a"]);
    traffic(&mut one, 200, None);
    let answer = full(&TrafficData::of(&one, at(202.0)), &SettingsDraft::default());
    assert_eq!(answer.targets[0].then.share.value, 1.0);
    assert!(!answer.targets[0].is_hardly_measured, "{answer:?}");
    assert!(
        (answer.then.p50_ms.unwrap() - 2_000.0).abs() < 500.0,
        "{answer:?}"
    );

    let mut down = state(&["a", "b"]);
    traffic(&mut down, 200, Some(Failure::Server));
    // A target that is out gets hardly an attempt; two failures would leave it a chance.
    for number in 0..40_u32 {
        let ended = at(200.0 + f64::from(number) / 20.0);
        let target = (number as usize % 2).into();
        down.observe(
            &attempt(target, at(199.0), ended, Some(Failure::Server)),
            ended,
        );
    }
    let answer = full(
        &TrafficData::of(&down, at(202.0)),
        &SettingsDraft::default(),
    );
    assert!(answer.targets.iter().all(|it| it.is_hardly_measured));
    assert!(
        answer.then.success_rate.unwrap_or_default() < 0.2,
        "{answer:?}"
    );
}

#[test]
fn a_drained_provider_gets_nothing_and_equal_input_gives_an_equal_answer() {
    let mut state = state(&["a", "b"]);
    traffic(&mut state, 300, None);
    let data = TrafficData::of(&state, at(302.0));
    let patch = ProviderPatch {
        draining: Some(true),
        ..ProviderPatch::default()
    };
    let drain = SettingsDraft {
        providers: [(0.into(), patch)].into(),
        ..SettingsDraft::default()
    };

    let answer = full(&data, &drain);

    let share = |target: usize| {
        let found = answer.targets.iter().find(|it| it.target.get() == target);
        found.map_or(0.0, |it| it.then.share.high)
    };
    assert_eq!((share(0), share(1)), (0.0, 1.0), "{answer:?}");
    assert_eq!(answer, full(&data, &drain));
}

#[test]
fn a_run_changes_nothing_of_the_live_state() {
    let mut state = state(&["a", "b", "c"]);
    traffic(&mut state, 300, None);
    let now = at(302.0);
    let before = format!("{:?}", state.routing_table(now));
    let budgets = format!("{:?}", state.snapshot(60, now).budget);
    let data = TrafficData::of(&state, now);
    full(&data, &SettingsDraft::default());

    assert_eq!(before, format!("{:?}", state.routing_table(now)));
    assert_eq!(budgets, format!("{:?}", state.snapshot(60, now).budget));
    assert_eq!(data.state().snapshot(60, now).events.len(), 0);
}

#[test]
fn a_fork_learns_as_the_original_does() {
    let mut state = state(&["a", "b", "c"]);
    traffic(&mut state, 100, None);
    let mut fork = state.fork(at(102.0));
    for step in 0..1_000_u32 {
        let started = at(102.0 + f64::from(step));
        let ended = started.plus(Duration::from_millis(500 + u64::from(step % 7) * 300));
        let failure = (step % 11 == 0).then_some(Failure::Server);
        let end = attempt((step as usize % 3).into(), started, ended, failure);
        for copy in [&mut state, &mut fork] {
            copy.observe(&end, ended);
            copy.tick(ended);
        }
    }
    let table = |state: &BalancerState| {
        let mut table = state.routing_table(at(1_200.0));
        for candidate in &mut table.candidates {
            // Each counts its own attempts.
            candidate.load_counters = Arc::default();
            candidate.provider_load_counters = Arc::default();
        }
        format!(
            "{:?}",
            (table.candidates, table.peers_first_token, table.outputs)
        )
    };
    assert_eq!(table(&state), table(&fork));
}

#[test]
fn an_invalid_draft_is_an_error() {
    let state = state(&["a"]);
    let data = TrafficData::of(&state, at(0.0));
    let weights = Weights {
        cost: 90.0,
        ..Weights::default()
    };
    let draft = SettingsDraft {
        weights: Some(weights),
        ..SettingsDraft::default()
    };
    let effort = (ForecastEffort::Quick, 1);
    assert!(forecast(&data, &draft, LIMITS, effort).is_err());
}

fn advice(state: &BalancerState, now: UnixTime, goal: ServiceGoal) -> WeightAdvice {
    let data = TrafficData::of(state, now);
    advise(&data, goal, LIMITS, 7).expect("the weights in force are valid")
}

/// A cheap slow target and a dear fast one.
fn slow_and_fast() -> BalancerState {
    let mut state = state(&["cheap", "dear"]);
    for second in 0..400_u32 {
        // One target alone would say nothing of the other.
        let seconds = |target| if target == 0 { 6.0 } else { 1.0 };
        request_at(&mut state, second, |target| (seconds(target), None));
        let other = usize::from(second % 2 == 0);
        let started = at(f64::from(second));
        let ended = started.plus(Duration::from_secs_f64(seconds(other)));
        state.observe(&attempt(other.into(), started, ended, None), ended);
    }
    state
}

#[test]
fn the_cheapest_weights_that_meet_a_goal_are_found() {
    let state = slow_and_fast();
    let goal = ServiceGoal {
        p95_ms: Some(9_000.0),
        success_rate: Some(0.9),
        usd_per_day: None,
    };
    let loose = advice(&state, at(402.0), goal);
    assert!(loose.is_met && loose.missed.is_empty(), "{loose:?}");
    assert!(loose.then.met_share >= 0.75, "{loose:?}");

    let strict = ServiceGoal {
        p95_ms: Some(2_500.0),
        ..goal
    };
    let strict = advice(&state, at(402.0), strict);
    assert!(strict.is_met, "{strict:?}");
    assert!(strict.then.weights.latency > loose.then.weights.latency);
    let cost = |it: &WeightAdvice| it.then.figures.usd_per_1k.unwrap_or_default().value;
    assert!(cost(&strict) > cost(&loose), "{strict:?} {loose:?}");
    let sum = strict.then.weights;
    assert_eq!(sum.cost + sum.latency + sum.reliability, 100.0);
}

#[test]
fn a_goal_out_of_reach_has_the_nearest_weights_and_what_limits() {
    let state = slow_and_fast();
    let goal = ServiceGoal {
        p95_ms: Some(300.0),
        ..ServiceGoal::default()
    };

    let advice = advice(&state, at(402.0), goal);

    assert!(!advice.is_met && advice.then.met_share < 0.75, "{advice:?}");
    let [missed] = advice.missed.as_slice() else {
        panic!("{advice:?}")
    };
    assert_eq!((missed.part, missed.wanted), (GoalPart::P95, 300.0));
    assert!(missed.expected >= missed.best, "{missed:?}");
    assert!(missed.best > Some(300.0), "{missed:?}");
    let p95 = |it: &JudgedWeights| it.figures.p95_ms.unwrap_or_default().value;
    assert!(p95(&advice.then) <= p95(&advice.now), "{advice:?}");
}

#[test]
fn advice_needs_traffic() {
    let goal = ServiceGoal {
        success_rate: Some(0.5),
        ..ServiceGoal::default()
    };
    let advice = advice(&state(&["a"]), at(0.0), goal);
    assert!(advice.is_too_little && !advice.is_met);
    assert_eq!(advice.tried, 0);
}

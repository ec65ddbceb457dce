//! Forecasts after a restart, from the traffic before it.

use super::{TestDatabase, now, on_both};
use aibal_tui::domain::{
    AttemptEnd, AttemptStart, BalancerState, CandidateSet, Capabilities, Catalogue,
    ClosedLoopForecast, DecisionId, Failure, ForecastEffort, KeyIdx, MeasuredUsage, ModelType,
    ModelTypes, Money, Observation, Outcome, Price, Provider, ProviderKey, RandomDraw, RequestEnd,
    RequestIdentity, RequestOutcome, RequestProfile, RequestTerms, RunLimits, SelectionContext,
    SelectionRound, SettingsDraft, SplitMix64, Strategy, Target, TargetId, TargetIdx, TargetScope,
    TrafficData, UnixTime, UpstreamLimits, Usage, Weights, forecast, select_target,
};
use aibal_tui::store::{Journal, JournalStart};
use std::sync::Arc;
use std::time::Duration;

/// Seconds of traffic before the restart, and without a process.
const TRAFFIC_S: u64 = 480;
const PAUSE_S: u64 = 60;
const LIMITS: RunLimits = RunLimits {
    first_token_s: 10.0,
    response_s: 30.0,
    max_retries: 2,
};

/// A fast and dear provider, one in between, and a slow and cheap one.
fn state(at: UnixTime) -> BalancerState {
    let mut catalogue = Catalogue::default();
    for (place, name) in ["fast", "middle", "cheap"].into_iter().enumerate() {
        catalogue.providers.push(Provider::new(name, "simulated"));
        catalogue.targets.push(Target {
            id: TargetId::new(name, "model"),
            provider: place.into(),
            types: ModelTypes::CHAT,
            capabilities: Capabilities::default(),
            price: Some(Price::flat(
                3.0 / (1.0 + place as f64),
                9.0 / (1.0 + place as f64),
            )),
            max_concurrent: None,
        });
    }
    BalancerState::new(catalogue, Strategy::Adaptive, Weights::default(), 1, at)
}

/// One process with its journal.
struct Process {
    state: BalancerState,
    journal: Journal,
    luck: SplitMix64,
}

impl Process {
    fn observe(&mut self, observation: &Observation, at: UnixTime) {
        self.state.observe(observation, at);
        self.journal.observed(observation, &self.state);
    }

    /// A request from its selection to its end; every fourth allows the cheap provider only.
    fn request(&mut self, number: u64, at: UnixTime) {
        self.state.tick(at);
        let table = self.state.routing_table(at);
        let only = [2.into()];
        let mut profile = RequestProfile {
            input: 300.0 + 40.0 * (number % 20) as f64,
            max_tokens: Some(400.0),
            ..RequestProfile::usual(ModelType::Chat)
        };
        if number.is_multiple_of(4) {
            profile.scope = TargetScope::Only(&only);
        }
        let mut field = CandidateSet::default();
        let luck = RandomDraw::of(&mut self.luck);
        let chosen = select_target(&table, &profile, at, luck, &mut field).unwrap();
        let identity = Arc::new(RequestIdentity {
            client: "ann".into(),
            ..RequestIdentity::default()
        });
        let context = context(number, &profile, luck, at);
        let round = SelectionRound::of(&table, &field, Some(&chosen), context)
            .with_terms(RequestTerms::of(&profile, Some(&identity.client)));
        self.observe(&Observation::Selection(Box::new(round)), at);
        self.answer(number, (chosen.target, at), &profile, identity);
    }

    /// The answer to a request, at the pace of its target.
    fn answer(
        &mut self,
        number: u64,
        (target, at): (TargetIdx, UnixTime),
        profile: &RequestProfile<'_>,
        identity: Arc<RequestIdentity>,
    ) {
        let tokens = 100 + number * 37 % 200;
        let pace = 1.0 + target.get() as f64;
        let first_token = 0.3 * pace;
        let seconds = first_token + 0.004 * pace * tokens as f64;
        let usage = MeasuredUsage::exact(Usage {
            input: 500,
            output: tokens,
            ..Usage::default()
        });
        let ended = at.plus(Duration::from_secs_f64(seconds));
        let cost = Some(Money::from_usd(tokens as f64 * 9e-6 / pace));
        let end = AttemptEnd {
            identity: Arc::clone(&identity),
            first_token: Some(first_token),
            usage: Some(usage),
            cost,
            ..attempt_end(number, target, (at, ended), profile)
        };
        self.observe(&Observation::Attempt(end), ended);
        let end = request_end(number, identity, (target, usage, cost), (at, ended));
        self.observe(&Observation::Request(end), ended);
    }
}

fn context(
    number: u64,
    profile: &RequestProfile<'_>,
    luck: RandomDraw,
    at: UnixTime,
) -> SelectionContext {
    SelectionContext {
        decision: DecisionId(number),
        is_dry_run: false,
        attempt: 1,
        class: profile.class,
        input: profile.input,
        luck,
        at,
    }
}

/// A stream without content.
fn attempt_end(
    number: u64,
    target: TargetIdx,
    (started, ended): (UnixTime, UnixTime),
    profile: &RequestProfile<'_>,
) -> AttemptEnd {
    AttemptEnd {
        decision: DecisionId(number),
        identity: Arc::default(),
        number: 1,
        target,
        started,
        ended,
        outcome: Outcome::Success,
        status: Some(200),
        message: None,
        first_token: None,
        usage: None,
        cost: None,
        streamed: true,
        trial: false,
        dropped_fields: 0,
        ticket: AttemptStart {
            started,
            class: profile.class,
            prompt: profile.input,
            ..AttemptStart::default()
        },
        limits: UpstreamLimits::default(),
        client_deadline_hit: false,
        abandoned_after: None,
    }
}

fn request_end(
    number: u64,
    identity: Arc<RequestIdentity>,
    (target, usage, cost): (TargetIdx, MeasuredUsage, Option<Money>),
    (started, ended): (UnixTime, UnixTime),
) -> RequestEnd {
    RequestEnd {
        decision: DecisionId(number),
        identity,
        request_id: String::new(),
        started,
        ended,
        outcome: RequestOutcome::Ok,
        status: Some(200),
        message: None,
        target: Some(target),
        score: None,
        reason: String::new(),
        attempts: 1,
        fallbacks: 0,
        hedge: None,
        first_content: None,
        gateway_seconds: None,
        usage: Some(usage),
        cost,
        dropped_fields: Vec::new(),
    }
}

/// Forecasts more weight on cost.
fn cheaper(state: &BalancerState, at: UnixTime) -> ClosedLoopForecast {
    let draft = SettingsDraft {
        weights: Some(Weights {
            cost: 80.0,
            latency: 10.0,
            reliability: 10.0,
            ..Weights::default()
        }),
        ..SettingsDraft::default()
    };
    let data = TrafficData::of(state, at);
    forecast(&data, &draft, LIMITS, (ForecastEffort::Full, 7)).unwrap()
}

/// An attempt with the first of two keys of the first provider, which is refused.
fn refuse_first_key(process: &mut Process, at: UnixTime) {
    let table = process.state.routing_table(at);
    let (profile, only) = (RequestProfile::usual(ModelType::Chat), [0.into()]);
    let profile = RequestProfile {
        scope: TargetScope::Only(&only),
        ..profile
    };
    let (luck, mut field) = (RandomDraw::default(), CandidateSet::default());
    let chosen = select_target(&table, &profile, at, luck, &mut field).unwrap();
    let context = context(1, &profile, luck, at);
    let round = SelectionRound::of(&table, &field, Some(&chosen), context);
    process.observe(&Observation::Selection(Box::new(round)), at);
    let end = AttemptEnd {
        outcome: Outcome::Failed(Failure::Auth),
        usage: None,
        cost: None,
        ticket: AttemptStart {
            key: Some(KeyIdx::new(0)),
            started: at,
            ..AttemptStart::default()
        },
        ..attempt_end(1, 0.into(), (at, at), &profile)
    };
    process.observe(&Observation::Attempt(end), at);
    let usage = MeasuredUsage::ZERO;
    let end = request_end(1, Arc::default(), (0.into(), usage, None), (at, at));
    process.observe(&Observation::Request(end), at);
}

on_both! {
    async fn a_refused_key_takes_nothing_with_it_after_a_restart(database: TestDatabase) {
        let at = now();
        let pool = || {
            let mut state = state(at);
            let mut catalogue = Catalogue::clone(state.catalogue());
            catalogue.providers[0].keys.keys = ["env:A", "env:B"].map(|name| ProviderKey {
                name: name.into(),
                weight: 1.0,
            }).to_vec();
            state = BalancerState::new(catalogue, Strategy::Adaptive, Weights::default(), 1, at);
            state
        };
        let store = database.open().await;
        let mut journal = Journal::new(store.clone(), at);
        journal.restored(JournalStart::default());
        let mut old = Process { state: pool(), journal, luck: SplitMix64::new(3) };
        refuse_first_key(&mut old, at);
        store.flush().await;
        store.close().await;

        let (store, mut new) = (database.open().await, pool());
        let _ = store.load_history(at).await.unwrap().apply(&mut new, at);
        let candidate = &new.routing_table(at).candidates[0];
        let refused = |key: usize| candidate.keys.keys[key].blocked.map(|(_, failure)| failure);
        assert_eq!((refused(0), refused(1)), (Some(Failure::Auth), None));
        assert_eq!(candidate.blocked_until, None);
        store.close().await;
    }

    async fn a_forecast_after_a_restart_is_that_of_before(database: TestDatabase) {
        let restart = now();
        let stop = restart.minus(Duration::from_secs(PAUSE_S));
        let begin = stop.minus(Duration::from_secs(TRAFFIC_S));
        let store = database.open().await;
        let mut journal = Journal::new(store.clone(), begin);
        journal.restored(JournalStart::default());
        let mut old = Process { state: state(begin), journal, luck: SplitMix64::new(3) };
        for number in 0..TRAFFIC_S {
            old.request(number, begin.plus(Duration::from_secs(number)));
        }
        let before = cheaper(&old.state, stop);
        assert!(!before.is_too_little, "{before:?}");
        store.flush().await;
        store.close().await;

        let store = database.open().await;
        let mut new = state(restart);
        let _ = store.load_history(restart).await.unwrap().apply(&mut new, restart);
        let after = cheaper(&new, restart);

        assert_eq!((after.requests, after.runs), (before.requests, before.runs));
        assert!(!after.is_too_little, "{after:?}");
        assert_eq!(after.targets.len(), before.targets.len());
        for (old, new) in before.targets.iter().zip(&after.targets) {
            for (old, new) in [(old.now, new.now), (old.then, new.then)] {
                let difference = (old.share.value - new.share.value).abs();
                assert!(difference <= 0.03, "{before:#?}, {after:#?}");
            }
        }
        let usd = |it: &ClosedLoopForecast| it.then.usd_per_1k.unwrap().value;
        assert!((usd(&after) / usd(&before) - 1.0).abs() <= 0.05, "{before:#?}, {after:#?}");
        let moved = |it: &ClosedLoopForecast| it.targets.iter().any(|it| it.then.share.value > it.now.share.value + 0.1);
        assert!(moved(&before), "the draft changes something: {before:#?}");
        store.close().await;
    }
}

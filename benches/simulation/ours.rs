//! The balancer of this project, driven by the calls that the engine and the gateway use, and by no
//! others.

use super::fleet::{catalogue, limits, session_key, usage};
use super::keys::RequestKeys;
use super::player::{AttemptId, End, Known, Player};
use super::scenario::Scenario;
use super::traffic::{Request, Work};
use super::vendor::Headers;
use aibal_tui::domain::{
    AttemptEnd, BalancerState, CandidateSet, Command, DecisionId, DecisionRecord, Failure,
    FirstToken, KeyIdx, KeyScope, Lease, MeasuredUsage, Money, Observation, Outcome, PromptCaches,
    ProviderOverride, ProviderPatch, RandomDraw, RequestClass, RequestEnd, RequestOutcome,
    RequestProfile, RequestTerms, RoutingTable, SelectionContext, SelectionReason, SelectionRound,
    ServedPrompt, SessionKey, SettingsDraft, SplitMix64, Strategy, TargetIdx, TargetScope,
    TargetSelection, TrafficData, Tuning, UnixTime, UpstreamLimits, Weights, WhatIfSettings,
    select_target, simulate,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The world begins here; before it lies time enough for everything to look back.
const EPOCH: u64 = 1_700_000_000;

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times of a run are positive and short"
)]
pub fn moment(t: f64) -> UnixTime {
    UnixTime::from_micros(EPOCH * 1_000_000 + (t * 1e6) as u64)
}

/// The lifetime of a prompt cache that is assumed.
const CACHE_LIFETIME: Duration = Duration::from_mins(5);

/// An attempt under way.
struct Running {
    lease: Lease,
    decision: DecisionId,
    streamed: bool,
    input: f64,
    session: Option<SessionKey>,
    first_token: Option<f64>,
    /// Number of the attempt, 1 for the first.
    number: u32,
    hedge_delay: Option<Duration>,
}

impl Running {
    fn end(&self, vendor: usize, outcome: Outcome, t: f64) -> AttemptEnd {
        AttemptEnd {
            decision: self.decision,
            identity: Arc::default(),
            target: vendor.into(),
            started: self.lease.attempt_start().started,
            ended: moment(t),
            outcome,
            first_token: self.first_token,
            usage: None,
            cost: None,
            streamed: self.streamed,
            trial: self.lease.is_half_open_probe(),
            number: self.number,
            status: None,
            message: None,
            dropped_fields: 0,
            ticket: self.lease.attempt_start(),
            limits: UpstreamLimits::default(),
            client_deadline_hit: false,
            abandoned_after: None,
        }
    }
}

/// The balancer of this project.
pub struct Ours {
    fleet: BalancerState,
    table: RoutingTable,
    field: CandidateSet,
    chance: SplitMix64,
    places: BTreeMap<AttemptId, Running>,
    left_keys: RequestKeys,
    /// What the vendors' caches hold, where that is considered.
    caches: Option<PromptCaches>,
    /// Whether selections and ends of requests are reported, as the gateway does.
    records: bool,
}

impl Ours {
    pub fn new(scenario: &Scenario, strategy: Strategy, weights: Weights, seed: u64) -> Self {
        let present = |vendor: usize| !scenario.mood(vendor, 0.0).is_absent;
        let catalogue = catalogue(&scenario.vendors, present);
        let fleet = BalancerState::new(catalogue, strategy, weights, seed, moment(0.0));
        let fleet = fleet.with_tuning(Tuning {
            hedge: scenario.hedge,
            ..Tuning::default()
        });
        Self {
            table: fleet.routing_table(moment(0.0)),
            fleet,
            field: CandidateSet::default(),
            chance: SplitMix64::new(seed),
            places: BTreeMap::new(),
            left_keys: RequestKeys::default(),
            caches: scenario.has_affinity.then(PromptCaches::default),
            records: false,
        }
    }

    /// The same with reports of selections and ends of requests.
    pub fn recording(self) -> Self {
        Self {
            records: true,
            ..self
        }
    }

    /// Replays the single decisions of the last five minutes.
    fn open_loop(&self, draft: &SettingsDraft, t: f64) -> Vec<f64> {
        let mut supposed = WhatIfSettings::from(draft.weights.unwrap_or(self.table.weights));
        for (provider, patch) in &draft.providers {
            let changed = ProviderOverride {
                priority: patch.priority.map(|points| points / 100.0),
                weights: patch.weights,
            };
            supposed.providers.insert(*provider, changed);
        }
        let from = moment(t - 300.0);
        let is_recent =
            |it: &&Arc<DecisionRecord>| it.end.as_ref().is_some_and(|end| end.started >= from);
        let decisions = self.fleet.decisions().iter().filter(is_recent);
        let decisions: Vec<_> = decisions.cloned().collect();
        let mut shares = vec![0.0; self.table.candidates.len()];
        for target in simulate(&decisions, &supposed).targets {
            shares[target.target.get()] = target.then.share;
        }
        shares
    }

    /// The last target once more where it has another key, else the best of the others.
    fn selected(
        &mut self,
        request: u64,
        ask: &RequestProfile<'_>,
        luck: RandomDraw,
        now: UnixTime,
    ) -> Option<TargetSelection> {
        let left = self.left_keys.of(request);
        let ask = RequestProfile {
            keys: KeyScope {
                tried: left.as_slice(),
                ..ask.keys
            },
            ..*ask
        };
        if let Some(target) = self.left_keys.take_stay(request) {
            let again = RequestProfile {
                scope: TargetScope::Only(&[target]),
                tried: &[],
                ..ask
            };
            let choice = select_target(&self.table, &again, now, luck, &mut self.field);
            let usable = choice
                .ok()
                .filter(|it| it.reason != SelectionReason::LastResort);
            if usable.is_some() {
                return usable;
            }
        }
        select_target(&self.table, &ask, now, luck, &mut self.field).ok()
    }

    fn observe(&mut self, observation: &Observation, t: f64) {
        self.fleet.observe(observation, moment(t));
        self.table = self.fleet.routing_table(moment(t));
    }
}

impl Ours {
    fn select(
        &mut self,
        request: &Request,
        earlier: &[usize],
        (attempt, is_hedge): (AttemptId, bool),
        t: f64,
    ) -> Option<usize> {
        let now = moment(t);
        if earlier.is_empty() {
            let rate = self.table.request_rate;
            self.table.retries.deposit(rate, now);
            self.table.hedges.deposit(rate, now);
        }
        let kind = request.work.kind();
        let tried: Vec<TargetIdx> = earlier.iter().copied().map(Into::into).collect();
        let session = request.session.map(session_key);
        let cached = session
            .zip(self.caches.as_ref())
            .map(|(session, caches)| caches.expected(session, request.input, now));
        let cached = cached.unwrap_or_default();
        let ask = RequestProfile {
            scope: TargetScope::Type(kind),
            class: RequestClass::new(kind, request.streamed)
                .with_tools(request.work == Work::ToolCall)
                .with_max_tokens(request.work.max_tokens()),
            input: request.input,
            max_tokens: request.work.max_tokens(),
            remaining: Some(request.deadline() - t),
            tried: &tried,
            cached: &cached,
            is_hedge,
            ..RequestProfile::usual(kind)
        };
        let luck = if earlier.is_empty() {
            RandomDraw::of(&mut self.chance)
        } else {
            RandomDraw::default()
        };
        let choice = self.selected(request.id, &ask, luck, now)?;
        if self.records && earlier.is_empty() {
            let context = SelectionContext {
                decision: DecisionId(request.id),
                is_dry_run: false,
                attempt: 1,
                class: ask.class,
                input: ask.input,
                luck,
                at: now,
            };
            let round = SelectionRound::of(&self.table, &self.field, Some(&choice), context)
                .with_terms(RequestTerms::of(&ask, None));
            self.fleet
                .observe(&Observation::Selection(Box::new(round)), now);
        }
        let lease = choice.acquire_lease(&self.table, now)?;
        let running = Running {
            lease,
            decision: DecisionId(request.id),
            streamed: request.streamed,
            input: request.input,
            session,
            first_token: None,
            number: u32::try_from(earlier.len()).map_or(u32::MAX, |earlier| earlier + 1),
            hedge_delay: choice.hedge_delay(&self.table),
        };
        self.places.insert(attempt, running);
        Some(choice.target.get())
    }

    /// What a prompt costs at a vendor.
    fn prompt_cost(&self, vendor: usize, tokens: f64) -> Money {
        let price = self.table.candidates[vendor].price;
        Money::from_usd(price.map_or(0.0, |price| price.cost_of(tokens, 0.0)))
    }
}

impl Player for Ours {
    fn choose(
        &mut self,
        request: &Request,
        earlier: &[usize],
        attempt: AttemptId,
        t: f64,
    ) -> Option<usize> {
        self.select(request, earlier, (attempt, false), t)
    }

    fn key(&self, attempt: AttemptId) -> Option<usize> {
        let running = self.places.get(&attempt)?;
        running.lease.attempt_start().key.map(KeyIdx::get)
    }

    fn hedge_delay(&self, attempt: AttemptId) -> Option<f64> {
        let delay = self.places.get(&attempt)?.hedge_delay?;
        Some(delay.as_secs_f64())
    }

    fn hedge(
        &mut self,
        request: &Request,
        earlier: &[usize],
        second: AttemptId,
        t: f64,
    ) -> Option<usize> {
        let limit = self.table.tuning.hedge?.usd_per_hour;
        let vendor = self.select(request, earlier, (second, true), t)?;
        let cost = self.prompt_cost(vendor, request.input);
        let Ok(reservation) = self.table.hedges.try_begin(limit, cost, moment(t)) else {
            self.places.remove(&second);
            return None;
        };
        reservation.settle(cost, moment(t));
        Some(vendor)
    }

    fn lose(&mut self, attempt: AttemptId, vendor: usize, t: f64) {
        let Some(running) = self.places.remove(&attempt) else {
            return;
        };
        let report = running.end(vendor, Outcome::Cancelled, t);
        let expected = report.ticket.expected_first_token;
        let report = AttemptEnd {
            abandoned_after: Some(report.seconds()).filter(|seconds| *seconds > expected),
            ..report
        };
        drop(running);
        self.observe(&Observation::Attempt(report), t);
    }

    fn may_retry(&mut self, t: f64) -> bool {
        self.table.retries.try_withdraw(moment(t))
    }

    fn first_token(
        &mut self,
        attempt: AttemptId,
        vendor: usize,
        seconds: f64,
        headers: Option<Headers>,
        t: f64,
    ) {
        let Some(running) = self.places.get_mut(&attempt) else {
            return;
        };
        let lease = &mut running.lease;
        lease.on_first_token();
        running.first_token = Some(seconds);
        let first = FirstToken {
            target: vendor.into(),
            ticket: lease.attempt_start(),
            seconds,
            trial: lease.is_half_open_probe(),
            limits: limits(headers),
        };
        self.observe(&Observation::FirstToken(first), t);
    }

    fn end(
        &mut self,
        attempt: AttemptId,
        vendor: usize,
        end: End,
        headers: Option<Headers>,
        t: f64,
    ) {
        let Some(running) = self.places.remove(&attempt) else {
            return;
        };
        let outcome = outcome(end);
        let place = (vendor.into(), running.lease.attempt_start().key);
        self.left_keys
            .on_end(&self.table, running.decision.0, place, outcome);
        let usage = match end {
            End::Answered { tokens, cached, .. } => Some(usage(running.input, tokens, cached)),
            _ => None,
        };
        if let (Some(session), Some(caches), Some(_)) = (running.session, &self.caches, usage) {
            let served = ServedPrompt {
                session,
                target: vendor.into(),
                input: running.input,
                usage,
                lifetime: CACHE_LIFETIME,
            };
            caches.record(&served, moment(t));
        }
        let report = running.end(vendor, outcome, t);
        let report = AttemptEnd {
            usage: usage.map(MeasuredUsage::exact),
            limits: limits(headers.filter(|_| report.first_token.is_none())),
            client_deadline_hit: matches!(end, End::Late { .. }),
            ..report
        };
        drop(running);
        self.observe(&Observation::Attempt(report), t);
    }

    fn tick(&mut self, t: f64) {
        self.fleet.tick(moment(t));
        self.table = self.fleet.routing_table(moment(t));
    }

    fn answered(&mut self, request: &Request, tokens: f64) {
        if !self.records {
            return;
        }
        let end = RequestEnd {
            decision: DecisionId(request.id),
            identity: Arc::default(),
            request_id: String::new(),
            started: moment(request.at),
            ended: moment(request.at),
            outcome: RequestOutcome::Ok,
            status: None,
            message: None,
            target: None,
            score: None,
            reason: String::new(),
            attempts: 1,
            fallbacks: 0,
            hedge: None,
            first_content: None,
            gateway_seconds: None,
            usage: Some(MeasuredUsage::exact(usage(request.input, tokens, 0.0))),
            cost: None,
            dropped_fields: Vec::new(),
        };
        self.fleet
            .observe(&Observation::Request(end), moment(request.at));
    }

    fn change(&mut self, draft: &SettingsDraft, t: f64) -> Option<Known> {
        let known = Known {
            data: TrafficData::of(&self.fleet, moment(t)),
            open_loop: self.open_loop(draft, t),
        };
        draft
            .apply(&mut self.fleet, moment(t))
            .expect("the draft is valid");
        self.table = self.fleet.routing_table(moment(t));
        Some(known)
    }

    fn appears(&mut self, vendor: usize, t: f64) {
        let command = Command::ChangeProvider {
            name: self.table.candidates[vendor].id.provider.to_string(),
            patch: ProviderPatch {
                enabled: Some(true),
                ..ProviderPatch::default()
            },
            who: "simulation".to_owned(),
        };
        let obeyed = self.fleet.execute(command, moment(t));
        assert!(obeyed.is_ok(), "the provider is known");
        self.table = self.fleet.routing_table(moment(t));
    }
}

fn outcome(end: End) -> Outcome {
    match end {
        End::Answered { .. } => Outcome::Success,
        End::Failed => Outcome::Failed(Failure::Server),
        End::Denied => Outcome::Failed(Failure::Auth),
        End::Refused { retry_after } => {
            let delay = Duration::from_secs_f64(retry_after);
            Outcome::Failed(Failure::RateLimit(Some(delay)))
        }
        End::Silent | End::Late { .. } => Outcome::Failed(Failure::Timeout),
    }
}

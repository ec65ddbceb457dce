//! Plays the time before a demo through a balancer, so that its screen opens on a history. The
//! balancer is driven by the calls that the engine and the gateway use; only clock and vendors are
//! simulated.

use super::demo_clients::{identities, spend};
use super::instance::balancer_since;
use super::instance_config::InstanceConfig;
use crate::clock;
use crate::demo::{Fault, FaultTarget, PastAnswer, PastRequest, SimulatedPast};
use crate::domain::{
    AttemptEnd, BalancerState, CandidateSet, DecisionId, Failure, FirstToken, Lease, MeasuredUsage,
    ModelType, Money, Observation, Outcome, Price, ProbeEnd, ProbeVerdict, ProviderIdx, RandomDraw,
    RequestClass, RequestEnd, RequestIdentity, RequestOutcome, RequestProfile, RequestTerms,
    RoutingTable, SelectionContext, SelectionRound, SplitMix64, TargetIdx, TargetScope, UnixTime,
    UpstreamLimits, Usage, attempt_cost, select_target,
};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Attempts for one request.
const ATTEMPTS: u32 = 3;
/// Between two ticks of the engine.
const TICK: Duration = Duration::from_millis(250);
/// Targets up to which the routing table is renewed with every observation, as by the engine; with
/// more, that is left to rarer ticks.
const MAX_RENEWED: usize = 60;
/// Between two ticks, and two probes, of many targets.
const RARE_TICK: Duration = Duration::from_secs(5);
const RARE_PROBE: Duration = Duration::from_mins(1);
/// Requests over which the busiest vendor is found, as by the scenario.
const WATCH: Duration = Duration::from_secs(10);
/// Time of a probe.
const PROBE_LATENCY: Duration = Duration::from_millis(3);

/// What happens at a time.
#[derive(Debug, Clone, Copy)]
enum Step {
    Arrives(usize),
    FirstToken(u64),
    Ends(u64),
    /// The fault of this window begins.
    FaultBegins(usize),
    FaultEnds(usize),
    Probes,
    Ticks,
}

/// An attempt under way.
struct Attempt {
    request: usize,
    lease: Lease,
    target: TargetIdx,
    number: u32,
    answer: PastAnswer,
    begun: Duration,
}

/// What is known of a request.
#[derive(Debug, Clone, Default)]
struct RequestProgress {
    decision: DecisionId,
    tried: Vec<TargetIdx>,
    score: Option<f64>,
    reason: String,
    usage: Option<MeasuredUsage>,
    cost: Option<Money>,
    first_content: Option<f64>,
}

struct Play {
    state: BalancerState,
    table: RoutingTable,
    candidates: CandidateSet,
    random: SplitMix64,
    /// Who the clients are, in their order.
    identities: Vec<Arc<RequestIdentity>>,
    past: SimulatedPast,
    begins: UnixTime,
    requests: Vec<PastRequest>,
    courses: Vec<RequestProgress>,
    running: BTreeMap<u64, Attempt>,
    agenda: BinaryHeap<Reverse<(Duration, u64)>>,
    steps: BTreeMap<u64, Step>,
    next: u64,
    faults: Vec<(Duration, Duration, crate::demo::FaultWindow)>,
    /// The fault in force at each provider.
    in_force: Vec<Option<Fault>>,
    /// Providers of the attempts of the last seconds.
    recent: VecDeque<(Duration, ProviderIdx)>,
    prices: Vec<Option<Price>>,
    probe_interval: Duration,
}

/// Gives an instance a balancer that has been through `past`, which ends now.
pub(super) fn prepare(config: &mut InstanceConfig, past: SimulatedPast) {
    let begins = clock::now().minus(past.length());
    let targets = config.catalogue.targets.iter();
    let prices = targets.map(|target| target.price).collect();
    let providers = config.catalogue.providers.len();
    let state = balancer_since(config, begins);
    let requests = past.requests();
    let mut play = Play {
        table: state.routing_table(begins),
        state,
        candidates: CandidateSet::default(),
        random: SplitMix64::new(config.seed),
        identities: identities(),
        begins,
        courses: vec![RequestProgress::default(); requests.len()],
        running: BTreeMap::new(),
        agenda: BinaryHeap::new(),
        steps: BTreeMap::new(),
        next: 0,
        faults: past.faults(),
        in_force: vec![None; providers],
        recent: VecDeque::new(),
        prices,
        probe_interval: config.probe_interval.unwrap_or(past.length()),
        requests,
        past,
    };
    play.run();
    config.prepared = Some(Box::new(play.state));
}

impl Play {
    fn run(&mut self) {
        for at in 0..self.requests.len() {
            self.plan(self.requests[at].at, Step::Arrives(at));
        }
        for at in 0..self.faults.len() {
            let (from, until, _) = self.faults[at];
            self.plan(from, Step::FaultBegins(at));
            self.plan(until, Step::FaultEnds(at));
        }
        self.plan(TICK, Step::Ticks);
        self.plan(Duration::ZERO, Step::Probes);
        while let Some(Reverse((at, number))) = self.agenda.pop() {
            if self.past.length() < at {
                break;
            }
            if let Some(step) = self.steps.remove(&number) {
                self.step(step, at);
            }
        }
    }

    fn moment(&self, at: Duration) -> UnixTime {
        self.begins.plus(at)
    }

    fn plan(&mut self, at: Duration, step: Step) {
        self.next += 1;
        self.agenda.push(Reverse((at, self.next)));
        self.steps.insert(self.next, step);
    }

    fn step(&mut self, step: Step, at: Duration) {
        match step {
            Step::Arrives(request) => {
                let decision = self.moment(at).micros() << 8;
                self.courses[request].decision = DecisionId(decision);
                self.table
                    .retries
                    .deposit(self.table.request_rate, self.moment(at));
                self.attempt(request, at);
            }
            Step::FirstToken(attempt) => self.first_token(attempt, at),
            Step::Ends(attempt) => self.end(attempt, at),
            Step::FaultBegins(window) => self.begin_fault(window, at),
            Step::FaultEnds(window) => {
                let fault = self.faults[window].2.fault;
                self.in_force.iter_mut().for_each(|it| {
                    it.take_if(|it| *it == fault);
                });
            }
            Step::Probes => {
                self.probe(at);
                let interval = if self.is_large() {
                    RARE_PROBE
                } else {
                    self.probe_interval
                };
                self.plan(at + interval, Step::Probes);
            }
            Step::Ticks => {
                let now = self.moment(at);
                self.state.tick(now);
                self.table = self.state.routing_table(now);
                let interval = if self.is_large() { RARE_TICK } else { TICK };
                self.plan(at + interval, Step::Ticks);
            }
        }
    }

    /// Returns whether there are so many targets that work is saved, so that a demo starts at once.
    fn is_large(&self) -> bool {
        self.table.candidates.len() > MAX_RENEWED
    }

    fn observe(&mut self, observation: &Observation, at: Duration) {
        let now = self.moment(at);
        self.state.observe(observation, now);
        if !self.is_large() {
            self.table = self.state.routing_table(now);
        }
    }

    /// Selects a target and begins an attempt there, or ends the request.
    fn attempt(&mut self, request: usize, at: Duration) {
        let (now, asked) = (self.moment(at), self.requests[request]);
        let tried = self.courses[request].tried.clone();
        let class = RequestClass::new(ModelType::Chat, asked.is_stream)
            .with_tools(asked.has_tools)
            .with_max_tokens(Some(f64::from(asked.max_tokens)));
        let profile = RequestProfile {
            scope: TargetScope::Type(ModelType::Chat),
            class,
            input: f64::from(asked.prompt_tokens),
            max_tokens: Some(f64::from(asked.max_tokens)),
            tried: &tried,
            ..RequestProfile::usual(ModelType::Chat)
        };
        let luck = RandomDraw::of(&mut self.random);
        let choice = select_target(&self.table, &profile, now, luck, &mut self.candidates).ok();
        let number = u32::try_from(tried.len()).map_or(1, |tried| tried + 1);
        let context = SelectionContext {
            decision: self.courses[request].decision,
            is_dry_run: false,
            attempt: number,
            class,
            input: profile.input,
            luck,
            at: now,
        };
        let round = SelectionRound::of(&self.table, &self.candidates, choice.as_ref(), context)
            .with_terms(RequestTerms::of(&profile, None));
        let lease = choice
            .as_ref()
            .and_then(|choice| choice.acquire_lease(&self.table, now));
        self.observe(&Observation::Selection(Box::new(round)), at);
        let (Some(choice), Some(lease)) = (choice, lease) else {
            let outcome = RequestOutcome::Error(Failure::Overloaded(None));
            return self.finish(request, at, (outcome, 503));
        };
        let course = &mut self.courses[request];
        course.tried.push(choice.target);
        if number == 1 {
            course.score = Some(choice.score);
            choice.reason.text().clone_into(&mut course.reason);
        }
        self.begin((request, choice.target, number), lease, at);
    }

    /// Begins an attempt, and plans what comes of it.
    fn begin(
        &mut self,
        (request, target, number): (usize, TargetIdx, u32),
        lease: Lease,
        at: Duration,
    ) {
        let asked = self.requests[request];
        let provider = self.table.candidates[target.get()].provider;
        self.recent.push_back((at, provider));
        let fault = self.in_force[provider.get()];
        let answer = self.past.answer(provider.get(), &asked, at, fault);
        let attempt = Attempt {
            request,
            lease,
            target,
            number,
            answer,
            begun: at,
        };
        let id = self.next;
        self.running.insert(id, attempt);
        match answer {
            PastAnswer::Complete {
                first_token, total, ..
            } => {
                if asked.is_stream {
                    self.plan(at + first_token, Step::FirstToken(id));
                }
                self.plan(at + total, Step::Ends(id));
            }
            PastAnswer::RateLimited { .. } => self.plan(at + PROBE_LATENCY, Step::Ends(id)),
            PastAnswer::Failed { after, .. } => self.plan(at + after, Step::Ends(id)),
        }
    }

    fn first_token(&mut self, id: u64, at: Duration) {
        let Some(attempt) = self.running.get_mut(&id) else {
            return;
        };
        attempt.lease.on_first_token();
        let seconds = at.saturating_sub(attempt.begun).as_secs_f64();
        let first = FirstToken {
            target: attempt.target,
            ticket: attempt.lease.attempt_start(),
            seconds,
            trial: attempt.lease.is_half_open_probe(),
            limits: UpstreamLimits::default(),
        };
        let arrived = self.requests[attempt.request].at;
        let course = &mut self.courses[attempt.request];
        course
            .first_content
            .get_or_insert(at.saturating_sub(arrived).as_secs_f64());
        self.observe(&Observation::FirstToken(first), at);
    }

    fn end(&mut self, id: u64, at: Duration) {
        let Some(attempt) = self.running.remove(&id) else {
            return;
        };
        let end = self.attempt_end(&attempt, at);
        spend(&self.table, &end);
        let request = attempt.request;
        drop(attempt);
        let (outcome, status, usage) = (end.outcome, end.status.unwrap_or(200), end.usage);
        let cost = end.cost;
        self.observe(&Observation::Attempt(end), at);
        let course = &mut self.courses[request];
        course.cost = cost;
        match outcome {
            Outcome::Failed(failure) => {
                let may_retry = course.tried.len() < ATTEMPTS as usize
                    && self.table.retries.try_withdraw(self.moment(at));
                if may_retry {
                    self.attempt(request, at);
                } else {
                    self.finish(request, at, (RequestOutcome::Error(failure), status));
                }
            }
            Outcome::Success | Outcome::Cancelled => {
                course.usage = usage;
                self.finish(request, at, (RequestOutcome::Ok, 200));
            }
        }
    }

    /// Whose request it is.
    fn identity(&self, request: usize) -> Arc<RequestIdentity> {
        Arc::clone(&self.identities[self.requests[request].client])
    }

    /// The report of an attempt that ends now.
    fn attempt_end(&self, attempt: &Attempt, at: Duration) -> AttemptEnd {
        let asked = self.requests[attempt.request];
        let (outcome, status, tokens) = match attempt.answer {
            PastAnswer::Complete { tokens, .. } => (Outcome::Success, 200, Some(tokens)),
            PastAnswer::RateLimited { retry_after } => {
                let delay = Some(Duration::from_secs(retry_after));
                (Outcome::Failed(Failure::RateLimit(delay)), 429, None)
            }
            PastAnswer::Failed { status: 503, .. } => {
                (Outcome::Failed(Failure::Overloaded(None)), 503, None)
            }
            PastAnswer::Failed { status, .. } => (Outcome::Failed(Failure::Server), status, None),
        };
        let usage = tokens.map(|tokens| {
            MeasuredUsage::exact(Usage {
                input: u64::from(asked.prompt_tokens),
                output: u64::from(tokens),
                ..Usage::default()
            })
        });
        let price = self.prices[attempt.target.get()].as_ref();
        let cost = attempt_cost(usage, price);
        let first_token = match attempt.answer {
            PastAnswer::Complete { first_token, .. } if asked.is_stream => {
                Some(first_token.as_secs_f64())
            }
            _ => None,
        };
        let start = attempt.lease.attempt_start();
        AttemptEnd {
            decision: self.courses[attempt.request].decision,
            identity: self.identity(attempt.request),
            number: attempt.number,
            target: attempt.target,
            started: start.started,
            ended: self.moment(at),
            outcome,
            status: Some(status),
            message: None,
            first_token,
            usage,
            cost,
            streamed: asked.is_stream,
            trial: attempt.lease.is_half_open_probe(),
            dropped_fields: 0,
            ticket: start,
            limits: UpstreamLimits::default(),
            client_deadline_hit: false,
            abandoned_after: None,
        }
    }

    fn finish(&mut self, request: usize, at: Duration, (outcome, status): (RequestOutcome, u16)) {
        let course = std::mem::take(&mut self.courses[request]);
        let attempts = u32::try_from(course.tried.len()).unwrap_or(0);
        let end = RequestEnd {
            decision: course.decision,
            identity: self.identity(request),
            request_id: format!("past-{request}"),
            started: self.moment(self.requests[request].at),
            ended: self.moment(at),
            outcome,
            status: Some(status),
            message: None,
            target: course.tried.last().copied(),
            score: course.score,
            reason: course.reason,
            attempts,
            fallbacks: attempts.saturating_sub(1),
            hedge: None,
            first_content: course.first_content,
            gateway_seconds: None,
            usage: course.usage,
            cost: course.cost,
            dropped_fields: Vec::new(),
        };
        self.observe(&Observation::Request(end), at);
    }

    fn begin_fault(&mut self, window: usize, at: Duration) {
        let (_, _, window) = self.faults[window];
        let provider = match window.target {
            FaultTarget::Named(name) => {
                let candidates = &self.table.candidates;
                let named = candidates.iter().find(|it| *it.id.provider == *name);
                named.map(|it| it.provider.get())
            }
            FaultTarget::Busiest => {
                while self
                    .recent
                    .front()
                    .is_some_and(|(begun, _)| *begun + WATCH < at)
                {
                    self.recent.pop_front();
                }
                let attempts = |at: usize| {
                    let of = |it: &&(Duration, ProviderIdx)| it.1.get() == at;
                    self.recent.iter().filter(of).count()
                };
                (0..self.in_force.len())
                    .rev()
                    .max_by_key(|&it| attempts(it))
            }
        };
        if let Some(provider) = provider {
            self.in_force[provider] = Some(window.fault);
        }
    }

    /// Probes every provider, as the prober does.
    fn probe(&mut self, at: Duration) {
        for index in 0..self.in_force.len() {
            let is_down = matches!(self.in_force[index], Some(Fault::Outage));
            let (verdict, detail) = if is_down {
                (ProbeVerdict::Bad, "503")
            } else {
                (ProbeVerdict::Good, "200")
            };
            let probe = ProbeEnd {
                provider: index.into(),
                at: self.moment(at),
                latency: PROBE_LATENCY,
                verdict,
                detail: detail.to_owned(),
                context_windows: Vec::new(),
            };
            self.state
                .observe(&Observation::Probe(probe), self.moment(at));
        }
    }
}

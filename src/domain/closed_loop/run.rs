//! One run: recorded requests through a copy of the balancer.

use super::attempt_limits::limited;
use super::draft::SettingsDraft;
use super::learnt_target::LearntTarget;
use super::load_curve::UnseenLoad;
use super::luck::luck_of;
use super::run_figures::RunTally;
use super::run_traffic::{RunPlan, RunRequest, WARM_UP, traffic};
use super::simulated_target::SimulatedTarget;
use super::traffic_data::TrafficData;
use crate::domain::balancer::BalancerState;
use crate::domain::budget::BudgetReservation;
use crate::domain::command::CommandError;
use crate::domain::failure::Failure;
use crate::domain::ids::{DecisionId, KeyIdx};
use crate::domain::index::TargetIdx;
use crate::domain::lease::Lease;
use crate::domain::observation::{AttemptEnd, FirstToken, Observation, Outcome, RequestIdentity};
use crate::domain::pricing::{MeasuredUsage, Usage};
use crate::domain::random::RandomDraw;
use crate::domain::retry::RetryDecision;
use crate::domain::selection::{
    CandidateSet, SelectionReason, TargetScope, TargetSelection, select_target,
};
use crate::domain::snapshot::RoutingTable;
use crate::domain::traffic_recording::RecordedRequest;
use crate::domain::units::{Money, UnixTime};
use crate::domain::upstream_quota::UpstreamLimits;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

const TICK: Duration = Duration::from_secs(1);
/// Age of a routing table from which observations replace it.
const TABLE_AGE: Duration = Duration::from_millis(100);
/// What luck is for, besides attempts at a target.
const FOR_LEVELS: u64 = 2 << 40;
const FOR_SELECTION: u64 = 3 << 40;

/// An attempt in flight.
struct OpenAttempt {
    request: usize,
    target: TargetIdx,
    lease: Lease,
    reservation: BudgetReservation,
    first_token: Option<f64>,
    outcome: Outcome,
    is_hurried: bool,
    limits: UpstreamLimits,
}

/// Ordered by time, then by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum RunEvent {
    FirstToken(usize),
    End(usize),
    /// A request tries its last target again.
    Again(usize),
}

/// Result of a run: the tallies by target, and that of all requests.
#[derive(Debug, Clone, Default)]
pub struct RunResult {
    pub targets: Vec<RunTally>,
    pub total: RunTally,
}

impl RunResult {
    /// Adds the attempts of another run.
    pub fn add(&mut self, other: &Self) {
        self.targets
            .resize(other.targets.len(), RunTally::default());
        for (tally, other) in self.targets.iter_mut().zip(&other.targets) {
            tally.attempts += other.attempts;
            tally.unseen += other.unseen;
        }
        self.total.attempts += other.total.attempts;
    }
}

pub(super) struct Run<'d> {
    plan: RunPlan,
    state: BalancerState,
    pub(super) table: RoutingTable,
    table_at: UnixTime,
    is_stale: bool,
    pub(super) field: CandidateSet,
    targets: Vec<SimulatedTarget<'d>>,
    pub(super) requests: Vec<RunRequest<'d>>,
    attempts: Vec<Option<OpenAttempt>>,
    free: Vec<usize>,
    agenda: BinaryHeap<Reverse<(UnixTime, u64, RunEvent)>>,
    planned: u64,
    ticked: UnixTime,
    identity: Arc<RequestIdentity>,
    result: RunResult,
}

/// Runs recorded traffic under a draft.
///
/// # Errors
///
/// The draft is invalid.
pub fn run(
    data: &TrafficData,
    learnt: &[LearntTarget],
    draft: &SettingsDraft,
    plan: RunPlan,
) -> Result<RunResult, CommandError> {
    let start = data.at;
    let state = data.state.fork(start);
    let law = match plan.number % 4 {
        1 => UnseenLoad::Flat,
        3 => UnseenLoad::Steep,
        _ => UnseenLoad::Fitted,
    };
    let mut levels = luck_of([plan.seed, plan.number as u64, FOR_LEVELS, 0]);
    let targets = learnt
        .iter()
        .map(|learnt| SimulatedTarget::new(learnt, law, &mut levels, start));
    let mut run = Run {
        plan,
        table: state.routing_table(start),
        table_at: start,
        is_stale: false,
        field: CandidateSet::default(),
        targets: targets.collect(),
        requests: traffic(data, plan),
        attempts: Vec::new(),
        free: Vec::new(),
        agenda: BinaryHeap::new(),
        planned: 0,
        ticked: start,
        identity: Arc::default(),
        result: RunResult {
            targets: vec![RunTally::default(); learnt.len()],
            total: RunTally::default(),
        },
        state,
    };
    let change = start.plus(WARM_UP);
    let mut is_changed = false;
    for index in 0..run.requests.len() {
        let at = run.requests[index].at;
        if !is_changed && at >= change {
            run.advance(change);
            draft.apply(&mut run.state, change)?;
            run.refresh_table(change);
            is_changed = true;
        }
        run.advance(at);
        run.arrive(index, at);
    }
    while let Some(Reverse((at, ..))) = run.agenda.peek().copied() {
        run.advance(at);
    }
    Ok(run.result)
}

impl Run<'_> {
    /// Lets everything happen up to `until`.
    fn advance(&mut self, until: UnixTime) {
        while let Some(&Reverse((at, _, event))) = self.agenda.peek() {
            if at > until {
                break;
            }
            self.agenda.pop();
            self.tick(at);
            match event {
                RunEvent::FirstToken(slot) => self.first_token(slot, at),
                RunEvent::End(slot) => self.end(slot, at),
                RunEvent::Again(request) => {
                    let last = self.requests[request].tried.last().copied();
                    self.attempt(request, last, at);
                }
            }
        }
        self.tick(until);
    }

    fn tick(&mut self, until: UnixTime) {
        let next = self.ticked.plus(TICK);
        if next <= until {
            // Several ticks without anything between them come to the same as one.
            self.ticked = until;
            self.state.tick(until);
            self.refresh_table(until);
        }
    }

    fn refresh_table(&mut self, now: UnixTime) {
        self.table = self.state.routing_table(now);
        self.table_at = now;
        self.is_stale = false;
    }

    fn plan(&mut self, at: UnixTime, event: RunEvent) {
        self.planned += 1;
        self.agenda.push(Reverse((at, self.planned, event)));
    }

    fn arrive(&mut self, request: usize, now: UnixTime) {
        self.table.retries.deposit(self.table.request_rate, now);
        self.attempt(request, None, now);
    }

    /// Begins the next attempt of a request, at one target or at any that it did not try.
    pub(super) fn attempt(&mut self, index: usize, only: Option<TargetIdx>, now: UnixTime) {
        if self.is_stale && now.since(self.table_at) >= TABLE_AGE {
            self.refresh_table(now);
        }
        let Some((selection, lease, reservation)) = self.select(index, only, now) else {
            return self.give_up(index);
        };
        let request = &mut self.requests[index];
        request.retries.begin();
        let nth = u64::from(request.retries.count());
        let (source, is_counted, begun) = (request.source, request.is_counted, request.at);
        if !request.tried.contains(&selection.target) {
            request.tried.push(selection.target);
        }
        let at = selection.target.get();
        let target = &mut self.targets[at];
        if is_counted {
            let tally = &mut self.result.targets[at];
            tally.attempts += 1.0;
            tally.unseen += f64::from(u8::from(target.is_unseen()));
            self.result.total.attempts += 1.0;
        }
        let run = self.plan.seed ^ (self.plan.number as u64) << 32;
        let mut luck = luck_of([run, index as u64, at as u64, nth]);
        let sizes = (source.input, source.output);
        let fate = target.attempt(sizes, selection.key, &mut luck, now);
        let limits = target.stated_limits(selection.key);
        let left = source.terms.time_limit;
        let left = left.map(|limit| limit - now.seconds_since(begun));
        let fate = limited(fate, source.class.is_streamed(), left, self.plan.limits);
        let attempt = OpenAttempt {
            request: index,
            target: selection.target,
            lease,
            reservation,
            first_token: None,
            outcome: fate.outcome,
            is_hurried: fate.is_hurried,
            limits,
        };
        let slot = self.free.pop().unwrap_or(self.attempts.len());
        if slot == self.attempts.len() {
            self.attempts.push(None);
        }
        self.attempts[slot] = Some(attempt);
        if let Some(seconds) = fate.first_token {
            self.plan(later(now, seconds), RunEvent::FirstToken(slot));
        }
        self.plan(later(now, fate.seconds), RunEvent::End(slot));
    }

    fn select(
        &mut self,
        index: usize,
        only: Option<TargetIdx>,
        now: UnixTime,
    ) -> Option<(TargetSelection, Lease, BudgetReservation)> {
        let request = &self.requests[index];
        let (source, terms) = (request.source, &request.source.terms);
        let budgets = self.table.budgets.scope_of(terms.payer.as_deref());
        let only = only.as_slice();
        let tried: &[TargetIdx] = if only.is_empty() { &request.tried } else { &[] };
        let mut profile = terms.profile(source.class, source.input, tried);
        if !only.is_empty() {
            profile.scope = TargetScope::Only(only);
        }
        let left = terms.time_limit;
        profile.remaining = left.map(|limit| limit - now.seconds_since(request.at));
        profile.means = budgets.headroom(now);
        profile.keys.tried = request.left_keys.as_slice();
        let run = self.plan.seed ^ (self.plan.number as u64) << 32;
        let nth = u64::from(request.retries.count());
        let mut luck = luck_of([run, index as u64, FOR_SELECTION, nth]);
        let draw = RandomDraw::of(&mut luck);
        let selection = select_target(&self.table, &profile, now, draw, &mut self.field).ok()?;
        let candidate = &self.table.candidates[selection.target];
        let reservation = budgets.reserve(
            selection.most.cost,
            Money::from_usd(selection.expected_usd.unwrap_or_default()),
            !selection.is_over_budget,
            (&candidate.id.provider, now),
        )?;
        let lease = selection.acquire_lease(&self.table, now)?;
        Some((selection, lease, reservation))
    }

    fn first_token(&mut self, slot: usize, now: UnixTime) {
        let Some(attempt) = self.attempts.get_mut(slot).and_then(Option::as_mut) else {
            return;
        };
        attempt.lease.on_first_token();
        let start = attempt.lease.attempt_start();
        let seconds = now.seconds_since(start.started);
        attempt.first_token = Some(seconds);
        let first = FirstToken {
            target: attempt.target,
            ticket: start,
            seconds,
            trial: attempt.lease.is_half_open_probe(),
            limits: std::mem::take(&mut attempt.limits),
        };
        self.observe(&Observation::FirstToken(first), now);
    }

    fn end(&mut self, slot: usize, now: UnixTime) {
        let Some(mut attempt) = self.attempts.get_mut(slot).and_then(Option::take) else {
            return;
        };
        self.free.push(slot);
        let at = attempt.target.get();
        self.targets[at].in_flight = self.targets[at].in_flight.saturating_sub(1);
        let source = self.requests[attempt.request].source;
        let is_answered = attempt.outcome == Outcome::Success;
        let usage = is_answered.then(|| usage(source));
        let price = self.table.candidates[attempt.target].price;
        let usd = price.filter(|_| is_answered).map(|price| {
            price.cost_of(source.input, source.output) * self.targets[at].learnt.cost_ratio
        });
        // A failure is billed by no provider.
        let cost = usd.or((!is_answered).then_some(0.0)).map(Money::from_usd);
        attempt.reservation.settle(cost);
        let tokens = usage.map(|usage| usage.input + usage.output);
        attempt.lease.settle(tokens, now);
        let start = attempt.lease.attempt_start();
        let end = AttemptEnd {
            decision: DecisionId(0),
            identity: Arc::clone(&self.identity),
            number: 1,
            target: attempt.target,
            started: start.started,
            ended: now,
            outcome: attempt.outcome,
            status: None,
            message: None,
            first_token: attempt.first_token,
            usage: usage.map(MeasuredUsage::exact),
            cost,
            streamed: source.class.is_streamed(),
            trial: attempt.lease.is_half_open_probe(),
            dropped_fields: 0,
            ticket: start,
            limits: std::mem::take(&mut attempt.limits),
            client_deadline_hit: attempt.is_hurried,
            abandoned_after: None,
        };
        let (request, outcome) = (attempt.request, attempt.outcome);
        // Its place is free before anything else is decided.
        drop(attempt);
        self.observe(&Observation::Attempt(end), now);
        match outcome {
            Outcome::Failed(failure) => {
                let place = (at.into(), start.key);
                self.failed(request, (failure, place), now);
            }
            _ => self.answered(request, at, usd, now),
        }
    }

    fn observe(&mut self, observation: &Observation, now: UnixTime) {
        self.state.observe(observation, now);
        self.is_stale = true;
    }

    fn answered(&mut self, index: usize, target: usize, usd: Option<f64>, now: UnixTime) {
        self.state.note_request(now);
        let request = &self.requests[index];
        if !request.is_counted {
            return;
        }
        let seconds = now.seconds_since(request.at);
        for tally in [&mut self.result.targets[target], &mut self.result.total] {
            tally.latencies.push(seconds);
            if let Some(usd) = usd {
                tally.priced += 1.0;
                tally.usd += usd;
            }
        }
    }

    /// Goes on after a failed attempt as the gateway does.
    fn failed(
        &mut self,
        index: usize,
        (failure, place): (Failure, (TargetIdx, Option<KeyIdx>)),
        now: UnixTime,
    ) {
        let request = &self.requests[index];
        let limit = request.source.terms.time_limit;
        let limit = limit.unwrap_or(self.plan.limits.response_s);
        let left = (limit - now.seconds_since(request.at)).max(0.0);
        if let Some(last) = request.tried.last().filter(|_| request.is_counted) {
            self.result.targets[last.get()].failed += 1.0;
        }
        let left = Duration::from_secs_f64(left);
        let left_keys = &mut self.requests[index].left_keys;
        if left_keys.leave(&self.table, place, failure)
            && self.next_key(index, (failure, place.0), left, now)
        {
            return;
        }
        let has_more = self.has_healthy_target(index, now);
        let request = &mut self.requests[index];
        let decision = request.retries.decide(failure, has_more, left);
        if decision == RetryDecision::GiveUp || !self.table.retries.try_withdraw(now) {
            return self.give_up(index);
        }
        match decision {
            RetryDecision::Retry(pause) => self.plan(now.plus(pause), RunEvent::Again(index)),
            _ => self.attempt(index, None, now),
        }
    }

    fn has_healthy_target(&mut self, index: usize, now: UnixTime) -> bool {
        let request = &self.requests[index];
        let source = request.source;
        let mut profile = source
            .terms
            .profile(source.class, source.input, &request.tried);
        profile.keys.tried = request.left_keys.as_slice();
        let draw = RandomDraw::default();
        select_target(&self.table, &profile, now, draw, &mut self.field)
            .is_ok_and(|selection| selection.reason != SelectionReason::LastResort)
    }

    fn give_up(&mut self, index: usize) {
        self.state.note_request(self.ticked);
        if self.requests[index].is_counted {
            self.result.total.failed += 1.0;
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates, and token counts are not negative"
)]
fn usage(source: &RecordedRequest) -> Usage {
    Usage {
        input: source.input as u64,
        output: source.output as u64,
        ..Usage::default()
    }
}

fn later(now: UnixTime, seconds: f64) -> UnixTime {
    let seconds = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    now.plus(seconds.min(Duration::from_hours(24)))
}

//! Try targets until one answers: one choice, one attempt, and on failure the next, under one cap
//! on attempts and one on time.

use super::Gateway;
use super::attempt::{Attempt, AttemptFailure, AttemptUsage};
use super::error::GatewayError;
use super::handler::{RequestContext, stream_headers};
use super::recovery::EarlyHeaders;
use super::request::ParsedRequest;
use super::request_recorder::RequestRecorder;
use super::upstream_call::{UpstreamCall, UpstreamResponse};
use crate::clock;
use crate::domain::{
    BudgetScope, CandidateSet, Failure, MIN_TIME_LEFT, NoEligibleTarget, RandomDraw,
    RejectionReason, RequestOutcome, RequestProfile, RetryDecision, RetryState, SelectionReason,
    TargetId, TargetScope, TargetSelection, backoff_estimate, select_target, soonest_recovery,
};
use axum::http::HeaderMap;
use std::time::Duration;
use tokio::time::Instant;

/// Choices that may be lost to somebody quicker before we give up.
const MAX_LOST_RACES: u32 = 8;
/// The least pause between two looks at a target that has to wait.
const MIN_WAIT: Duration = Duration::from_millis(50);

/// A target that was chosen, and a place at it. Nothing of the table it was chosen from: a request
/// may last for minutes, and there is a new table every few milliseconds.
struct LeasedTarget {
    choice: TargetSelection,
    attempt: Attempt,
    id: TargetId,
    provider: usize,
}

/// One request on its way through the targets.
pub(super) struct FailoverLoop<'g> {
    pub gateway: &'g Gateway,
    pub admission: &'g ParsedRequest<'g>,
    headers: &'g HeaderMap,
    id: &'g str,
    payer: &'g BudgetScope,
    record: &'g mut RequestRecorder,
    pub attempts: RetryState,
    pub tried: Vec<usize>,
    /// The last of them that may do better when it is asked again, and how it failed.
    repeatable: Option<(usize, Failure)>,
    /// Those of them for which the prompt was too long: whoever holds no more is not asked.
    outgrown: Vec<usize>,
    /// Whether the limit on a stream's first token cut one of them.
    pub missed_first_token: bool,
    /// What the attempts that failed before their first content used up.
    spent: AttemptUsage,
    /// For a client that must wait for a held stream.
    head: Option<EarlyHeaders>,
    pub started: Instant,
    /// When the client's waiting for a first content began: again where an answer broke that was
    /// held back.
    pub since: Instant,
}

impl<'g> FailoverLoop<'g> {
    /// At its beginning. `head` is for a client that must wait for a held stream.
    pub fn new(
        question: &RequestContext<'g>,
        record: &'g mut RequestRecorder,
        head: Option<EarlyHeaders>,
    ) -> Self {
        Self {
            gateway: question.gateway,
            admission: question.admission,
            headers: question.headers,
            id: question.id,
            payer: question.payer,
            attempts: RetryState::new(question.gateway.limits.load().max_retries),
            record,
            tried: Vec::new(),
            repeatable: None,
            outgrown: Vec::new(),
            missed_first_token: false,
            spent: AttemptUsage::ZERO,
            head: head.filter(|_| question.admission.stream),
            started: question.began,
            since: question.began,
        }
    }

    /// Asks targets until one answers.
    pub async fn run(mut self) -> Result<UpstreamResponse, GatewayError> {
        let (mut found, limit) = self.first()?;
        let mut deadline = self.deadline(limit);
        if Instant::now() >= deadline {
            return Err(self.too_late(found.attempt));
        }
        loop {
            self.attempts.begin();
            self.record.attempts = self.attempts.count();
            self.send_early_headers();
            let LeasedTarget {
                choice,
                mut attempt,
                id,
                provider,
            } = found;
            let target = choice.target;
            let (until, is_first_token) = self.attempt_deadline(&choice, limit);
            if until >= deadline && self.is_client_deadline_short() {
                attempt.mark_client_deadline();
            }
            let exchange = UpstreamCall {
                gateway: self.gateway,
                admission: self.admission,
                headers: self.headers,
                id: self.id,
                started: self.started,
            };
            let setback = match exchange.try_once((&id, provider), attempt, until).await {
                Ok(answer) => return Ok(answer),
                Err(setback) => setback,
            };
            if !self.tried.contains(&target) {
                self.tried.push(target);
            }
            if setback.had_content {
                self.record.on_stream_restart(setback.spent);
                self.since = Instant::now();
                deadline = self.deadline(limit);
            } else {
                self.spent = self.spent.plus(setback.spent);
            }
            let upset = &setback.upset;
            self.missed_first_token |= is_first_token && upset.failure == Failure::Timeout;
            if upset.failure == Failure::ContextLength {
                self.outgrown.push(target);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let (verdict, target, failure) = self.verdict(target, upset.failure, left);
            let next = match verdict {
                RetryDecision::GiveUp => None,
                _ if !self.take_retry_token(failure) => None,
                RetryDecision::FailOver => self.pick(&self.ask(&self.tried)).ok(),
                RetryDecision::Retry(pause) => self.again(target, pause, deadline).await,
            };
            let Some(next) = next else {
                return Err(self.give_up(&setback));
            };
            found = next;
            self.record.chose(&found.choice, &found.id);
        }
    }

    /// What to do after a failure, at which target, and because of which failure. Where the last one
    /// can only fail again, one before it may yet do better.
    fn verdict(
        &mut self,
        target: usize,
        failure: Failure,
        left: Duration,
    ) -> (RetryDecision, usize, Failure) {
        let untried = self.has_welcome_target(&self.tried) || self.has_any_target(failure);
        let verdict = self.attempts.decide(failure, untried, left);
        if failure.is_retryable() {
            self.repeatable = Some((target, failure));
        } else if let (RetryDecision::GiveUp, true, Some((earlier, failure))) =
            (verdict, failure.can_fail_over(), self.repeatable)
        {
            return (self.attempts.decide(failure, false, left), earlier, failure);
        }
        (verdict, target, failure)
    }

    /// The first target, and the time for all of them.
    fn first(&mut self) -> Result<(LeasedTarget, Duration), GatewayError> {
        let (table, now) = (self.gateway.handle.routing_table(), clock::now());
        table.retries.deposit(table.request_rate, now);
        let found = self.pick(&self.ask(&[]));
        match found {
            Ok(found) => {
                self.record.chose(&found.choice, &found.id);
                let limit = self.time_limit(&table, &found.choice);
                Ok((found, limit))
            }
            Err(none) => Err(self.refuse(&none)),
        }
    }

    /// Nobody may be asked at all.
    fn refuse(&mut self, none: &NoEligibleTarget) -> GatewayError {
        let (table, now) = (self.gateway.handle.routing_table(), clock::now());
        if let Some(needed) = none.missing_budget()
            && let Some(short) = self.payer.check_budget(needed, now)
        {
            self.payer.count_rejected(needed, now);
            self.record.on_rejected(RejectionReason::BudgetExceeded);
            return GatewayError::over_budget(&short);
        }
        self.record.on_rejected(RejectionReason::NoTarget);
        GatewayError::no_target(none, &table, now)
    }

    /// What a client is told that must wait for a held stream: who was asked first, and how often
    /// somebody was asked so far.
    fn send_early_headers(&self) {
        let Some(head) = &self.head else { return };
        head.send_modify(|head| {
            if let Some(head) = head {
                return self.record.mark_attempts(head);
            }
            let mut first = HeaderMap::new();
            self.record.mark(&mut first);
            stream_headers(&mut first);
            *head = Some(first);
        });
    }

    /// Whether somebody else may still be asked, and is not known to be unwell.
    pub fn has_welcome_target(&self, tried: &[usize]) -> bool {
        let table = self.gateway.handle.routing_table();
        let mut field = CandidateSet::default();
        let ask = self.ask(tried);
        let other = select_target(
            &table,
            &ask,
            clock::now(),
            RandomDraw::default(),
            &mut field,
        );
        other.is_ok_and(|choice| choice.reason != SelectionReason::LastResort)
    }

    /// Whether anybody else may be asked, well or not, where the failed one will fail again.
    fn has_any_target(&self, failure: Failure) -> bool {
        let table = self.gateway.handle.routing_table();
        let (ask, mut field) = (self.ask(&self.tried), CandidateSet::default());
        !failure.is_retryable()
            && select_target(
                &table,
                &ask,
                clock::now(),
                RandomDraw::default(),
                &mut field,
            )
            .is_ok()
    }

    /// The question for the balancer, with the time that the client leaves for a whole answer.
    fn ask<'t>(&'t self, tried: &'t [usize]) -> RequestProfile<'t> {
        let own = self.admission.timeout.filter(|_| !self.admission.stream);
        let left = |own: Duration| own.saturating_sub(self.started.elapsed()).as_secs_f64();
        RequestProfile {
            remaining: own.map(left),
            means: self.payer.headroom(clock::now()),
            ..self.admission.selection_profile(tried, &self.outgrown)
        }
    }

    /// The same target once more after a pause. Where it has to wait by then, for example because
    /// another request got a 429 there, this one waits with it within its own time.
    async fn again(
        &self,
        target: usize,
        pause: Duration,
        deadline: Instant,
    ) -> Option<LeasedTarget> {
        let mut wait = pause;
        loop {
            tokio::time::sleep(wait).await;
            let ask = RequestProfile {
                scope: TargetScope::Only(&[target]),
                ..self.ask(&[])
            };
            let none = match self.pick(&ask) {
                Ok(found) => return Some(found),
                Err(none) => none,
            };
            let left = deadline.saturating_duration_since(Instant::now());
            wait = none.retry_after?.max(MIN_WAIT);
            if wait + MIN_TIME_LEFT > left {
                return None;
            }
        }
    }

    /// Chooses and takes the place. Between the two somebody else may be quicker; then the next
    /// choice sees it.
    fn pick(&self, ask: &RequestProfile<'_>) -> Result<LeasedTarget, NoEligibleTarget> {
        let handle = &self.gateway.handle;
        let (mut races, mut field) = (0, CandidateSet::default());
        loop {
            let table = handle.routing_table();
            let (now, luck) = (clock::now(), handle.random_draw());
            let choice = select_target(&table, ask, now, luck, &mut field);
            let attempt = choice.as_ref().ok().and_then(|choice| {
                let is_stream = self.admission.stream;
                let attempt = Attempt::begin(handle, &table, choice, is_stream, self.payer)?;
                Some(attempt.with_silence_limit(self.silence_limit(&table, choice)))
            });
            if attempt.is_some() || choice.is_err() {
                let chosen = choice.as_ref().ok();
                self.record
                    .considered(&table, &field, chosen, (ask, luck, now));
            }
            let choice = choice?;
            if let Some(attempt) = attempt {
                let candidate = &table.candidates[choice.target];
                return Ok(LeasedTarget {
                    id: candidate.id.clone(),
                    provider: candidate.provider,
                    choice,
                    attempt,
                });
            }
            races += 1;
            if races >= MAX_LOST_RACES {
                let retry_after = Some(Duration::from_secs(1));
                return Err(NoEligibleTarget {
                    rejected: Vec::new(),
                    retry_after,
                });
            }
        }
    }

    /// Whether one more attempt is left for everybody, and takes it. A request that is too much for
    /// one target, or that its protocol has no words for, is no outage, and goes on at nobody's
    /// expense.
    fn take_retry_token(&self, failure: Failure) -> bool {
        let retries = || {
            self.gateway
                .handle
                .routing_table()
                .retries
                .try_withdraw(clock::now())
        };
        failure.is_client_error() || retries()
    }

    pub fn give_up(&mut self, setback: &AttemptFailure) -> GatewayError {
        let upset = &setback.upset;
        self.record
            .end(RequestOutcome::Error(upset.failure), self.spent);
        let setting = self.setting(setback.had_content);
        let error = GatewayError::upstream(upset, self.record.provider(), setting);
        if upset.failure.is_retryable() {
            error.or_retry_after(self.recovery_estimate())
        } else {
            error
        }
    }

    /// When such a request may succeed: the soonest recovery of a target, or an estimate where one
    /// could be asked at once.
    fn recovery_estimate(&self) -> Duration {
        let (table, ask) = (self.gateway.handle.routing_table(), self.ask(&[]));
        let soonest = soonest_recovery(&table, &ask, clock::now());
        soonest.unwrap_or_else(|| backoff_estimate(self.attempts.count()))
    }
}

//! One client request from its first decision to its end; reports and logs exactly once, on drop.

use super::access_log::{LogEntry, RequestLine, SelectionLine, afterwards};
use super::attempt::AttemptUsage;
use super::cache::CacheStatus;
use crate::clock;
use crate::domain::TargetIdx;
use crate::domain::{
    CandidateSet, DecisionId, InFlightPermit, Observation, RandomDraw, RejectionReason, RequestEnd,
    RequestOutcome, RequestProfile, RoutingTable, SelectionContext, SelectionRound, TargetId,
    TargetSelection, UnixTime,
};
use crate::engine::EngineHandle;
use axum::http::header::AGE;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use std::sync::Arc;

const DECISION: HeaderName = HeaderName::from_static("x-aibal-decision");
const PROVIDER: HeaderName = HeaderName::from_static("x-aibal-provider");
const MODEL: HeaderName = HeaderName::from_static("x-aibal-model");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-aibal-attempts");
const COST: HeaderName = HeaderName::from_static("x-aibal-cost-usd");
const CACHE: HeaderName = HeaderName::from_static("x-aibal-cache");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Dropped before its end is known it reports a client that left.
#[derive(Debug)]
pub(super) struct RequestRecorder {
    handle: EngineHandle,
    decision: DecisionId,
    request_id: String,
    started: UnixTime,
    outcome: RequestOutcome,
    target: Option<TargetIdx>,
    provider: String,
    model: String,
    score: Option<f64>,
    reason: &'static str,
    pub attempts: u32,
    spent: AttemptUsage,
    /// What answers cost that broke off and were begun again.
    lost: AttemptUsage,
    /// Nothing where there is no cache.
    pub cache: Option<CacheStatus>,
    /// Among those that run; kept for as long as the request does. None before its body is here.
    place: Option<InFlightPermit>,
}

impl RequestRecorder {
    pub fn begin(handle: &EngineHandle, request_id: Option<String>) -> Self {
        let decision = handle.next_decision();
        Self {
            handle: handle.clone(),
            decision,
            request_id: request_id.unwrap_or_else(|| format!("req-{decision}")),
            started: clock::now(),
            outcome: RequestOutcome::Cancelled,
            target: None,
            provider: String::new(),
            model: String::new(),
            score: None,
            reason: "",
            attempts: 0,
            spent: AttemptUsage::default(),
            lost: AttemptUsage::ZERO,
            cache: None,
            place: None,
        }
    }

    /// From now on it is one of those that run.
    pub fn mark_running(&mut self, place: InFlightPermit) {
        self.place = Some(place);
    }

    /// A choice was made, or could not be: for those who ask later why.
    pub fn considered(
        &self,
        table: &RoutingTable,
        field: &CandidateSet,
        choice: Option<&TargetSelection>,
        (ask, luck, at): (&RequestProfile<'_>, RandomDraw, UnixTime),
    ) {
        let occasion = SelectionContext {
            decision: self.decision,
            is_dry_run: false,
            attempt: self.attempts + 1,
            class: ask.class,
            input: ask.input,
            luck,
            at,
        };
        let round = SelectionRound::of(table, field, choice, occasion);
        self.handle.observe(Observation::Selection(Box::new(round)));
    }

    /// Somebody was chosen: for the log, and for the headers of the answer.
    pub fn chose(&mut self, choice: &TargetSelection, id: &TargetId) {
        self.target = Some(choice.target);
        self.provider = id.provider.to_string();
        self.model = id.model.to_string();
        self.reason = choice.reason.text();
        self.score.get_or_insert(choice.score);
        afterwards(LogEntry::Chosen(SelectionLine {
            decision: self.decision,
            provider: Arc::clone(&id.provider),
            model: Arc::clone(&id.model),
            score: choice.score,
            share: choice.share,
            reason: self.reason,
            attempt: self.attempts + 1,
        }));
    }

    /// The answer is one that somebody else was given; nobody is asked.
    pub fn repeats(&mut self, target: Option<TargetIdx>, provider: &str, model: &str) {
        self.target = target;
        provider.clone_into(&mut self.provider);
        model.clone_into(&mut self.model);
        self.reason = "cache";
    }

    /// The target, and its names.
    pub fn answered_by(&self) -> (Option<TargetIdx>, &str, &str) {
        (self.target, &self.provider, &self.model)
    }

    pub fn decision(&self) -> DecisionId {
        self.decision
    }

    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// Nobody was asked, for want of something.
    pub fn on_rejected(&mut self, want: RejectionReason) {
        self.reason = want.text();
        self.end(RequestOutcome::Rejected(want), AttemptUsage::ZERO);
    }

    pub fn end(&mut self, outcome: RequestOutcome, spent: AttemptUsage) {
        self.outcome = outcome;
        self.spent = self.lost.plus(spent);
    }

    /// An answer broke off and is begun again: the request has cost that too.
    pub fn on_stream_restart(&mut self, spent: AttemptUsage) {
        self.lost = self.lost.plus(spent);
    }

    /// The attempts so far.
    pub fn mark_attempts(&self, headers: &mut HeaderMap) {
        headers.insert(ATTEMPTS, self.attempts.into());
    }

    /// The headers that every answer carries, stream or not, good or bad.
    pub fn mark(&self, headers: &mut HeaderMap) {
        let mut set = |name: HeaderName, text: &str| {
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(name, value);
            }
        };
        set(DECISION, &self.decision.to_string());
        set(REQUEST_ID, &self.request_id);
        if self.target.is_some() {
            set(PROVIDER, &self.provider);
            set(MODEL, &self.model);
            set(ATTEMPTS, &self.attempts.to_string());
        }
        if let Some(part) = self.cache {
            set(CACHE, part.as_str());
            if let CacheStatus::Hit(age) = part {
                set(AGE, &age.as_secs().to_string());
            }
        }
        if let Some(cost) = self.spent.cost {
            set(COST, &format!("{:.9}", cost.usd()));
        }
    }
}

impl Drop for RequestRecorder {
    fn drop(&mut self) {
        let ended = clock::now();
        let finished = RequestLine {
            decision: self.decision,
            request_id: self.request_id.clone(),
            provider: std::mem::take(&mut self.provider),
            model: std::mem::take(&mut self.model),
            outcome: self.outcome,
            attempts: self.attempts,
            latency: ended.since(self.started),
            usage: self.spent.usage,
            cost: self.spent.cost,
        };
        let told = self
            .handle
            .observe_deferred(Observation::Request(RequestEnd {
                decision: self.decision,
                request_id: std::mem::take(&mut self.request_id),
                started: self.started,
                ended,
                outcome: self.outcome,
                target: self.target,
                score: self.score,
                reason: self.reason.to_owned(),
                attempts: self.attempts,
                usage: self.spent.usage,
                cost: self.spent.cost,
            }));
        afterwards(LogEntry::Finished(finished, told));
    }
}

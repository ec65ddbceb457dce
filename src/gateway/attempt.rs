//! One attempt at one target: reserved money, a lease and a timer. It reports exactly once, because it
//! reports on drop.

use super::answer_memory::AnswerError;
use super::attempt_usage::AttemptUsage;
use super::error::GatewayError;
use super::failure_text::attempt_failure_text;
use super::hedge_race::HedgeRace;
use super::request_headers::TRACEPARENT;
use crate::clock;
use crate::domain::{
    AttemptEnd, BudgetReservation, BudgetScope, DecisionId, Failure, FirstToken, KeyIdx, Lease,
    MeasuredUsage, Money, Observation, Outcome, Price, PromptCaches, RequestIdentity, RoutingTable,
    ServedPrompt, TargetId, TargetIdx, TargetSelection, UnixTime, UpstreamLimits, UsageBasis,
    attempt_cost,
};
use crate::engine::EngineHandle;
use crate::protocols::{Endpoint, UpstreamError, UpstreamSet};
use crate::telemetry::{AttemptSpan, AttemptTrace, RequestTrace};
use arc_swap::ArcSwap;
use axum::http::{HeaderMap, HeaderValue};
use std::sync::Arc;
use std::time::Duration;

/// Why an attempt ended that ran beside a faster one.
const LOST_RACE: &str = "cancelled: the attempt beside it began first";

/// An attempt in progress. Dropped before [`Attempt::finish`], it reports that the client
/// disconnected.
#[derive(Debug)]
pub(super) struct Attempt {
    handle: EngineHandle,
    /// The keys that no text of a failure may hold.
    upstreams: Arc<ArcSwap<UpstreamSet>>,
    lease: Lease,
    reservation: BudgetReservation,
    price: Option<Price>,
    decision: DecisionId,
    identity: Arc<RequestIdentity>,
    /// Number of the attempt, 1 for the first.
    number: u32,
    /// Index in the catalogue.
    pub target: TargetIdx,
    pub started: UnixTime,
    streamed: bool,
    /// Number of request fields without an equivalent in the provider's protocol.
    pub dropped_fields: u32,
    /// Whether the client's own time limit ends it before the target's limit would.
    client_deadline_hit: bool,
    /// Silence after which a client disconnect counts as upstream slowness.
    silence_limit: Duration,
    /// Seconds of silence before the client disconnected, where they exceed the limit.
    abandoned_after_s: Option<f64>,
    /// Whether the response headers arrived.
    has_headers: bool,
    /// The HTTP status of the response.
    status: Option<u16>,
    /// Why it failed.
    message: Option<Arc<str>>,
    limits: UpstreamLimits,
    first_token: Option<f64>,
    usage: Option<MeasuredUsage>,
    outcome: Outcome,
    /// What the target's prompt cache holds after a success.
    session: Option<(Arc<PromptCaches>, ServedPrompt)>,
    /// Present while another attempt runs beside it.
    race: Option<Arc<HedgeRace>>,
    /// Its span and the name of its target, where spans are exported.
    trace: Option<Box<(AttemptTrace, TargetId)>>,
}

impl Attempt {
    /// Reserves the money and acquires the lease; `None` where other requests took the last of
    /// either after the selection.
    pub fn begin(
        (handle, upstreams): (&EngineHandle, &Arc<ArcSwap<UpstreamSet>>),
        table: &RoutingTable,
        selection: &TargetSelection,
        streamed: bool,
        (decision, number, identity): (DecisionId, u32, &Arc<RequestIdentity>),
        budget_scope: &BudgetScope,
    ) -> Option<Self> {
        let candidate = &table.candidates[selection.target];
        let started = clock::now();
        let expected = Money::from_usd(selection.expected_usd.unwrap_or_default());
        let must_fit = !selection.is_over_budget;
        let provider = &*candidate.id.provider;
        let reservation =
            budget_scope.reserve(selection.most.cost, expected, must_fit, (provider, started))?;
        let lease = selection.acquire_lease(table, started)?;
        if let Some(cost) = selection.most.cost.filter(|_| !must_fit) {
            budget_scope.count_rejected(cost, &[], started);
        }
        Some(Self {
            handle: handle.clone(),
            upstreams: Arc::clone(upstreams),
            lease,
            reservation,
            price: candidate.price,
            decision,
            identity: Arc::clone(identity),
            number,
            target: selection.target,
            started,
            streamed,
            dropped_fields: 0,
            client_deadline_hit: false,
            silence_limit: Duration::MAX,
            abandoned_after_s: None,
            has_headers: false,
            status: None,
            message: None,
            limits: UpstreamLimits::default(),
            first_token: None,
            usage: None,
            outcome: Outcome::Cancelled,
            session: None,
            race: None,
            trace: None,
        })
    }

    /// The key that it uses, where its provider has several.
    pub fn key(&self) -> Option<KeyIdx> {
        self.lease.attempt_start().key
    }

    /// Waits, for a short time, until the ledger knows what the attempt reserved.
    pub async fn covered(&self) {
        self.handle.ledger_signal().covered(&self.reservation).await;
    }

    /// Sets the silence after which a client disconnect counts as upstream slowness.
    #[must_use]
    pub fn with_silence_limit(mut self, limit: Duration) -> Self {
        self.silence_limit = limit;
        self
    }

    /// Sets what the target's prompt cache holds after a success.
    #[must_use]
    pub fn with_session(mut self, served: Option<(Arc<PromptCaches>, ServedPrompt)>) -> Self {
        self.session = served;
        self
    }

    /// Notes that another attempt for the request runs beside it.
    pub fn enter(&mut self, race: &Arc<HedgeRace>) {
        self.race = Some(Arc::clone(race));
    }

    /// Ends an attempt that another one was faster than. Its provider has read the prompt by then.
    fn lose(&mut self, race: &HedgeRace, waited: Duration) {
        let start = self.lease.attempt_start();
        let usage = self.usage.take();
        self.usage = usage.or_else(|| Some(MeasuredUsage::of_prompt(start.prompt, start.cached)));
        self.message = Some(LOST_RACE.into());
        // A wait shorter than usual says nothing of the target.
        let waited = waited.as_secs_f64();
        self.abandoned_after_s = Some(waited).filter(|waited| *waited > start.expected_first_token);
        race.record_lost(AttemptUsage {
            usage: self.usage,
            cost: self.cost(),
        });
    }

    /// Begins its span within that of its request.
    #[must_use]
    pub fn with_trace(mut self, request: Option<&RequestTrace>, id: &TargetId) -> Self {
        let trace = request.and_then(RequestTrace::attempt);
        self.trace = trace.map(|trace| Box::new((trace, id.clone())));
        self
    }

    /// Records where the request goes, and sets the header that continues the client's trace there,
    /// where it may pass.
    pub fn on_request(&mut self, endpoint: &Endpoint, headers: &mut HeaderMap) {
        let Some((trace, _)) = self.trace.as_deref_mut() else {
            return;
        };
        trace.endpoint = Some((Arc::clone(&endpoint.kind), endpoint.base_url.clone()));
        if endpoint.forwards(&TRACEPARENT)
            && let Ok(value) = HeaderValue::from_str(&trace.context.to_string())
        {
            headers.insert(TRACEPARENT, value);
        }
    }

    /// Records that the client disconnected after `waited` without data from the provider.
    pub fn on_client_disconnect(&mut self, waited: Duration) {
        self.abandoned_after_s = Some(waited.as_secs_f64()).filter(|_| waited > self.silence_limit);
    }

    /// Whether the first content arrived.
    pub fn has_first_token(&self) -> bool {
        self.first_token.is_some()
    }

    /// Records the first content; only the first call counts.
    pub fn on_first_token(&mut self) {
        if self.first_token.is_some() {
            return;
        }
        let now = clock::now();
        let seconds = now.seconds_since(self.started);
        self.first_token = Some(seconds);
        self.lease.on_first_token();
        if self.streamed {
            self.handle.observe(Observation::FirstToken(FirstToken {
                target: self.target,
                ticket: self.lease.attempt_start(),
                seconds,
                trial: self.lease.is_half_open_probe(),
                limits: std::mem::take(&mut self.limits),
            }));
        }
    }

    /// Records the status and the headers of the response, and the rate limits in them.
    pub fn on_headers(&mut self, status: u16, limits: UpstreamLimits) {
        self.has_headers = true;
        self.status = Some(status);
        if !limits.is_empty() {
            self.limits = limits;
        }
    }

    /// Records that the client's own time limit will end it.
    pub fn mark_client_deadline(&mut self) {
        self.client_deadline_hit = true;
    }

    /// Counts a response that was too large to be held back.
    pub fn count_unbuffered(&self) {
        self.handle.count_unbuffered();
    }

    /// Counts a response that ended because there was no memory for it.
    pub fn count_refused(&self) {
        self.handle.count_refused_answer();
    }

    /// Ends the attempt; returns its usage and cost.
    pub fn finish(mut self, outcome: Outcome, usage: Option<MeasuredUsage>) -> AttemptUsage {
        self.outcome = outcome;
        self.usage = usage;
        let cost = self.cost();
        AttemptUsage { usage, cost }
    }

    /// Ends the attempt as failed; removes all keys from the texts of the error.
    pub fn finish_failed(
        mut self,
        error: &mut UpstreamError,
        usage: Option<MeasuredUsage>,
    ) -> AttemptUsage {
        self.upstreams.load().registry.remove_keys(error);
        self.message = Some(attempt_failure_text(error));
        self.status = Some(error.status)
            .filter(|status| *status != 0)
            .or(self.status);
        self.finish(Outcome::Failed(error.failure), usage)
    }

    /// Reports the attempt as failed before its first content.
    pub fn fail(self, mut error: UpstreamError) -> AttemptFailure {
        let usage = is_unbilled(&error).then_some(MeasuredUsage::ZERO);
        let spent = self.finish_failed(&mut error, usage);
        AttemptFailure {
            error,
            spent,
            had_content: false,
            own: None,
        }
    }

    /// Ends the attempt, the response of which could not be read.
    pub fn fail_reading(self, error: AnswerError) -> AttemptFailure {
        match error {
            AnswerError::Upstream(error) => self.fail(error),
            AnswerError::NoMemory(_) => {
                let had_content = self.has_first_token();
                self.fail_without_memory(None, had_content)
            }
        }
    }

    /// Ends the attempt because the gateway has no memory for its response, which says nothing about
    /// the provider.
    pub fn fail_without_memory(
        self,
        usage: Option<MeasuredUsage>,
        had_content: bool,
    ) -> AttemptFailure {
        self.handle.count_refused_answer();
        let own = GatewayError::AnswerMemoryExhausted;
        let error = UpstreamError::without_response(Failure::Overloaded(None), own.to_string());
        AttemptFailure {
            error,
            spent: self.finish(Outcome::Cancelled, usage),
            had_content,
            own: Some(own),
        }
    }

    fn cost(&self) -> Option<Money> {
        attempt_cost(self.usage, self.price.as_ref())
    }
}

/// A failed attempt that is reported already.
pub(super) struct AttemptFailure {
    pub error: UpstreamError,
    pub spent: AttemptUsage,
    /// Whether it failed after its first content.
    pub had_content: bool,
    /// The error, where the gateway itself is the cause, so that no other target may help.
    pub own: Option<GatewayError>,
}

/// Whether the provider did no work and so bills none: it answered with an error, or was not
/// reached. Without a response, or with a part of one, it is unknown.
fn is_unbilled(error: &UpstreamError) -> bool {
    error.status >= 400 || error.unsent || error.failure.is_client_error()
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let ended = clock::now();
        let waited = ended.since(self.started);
        let is_cancelled = self.outcome == Outcome::Cancelled;
        let race = self.race.take().filter(|race| race.is_lost_by(self.number));
        if let Some(race) = race.filter(|_| is_cancelled) {
            self.lose(&race, waited);
        } else if is_cancelled && !self.has_headers {
            self.on_client_disconnect(waited);
        }
        if let Some((caches, served)) = self.session.take()
            && self.outcome == Outcome::Success
        {
            let exact = |measured: &MeasuredUsage| measured.basis == UsageBasis::Exact;
            let usage = self.usage.filter(exact).map(|measured| measured.usage);
            caches.record(&ServedPrompt { usage, ..served }, ended);
        }
        let cost = self.cost();
        self.reservation.settle(cost);
        let tokens = self
            .usage
            .map(|measured| measured.usage.input + measured.usage.output);
        self.lease.settle(tokens, ended);
        let end = AttemptEnd {
            decision: self.decision,
            identity: Arc::clone(&self.identity),
            number: self.number,
            target: self.target,
            started: self.started,
            ended,
            outcome: self.outcome,
            status: self.status,
            message: self.message.take(),
            first_token: self.first_token,
            usage: self.usage,
            cost,
            streamed: self.streamed,
            trial: self.lease.is_half_open_probe(),
            dropped_fields: self.dropped_fields,
            ticket: self.lease.attempt_start(),
            limits: std::mem::take(&mut self.limits),
            client_deadline_hit: self.client_deadline_hit,
            abandoned_after: self.abandoned_after_s,
        };
        if let Some((trace, target)) = self.trace.take().map(|trace| *trace) {
            let end = end.clone();
            AttemptSpan { trace, target, end }.send();
        }
        self.handle.observe(Observation::Attempt(end));
    }
}

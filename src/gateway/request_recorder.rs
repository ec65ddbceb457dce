//! Record of one client request from its first selection to its end. It reports and logs exactly once,
//! because it does so on drop.

use super::access_log::{LogEntry, RequestLine, SelectionLine, log_candidates, write_later};
use super::attempt_usage::AttemptUsage;
use super::cache_status::CacheStatus;
use super::error::GatewayError;
use super::failure_text::request_failure_text;
use super::rate_headers::set_rate_headers;
use crate::clock;
use crate::domain::{
    CandidateSet, DecisionId, Hedge, HedgeEnd, HedgeRefusal, HedgeResult, InFlightPermit, KeyIdx,
    Observation, RandomDraw, RatePermit, RateWindows, RejectionReason, RequestEnd, RequestIdentity,
    RequestOutcome, RequestProfile, RequestTerms, RoutingTable, SelectionContext, SelectionRound,
    Tag, TargetId, TargetIdx, TargetSelection, UnixTime,
};
use crate::engine::EngineHandle;
use crate::protocols::DroppedFields;
use crate::telemetry::{RequestSpan, RequestTrace};
use axum::http::header::AGE;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const DECISION: HeaderName = HeaderName::from_static("x-aibal-decision");
const PROVIDER: HeaderName = HeaderName::from_static("x-aibal-provider");
const MODEL: HeaderName = HeaderName::from_static("x-aibal-model");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-aibal-attempts");
const COST: HeaderName = HeaderName::from_static("x-aibal-cost-usd");
const KEY: HeaderName = HeaderName::from_static("x-aibal-key");
const CACHE: HeaderName = HeaderName::from_static("x-aibal-cache");
const DROPPED: HeaderName = HeaderName::from_static("x-aibal-dropped");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Most bytes of the header that lists dropped fields.
const MAX_DROPPED_HEADER_BYTES: usize = 1_024;
/// Most dropped fields that a decision names.
const MAX_RECORDED_FIELDS: usize = 16;

/// The record of a request in progress. Dropped before [`RequestRecorder::end`], it reports that the
/// client disconnected.
#[derive(Debug)]
pub(super) struct RequestRecorder {
    handle: EngineHandle,
    decision: DecisionId,
    identity: Arc<RequestIdentity>,
    request_id: String,
    started: UnixTime,
    outcome: RequestOutcome,
    /// The HTTP status of the response.
    pub status: Option<u16>,
    /// Why the request failed.
    pub message: Option<Arc<str>>,
    target: Option<TargetIdx>,
    provider: String,
    model: String,
    /// The key of the last attempt, where the provider has several.
    key: Option<KeyIdx>,
    score: Option<f64>,
    reason: &'static str,
    pub attempts: u32,
    spent: AttemptUsage,
    /// Usage of attempts of which the client gets nothing: their response broke and was restarted, or
    /// another one began first.
    unused: AttemptUsage,
    /// `None` without a cache.
    pub cache: Option<CacheStatus>,
    /// Fields of the request that the last target's protocol could not carry.
    pub dropped: DroppedFields,
    /// Held until the request ends; `None` before its body is complete.
    permit: Option<InFlightPermit>,
    /// Held until the request ends, where its client has limits per minute.
    rate_permit: Option<RatePermit>,
    /// What was left of these limits when one refused the request.
    pub rate_windows: Option<RateWindows>,
    /// When the request was complete, and the time that providers took since.
    complete_at: Option<Instant>,
    upstream_time: Duration,
    /// Targets that took over from another one.
    fallbacks: u32,
    /// What became of it when its first content was late.
    hedge: Option<Hedge>,
    /// Seconds to the first content of the stream.
    first_content: Option<f64>,
    /// Time that the gateway took for the beginning of the response.
    own_time: Option<Duration>,
    /// Its span, where spans are exported.
    pub trace: Option<Box<RequestTrace>>,
}

impl RequestRecorder {
    pub fn begin(
        handle: &EngineHandle,
        (operation, client): (&'static str, &Arc<str>),
        request_id: Option<String>,
    ) -> Self {
        let decision = handle.next_decision();
        Self {
            handle: handle.clone(),
            decision,
            identity: Arc::new(RequestIdentity {
                operation,
                client: Arc::clone(client),
                ..RequestIdentity::default()
            }),
            request_id: request_id.unwrap_or_else(|| format!("req-{decision}")),
            started: clock::now(),
            outcome: RequestOutcome::Cancelled,
            status: None,
            message: None,
            target: None,
            provider: String::new(),
            model: String::new(),
            key: None,
            score: None,
            reason: "",
            attempts: 0,
            spent: AttemptUsage::default(),
            unused: AttemptUsage::ZERO,
            cache: None,
            dropped: DroppedFields::default(),
            permit: None,
            rate_permit: None,
            rate_windows: None,
            complete_at: None,
            upstream_time: Duration::ZERO,
            fallbacks: 0,
            hedge: None,
            first_content: None,
            own_time: None,
            trace: None,
        }
    }

    /// Records the model's name as the client wrote it, and what it says the request is for.
    pub fn on_read(&mut self, model: &Arc<str>, tag: Option<Tag>) {
        let identity = Arc::make_mut(&mut self.identity);
        identity.model = Arc::clone(model);
        identity.tag = tag;
    }

    /// The decision, the number of the next attempt, and whose request it is.
    pub fn identity(&self) -> (DecisionId, u32, &Arc<RequestIdentity>) {
        (self.decision, self.attempts + 1, &self.identity)
    }

    /// Records that the client gets the first content of its stream.
    pub fn on_first_content(&mut self) {
        let seconds = clock::now().seconds_since(self.started);
        self.first_content.get_or_insert(seconds);
    }

    /// Holds the in-flight permit until the request ends. Its body is complete, so the time of the
    /// gateway begins.
    pub fn set_permit(&mut self, permit: InFlightPermit) {
        self.permit = Some(permit);
        self.complete_at = Some(Instant::now());
    }

    /// Holds the permit of the client's limits until the request ends.
    pub fn set_rate_permit(&mut self, permit: RatePermit) {
        self.rate_permit = Some(permit);
    }

    /// Adds the time that a provider took, or its connection.
    pub fn add_upstream_time(&mut self, time: Duration) {
        self.upstream_time += time;
    }

    /// Sets the header that says how long the gateway and the providers took for the beginning of the
    /// response, in milliseconds.
    pub fn set_timing_header(&mut self, headers: &mut HeaderMap) {
        let Some(complete_at) = self.complete_at else {
            return;
        };
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let own = complete_at.elapsed().saturating_sub(self.upstream_time);
        self.own_time = Some(own);
        let (own, upstream) = (ms(own), ms(self.upstream_time));
        let text = format!("gateway;dur={own:.3}, upstream;dur={upstream:.3}");
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(SERVER_TIMING, value);
        }
    }

    /// Reports a selection, or that none was possible, for the decision log.
    pub fn on_round(
        &self,
        table: &RoutingTable,
        candidates: &CandidateSet,
        selection: Option<&TargetSelection>,
        (profile, draw, at): (&RequestProfile<'_>, RandomDraw, UnixTime),
    ) {
        let context = SelectionContext {
            decision: self.decision,
            is_dry_run: false,
            attempt: self.attempts + 1,
            class: profile.class,
            input: profile.input,
            luck: draw,
            at,
        };
        if tracing::enabled!(tracing::Level::DEBUG) {
            log_candidates(self.decision, table, candidates, at);
        }
        let mut round = SelectionRound::of(table, candidates, selection, context);
        if context.attempt == 1 {
            let payer = Some(&self.identity.client);
            round = round.with_terms(RequestTerms::of(profile, payer));
        }
        self.handle.observe(Observation::Selection(Box::new(round)));
    }

    /// Records the selected target, for the log and the response headers.
    pub fn on_selected(&mut self, selection: &TargetSelection, id: &TargetId) {
        self.score.get_or_insert(selection.score);
        self.log_selected(selection, id);
        self.on_taken_over(selection, id);
    }

    /// Records that the target of a running attempt is the one that may answer now, in place of one that
    /// failed.
    pub fn on_taken_over(&mut self, selection: &TargetSelection, id: &TargetId) {
        let before = self.target;
        self.set_target(selection, id);
        self.fallbacks += u32::from(before.is_some_and(|before| before != selection.target));
    }

    /// Records a second attempt beside one that is late.
    pub fn on_hedge(&mut self, selection: &TargetSelection, id: &TargetId) {
        self.hedge = Some(Hedge::Ran(HedgeEnd {
            target: selection.target,
            result: HedgeResult::Neither,
            cost: None,
        }));
        self.log_selected(selection, id);
    }

    /// Records that there is no second attempt beside one that is late.
    pub fn on_hedge_refused(&mut self, why: HedgeRefusal) {
        self.hedge = Some(Hedge::Refused(why));
    }

    /// Records which of the two attempts began first, and what the lost one used.
    pub fn on_hedge_ended(&mut self, result: HedgeResult, lost: AttemptUsage) {
        if let Some(Hedge::Ran(hedge)) = &mut self.hedge {
            (hedge.result, hedge.cost) = (result, lost.cost);
        }
        self.add_unused(lost);
    }

    /// Whether it was late before.
    pub fn was_late(&self) -> bool {
        self.hedge.is_some()
    }

    /// Records the target that responds, or the last one tried.
    pub fn set_target(&mut self, selection: &TargetSelection, id: &TargetId) {
        self.target = Some(selection.target);
        self.provider = id.provider.to_string();
        self.model = id.model.to_string();
        self.reason = selection.reason.text();
        self.key = selection.key;
    }

    fn log_selected(&self, selection: &TargetSelection, id: &TargetId) {
        write_later(LogEntry::Selected(SelectionLine {
            decision: self.decision,
            provider: Arc::clone(&id.provider),
            model: Arc::clone(&id.model),
            score: selection.score,
            share: selection.share,
            reason: selection.reason.text(),
            attempt: self.attempts + 1,
            expected: (
                selection.expected_latency,
                selection.expected_tokens,
                selection.expected_usd,
            ),
        }));
    }

    /// Records a response from the cache; no provider is called.
    pub fn on_reused(&mut self, target: Option<TargetIdx>, provider: &str, model: &str) {
        self.target = target;
        provider.clone_into(&mut self.provider);
        model.clone_into(&mut self.model);
        self.reason = "cache";
    }

    /// The selected target, with the names of its provider and model.
    pub fn target(&self) -> (Option<TargetIdx>, &str, &str) {
        (self.target, &self.provider, &self.model)
    }

    pub fn decision(&self) -> DecisionId {
        self.decision
    }

    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// Records a rejection without any attempt.
    pub fn on_rejected(&mut self, reason: RejectionReason) {
        self.reason = reason.text();
        self.end(RequestOutcome::Rejected(reason), AttemptUsage::ZERO);
    }

    /// Records the result; `spent` is what the last attempt used.
    pub fn end(&mut self, outcome: RequestOutcome, spent: AttemptUsage) {
        self.outcome = outcome;
        self.spent = self.unused.plus(spent);
    }

    /// Records why the request failed, and its status.
    pub fn on_error(&mut self, error: &GatewayError) {
        self.status = Some(error.status().as_u16());
        self.message = Some(request_failure_text(error));
    }

    /// Adds the usage of an attempt of which the client gets nothing.
    pub fn add_unused(&mut self, spent: AttemptUsage) {
        self.unused = self.unused.plus(spent);
    }

    /// Sets the header with the number of attempts so far.
    pub fn set_attempts_header(&self, headers: &mut HeaderMap) {
        headers.insert(ATTEMPTS, self.attempts.into());
    }

    /// Sets the headers of every response, stream or not, success or error.
    pub fn set_headers(&self, headers: &mut HeaderMap) {
        let permit = self.rate_permit.as_ref();
        let windows = permit.map(|permit| permit.windows(clock::now()));
        if let Some(windows) = windows.or(self.rate_windows) {
            set_rate_headers(headers, windows);
        }
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
        if let Some(key) = self.key {
            set(KEY, &key.get().to_string());
        }
        if let Some(status) = self.cache {
            set(CACHE, status.as_str());
            if let CacheStatus::Hit(age) = status {
                set(AGE, &age.as_secs().to_string());
            }
        }
        if self.dropped.count() > 0 {
            set(DROPPED, &header_list(&self.dropped));
        }
        if let Some(cost) = self.spent.cost {
            set(COST, &format!("{:.9}", cost.usd()));
        }
    }
}

/// Lists the fields in a header, as far as they fit, and the number of the others.
fn header_list(dropped: &DroppedFields) -> String {
    let mut list = String::new();
    let mut listed = 0;
    for name in dropped.names() {
        let visible = |c: char| {
            if c.is_ascii_graphic() && c != ',' {
                c
            } else {
                '?'
            }
        };
        if list.len() + name.len() > MAX_DROPPED_HEADER_BYTES {
            break;
        }
        if listed > 0 {
            list.push_str(", ");
        }
        list.extend(name.chars().map(visible));
        listed += 1;
    }
    match dropped.count() - listed {
        0 => list,
        more => format!("{list}, +{more} more"),
    }
}

impl Drop for RequestRecorder {
    fn drop(&mut self) {
        let ended = clock::now();
        if let Some(permit) = &mut self.rate_permit {
            let used = self.spent.usage.map(|it| it.usage.input + it.usage.output);
            permit.settle(used.unwrap_or(0), ended);
        }
        let target = self
            .trace
            .is_some()
            .then(|| TargetId::new(&self.provider, &self.model));
        let line = RequestLine {
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
        let end = RequestEnd {
            decision: self.decision,
            identity: Arc::clone(&self.identity),
            request_id: std::mem::take(&mut self.request_id),
            started: self.started,
            ended,
            outcome: self.outcome,
            status: self.status,
            message: self.message.take(),
            target: self.target,
            score: self.score,
            reason: self.reason.to_owned(),
            attempts: self.attempts,
            fallbacks: self.fallbacks,
            hedge: self.hedge,
            first_content: self.first_content,
            gateway_seconds: self.own_time.map(|time| time.as_secs_f64()),
            usage: self.spent.usage,
            cost: self.spent.cost,
            dropped_fields: self.dropped.take_names(MAX_RECORDED_FIELDS),
        };
        if let Some((trace, target)) = self.trace.take().zip(target) {
            let end = end.clone();
            let trace = *trace;
            RequestSpan { trace, target, end }.send();
        }
        let wake = self.handle.observe_deferred(Observation::Request(end));
        write_later(LogEntry::Finished(line, wake));
    }
}

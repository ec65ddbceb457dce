//! One call to a provider: sends the request, and reads the response up to where the client may get it.

use super::answer_memory::ClientMemory;
use super::attempt::{Attempt, AttemptFailure};
use super::body_start::BodyStart;
use super::body_work::BodyWork;
use super::error::GatewayError;
use super::recovery::StreamRecovery;
use super::relay::{KeepAlive, StreamRelay, StreamTimeouts};
use super::request::ParsedRequest;
use super::request_context::RequestContext;
use super::response_headers::forwarded_headers;
use super::split_request::SplitRequest;
use super::state::Gateway;
use super::upstream_response::UpstreamResponse;
use crate::clock;
use crate::domain::ProviderIdx;
use crate::domain::{Failure, MeasuredUsage, Outcome, TargetId};
use crate::foreign::read_body;
use crate::protocols::{
    CallSpec, DroppedFields, Endpoint, ModelTraits, OpenAiErrorFields, OutboundRequest,
    PreparedCall, ResponseAdapter, RetryForm, TranslationError, Transport, UpstreamError, add_date,
    guarded, rate_limits, stream_from, whole_from,
};
use axum::http::HeaderMap;
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, StreamExt};
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Bytes that are read of the body of an error.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// The adapter of a response, the response, and the request that led to it.
type SentRequest = (Box<dyn ResponseAdapter>, reqwest::Response, OutboundRequest);
/// Repetitions of one call without what a provider refused.
const MAX_CORRECTIONS: u32 = 2;

/// One call to a provider.
#[derive(Debug)]
pub(super) struct UpstreamCall<'g> {
    pub gateway: &'g Gateway,
    pub request: &'g Arc<ParsedRequest>,
    /// The client's headers.
    pub headers: &'g Arc<HeaderMap>,
    /// Unique to the request.
    pub id: &'g str,
    /// Name of the client.
    pub owner: &'g str,
    /// The client's share of the memory for answers.
    pub memory: ClientMemory,
    /// When the client's request began.
    pub started: Instant,
    pub keep_alive: Option<KeepAlive>,
    /// Nanoseconds of translation, which are no wait for the provider.
    pub own_ns: AtomicU64,
}

impl<'g> UpstreamCall<'g> {
    pub fn new(context: &RequestContext<'g>) -> Self {
        Self {
            gateway: context.gateway,
            request: context.request,
            headers: context.headers,
            id: context.id,
            owner: context.owner,
            memory: context.memory.clone(),
            started: context.started,
            keep_alive: context.keep_alive(),
            own_ns: AtomicU64::default(),
        }
    }

    /// The time of translation so far.
    pub fn own_time(&self) -> Duration {
        Duration::from_nanos(self.own_ns.load(Ordering::Relaxed))
    }

    /// Adds the time of some translation.
    fn count_own(&self, begun: Instant) {
        let spent = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.own_ns.fetch_add(spent, Ordering::Relaxed);
    }

    /// Makes one attempt. It is reported when this returns, or continues in the response's relay.
    pub async fn try_once(
        &self,
        (id, provider): (&TargetId, ProviderIdx),
        mut attempt: Attempt,
        until: Instant,
        dropped: &mut DroppedFields,
    ) -> Result<UpstreamResponse, AttemptFailure> {
        // An attempt uses one configuration: its connection and key do not change by a reload.
        let upstreams = self.gateway.upstreams.load_full();
        let Some(endpoint) = upstreams.registry.endpoint(provider) else {
            let error = UpstreamError::without_response(
                Failure::Disconnected,
                "the provider has no endpoint",
            );
            return Err(attempt.fail(error.never_sent()));
        };
        let endpoint = &*endpoint.with_key(attempt.key());
        let traits = upstreams.registry.traits(attempt.target);
        let route = (endpoint, &upstreams.transport, provider);
        let sent = self.send(route, (id, traits), (&mut attempt, dropped), until);
        let (adapter, response, request) = match sent.await {
            Ok(sent) => sent,
            Err(error) => return Err(attempt.fail(error)),
        };
        let headers = forwarded_headers(response.headers());
        if !self.request.stream {
            let split = SplitRequest {
                endpoint,
                transport: &upstreams.transport,
                provider,
                request,
                largest: self.request.operation.max_response_bytes(),
            };
            let whole = self.whole(headers, adapter, (response, split), attempt, until);
            return whole.await;
        }
        // Labels are not reliable: a stream may be called plain text, and a whole response a stream.
        let beginning = with_deadline(until, BodyStart::read(response)).await;
        let beginning = match beginning {
            Ok(beginning) => beginning,
            Err(error) => return Err(attempt.fail(error)),
        };
        let relay = if beginning.is_stream(adapter.framing()) {
            let relay = self.relay(beginning.into_stream(), adapter, &id.provider, attempt);
            relay.until_content(until).await?
        } else {
            self.unfolded(beginning, adapter, &id.provider, attempt, until)
                .await?
        };
        Ok(UpstreamResponse::Stream {
            headers,
            relay: Box::new(relay),
        })
    }

    /// Runs work on the request as a provider's protocol needs it; on another thread where the body
    /// is large. A panic in it is the provider's failure.
    pub async fn with_spec<T: Send + 'static>(
        &self,
        (endpoint, target, traits): (&Endpoint, &TargetId, &ModelTraits),
        use_fallback: bool,
        work: impl FnOnce(&Endpoint, &CallSpec<'_>, &ParsedRequest) -> Result<T, UpstreamError>
        + Send
        + 'static,
    ) -> Result<T, UpstreamError> {
        let bytes = self.request.fields.body().len();
        if BodyWork::is_short(bytes) {
            let call = (&**self.request, &**self.headers, self.id);
            return run_with_spec(call, (endpoint, target, traits), use_fallback, work);
        }
        let (request, headers) = (Arc::clone(self.request), Arc::clone(self.headers));
        let (endpoint, target, traits) = (endpoint.clone(), target.clone(), traits.clone());
        let id = self.id.to_owned();
        let step = move || {
            let call = (&*request, &*headers, id.as_str());
            run_with_spec(call, (&endpoint, &target, &traits), use_fallback, work)
        };
        let result = self.gateway.body_work.run(bytes, step).await;
        result.unwrap_or_else(|error| Err(no_turn(&error)))
    }

    /// Sends the request, and once more where the provider's protocol has another form of it.
    async fn send(
        &self,
        (endpoint, transport, provider): (&Endpoint, &Transport, ProviderIdx),
        (id, traits): (&TargetId, &ModelTraits),
        (attempt, lost): (&mut Attempt, &mut DroppedFields),
        until: Instant,
    ) -> Result<SentRequest, UpstreamError> {
        let (mut corrections, mut use_fallback) = (0, false);
        let mut rejected: Option<RejectedCredential> = None;
        loop {
            let ready = with_credentials(endpoint, rejected.as_ref(), until).await;
            let mut endpoint = ready?.into_owned();
            endpoint.reasoning_cache = endpoint.reasoning_cache.of_client(self.owner);
            let target = (&endpoint, id, traits);
            let requested = self.gateway.config.load().requested_model_in_answer;
            let build = move |endpoint: &Endpoint, spec: &CallSpec<'_>, request: &ParsedRequest| {
                let prepared = request.build_request(endpoint, spec, requested);
                prepared.map_err(|error| untranslatable(&error))
            };
            let begun = Instant::now();
            let prepared = self.with_spec(target, use_fallback, build);
            let prepared = with_deadline(until, prepared).await;
            self.count_own(begun);
            let PreparedCall {
                mut request,
                adapter,
                mut dropped,
            } = prepared.map_err(UpstreamError::never_sent)?;
            endpoint.add_headers(&mut request.headers, self.headers);
            attempt.on_request(&endpoint, &mut request.headers);
            let client_api = self.request.operation.dialect().client_api();
            dropped.rename(|name| client_api.member(name));
            log_dropped_fields(&endpoint, dropped.names());
            attempt.dropped_fields = u32::try_from(dropped.count()).unwrap_or(u32::MAX);
            *lost = dropped;
            if self.request.is_strict && lost.count() > 0 {
                return Err(untranslatable(&not_carried(lost)));
            }
            // The body is shared, not copied.
            let sent = async { Ok(transport.send(provider, request.clone()).await?) };
            let response = with_deadline(until, sent).await?;
            let limits = rate_limits(response.headers(), clock::now());
            attempt.on_headers(response.status().as_u16(), limits);
            if response.status().is_success() {
                return Ok((adapter, response, request));
            }
            let error = classify(&endpoint, response, until).await;
            let error = self.request.counted(error);
            if rejected.is_none() && endpoint.may_renew_credential(&error) {
                rejected = Some(RejectedCredential { endpoint, error });
                continue;
            }
            let (refused, failed) = (error.clone(), error);
            let find = move |endpoint: &Endpoint, spec: &CallSpec<'_>, _: &ParsedRequest| {
                let protocol = endpoint.protocol;
                Ok(protocol.fallback_request(endpoint, spec, &refused))
            };
            let form = self.with_spec(target, use_fallback, find).await;
            match form.unwrap_or(RetryForm::None) {
                RetryForm::OtherForm if !use_fallback => use_fallback = true,
                RetryForm::Corrected if corrections < MAX_CORRECTIONS => corrections += 1,
                _ => return Err(failed),
            }
        }
    }

    /// The relay of a stream.
    fn relay(
        &self,
        upstream: BoxStream<'static, reqwest::Result<Bytes>>,
        adapter: Box<dyn ResponseAdapter>,
        name: &str,
        attempt: Attempt,
    ) -> StreamRelay {
        let config = self.gateway.config.load();
        let timeouts = StreamTimeouts {
            idle: config.idle_timeout,
            until: self.started + config.stream_timeout,
        };
        let prompt = self.request.input;
        let mut relay = StreamRelay::new(upstream, adapter, timeouts, prompt, name, attempt)
            .with_memory(&self.memory)
            .with_keep_alive(self.keep_alive.clone())
            .with_shutdown(self.gateway.shutdown.clone());
        if let StreamRecovery::Restart(budget) = &config.recovery {
            relay.hold(budget.reservation());
        }
        relay
    }

    /// The stream of a response that the provider sent as a whole.
    async fn unfolded(
        &self,
        beginning: BodyStart,
        mut adapter: Box<dyn ResponseAdapter>,
        name: &str,
        attempt: Attempt,
        until: Instant,
    ) -> Result<StreamRelay, AttemptFailure> {
        let largest = self.request.operation.max_response_bytes();
        let mut buffer = self.memory.buffer();
        let read = timeout_at(until, beginning.into_body(largest, &mut buffer)).await;
        let body = match read.unwrap_or_else(|_| Err(late("no response in time").into())) {
            Ok(body) => body,
            Err(error) => return Err(attempt.fail_reading(error)),
        };
        let mut out = BytesMut::new();
        if let Err(error) = stream_from(&mut *adapter, body, &mut out) {
            return Err(attempt.fail(error));
        }
        let relay = self.relay(stream::empty().boxed(), adapter, name, attempt);
        Ok(relay.complete(out))
    }

    async fn whole(
        &self,
        headers: HeaderMap,
        mut adapter: Box<dyn ResponseAdapter>,
        (response, split): (reqwest::Response, SplitRequest<'_>),
        attempt: Attempt,
        until: Instant,
    ) -> Result<UpstreamResponse, AttemptFailure> {
        let mut buffer = self.memory.buffer();
        let read = async {
            let body = self.memory.read(response, split.largest, &mut buffer);
            Ok(split.send_all(&mut *adapter, body.await?).await?)
        };
        let read = timeout_at(until, read).await;
        let body = match read.unwrap_or_else(|_| Err(late("no complete response in time").into())) {
            Ok(body) => body,
            Err(error) => return Err(attempt.fail_reading(error)),
        };
        let bytes = body.len();
        let begun = Instant::now();
        let read = move || (whole_from(&mut *adapter, body), adapter);
        let read = self.gateway.body_work.run(bytes, read).await;
        self.count_own(begun);
        let (adapter, body) = match read {
            Ok((Ok(body), adapter)) => (adapter, body),
            Ok((Err(error), _)) => return Err(attempt.fail(error)),
            Err(error) => return Err(attempt.fail(no_turn(&error))),
        };
        let body = match buffer.into_held(body).await {
            Ok(body) => body,
            Err(error) => return Err(attempt.fail_reading(error.into())),
        };
        let usage = MeasuredUsage::of(
            adapter.usage(),
            true,
            self.request.input,
            adapter.text_bytes(),
        );
        let spent = attempt.finish(Outcome::Success, usage);
        Ok(UpstreamResponse::Whole {
            headers,
            body,
            spent,
        })
    }
}

/// Runs work on a request, given with the client's headers and the request's id.
fn run_with_spec<T>(
    (request, headers, id): (&ParsedRequest, &HeaderMap, &str),
    (endpoint, target, traits): (&Endpoint, &TargetId, &ModelTraits),
    use_fallback: bool,
    work: impl FnOnce(&Endpoint, &CallSpec<'_>, &ParsedRequest) -> Result<T, UpstreamError>,
) -> Result<T, UpstreamError> {
    let object = request.fields.object();
    let spec = CallSpec {
        dialect: request.operation.dialect(),
        object: &object,
        headers,
        model: &target.model,
        traits,
        prompt: request.input,
        stream: request.stream,
        wants_usage: request.wants_usage,
        id,
        created: clock::now().unix_seconds(),
        use_fallback,
    };
    guarded(|| work(endpoint, &spec, request))
}

/// A credential that the provider has rejected in this call.
struct RejectedCredential {
    endpoint: Endpoint,
    error: UpstreamError,
}

/// The endpoint with a valid credential; after a rejection with another one, or the rejection where there
/// is none.
async fn with_credentials<'e>(
    endpoint: &'e Endpoint,
    rejected: Option<&RejectedCredential>,
    until: Instant,
) -> Result<Cow<'e, Endpoint>, UpstreamError> {
    let refused = rejected.map(|rejected| &rejected.endpoint);
    let ready = with_deadline(until, endpoint.with_credentials(refused)).await;
    match (ready, rejected) {
        (ready, None) => ready.map_err(UpstreamError::never_sent),
        (Ok(ready), Some(old)) if !ready.has_credential_of(&old.endpoint) => Ok(ready),
        (Ok(_), Some(old)) => Err(old.error.clone()),
        (Err(error), Some(old)) => {
            tracing::warn!("a rejected key could not be renewed: {}", error.message);
            Err(old.error.clone())
        }
    }
}

/// The result of `work`, or a timeout.
async fn with_deadline<T>(
    until: Instant,
    work: impl Future<Output = Result<T, UpstreamError>>,
) -> Result<T, UpstreamError> {
    timeout_at(until, work).await.unwrap_or_else(|_| {
        Err(UpstreamError::without_response(
            Failure::Timeout,
            "no response in time",
        ))
    })
}

fn late(message: &str) -> UpstreamError {
    UpstreamError::without_response(Failure::Timeout, message)
}

/// The request waited too long for its turn, which is no failure of the provider.
fn no_turn(error: &GatewayError) -> UpstreamError {
    UpstreamError::without_response(Failure::Timeout, error.to_string())
}

/// A request that this provider's protocol cannot represent, or that is wrong for every provider.
fn untranslatable(translation: &TranslationError) -> UpstreamError {
    let failure = if translation.is_target_specific {
        Failure::Unsupported
    } else {
        Failure::InvalidRequest
    };
    let mut error = UpstreamError::without_response(failure, translation.message.clone());
    error.code = translation.code().map(str::to_owned);
    error.openai = translation.param.clone().map(|param| {
        Box::new(OpenAiErrorFields {
            kind: "invalid_request_error".to_owned(),
            param: Some(param),
        })
    });
    error
}

/// The error of a strict request, a part of which this target cannot carry.
fn not_carried(dropped: &DroppedFields) -> TranslationError {
    const LISTED: usize = 20;
    let names = dropped.names();
    let mut list = names[..names.len().min(LISTED)].join(", ");
    if dropped.count() > LISTED {
        list = format!("{list} and {} more", dropped.count() - LISTED);
    }
    let first = names.first().map_or("", String::as_str);
    TranslationError {
        param: Some(first.to_owned()),
        message: format!(
            "x-aibal-strict is true, and this model's protocol has no place for {list}"
        ),
        is_target_specific: true,
    }
}

/// Logs names of fields; their values may be secret and are never logged.
fn log_dropped_fields(endpoint: &Endpoint, names: &[String]) {
    if !names.is_empty() {
        tracing::debug!(kind = %endpoint.kind, count = names.len(), "fields without an equivalent were dropped");
    }
}

/// The error of a response whose status is no success.
async fn classify(
    endpoint: &Endpoint,
    response: reqwest::Response,
    until: Instant,
) -> UpstreamError {
    let (status, mut headers) = (response.status(), response.headers().clone());
    add_date(&mut headers, clock::now());
    // The status counts even if the body does not arrive.
    let body = timeout_at(until, read_body(response, MAX_ERROR_BYTES)).await;
    let body = body.ok().and_then(Result::ok).unwrap_or_default();
    endpoint.protocol.classify_error(status, &headers, &body)
}

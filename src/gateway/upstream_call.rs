//! One exchange with an upstream: a request out, and its answer up to where it may be passed on.

use super::Gateway;
use super::attempt::{Attempt, AttemptFailure, AttemptUsage};
use super::recovery::Recovery;
use super::relay::{StreamRelay, StreamTimeouts};
use super::request::ParsedRequest;
use crate::clock;
use crate::domain::ProviderIdx;
use crate::domain::{Failure, MeasuredUsage, Outcome, TargetId};
use crate::protocols::{
    CallSpec, Endpoint, Framing, ModelTraits, OpenAiErrorFields, PreparedCall, ResponseAdapter,
    TranslationError, Transport, UpstreamError, rate_limits, read_body,
};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

/// As much of an error's body is read.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// What an upstream gave us for the client.
pub(super) enum UpstreamResponse {
    /// The attempt is over.
    Whole {
        headers: HeaderMap,
        body: Bytes,
        spent: AttemptUsage,
    },
    /// The attempt lives on in the relay.
    Stream {
        headers: HeaderMap,
        relay: Box<StreamRelay>,
    },
}

/// What every exchange of one request has in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct UpstreamCall<'g> {
    pub gateway: &'g Gateway,
    pub admission: &'g ParsedRequest<'g>,
    /// The client's.
    pub headers: &'g HeaderMap,
    /// Unique to the request.
    pub id: &'g str,
    /// When the client's request began.
    pub started: Instant,
}

impl UpstreamCall<'_> {
    /// Tries once; whatever happens, the attempt has been reported or lives in the answer.
    pub async fn try_once(
        &self,
        (id, provider): (&TargetId, ProviderIdx),
        mut attempt: Attempt,
        until: Instant,
    ) -> Result<UpstreamResponse, AttemptFailure> {
        // One attempt, one configuration: it ends on the connection and with the key it began with.
        let upstreams = self.gateway.upstreams.load_full();
        let Some(endpoint) = upstreams.registry.endpoint(provider) else {
            let upset = UpstreamError::without_response(
                Failure::Disconnected,
                "the provider has no endpoint",
            );
            return Err(failed(attempt, upset.never_sent()));
        };
        let call = self.call(id, upstreams.registry.traits(attempt.target));
        let way = (endpoint, &upstreams.transport);
        let sent = self.send(way, provider, call, &mut attempt, until);
        let (adapter, answer) = match sent.await {
            Ok(answered) => answered,
            Err(upset) => return Err(failed(attempt, upset)),
        };
        if self.admission.stream && is_stream(&answer, adapter.framing()) {
            return self
                .stream(adapter, &id.provider, answer, attempt, until)
                .await;
        }
        self.whole(adapter, answer, attempt, until).await
    }

    pub fn call<'c>(&'c self, id: &'c TargetId, traits: &'c ModelTraits) -> CallSpec<'c> {
        CallSpec {
            dialect: self.admission.errand.dialect(),
            object: &self.admission.object,
            headers: self.headers,
            model: &id.model,
            traits,
            stream: self.admission.stream,
            wants_usage: self.admission.wants_usage,
            id: self.id,
            created: clock::now().unix_seconds(),
            use_fallback: false,
        }
    }

    /// Sends the call, and once more where the protocol knows another way.
    async fn send(
        &self,
        (endpoint, transport): (&Endpoint, &Transport),
        provider: ProviderIdx,
        mut call: CallSpec<'_>,
        attempt: &mut Attempt,
        until: Instant,
    ) -> Result<(Box<dyn ResponseAdapter>, reqwest::Response), UpstreamError> {
        loop {
            let ready = with_deadline(until, endpoint.with_credentials(call.use_fallback)).await;
            let endpoint = ready.map_err(UpstreamError::never_sent)?;
            let asked = self.admission.errand.build_request(&endpoint, &call);
            let PreparedCall {
                request,
                adapter,
                dropped,
            } = asked.map_err(|mistake| untranslatable(&mistake))?;
            log_dropped_fields(&endpoint, dropped.names());
            attempt.lost = u32::try_from(dropped.names().len()).unwrap_or(u32::MAX);
            let sent = async { Ok(transport.send(provider, request).await?) };
            let answer = with_deadline(until, sent).await?;
            attempt.on_headers(rate_limits(answer.headers(), clock::now()));
            if answer.status().is_success() {
                return Ok((adapter, answer));
            }
            let upset = refusal(&endpoint, answer, until).await;
            if call.use_fallback || !endpoint.protocol.fallback_request(&endpoint, &call, &upset) {
                return Err(upset);
            }
            call.use_fallback = true;
        }
    }

    async fn stream(
        &self,
        adapter: Box<dyn ResponseAdapter>,
        name: &str,
        answer: reqwest::Response,
        attempt: Attempt,
        until: Instant,
    ) -> Result<UpstreamResponse, AttemptFailure> {
        let headers = kept_headers(answer.headers());
        let limits = self.gateway.limits.load();
        let pace = StreamTimeouts {
            idle: limits.idle_timeout,
            until: self.started + limits.stream_timeout,
        };
        let mut relay =
            StreamRelay::new(answer, adapter, pace, self.admission.input, name, attempt)
                .with_shutdown(self.gateway.closing.clone());
        if let Recovery::Restart(shelf) = &limits.recovery {
            relay.hold(shelf.reservation());
        }
        let relay = relay.until_content(until).await?;
        Ok(UpstreamResponse::Stream {
            headers,
            relay: Box::new(relay),
        })
    }

    async fn whole(
        &self,
        mut adapter: Box<dyn ResponseAdapter>,
        answer: reqwest::Response,
        attempt: Attempt,
        until: Instant,
    ) -> Result<UpstreamResponse, AttemptFailure> {
        let headers = kept_headers(answer.headers());
        let largest = self.admission.errand.largest_answer();
        let body = match timeout_at(until, read_body(answer, largest)).await {
            Err(_) => {
                return Err(failed(
                    attempt,
                    UpstreamError::without_response(Failure::Timeout, "no whole answer in time"),
                ));
            }
            Ok(Err(error)) => return Err(failed(attempt, error.into())),
            Ok(Ok(body)) => body,
        };
        if self.admission.stream {
            // Some servers say in one piece, and with a 200, why there is no stream.
            let upset = adapter.whole(&body).err().unwrap_or_else(|| {
                let message = "the provider answered in one piece what was asked for as a stream";
                UpstreamError::without_response(Failure::Server, message)
            });
            return Err(failed(attempt, upset));
        }
        let body = match adapter.whole(&body) {
            Ok(body) => body,
            Err(upset) => return Err(failed(attempt, upset)),
        };
        let usage = MeasuredUsage::of(
            adapter.usage(),
            true,
            self.admission.input,
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

/// What is done in time, or a timeout.
async fn with_deadline<T>(
    until: Instant,
    work: impl Future<Output = Result<T, UpstreamError>>,
) -> Result<T, UpstreamError> {
    timeout_at(until, work).await.unwrap_or_else(|_| {
        Err(UpstreamError::without_response(
            Failure::Timeout,
            "no answer in time",
        ))
    })
}

/// A request that this provider cannot be asked, or that is wrong for everybody.
fn untranslatable(mistake: &TranslationError) -> UpstreamError {
    let failure = if mistake.is_target_specific {
        Failure::Unsupported
    } else {
        Failure::InvalidRequest
    };
    let mut upset = UpstreamError::without_response(failure, mistake.message.clone());
    upset.openai = mistake.param.clone().map(|param| {
        Box::new(OpenAiErrorFields {
            kind: "invalid_request_error".to_owned(),
            param: Some(param),
        })
    });
    upset
}

/// Names of members are no secrets; their values never get here.
fn log_dropped_fields(endpoint: &Endpoint, names: &[String]) {
    if !names.is_empty() {
        tracing::debug!(kind = %endpoint.kind, members = ?names, "lost in translation");
    }
}

/// Reports an attempt as failed before its first content, and hands its upset on.
pub(super) fn failed(attempt: Attempt, upset: UpstreamError) -> AttemptFailure {
    let usage = is_refusal(&upset).then_some(MeasuredUsage::ZERO);
    let spent = attempt.finish(Outcome::Failed(upset.failure), usage);
    AttemptFailure {
        upset,
        spent,
        had_content: false,
    }
}

/// Whether the provider did no work, and so bills none: it answered with an error, or was not even
/// reached. Where no answer came, or a part of one, nobody knows.
fn is_refusal(upset: &UpstreamError) -> bool {
    upset.status >= 400 || upset.unsent || upset.failure.is_client_error()
}

async fn refusal(endpoint: &Endpoint, answer: reqwest::Response, until: Instant) -> UpstreamError {
    let (status, headers) = (answer.status(), answer.headers().clone());
    // A body that does not come does not change the verdict of the status.
    let body = timeout_at(until, read_body(answer, MAX_ERROR_BYTES)).await;
    let body = body.ok().and_then(Result::ok).unwrap_or_default();
    endpoint.protocol.classify_error(status, &headers, &body)
}

fn is_stream(answer: &reqwest::Response, framing: Framing) -> bool {
    let kind = answer
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| framing.is_of(kind))
}

/// What of the upstream's headers is the client's business: how much it may still ask for.
fn kept_headers(from: &HeaderMap) -> HeaderMap {
    let limits = from
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("x-ratelimit-"));
    limits
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

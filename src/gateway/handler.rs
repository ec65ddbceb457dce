//! One client request: reads and checks it, gets a response from the cache or from a target, and adds
//! the headers that describe it.

use super::admission;
use super::attempt_usage::AttemptUsage;
use super::cache_status::CacheStatus;
use super::client_rate;
use super::coalescing;
use super::early_headers::{self, EarlyHeaders, RequestResult};
use super::error::GatewayError;
use super::failover;
use super::forward_target::ForwardTarget;
use super::operation::Operation;
use super::request::ParsedRequest;
use super::request_context::RequestContext;
use super::request_headers::{request_id, traceparent};
use super::request_reader::{ReadRequest, RequestReader};
use super::request_recorder::RequestRecorder;
use super::response_headers::set_stream_headers;
use super::state::Gateway;
use super::upstream_response::UpstreamResponse;
use crate::clock;
use crate::domain::{
    AllowedModels, BudgetScope, Failure, RateScope, RejectionReason, RequestOutcome,
};
use crate::protocols::{ApiDialect, PathFields, compacted};
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::Instant;

/// The client that sent a request.
#[derive(Debug)]
pub(super) struct Caller {
    /// The budgets that the request counts against.
    pub budget_scope: BudgetScope,
    /// Name of the client, for what is stored for it.
    pub owner: Arc<str>,
    /// Where it sends from.
    pub address: Option<IpAddr>,
    /// The models that it may use; `None`: all.
    pub models: Option<AllowedModels>,
    /// Its limits per minute, where it has any.
    pub rates: Option<RateScope>,
}

/// What a request asks for.
#[derive(Debug)]
pub(super) enum RequestTarget {
    /// An operation that every provider may serve, with the fields that the path states.
    Operation(Operation, Arc<PathFields>),
    /// A call that passes to a provider without translation.
    Forward(Arc<ForwardTarget>),
}

impl RequestTarget {
    /// Name of the operation in metrics.
    fn operation_name(&self) -> &'static str {
        match self {
            Self::Operation(operation, _) => operation.name(),
            Self::Forward(target) => target.operation_name(),
        }
    }

    /// The client's protocol.
    pub fn dialect(&self) -> ApiDialect {
        match self {
            Self::Operation(operation, _) => operation.dialect(),
            Self::Forward(_) => Operation::Forward.dialect(),
        }
    }
}

/// Serves one request.
pub(super) async fn run(
    gateway: Gateway,
    target: RequestTarget,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let mut recorder = RequestRecorder::begin(
        &gateway.handle,
        (target.operation_name(), &caller.owner),
        request_id(&headers),
    );
    let trace = gateway.spans.request(traceparent(&headers));
    recorder.trace = trace.map(Box::new);
    let mut shutdown = gateway.shutdown.clone();
    let dialect = target.dialect();
    let is_generation = matches!(target, RequestTarget::Operation(Operation::Generate(_), _));
    let may_open_early = is_generation && gateway.config.load().early_headers;
    let (early_headers, receiver) = may_open_early.then(|| watch::channel(None)).unzip();
    let headers = Arc::new(headers);
    let work = async move {
        let incoming = (&headers, body);
        let recording = (&mut recorder, early_headers);
        let result = tokio::select! {
            biased;
            result = serve(&gateway, &target, incoming, &caller, recording) => result,
            () = shutdown.triggered() => Err(GatewayError::ShuttingDown),
        };
        (result, recorder)
    };
    let Some(receiver) = receiver else {
        return finish(work.await, dialect);
    };
    early_headers::respond(Box::pin(work), receiver, dialect, |result| {
        finish(result, dialect)
    })
    .await
}

fn finish((result, mut recorder): RequestResult, dialect: ApiDialect) -> Response {
    match result {
        Ok(UpstreamResponse::Whole {
            headers,
            body,
            spent,
        }) => {
            recorder.end(RequestOutcome::Ok, spent);
            recorder.status = Some(StatusCode::OK.as_u16());
            let mut response = Response::new(Body::from(body));
            *response.headers_mut() = headers;
            recorder.set_headers(response.headers_mut());
            recorder.set_timing_header(response.headers_mut());
            response
                .headers_mut()
                .entry(CONTENT_TYPE)
                .or_insert(HeaderValue::from_static("application/json"));
            response
        }
        Ok(UpstreamResponse::Stream { headers, relay }) => {
            let mut response = Response::new(Body::empty());
            *response.headers_mut() = headers;
            recorder.status = Some(StatusCode::OK.as_u16());
            recorder.set_headers(response.headers_mut());
            recorder.set_timing_header(response.headers_mut());
            set_stream_headers(response.headers_mut());
            *response.body_mut() = Body::from_stream(relay.into_body(recorder));
            response
        }
        Err(error) => {
            recorder.on_error(&error);
            let mut response = error.respond_to(dialect, Some(recorder.request_id()));
            recorder.set_headers(response.headers_mut());
            recorder.set_timing_header(response.headers_mut());
            response
        }
    }
}

async fn serve(
    gateway: &Gateway,
    target: &RequestTarget,
    (headers, body): (&Arc<HeaderMap>, Body),
    caller: &Caller,
    (recorder, early_headers): (&mut RequestRecorder, Option<EarlyHeaders>),
) -> Result<UpstreamResponse, GatewayError> {
    let limit = gateway.config.load().max_body;
    let client = (&caller.owner, caller.address);
    let body = gateway.bodies.read(body, limit, client).await;
    let body = body.map_err(|error| not_admitted(recorder, error))?;
    let permit =
        admission::acquire_permit(gateway).map_err(|error| not_admitted(recorder, error))?;
    recorder.set_permit(permit);
    let incoming = (headers, &body.bytes);
    let recording = (recorder, early_headers);
    match target {
        RequestTarget::Operation(operation, path) => {
            operate(gateway, (*operation, path), incoming, caller, recording).await
        }
        RequestTarget::Forward(target) => {
            forward(gateway, target, incoming, caller, recording).await
        }
    }
}

/// Serves a request that every provider may serve.
async fn operate(
    gateway: &Gateway,
    (operation, path): (Operation, &Arc<PathFields>),
    (headers, body): (&Arc<HeaderMap>, &Bytes),
    caller: &Caller,
    (recorder, early_headers): (&mut RequestRecorder, Option<EarlyHeaders>),
) -> Result<UpstreamResponse, GatewayError> {
    let reader = RequestReader {
        operation,
        catalogue: Arc::clone(&gateway.handle.routing_table().catalogue),
        responses: gateway.responses.clone(),
        owner: Arc::clone(&caller.owner),
        models: caller.models.clone(),
        path: Arc::clone(path),
        headers: Arc::clone(headers),
        body: body.clone(),
        wants_session: gateway.config.load().cache_affinity,
    };
    let work = gateway.body_work.run(body.len(), move || reader.read());
    let read = work.await.and_then(|read| read);
    let request = match read.map_err(|error| not_admitted(recorder, error))? {
        ReadRequest::Parsed(request) => request,
        ReadRequest::Answered(body) => {
            return Ok(UpstreamResponse::Whole {
                headers: HeaderMap::new(),
                body,
                spent: AttemptUsage::ZERO,
            });
        }
    };
    identify(gateway, &request, recorder);
    client_rate::acquire(caller.rates.as_ref(), &request, recorder)?;
    let id = recorder.decision().to_string();
    let context = RequestContext {
        gateway,
        request: &request,
        headers,
        id: &id,
        owner: &caller.owner,
        memory: gateway.answers.of(&caller.owner, caller.address),
        budget_scope: &caller.budget_scope,
        started: Instant::now(),
    };
    let response = respond(&context, recorder, early_headers).await?;
    let stream_type = request.stream_form.as_ref().map(|form| form.kind);
    Ok(shaped(operation, response, stream_type))
}

/// The response in the form that the client wants: embeddings and summaries translated, streams with
/// their media type.
fn shaped(
    operation: Operation,
    mut response: UpstreamResponse,
    stream_type: Option<&'static str>,
) -> UpstreamResponse {
    // The type of the provider's response is not that of a translated one.
    let (UpstreamResponse::Whole { headers, .. } | UpstreamResponse::Stream { headers, .. }) =
        &mut response;
    headers.remove(CONTENT_TYPE);
    match (operation, &mut response) {
        (Operation::Embed(form), UpstreamResponse::Whole { body, .. }) => {
            *body = form.write(std::mem::take(body));
        }
        (Operation::Compact, UpstreamResponse::Whole { body, .. }) => {
            if let Some(compacted) = compacted(body) {
                *body = compacted.into();
            }
        }
        (Operation::Generate(_), UpstreamResponse::Stream { headers, .. }) => {
            headers.extend(stream_type.map(|kind| (CONTENT_TYPE, HeaderValue::from_static(kind))));
        }
        _ => {}
    }
    response
}

/// Serves a call that passes to a provider without translation.
async fn forward(
    gateway: &Gateway,
    target: &Arc<ForwardTarget>,
    (headers, body): (&Arc<HeaderMap>, &Bytes),
    caller: &Caller,
    (recorder, early_headers): (&mut RequestRecorder, Option<EarlyHeaders>),
) -> Result<UpstreamResponse, GatewayError> {
    let owner = &caller.owner;
    let read = {
        let (target, headers) = (Arc::clone(target), Arc::clone(headers));
        let (body, owner) = (body.clone(), Arc::clone(owner));
        let models = caller.models.clone();
        let catalogue = Arc::clone(&gateway.handle.routing_table().catalogue);
        let registry = gateway.upstreams.load_full();
        move || {
            let forward = target.with_body(&headers, &body, &owner)?;
            let has_path = |provider| {
                let endpoint = registry.registry.endpoint(provider);
                endpoint.is_some_and(|endpoint| endpoint.protocol.forwards())
            };
            let request = ParsedRequest::forwarded(forward, &headers, &catalogue, &has_path);
            request?.allow_models(&catalogue, models.as_ref())
        }
    };
    let work = gateway.body_work.run(body.len(), read);
    let request = work.await.and_then(|read| read);
    let request = Arc::new(request.map_err(|error| not_admitted(recorder, error))?);
    identify(gateway, &request, recorder);
    client_rate::acquire(caller.rates.as_ref(), &request, recorder)?;
    let id = recorder.decision().to_string();
    let context = RequestContext {
        gateway,
        request: &request,
        headers,
        id: &id,
        owner: &caller.owner,
        memory: gateway.answers.of(&caller.owner, caller.address),
        budget_scope: &caller.budget_scope,
        started: Instant::now(),
    };
    let mut response = failover::run(&context, recorder, early_headers).await?;
    if let UpstreamResponse::Whole { body, .. } = &mut response {
        let provider = recorder.provider();
        if let Some(id) = target.made(body) {
            gateway.objects.insert(provider, id, owner);
        }
        let is_own = |id: &str| gateway.objects.is_of(provider, id, owner);
        *body = target.own(std::mem::take(body), (owner, provider), is_own);
    }
    Ok(response)
}

/// Gets the response from the cache or from a target.
async fn respond(
    context: &RequestContext<'_>,
    recorder: &mut RequestRecorder,
    early_headers: Option<EarlyHeaders>,
) -> Result<UpstreamResponse, GatewayError> {
    let Some(cache) = &context.gateway.cache else {
        return failover::run(context, recorder, early_headers).await;
    };
    let key = {
        let (cache, request) = (Arc::clone(cache), Arc::clone(context.request));
        let headers = Arc::clone(context.headers);
        let bytes = request.fields.body().len();
        let work = move || cache.key(&request, &headers);
        let key = context.gateway.body_work.run(bytes, work);
        key.await.and_then(|key| key)
    };
    if let Some(key) = key.map_err(|error| not_admitted(recorder, error))? {
        return coalescing::respond(cache, key, recorder, context).await;
    }
    recorder.cache = Some(CacheStatus::Off);
    failover::run(context, recorder, early_headers).await
}

/// Records whose request it is, for the sums by model and tag.
fn identify(gateway: &Gateway, request: &ParsedRequest, recorder: &mut RequestRecorder) {
    let tag = request.tag.clone();
    let tag = tag.map(|tag| gateway.tags.admit(tag, clock::now()));
    recorder.on_read(&request.model, tag);
}

/// Records a request that is wrong in itself.
fn invalid(recorder: &mut RequestRecorder, error: GatewayError) -> GatewayError {
    let outcome = RequestOutcome::Error(Failure::InvalidRequest);
    recorder.end(outcome, AttemptUsage::ZERO);
    error
}

/// Records a request that was not read to its end: because of a mistake of its own, or of overload.
fn not_admitted(recorder: &mut RequestRecorder, error: GatewayError) -> GatewayError {
    if let GatewayError::UnknownModel(unknown) = &error {
        recorder.on_read(&unknown.name.as_str().into(), None);
    }
    if error.status().is_client_error() {
        return invalid(recorder, error);
    }
    recorder.on_rejected(RejectionReason::Overloaded);
    error
}

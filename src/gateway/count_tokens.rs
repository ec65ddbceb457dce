//! Token counts of prompts: the provider's own where it counts for free, else an estimate. Some clients
//! ask before every request, so a count appears in no
//! total and never waits long. Each client has limits of its own.

use super::admission;
use super::count_meter::{CountAllowance, CountMeter};
use super::error::GatewayError;
use super::error::InvalidRequest;
use super::operation::Operation;
use super::request::ParsedRequest;
use super::request_fields::RequestFields;
use super::state::Gateway;
use super::upstream_call::UpstreamCall;
use crate::clock;
use crate::domain::{AllowedModels, CandidateSet, Catalogue, TargetId, TargetIdx, select_target};
use crate::foreign::read_body;
use crate::protocols::{ApiDialect, CallSpec, Endpoint, PathFields, check_json_size};
use axum::Json;
use axum::body::Body;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// Time for the provider's count; after that the estimate is used.
const COUNT_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes that are read of the provider's response.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// The client whose prompt is counted.
pub(super) struct CountingClient {
    /// Its name, for what is stored for it.
    pub owner: Arc<str>,
    /// Where it sends from.
    pub address: Option<IpAddr>,
    /// The models that it may use; `None`: all.
    pub models: Option<AllowedModels>,
}

/// Responds with a count in the client's protocol. `path` holds the fields that the path states.
pub(super) async fn run(
    gateway: Gateway,
    (dialect, path): (ApiDialect, PathFields),
    client: CountingClient,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let target = (dialect, Arc::new(path));
    match count(&gateway, target, &client, &Arc::new(headers), body).await {
        Ok(tokens) => Json(dialect.client_api().token_count(tokens)).into_response(),
        Err(error) => error.respond(dialect),
    }
}

async fn count(
    gateway: &Gateway,
    (dialect, path): (ApiDialect, Arc<PathFields>),
    client: &CountingClient,
    headers: &Arc<HeaderMap>,
    body: Body,
) -> Result<u64, GatewayError> {
    let owner = &client.owner;
    let may_ask = may_ask(gateway, owner)?;
    let limit = gateway.config.load().max_body;
    let body = gateway
        .bodies
        .read(body, limit, (owner, client.address))
        .await?;
    let _permit = admission::acquire_permit(gateway)?;
    let read = {
        let (body, headers) = (body.bytes.clone(), Arc::clone(headers));
        let catalogue = Arc::clone(&gateway.handle.routing_table().catalogue);
        let models = client.models.clone();
        move || {
            let request = read(dialect, (body, path), &headers, &catalogue)?;
            request.allow_models(&catalogue, models.as_ref())
        }
    };
    let request = gateway.body_work.run(body.bytes.len(), read).await??;
    let request = Arc::new(request);
    let table = gateway.handle.routing_table();
    let id = gateway.handle.next_decision().to_string();
    let call = UpstreamCall {
        gateway,
        request: &request,
        headers,
        id: &id,
        owner,
        memory: gateway.answers.of(owner, client.address),
        started: Instant::now(),
        keep_alive: None,
        own_ns: AtomicU64::default(),
    };
    if !may_ask {
        return Ok(request.input);
    }
    let profile = request.selection_profile(&[], &[]);
    let (now, draw) = (clock::now(), gateway.handle.random_draw());
    let counted = match select_target(&table, &profile, now, draw, &mut CandidateSet::default()) {
        Ok(selection) => {
            let id = table.candidates[selection.target].id.clone();
            drop(table);
            let counting = count_at_provider(&call, &id, selection.target);
            timeout(COUNT_TIMEOUT, counting).await.ok().flatten()
        }
        Err(_) => None,
    };
    Ok(counted.unwrap_or(request.input))
}

/// Reads the request whose tokens are counted.
fn read(
    dialect: ApiDialect,
    (body, path): (Bytes, Arc<PathFields>),
    headers: &HeaderMap,
    catalogue: &Catalogue,
) -> Result<ParsedRequest, GatewayError> {
    check_json_size(&body).map_err(InvalidRequest::TooMuch)?;
    let fields = RequestFields::new(body, path)?;
    let counted = dialect.client_api().counted(fields.object()).with(&[]);
    let fields = fields.with_body(counted)?;
    ParsedRequest::read(Operation::Generate(dialect), headers, fields, catalogue)
}

/// Counts the call of a client: whether a provider may be asked. Operators are told of a client that
/// counts too often.
fn may_ask(gateway: &Gateway, owner: &Arc<str>) -> Result<bool, GatewayError> {
    let now = clock::now();
    let allowance = gateway.counts.count(owner, now);
    if let CountAllowance::Estimate { is_first: true } | CountAllowance::Reject { is_first: true } =
        allowance
    {
        let what = match allowance {
            CountAllowance::Reject { .. } => "refused",
            _ => "estimated",
        };
        let text = format!("{owner:?} counts tokens too often; until the next minute it is {what}");
        gateway.handle.emit_refusal(&text);
    }
    match allowance {
        CountAllowance::Provider => Ok(true),
        CountAllowance::Estimate { .. } => Ok(false),
        CountAllowance::Reject { .. } => Err(GatewayError::TooManyCounts {
            retry_after: Duration::from_secs(CountMeter::wait_s(now)),
        }),
    }
}

/// The provider's count; `None` where it has none, or fails.
async fn count_at_provider(
    call: &UpstreamCall<'_>,
    id: &TargetId,
    target: TargetIdx,
) -> Option<u64> {
    let gateway = call.gateway;
    let table = gateway.handle.routing_table();
    let candidate = &table.candidates[target];
    let (provider, key) = (candidate.provider, candidate.keys.unblocked(clock::now()));
    let upstreams = gateway.upstreams.load_full();
    let endpoint = upstreams.registry.endpoint(provider)?.with_key(key);
    let endpoint = endpoint.with_credentials(None).await.ok()?;
    let traits = upstreams.registry.traits(target);
    let build = |endpoint: &Endpoint, spec: &CallSpec<'_>, _: &ParsedRequest| {
        Ok(endpoint.protocol.build_token_count(endpoint, spec))
    };
    let counting = call.with_spec((&endpoint, id, traits), false, build);
    let mut counting = counting.await.ok().flatten()?;
    endpoint.add_headers(&mut counting.request.headers, call.headers);
    let sent = upstreams.transport.send(provider, counting.request).await;
    let response = sent
        .ok()
        .filter(|response| response.status().is_success())?;
    let body = read_body(response, MAX_RESPONSE_BYTES).await.ok()?;
    (counting.read)(&body)
}

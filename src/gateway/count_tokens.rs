//! Token counts of prompts: the provider's own where it counts for free, else an estimate. Some clients
//! ask before every request, so a count takes no permit, appears in no total and never waits long.

use super::error::GatewayError;
use super::operation::Operation;
use super::request::{ParsedRequest, parse};
use super::state::Gateway;
use super::upstream_call::UpstreamCall;
use crate::clock;
use crate::domain::{CandidateSet, TargetId, TargetIdx, select_target};
use crate::foreign::read_body;
use crate::protocols::{ApiDialect, PathFields};
use axum::Json;
use axum::body::Body;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// Time for the provider's count; after that the estimate is used.
const COUNT_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes that are read of the provider's response.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// Responds with a count in the client's protocol. `path` holds the fields that the path states.
pub(super) async fn run(
    gateway: Gateway,
    (dialect, path): (ApiDialect, PathFields),
    headers: HeaderMap,
    body: Body,
) -> Response {
    match count(&gateway, (dialect, &path), &headers, body).await {
        Ok(tokens) => Json(dialect.client_api().token_count(tokens)).into_response(),
        Err(error) => error.respond(dialect),
    }
}

async fn count(
    gateway: &Gateway,
    (dialect, path): (ApiDialect, &PathFields),
    headers: &HeaderMap,
    body: Body,
) -> Result<u64, GatewayError> {
    let limit = gateway.config.load().max_body;
    let body = gateway.bodies.read(body, limit).await?;
    let table = gateway.handle.routing_table();
    let operation = Operation::Generate(dialect);
    let (object, input) = parse(&body.bytes, path)?;
    let mut object = dialect.client_api().counted(object);
    path.add_to(&mut object);
    let request = ParsedRequest::read(operation, headers, (object, input), &table.catalogue)?;
    let id = gateway.handle.next_decision().to_string();
    let call = UpstreamCall {
        gateway,
        request: &request,
        headers,
        id: &id,
        started: Instant::now(),
        keep_alive: None,
    };
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

/// The provider's count; `None` where it has none, or fails.
async fn count_at_provider(
    call: &UpstreamCall<'_>,
    id: &TargetId,
    target: TargetIdx,
) -> Option<u64> {
    let gateway = call.gateway;
    let provider = gateway.handle.routing_table().candidates[target].provider;
    let upstreams = gateway.upstreams.load_full();
    let endpoint = upstreams.registry.endpoint(provider)?;
    let endpoint = endpoint.with_credentials(false).await.ok()?;
    let spec = call.spec(id, upstreams.registry.traits(target));
    let counting = endpoint.protocol.build_token_count(&endpoint, &spec)?;
    let sent = upstreams.transport.send(provider, counting.request).await;
    let response = sent
        .ok()
        .filter(|response| response.status().is_success())?;
    let body = read_body(response, MAX_RESPONSE_BYTES).await.ok()?;
    (counting.read)(&body)
}

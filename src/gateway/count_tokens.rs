//! The number of a prompt's tokens: the provider's own where it tells that for nothing, else an
//! estimate. Some clients ask before every request, so it takes no place, counts in no total and
//! never waits long.

use super::Gateway;
use super::error::GatewayError;
use super::operation::Operation;
use super::request::ParsedRequest;
use super::upstream_call::UpstreamCall;
use crate::clock;
use crate::domain::TargetIdx;
use crate::domain::{CandidateSet, select_target};
use crate::protocols::{ApiDialect, read_body};
use axum::Json;
use axum::body::Body;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// A provider that takes longer is not waited for.
const COUNT_TIMEOUT: Duration = Duration::from_secs(2);
/// As much of an answer is read.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// Answers a count in the shape of the Messages API.
pub(super) async fn run(gateway: Gateway, headers: HeaderMap, body: Body) -> Response {
    match count(&gateway, &headers, body).await {
        Ok(tokens) => Json(json!({"input_tokens": tokens})).into_response(),
        Err(error) => error.respond(ApiDialect::Messages),
    }
}

async fn count(gateway: &Gateway, headers: &HeaderMap, body: Body) -> Result<u64, GatewayError> {
    let limit = gateway.limits.load().max_body;
    let body = gateway.bodies.read(body, limit).await?;
    let table = gateway.handle.routing_table();
    let errand = Operation::Generate(ApiDialect::Messages);
    let admission = ParsedRequest::read(errand, headers, &body.bytes, &table.catalogue)?;
    let id = gateway.handle.next_decision().to_string();
    let exchange = UpstreamCall {
        gateway,
        admission: &admission,
        headers,
        id: &id,
        started: Instant::now(),
    };
    let ask = admission.selection_profile(&[], &[]);
    let (now, luck) = (clock::now(), gateway.handle.random_draw());
    let told = match select_target(&table, &ask, now, luck, &mut CandidateSet::default()) {
        Ok(choice) => {
            let id = table.candidates[choice.target].id.clone();
            drop(table);
            let asked = asked(&exchange, &id, choice.target);
            timeout(COUNT_TIMEOUT, asked).await.ok().flatten()
        }
        Err(_) => None,
    };
    Ok(told.unwrap_or(admission.input))
}

/// What the provider says, where it says it.
async fn asked(
    exchange: &UpstreamCall<'_>,
    id: &crate::domain::TargetId,
    target: TargetIdx,
) -> Option<u64> {
    let gateway = exchange.gateway;
    let provider = gateway.handle.routing_table().candidates[target].provider;
    let upstreams = gateway.upstreams.load_full();
    let endpoint = upstreams
        .registry
        .endpoint(provider)?
        .with_credentials(false)
        .await
        .ok()?;
    let call = exchange.call(id, upstreams.registry.traits(target));
    let counting = endpoint.protocol.build_token_count(&endpoint, &call)?;
    let sent = upstreams.transport.send(provider, counting.request).await;
    let answer = sent.ok().filter(|answer| answer.status().is_success())?;
    let body = read_body(answer, MAX_RESPONSE_BYTES).await.ok()?;
    (counting.read)(&body)
}

//! Admits requests and hands them to what serves them, in every client protocol.

use super::count_tokens::CountingClient;
use super::error::GatewayError;
use super::forward_target::ForwardTarget;
use super::handler::{Caller, RequestTarget};
use super::operation::{Operation, dialect_of};
use super::state::Gateway;
use super::{admission, count_tokens, handler};
use crate::access::Principal;
use crate::protocols::{ApiDialect, PathFields};
use axum::Extension;
use axum::body::Body;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use std::net::IpAddr;
use std::sync::Arc;

/// The 404 response to a path under /v1 without a route.
pub fn unknown_path(method: &Method, path: &str) -> Response {
    let error = GatewayError::UnknownPath {
        method: method.clone(),
        path: path.to_owned(),
    };
    error.respond(dialect_of(path))
}

/// The name of the client, for what is stored for it.
pub(super) fn owner(principal: Option<&Principal>) -> Arc<str> {
    principal.map_or_else(|| "".into(), |principal| Arc::clone(&principal.who))
}

/// The address of the client, for its share of the memory.
fn address(principal: Option<&Principal>) -> Option<IpAddr> {
    principal?.peer?.network()
}

/// Serves a request for model traffic. `path` holds the fields that its path states.
pub(super) async fn serve(
    gateway: Gateway,
    (operation, path): (Operation, PathFields),
    principal: Option<Extension<Principal>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let target = RequestTarget::Operation(operation, Arc::new(path));
    run(gateway, target, principal, headers, body).await
}

/// Serves a call that passes to a provider without translation.
pub(super) async fn serve_forward(
    gateway: Gateway,
    target: ForwardTarget,
    principal: Option<Extension<Principal>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let target = RequestTarget::Forward(Arc::new(target));
    run(gateway, target, principal, headers, body).await
}

async fn run(
    gateway: Gateway,
    target: RequestTarget,
    principal: Option<Extension<Principal>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match admission::admit(&gateway, principal.as_deref()) {
        Ok((budget_scope, rates)) => {
            let owner = owner(principal.as_deref());
            let caller = Caller {
                budget_scope,
                owner,
                address: address(principal.as_deref()),
                models: principal.and_then(|principal| principal.0.models),
                rates,
            };
            handler::run(gateway, target, caller, headers, body).await
        }
        Err(error) => error.respond(target.dialect()),
    }
}

/// Counts the tokens of a prompt. `path` holds the fields that the path states.
pub(super) async fn count_tokens(
    gateway: Gateway,
    (dialect, path): (ApiDialect, PathFields),
    principal: Option<Extension<Principal>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match admission::admit(&gateway, None) {
        // Counting is free, so it counts against no budget and in no limit.
        Ok(_free) => {
            let client = CountingClient {
                owner: owner(principal.as_deref()),
                address: address(principal.as_deref()),
                models: principal.and_then(|principal| principal.0.models),
            };
            count_tokens::run(gateway, (dialect, path), client, headers, body).await
        }
        Err(error) => error.respond(dialect),
    }
}

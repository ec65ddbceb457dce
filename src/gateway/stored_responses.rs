//! The routes of stored responses.

use super::dispatch::{count_tokens, owner, serve};
use super::error::GatewayError;
use super::name_in_path::NameInPath;
use super::operation::Operation;
use super::state::Gateway;
use crate::access::Principal;
use crate::protocols::{ApiDialect, PathFields, removed_response};
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};

/// Items in a page, where the client does not say.
const DEFAULT_PAGE: usize = 20;
/// Most items in a page.
const MAX_PAGE: usize = 100;

/// The routes below a prefix.
pub(super) fn routes(prefix: &str) -> Router<Gateway> {
    Router::new()
        .route(&format!("{prefix}/responses/compact"), post(compact))
        .route(
            &format!("{prefix}/responses/input_tokens"),
            post(input_tokens),
        )
        .route(
            &format!("{prefix}/responses/{{id}}"),
            get(one).delete(remove),
        )
        .route(
            &format!("{prefix}/responses/{{id}}/input_items"),
            get(items),
        )
}

type Caller = Option<Extension<Principal>>;

async fn one(
    State(gateway): State<Gateway>,
    principal: Caller,
    NameInPath(id): NameInPath,
) -> Response {
    let owner = owner(principal.as_deref());
    match gateway.responses.body(&owner, &id) {
        Some(body) => {
            let mut response = Response::new(Body::from(body));
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert(CONTENT_TYPE, json);
            response
        }
        None => unknown(id),
    }
}

async fn remove(
    State(gateway): State<Gateway>,
    principal: Caller,
    NameInPath(id): NameInPath,
) -> Response {
    if gateway.responses.remove(&owner(principal.as_deref()), &id) {
        Json(removed_response(&id)).into_response()
    } else {
        unknown(id)
    }
}

async fn items(
    State(gateway): State<Gateway>,
    principal: Caller,
    NameInPath(id): NameInPath,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    let stated = |wanted: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .find(|(name, _)| *name == wanted)
            .map(|(_, value)| value)
    };
    let limit = stated("limit").and_then(|limit| limit.parse().ok());
    let page = (
        stated("after"),
        limit.unwrap_or(DEFAULT_PAGE).clamp(1, MAX_PAGE),
        stated("order") == Some("asc"),
    );
    match gateway
        .responses
        .items(&owner(principal.as_deref()), &id, page)
    {
        Some(list) => Json(list).into_response(),
        None => unknown(id),
    }
}

async fn compact(
    State(gateway): State<Gateway>,
    principal: Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let target = (Operation::Compact, PathFields::default());
    serve(gateway, target, principal, headers, body).await
}

async fn input_tokens(
    State(gateway): State<Gateway>,
    principal: Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let target = (ApiDialect::Responses, PathFields::default());
    count_tokens(gateway, target, principal, headers, body).await
}

fn unknown(id: String) -> Response {
    GatewayError::UnknownResponse { id }.respond(ApiDialect::Responses)
}

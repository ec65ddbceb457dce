//! Authentication of model traffic.

use super::error::GatewayError;
use super::operation::dialect_of;
use crate::access::{Permission, TokenAuth};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use percent_encoding::percent_decode_str;
use std::sync::Arc;

/// The same routes for authenticated clients only.
pub fn with_auth(router: Router, auth: TokenAuth) -> Router {
    router.layer(from_fn_with_state(Arc::new(auth), authenticate))
}

/// Header for the token of a client that sends it in the query.
const KEY: HeaderName = HeaderName::from_static("x-goog-api-key");

/// Moves the token from the query `key=` into a header, where every other part looks for it.
fn add_query_key(request: &mut Request) {
    let query = request.uri().query().unwrap_or_default();
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let key = pairs.find(|(name, _)| *name == "key").and_then(|(_, key)| {
        let key = percent_decode_str(key).decode_utf8().ok()?;
        HeaderValue::from_str(&key).ok()
    });
    if let Some(mut key) = key.filter(|key| !key.is_empty()) {
        key.set_sensitive(true);
        request.headers_mut().insert(KEY, key);
    }
}

/// Puts the [`crate::access::Principal`] into the request's extensions.
async fn authenticate(
    State(auth): State<Arc<TokenAuth>>,
    mut request: Request,
    next: Next,
) -> Response {
    let dialect = dialect_of(request.uri().path());
    // It says only that something listens.
    if request.uri().path() == "/" {
        return next.run(request).await;
    }
    add_query_key(&mut request);
    match auth.admit(&request, Permission::Use) {
        Ok(principal) => {
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Err(error) => {
            let delay = auth.delay_after(&request, &error);
            // Nothing of the request is kept meanwhile.
            drop(request);
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            GatewayError::Auth(error).respond(dialect)
        }
    }
}

//! Authentication of model traffic.

use super::error::GatewayError;
use super::operation::dialect_of;
use crate::access::{Peer, Permission, TokenAuth, is_cross_site};
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use std::sync::Arc;

/// The same routes for authenticated clients only.
pub fn with_auth(router: Router, auth: TokenAuth) -> Router {
    router.layer(from_fn_with_state(Arc::new(auth), authenticate))
}

/// Puts the [`crate::access::Principal`] into the request's extensions.
async fn authenticate(
    State(auth): State<Arc<TokenAuth>>,
    mut request: Request,
    next: Next,
) -> Response {
    let dialect = dialect_of(request.uri().path());
    if is_cross_site(request.method(), request.uri(), request.headers()) {
        return GatewayError::CrossSite.respond(dialect);
    }
    let peer = request.extensions().get::<Peer>();
    match auth.admit(peer, request.headers(), Permission::Use) {
        Ok(principal) => {
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Err(error) => GatewayError::Auth(error).respond(dialect),
    }
}

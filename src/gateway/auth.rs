//! Who may send model traffic.

use super::GatewayError;
use crate::access::{Peer, Permission, TokenAuth, is_cross_site};
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use std::sync::Arc;

/// The same routes, for those only whom `access` lets in.
pub fn with_auth(router: Router, access: TokenAuth) -> Router {
    router.layer(from_fn_with_state(Arc::new(access), authenticate))
}

/// Handlers find the [`crate::access::Caller`] among the extensions.
async fn authenticate(
    State(access): State<Arc<TokenAuth>>,
    mut request: Request,
    next: Next,
) -> Response {
    let dialect = super::operation::dialect_of(request.uri().path());
    if is_cross_site(request.method(), request.uri(), request.headers()) {
        let text = "this request comes from a page of another site, which may not spend here";
        return GatewayError::denied(403, text.to_owned()).respond(dialect);
    }
    let peer = request.extensions().get::<Peer>();
    match access.admit(peer, request.headers(), Permission::Use) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(denial) => GatewayError::denied(denial.status(), denial.to_string()).respond(dialect),
    }
}

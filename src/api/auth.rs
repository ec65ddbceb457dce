//! Authorization of calls.

use super::state::{ApiState, SharedState};
use crate::access::{AuthError, Permission, origin_of};
use crate::client::ApiError;
use crate::clock;
use crate::contract::Problem;
use crate::store::{AuditEntry, AuditSample};
use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Middleware that rejects calls without permission, and adds the [`crate::access::Principal`] to the
/// request's extensions.
pub(super) async fn guard(State(state): SharedState, mut request: Request, next: Next) -> Response {
    match authorize(&state, &mut request) {
        Ok(()) => next.run(request).await,
        Err(denial) => {
            audit(&state, &request, &denial);
            let delay = state.api.access.delay_after(&request, &denial);
            // Nothing of the request is kept meanwhile.
            drop(request);
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            let problem = Problem::new(denial.status(), denial.to_string());
            ApiError::from(problem).into_response()
        }
    }
}

/// Refused changes in the audit log: at most so many in a minute, and the number of the others.
const REFUSALS_A_MINUTE: u32 = 60;

/// The bound on refused changes in the audit log.
pub(super) fn refusals() -> Mutex<AuditSample> {
    Mutex::new(AuditSample::new(REFUSALS_A_MINUTE, Duration::from_mins(1)))
}

/// Adds a refused change to the audit log.
fn audit(state: &ApiState, request: &Request, denial: &AuthError) {
    let path = request.uri().path();
    if needed_permission(state, request) != Permission::Change {
        return;
    }
    let mut refusals = state
        .refusals
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let Some(left_out) = refusals.admit(clock::now()) else {
        return;
    };
    drop(refusals);
    let more = match left_out {
        0 => String::new(),
        more => format!(" (and {more} more refused calls since the last)"),
    };
    let who = match denial {
        AuthError::Role { name, .. } => name,
        _ => "unknown",
    };
    let origin = origin_of(request.extensions().get());
    let local = state.api.local.acting_as(who, &origin);
    local.audit(
        "access.refused",
        AuditEntry {
            subject: format!("{} {path}", request.method()),
            reason: format!("{denial}{more}"),
            ..AuditEntry::default()
        },
    );
}

fn authorize(state: &Arc<ApiState>, request: &mut Request) -> Result<(), AuthError> {
    let needed = needed_permission(state, request);
    let principal = state.api.access.admit(request, needed)?;
    request.extensions_mut().insert(principal);
    Ok(())
}

/// The permission of a call by the table of routes. A path or method that the table does not have needs
/// what any call of its kind needs, so that a stranger learns nothing of what exists.
fn needed_permission(state: &ApiState, request: &Request) -> Permission {
    let path = request.extensions().get::<MatchedPath>();
    let method = match *request.method() {
        Method::HEAD => Method::GET,
        ref method => method.clone(),
    };
    let listed = path.and_then(|path| state.needed.of(path.as_str(), &method));
    listed.unwrap_or(match method {
        Method::GET => Permission::Read,
        _ => Permission::Change,
    })
}

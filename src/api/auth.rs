//! Authorization of calls.

use super::state::{ApiState, SharedState};
use crate::access::{AuthError, Permission, origin_of};
use crate::client::ApiError;
use crate::clock;
use crate::contract::Problem;
use crate::store::{AuditEntry, AuditSample};
use axum::extract::{Request, State};
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
    if needed_permission(request.method(), path) != Permission::Change {
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
    let needed = needed_permission(request.method(), request.uri().path());
    let principal = state.api.access.admit(request, needed)?;
    request.extensions_mut().insert(principal);
    Ok(())
}

fn needed_permission(method: &Method, path: &str) -> Permission {
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    match path {
        "/api/load-balancing" if is_read => Permission::Select,
        "/api/load-balancing/select" => Permission::Select,
        "/api/load-balancing" => Permission::Use,
        // Who may call is for those who decide it.
        "/api/tokens" => Permission::Change,
        // A POST that changes nothing.
        "/api/what-if" | "/api/advise" => Permission::Read,
        _ if is_read => Permission::Read,
        _ => Permission::Change,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reading_and_selecting_need_no_operator() {
        let cases = [
            (Method::GET, "/api/load-balancing", Permission::Select),
            (
                Method::POST,
                "/api/load-balancing/select",
                Permission::Select,
            ),
            (Method::POST, "/api/load-balancing", Permission::Use),
            (Method::POST, "/api/what-if", Permission::Read),
            (Method::POST, "/api/advise", Permission::Read),
            (Method::GET, "/api/weights", Permission::Read),
            (Method::PUT, "/api/weights", Permission::Change),
            (Method::DELETE, "/api/anything", Permission::Change),
        ];

        for (method, path, needs) in cases {
            assert_eq!(needed_permission(&method, path), needs, "{method} {path}");
        }
    }
}

//! A checked request with all that an attempt needs.

use super::request::ParsedRequest;
use super::state::Gateway;
use crate::domain::BudgetScope;
use axum::http::HeaderMap;
use tokio::time::Instant;

/// A checked request, ready to be sent to a target.
#[derive(Debug)]
pub(super) struct RequestContext<'g> {
    pub gateway: &'g Gateway,
    pub request: &'g ParsedRequest<'g>,
    /// The client's headers.
    pub headers: &'g HeaderMap,
    /// The decision's id; unique to the request.
    pub id: &'g str,
    pub budget_scope: &'g BudgetScope,
    /// When the request began to wait for a response, including the wait for an identical request.
    pub started: Instant,
}

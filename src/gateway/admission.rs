//! Admission control: the budget scope is resolved before the body is read, and the in-flight permit
//! is acquired after it.

use super::error::GatewayError;
use super::state::Gateway;
use crate::access::Principal;
use crate::domain::{BudgetScope, InFlightPermit, RateScope};

/// Admits a request whose body is not read yet, unless too many run already; returns the budgets and
/// the limits per minute that it counts in. `principal` is `None` where no authentication is configured.
pub(super) fn admit(
    gateway: &Gateway,
    principal: Option<&Principal>,
) -> Result<(BudgetScope, Option<RateScope>), GatewayError> {
    let table = gateway.handle.routing_table();
    let max_in_flight = table.max_in_flight;
    if table.crowd.is_full(max_in_flight) {
        table.crowd.record_rejection();
        return Err(GatewayError::Overloaded { max_in_flight });
    }
    let client = principal.map(|principal| &*principal.who);
    let rates = client.and_then(|client| table.client_limits.scope_of(client));
    Ok((table.budgets.scope_of(client), rates))
}

/// Acquires the permit of a request whose body is complete: one that sends slowly holds none. The
/// permit is released when the response is handed over, or at the end of its stream.
pub(super) fn acquire_permit(gateway: &Gateway) -> Result<InFlightPermit, GatewayError> {
    let table = gateway.handle.routing_table();
    let max_in_flight = table.max_in_flight;
    let permit = table.crowd.try_acquire(max_in_flight);
    permit.ok_or(GatewayError::Overloaded { max_in_flight })
}

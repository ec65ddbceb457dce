//! What a request is let in with: who pays for it, before anything of its body is read, and a place
//! among those that run, once its body is here.

use super::Gateway;
use super::error::GatewayError;
use crate::access::Principal;
use crate::domain::{BudgetScope, InFlightPermit};

/// Lets a request send its body, unless too many run already; who pays for it. `caller` is nobody
/// where no guard has let it in.
pub(super) fn admit(
    gateway: &Gateway,
    caller: Option<&Principal>,
) -> Result<BudgetScope, GatewayError> {
    let table = gateway.handle.routing_table();
    if table.crowd.is_full(table.max_in_flight) {
        table.crowd.record_rejection();
        return Err(GatewayError::overloaded(table.max_in_flight));
    }
    Ok(table.budgets.scope_of(caller.map(|caller| &*caller.who)))
}

/// A place for a request whose body is here: one that sends slowly has none, and so takes nobody
/// else's. Given back once the answer has been handed over, or its stream has ended.
pub(super) fn acquire_permit(gateway: &Gateway) -> Result<InFlightPermit, GatewayError> {
    let table = gateway.handle.routing_table();
    let place = table.crowd.try_acquire(table.max_in_flight);
    place.ok_or_else(|| GatewayError::overloaded(table.max_in_flight))
}

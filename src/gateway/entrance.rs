//! What a request is let in with, before anything of its body is read: a place among those that
//! run, and who pays for it.

use super::Gateway;
use super::error::GatewayError;
use crate::access::Caller;
use crate::domain::{Payer, Place};

/// Whoever has one is in.
#[derive(Debug)]
pub(super) struct Entrance {
    /// Given back once the answer has been handed over, or its stream has ended.
    pub place: Place,
    pub payer: Payer,
}

impl Entrance {
    /// Lets a request in, unless too many run already. `caller` is nobody where no guard has let
    /// it in.
    pub fn of(gateway: &Gateway, caller: Option<&Caller>) -> Result<Self, GatewayError> {
        let table = gateway.handle.routing_table();
        let place = table.crowd.enter(table.max_in_flight);
        Ok(Self {
            place: place.ok_or_else(|| GatewayError::overloaded(table.max_in_flight))?,
            payer: table.budgets.payer(caller.map(|caller| &*caller.who)),
        })
    }
}

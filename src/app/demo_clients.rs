//! The clients of a demo, as its gateway knows them: by their tokens, with their budgets.

use crate::access::TokenAuth;
use crate::demo::{CLIENTS, DemoClient};
use crate::domain::{
    AttemptEnd, BudgetConfig, ClientTerms, Money, OverBudgetPolicy, RequestIdentity, Role,
    RoutingTable, TokenDefinition,
};
use std::sync::Arc;

/// Names the clients; a request from this machine needs no token.
pub(super) fn access() -> TokenAuth {
    TokenAuth::naming(CLIENTS.iter().map(|client| (client.name, client.token)))
}

/// Simulated money needs no limit, so a client that exceeds its budget goes on, with the cheapest target.
pub(super) fn budget() -> BudgetConfig {
    BudgetConfig {
        on_limit: OverBudgetPolicy::Cheapest,
        ..BudgetConfig::default()
    }
}

/// The budgets of the clients.
pub(super) fn terms() -> ClientTerms {
    let own = |client: &DemoClient| {
        let mut terms = TokenDefinition::new(client.name, Role::Client).terms;
        terms.spending.per_day = client.usd_per_day.map(Money::from_usd);
        terms
    };
    ClientTerms {
        tokens: CLIENTS.iter().map(own).collect(),
        groups: Vec::new(),
    }
}

/// The identities of their requests, in the order of the clients.
pub(super) fn identities() -> Vec<Arc<RequestIdentity>> {
    let identity = |client: &DemoClient| {
        Arc::new(RequestIdentity {
            operation: "chat",
            model: "auto".into(),
            client: client.name.into(),
            tag: None,
        })
    };
    CLIENTS.iter().map(identity).collect()
}

/// Counts the cost of an attempt in the budgets, as the gateway does.
pub(super) fn spend(table: &RoutingTable, end: &AttemptEnd) {
    let scope = table.budgets.scope_of(Some(&end.identity.client));
    let provider = &table.candidates[end.target.get()].id.provider;
    let place = (&**provider, end.ended);
    if let Some(mut reservation) = scope.reserve(end.cost, Money::ZERO, false, place) {
        reservation.settle(end.cost);
    }
}

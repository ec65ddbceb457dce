//! Limits of the whole instance: concurrent requests and budgets.

use super::BalancerState;
use crate::domain::alerts::AlertConfig;
use crate::domain::budget::BudgetConfig;
use crate::domain::circuit_breaker::BreakerSettings;
use crate::domain::client_terms::{ClientTerms, TokenTerms};
use crate::domain::event::{Effect, EventKind};
use crate::domain::rejection::RejectionReason;
use crate::domain::units::UnixTime;
use std::sync::Arc;
use std::time::Duration;

/// Minimum time between two events about rejected requests.
const REJECTION_EVENT_INTERVAL: Duration = Duration::from_secs(2);

/// Limits of the whole instance.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GlobalLimits {
    /// Maximum number of concurrent client requests; `None` for no limit.
    pub max_in_flight: Option<u32>,
    /// Spending budgets.
    pub budget: BudgetConfig,
    /// Limits of the configured client tokens and groups.
    pub clients: ClientTerms,
    /// Settings of all circuit breakers.
    pub breaker: BreakerSettings,
    /// Thresholds of the alerts.
    pub alerts: AlertConfig,
}

impl BalancerState {
    /// Sets the global limits.
    #[must_use]
    pub fn with_limits(mut self, limits: &GlobalLimits) -> Self {
        self.set_limits(limits);
        self
    }

    /// Replaces the limits; running requests and spent budgets are kept.
    pub fn set_limits(&mut self, limits: &GlobalLimits) {
        self.max_in_flight = limits.max_in_flight;
        self.breaker = limits.breaker;
        self.budget_config = limits.budget.clone();
        self.client_terms = limits.clients.clone();
        self.apply_client_terms();
        self.alerts.set_config(limits.alerts.clone());
    }

    /// Replaces the tokens that the store holds. A configured token of the same name outranks one.
    pub fn set_stored_tokens(&mut self, tokens: Vec<TokenTerms>) {
        self.stored_tokens = tokens;
        self.apply_client_terms();
    }

    fn apply_client_terms(&mut self) {
        let terms = self.client_terms.with(&self.stored_tokens);
        let budgets = self
            .budgets
            .with_config(&self.budget_config, &terms, self.ticked);
        self.budgets = Arc::new(budgets);
        self.client_limits = Arc::new(self.client_limits.with_terms(&terms));
    }

    /// Counts rejected requests and emits events about them and about budgets.
    pub(super) fn emit_limit_events(&mut self, now: UnixTime, effects: &mut Vec<Effect>) {
        let rejected = self.in_flight_limiter.take_rejections();
        if rejected > 0 {
            self.requests.record(now, |column| {
                column.record_rejected(RejectionReason::Overloaded, rejected);
            });
        }
        let throttle = &mut self.request_events;
        throttle.rejected += rejected;
        if throttle.rejected > 0 && now.since(throttle.rejected_at) >= REJECTION_EVENT_INTERVAL {
            throttle.rejected_at = now;
            let count = std::mem::take(&mut throttle.rejected);
            let most = self.max_in_flight.unwrap_or(u32::MAX);
            let text =
                format!("{count} requests refused: [server] max_in_flight = {most} are running");
            effects.push(self.emit(EventKind::Request, true, None, text, now));
        }
        for text in self.budgets.take_events(now) {
            effects.push(self.emit(EventKind::Budget, false, None, text, now));
        }
    }
}

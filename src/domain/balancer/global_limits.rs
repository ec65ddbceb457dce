//! What the instance as a whole may do: how many requests at once, and how much money.

use super::BalancerState;
use crate::domain::budget::BudgetConfig;
use crate::domain::event::{Effect, EventKind};
use crate::domain::rejection::RejectionReason;
use crate::domain::units::UnixTime;
use std::sync::Arc;
use std::time::Duration;

/// The least time between two news of requests that found no room.
const REJECTION_EVENT_INTERVAL: Duration = Duration::from_secs(2);

/// Limits of the whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GlobalLimits {
    /// Client requests at once; no limit where there is none.
    pub max_in_flight: Option<u32>,
    /// Spending budgets.
    pub budget: BudgetConfig,
}

impl BalancerState {
    /// With limits of the whole.
    #[must_use]
    pub fn with_limits(mut self, allowances: &GlobalLimits) -> Self {
        self.set_limits(allowances);
        self
    }

    /// Other limits from now on; what is spent stays spent, and who is in stays in.
    pub fn set_limits(&mut self, allowances: &GlobalLimits) {
        self.max_in_flight = allowances.max_in_flight;
        self.budgets = Arc::new(self.budgets.with_config(&allowances.budget));
    }

    /// Counts those that were turned away, and tells what is new of room and money.
    pub(super) fn emit_limit_events(&mut self, now: UnixTime, effects: &mut Vec<Effect>) {
        let turned_away = self.crowd.take_rejections();
        if turned_away > 0 {
            self.requests.record(now, |column| {
                column.record_rejected(RejectionReason::Overloaded, turned_away);
            });
        }
        let news = &mut self.requests_news;
        news.turned_away += turned_away;
        if news.turned_away > 0 && now.since(news.crowded) >= REJECTION_EVENT_INTERVAL {
            news.crowded = now;
            let count = std::mem::take(&mut news.turned_away);
            let most = self.max_in_flight.unwrap_or(u32::MAX);
            let text =
                format!("{count} requests refused: [server] max_in_flight = {most} are running");
            effects.push(self.emit(EventKind::Request, true, None, text, now));
        }
        for (bad, text) in self.budgets.take_events(now) {
            effects.push(self.emit(EventKind::Budget, bad, None, text, now));
        }
    }
}

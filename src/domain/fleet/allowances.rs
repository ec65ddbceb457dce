//! What the instance as a whole may do: how many requests at once, and how much money.

use super::Fleet;
use crate::domain::budget::BudgetTerms;
use crate::domain::event::{Effect, EventKind};
use crate::domain::observation::Scarcity;
use crate::domain::units::Moment;
use std::sync::Arc;
use std::time::Duration;

/// The least time between two news of requests that found no room.
const CROWD_NEWS: Duration = Duration::from_secs(2);

/// Limits of the whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Allowances {
    /// Client requests at once; no limit where there is none.
    pub max_in_flight: Option<u32>,
    pub budget: BudgetTerms,
}

impl Fleet {
    /// With limits of the whole.
    #[must_use]
    pub fn allowed(mut self, allowances: &Allowances) -> Self {
        self.allow(allowances);
        self
    }

    /// Other limits from now on; what is spent stays spent, and who is in stays in.
    pub fn allow(&mut self, allowances: &Allowances) {
        self.max_in_flight = allowances.max_in_flight;
        self.budgets = Arc::new(self.budgets.under(&allowances.budget));
    }

    /// Counts those that were turned away, and tells what is new of room and money.
    pub(super) fn watch_allowances(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let turned_away = self.crowd.take_turned_away();
        if turned_away > 0 {
            self.requests
                .record(now, |column| column.refuse(Scarcity::Room, turned_away));
        }
        let news = &mut self.requests_news;
        news.turned_away += turned_away;
        if news.turned_away > 0 && now.since(news.crowded) >= CROWD_NEWS {
            news.crowded = now;
            let count = std::mem::take(&mut news.turned_away);
            let most = self.max_in_flight.unwrap_or(u32::MAX);
            let text =
                format!("{count} requests refused: [server] max_in_flight = {most} are running");
            effects.push(self.announce(EventKind::Request, true, None, text, now));
        }
        for (bad, text) in self.budgets.news(now) {
            effects.push(self.announce(EventKind::Budget, bad, None, text, now));
        }
    }
}

//! Which rows there are, in what order, and which is under the cursor.

use super::{HOLD, Model};
use crate::contract::{DecisionReport, ProviderStatus, State};
use crate::tui::keymap::Order;
use std::cmp::Ordering;

impl Model {
    /// Providers in the order in which they are drawn.
    pub fn rows(&self) -> Vec<&ProviderStatus> {
        let Some(status) = self.shown() else {
            return Vec::new();
        };
        let find = |name: &String| {
            status
                .providers
                .iter()
                .find(|p| p.performance.provider == *name)
        };
        self.order
            .iter()
            .filter_map(find)
            .filter(|provider| self.filter.shows(provider))
            .collect()
    }

    /// The provider under the cursor.
    pub fn chosen(&self) -> Option<&ProviderStatus> {
        let rows = self.rows();
        let cursor = self.cursor.as_ref();
        let chosen = rows
            .iter()
            .find(|row| Some(&row.performance.provider) == cursor);
        chosen.or(rows.first()).copied()
    }

    pub fn chosen_name(&self) -> Option<String> {
        self.chosen()
            .map(|chosen| chosen.performance.provider.clone())
    }

    /// Whether the order of the rows stays as it is.
    pub fn is_held(&self) -> bool {
        self.locked || self.now < self.held_until
    }

    /// Moves the cursor by so many providers, and holds the order for a while.
    pub fn move_cursor(&mut self, step: isize) {
        let rows = self.rows();
        let Some(last) = rows.len().checked_sub(1) else {
            return;
        };
        let at = rows
            .iter()
            .position(|row| Some(&row.performance.provider) == self.cursor.as_ref());
        let next = at.unwrap_or(0).saturating_add_signed(step).min(last);
        self.cursor = Some(rows[next].performance.provider.clone());
        self.held_until = self.now + HOLD;
    }

    /// Moves the cursor to the next provider in trouble.
    pub fn next_trouble(&mut self, step: isize) {
        let rows = self.rows();
        let is_next = |row: &&&ProviderStatus| trouble(row.performance.state) > 1;
        let troubled: Vec<String> = rows
            .iter()
            .filter(is_next)
            .map(|row| row.performance.provider.clone())
            .collect();
        let at = troubled
            .iter()
            .position(|name| Some(name) == self.cursor.as_ref());
        let count = isize::try_from(troubled.len()).unwrap_or(0);
        if count == 0 {
            self.notify("no provider in trouble", false);
            return;
        }
        let next = match at {
            Some(at) => (isize::try_from(at).unwrap_or(0) + step).rem_euclid(count),
            None => 0,
        };
        self.cursor = usize::try_from(next)
            .ok()
            .and_then(|next| troubled.get(next).cloned());
        self.held_until = self.now + HOLD;
    }

    /// Decisions that the filter shows, newest first.
    pub fn decision_rows(&self) -> Vec<&DecisionReport> {
        self.decisions
            .rows
            .iter()
            .filter(|decision| self.filter.shows_decision(decision))
            .collect()
    }

    /// Sorts the rows anew; nothing moves while the order is held, but names come and go.
    pub fn sort(&mut self) {
        let Some(status) = self.shown().cloned() else {
            return;
        };
        let known = |name: &String| {
            status
                .providers
                .iter()
                .any(|p| p.performance.provider == *name)
        };
        if self.is_held()
            && self.order.iter().all(known)
            && self.order.len() == status.providers.len()
        {
            return;
        }
        let mut rows: Vec<&ProviderStatus> = status.providers.iter().collect();
        rows.sort_by(|a, b| compare(self.order_by, a, b));
        self.order = rows
            .iter()
            .map(|p| p.performance.provider.clone())
            .collect();
    }
}

/// Ties keep the order of the configuration.
fn compare(order: Order, a: &ProviderStatus, b: &ProviderStatus) -> Ordering {
    // What is unknown comes last, whatever the direction.
    let largest = |of: fn(&ProviderStatus) -> Option<f64>| {
        let value = |p| of(p).unwrap_or(f64::NEG_INFINITY);
        value(b).total_cmp(&value(a))
    };
    match order {
        // The odds move with every request; by them rows would change places every second.
        Order::Trouble => trouble(b.performance.state)
            .cmp(&trouble(a.performance.state))
            .then_with(|| b.performance.requests.cmp(&a.performance.requests)),
        Order::Name => a.performance.provider.cmp(&b.performance.provider),
        Order::Share => b.share.total_cmp(&a.share),
        Order::Latency => largest(|p| p.performance.latency_ms.p95),
        Order::Success => largest(|p| p.performance.error_rate),
        Order::Cost => largest(|p| p.usd_per_hour),
    }
}

/// How much an operator must look at it.
pub fn trouble(state: State) -> u8 {
    match state {
        State::Down => 7,
        State::Open => 6,
        State::Failing => 5,
        State::HalfOpen => 4,
        State::Limited => 3,
        State::Slow => 2,
        State::Ok => 1,
        State::Unknown | State::Draining | State::Off => 0,
    }
}

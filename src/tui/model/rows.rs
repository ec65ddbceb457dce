//! Which rows there are, in what order, and which is under the cursor.

use super::{Model, ORDER_HOLD};
use crate::contract::{DecisionReport, HealthState, ProviderStatus};
use crate::tui::filter::Filter;
use crate::tui::input_context::Screen;
use crate::tui::keymap::SortOrder;
use std::cmp::Ordering;

impl Model {
    /// Providers of this screen in the order in which they are drawn. The filter of the overview
    /// holds there and nowhere else, for no other screen shows that something is hidden.
    pub fn rows(&self) -> Vec<&ProviderStatus> {
        if self.screen == Screen::Overview {
            self.filtered()
        } else {
            self.providers()
        }
    }

    fn filtered(&self) -> Vec<&ProviderStatus> {
        let mut rows = self.providers();
        rows.retain(|provider| self.filter.shows(provider));
        rows
    }

    /// The filter of this screen, where it has one.
    pub fn filter_here(&self) -> Option<&Filter> {
        match self.screen {
            Screen::Overview => Some(&self.filter),
            Screen::Decisions => Some(&self.decisions_filter),
            _ => None,
        }
    }

    /// All providers, in the order of the rows.
    fn providers(&self) -> Vec<&ProviderStatus> {
        let Some(status) = self.shown() else {
            return Vec::new();
        };
        let find = |name: &String| {
            status
                .providers
                .iter()
                .find(|p| p.performance.provider == *name)
        };
        self.order.iter().filter_map(find).collect()
    }

    /// Rows of this screen that are in trouble.
    pub fn troubled(&self) -> Vec<&ProviderStatus> {
        let mut rows = self.rows();
        rows.retain(|row| trouble(row.performance.state) > 1);
        rows
    }

    /// The provider under the cursor: the marked one, for what is not on the screen cannot be
    /// chosen there.
    pub fn selected(&self) -> Option<&ProviderStatus> {
        let rows = if self.screen == Screen::Alerts {
            self.troubled()
        } else {
            self.rows()
        };
        let cursor = self.cursor.as_ref();
        let chosen = rows
            .iter()
            .find(|row| Some(&row.performance.provider) == cursor);
        chosen.or(rows.first()).copied()
    }

    pub fn selected_name(&self) -> Option<String> {
        self.selected()
            .map(|chosen| chosen.performance.provider.clone())
    }

    /// Whether the order of the rows stays as it is.
    pub fn is_held(&self) -> bool {
        self.locked || self.now < self.held_until
    }

    /// Moves the cursor by so many providers, and holds the order for a while.
    pub fn move_cursor(&mut self, step: isize) {
        let mut rows = self.rows();
        if self.screen == Screen::Detail {
            // From one provider to the next of those that the overview shows, if it is among them.
            let shown = self.filtered();
            let is_here = |row: &&ProviderStatus| self.is_under_cursor(row);
            if shown.iter().any(is_here) {
                rows = shown;
            }
        }
        let Some(last) = rows.len().checked_sub(1) else {
            return;
        };
        let at = rows
            .iter()
            .position(|row| Some(&row.performance.provider) == self.cursor.as_ref());
        let next = at.unwrap_or(0).saturating_add_signed(step).min(last);
        self.cursor = Some(rows[next].performance.provider.clone());
        self.held_until = self.now + ORDER_HOLD;
    }

    fn is_under_cursor(&self, row: &ProviderStatus) -> bool {
        self.cursor.as_ref() == Some(&row.performance.provider)
    }

    /// Moves the cursor by so many providers in trouble, no further than to the first or the last.
    pub fn move_trouble(&mut self, step: isize) {
        let chosen = self.selected_name();
        let troubled = self.troubled();
        let name = |row: &&ProviderStatus| row.performance.provider.clone();
        let at = troubled.iter().position(|row| Some(name(row)) == chosen);
        let last = troubled.len().saturating_sub(1);
        let next = at.unwrap_or(0).saturating_add_signed(step).min(last);
        let Some(next) = troubled.get(next).map(name) else {
            self.notify("no provider in trouble", false);
            return;
        };
        self.cursor = Some(next);
        self.held_until = self.now + ORDER_HOLD;
    }

    /// Moves the cursor to the next provider in trouble, after the last to the first.
    pub fn next_trouble(&mut self, step: isize) {
        let chosen = self.selected_name();
        let troubled = self.troubled().into_iter();
        let troubled: Vec<String> = troubled
            .map(|row| row.performance.provider.clone())
            .collect();
        let at = troubled
            .iter()
            .position(|name| Some(name) == chosen.as_ref());
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
        self.held_until = self.now + ORDER_HOLD;
    }

    /// Decisions that the filter shows, newest first.
    pub fn decision_rows(&self) -> Vec<&DecisionReport> {
        self.decisions
            .rows
            .iter()
            .filter(|decision| self.decisions_filter.shows_decision(decision))
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
fn compare(order: SortOrder, a: &ProviderStatus, b: &ProviderStatus) -> Ordering {
    // What is unknown comes last, whatever the direction.
    let largest = |of: fn(&ProviderStatus) -> Option<f64>| {
        let value = |p| of(p).unwrap_or(f64::NEG_INFINITY);
        value(b).total_cmp(&value(a))
    };
    match order {
        // The odds move with every request; by them rows would change places every second.
        SortOrder::Trouble => trouble(b.performance.state)
            .cmp(&trouble(a.performance.state))
            .then_with(|| b.performance.requests.cmp(&a.performance.requests)),
        SortOrder::Name => a.performance.provider.cmp(&b.performance.provider),
        SortOrder::Share => b.share.total_cmp(&a.share),
        SortOrder::Latency => largest(|p| p.performance.latency_ms.p95),
        SortOrder::Success => largest(|p| p.performance.error_rate),
        SortOrder::Cost => largest(|p| p.usd_per_hour),
    }
}

/// How much an operator must look at it.
pub fn trouble(state: HealthState) -> u8 {
    match state {
        HealthState::Down => 7,
        HealthState::Open => 6,
        HealthState::Failing => 5,
        HealthState::HalfOpen => 4,
        HealthState::Limited => 3,
        HealthState::Slow => 2,
        HealthState::Ok => 1,
        HealthState::Unknown | HealthState::Draining | HealthState::Off => 0,
    }
}

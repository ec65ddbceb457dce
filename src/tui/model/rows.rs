//! The rows of a screen, their order, and the cursor.

use super::vendors::{GROUPED_FROM, group, hue_places, vendor};
use super::{AlertListRow, Model, ORDER_HOLD};
use crate::contract::{DecisionReport, HealthState, ProviderStatus, Status};
use crate::tui::filter::Filter;
use crate::tui::input_context::Screen;
use crate::tui::keymap::SortOrder;
use ratatui::style::Style;
use std::cmp::Ordering;

impl Model {
    /// Returns whether rows are grouped by vendor: there are many, in their usual order.
    pub fn is_grouped(&self, status: &Status) -> bool {
        status.providers.len() > GROUPED_FROM && self.order_by == SortOrder::Trouble
    }

    /// The style of a provider: its hue by its place in the configuration, on every panel.
    pub fn identity(&self, name: &str) -> Style {
        let Some(status) = self.shown() else {
            return Style::default();
        };
        let mut providers = status.providers.iter();
        // With many providers, those of a vendor share a hue.
        let place = if status.providers.len() <= GROUPED_FROM {
            providers.position(|it| it.performance.provider == name)
        } else {
            let places = hue_places(status);
            let mut all = providers.zip(places);
            // A summary is called after its vendor, and a count.
            let of = vendor(name.split(" x").next().unwrap_or(name));
            all.find(|(it, _)| vendor(&it.performance.provider) == of)
                .map(|(_, place)| place)
        };
        place.map_or_else(Style::default, |place| self.theme().identity(place))
    }

    /// Providers of this screen in display order. The filter of the overview applies only there,
    /// because no other screen shows that rows are hidden.
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

    /// The filter of this screen, if it has one.
    pub fn filter_here(&self) -> Option<&Filter> {
        match self.screen {
            Screen::Overview => Some(&self.filter),
            Screen::Decisions => Some(&self.decisions_filter),
            Screen::Models => Some(&self.models.filter),
            Screen::Clients => Some(&self.clients.filter),
            Screen::Log => Some(&self.log.filter),
            Screen::Detail | Screen::Weights | Screen::Alerts | Screen::Revisions => None,
        }
    }

    /// All providers, in display order.
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

    /// The provider under the cursor; the first row if the cursor is on none of the rows.
    pub fn selected(&self) -> Option<&ProviderStatus> {
        if self.screen == Screen::Alerts {
            let rows = self.alert_rows();
            let name = rows.get(self.alert_at()).and_then(AlertListRow::provider)?;
            let mut all = self.shown()?.providers.iter();
            return all.find(|row| row.performance.provider == name);
        }
        let rows = self.rows();
        let of_model = match self.screen {
            Screen::Models => Some(self.provider_of_model()?),
            _ => None,
        };
        let cursor = of_model.as_ref().or(self.cursor.as_ref());
        let selected = rows
            .iter()
            .find(|row| Some(&row.performance.provider) == cursor);
        selected.or(rows.first()).copied()
    }

    pub fn selected_name(&self) -> Option<String> {
        self.selected()
            .map(|provider| provider.performance.provider.clone())
    }

    /// Returns whether the order of the rows is held.
    pub fn is_held(&self) -> bool {
        self.locked || self.now < self.held_until
    }

    /// Moves the cursor by `step` providers, and holds the order for `ORDER_HOLD`.
    pub fn move_cursor(&mut self, step: isize) {
        let mut rows = self.rows();
        if self.screen == Screen::Detail {
            // Stay within the rows of the overview if the provider is one of them.
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

    /// Moves the cursor to the next provider in trouble; after the last comes the first.
    pub fn next_trouble(&mut self, step: isize) {
        let selected = self.selected_name();
        let troubled = self.troubled().into_iter();
        let troubled: Vec<String> = troubled
            .map(|row| row.performance.provider.clone())
            .collect();
        let at = troubled
            .iter()
            .position(|name| Some(name) == selected.as_ref());
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

    /// Decisions that match the filter, newest first.
    pub fn decision_rows(&self) -> Vec<&DecisionReport> {
        self.decisions
            .rows
            .iter()
            .filter(|decision| self.decisions_filter.shows_decision(decision))
            .collect()
    }

    /// Sorts the rows. While the order is held, it changes only if providers come or go.
    pub fn sort(&mut self) {
        let Some(status) = self.shown().cloned() else {
            return;
        };
        let is_known = |name: &String| {
            status
                .providers
                .iter()
                .any(|p| p.performance.provider == *name)
        };
        if self.is_held()
            && self.order.iter().all(is_known)
            && self.order.len() == status.providers.len()
        {
            return;
        }
        let mut rows: Vec<&ProviderStatus> = status.providers.iter().collect();
        rows.sort_by(|a, b| compare(self.order_by, a, b));
        if self.is_grouped(&status) {
            rows = group(rows, trouble_rank);
        }
        self.order = rows
            .iter()
            .map(|p| p.performance.provider.clone())
            .collect();
    }
}

/// Compares two rows; equal rows keep the order of the configuration.
fn compare(order: SortOrder, a: &ProviderStatus, b: &ProviderStatus) -> Ordering {
    // Unknown values come last.
    let largest = |of: fn(&ProviderStatus) -> Option<f64>| {
        let value = |p| of(p).unwrap_or(f64::NEG_INFINITY);
        value(b).total_cmp(&value(a))
    };
    match order {
        // By request count: selection probabilities would reorder the rows every second.
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

/// Severity of a state, higher is worse; above 1 it counts as trouble.
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

/// Severity of a provider in trouble; 0 for one that is not.
pub fn trouble_rank(provider: &ProviderStatus) -> u8 {
    match trouble(provider.performance.state) {
        rank @ 2.. => rank,
        _ => 0,
    }
}

/// Returns whether a breaker or a wait keeps requests from it.
pub fn is_blocked(provider: &ProviderStatus) -> bool {
    let blocks = |state: HealthState| {
        matches!(
            state,
            HealthState::Open | HealthState::HalfOpen | HealthState::Limited | HealthState::Failing
        )
    };
    let mut states = provider.performance.models.iter().map(|model| model.state);
    blocks(provider.performance.state) || states.any(blocks)
}

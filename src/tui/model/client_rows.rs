//! The rows of the clients view: who calls.

use super::Model;
use crate::contract::ClientReport;
use crate::tui::filter::{FilterField, FilteredRow};
use crate::tui::keymap::SortOrder;

/// Success rate below which a client is in trouble, and the requests from which that counts.
const FAILING_BELOW: f64 = 0.99;
const FAILING_REQUESTS: u64 = 10;

/// Returns whether requests of a client fail, or exceed its budget.
pub fn is_troubled(client: &ClientReport) -> bool {
    let fails = client.success_rate.is_some_and(|rate| rate < FAILING_BELOW);
    (fails && client.requests >= FAILING_REQUESTS) || client.over_budget > 0
}

impl FilteredRow for ClientReport {
    fn names(&self) -> Vec<&str> {
        vec![&self.name]
    }

    fn is_in(&self, state: &str) -> bool {
        match state {
            "trouble" => is_troubled(self),
            "ok" => !is_troubled(self),
            _ => false,
        }
    }

    fn number(&self, field: FilterField) -> Option<f64> {
        match field {
            FilterField::P50 => self.latency_ms.p50,
            FilterField::P95 => self.latency_ms.p95,
            FilterField::P99 => self.latency_ms.p99,
            FilterField::Success => self.success_rate.map(|rate| rate * 100.0),
            FilterField::Share => Some(self.share * 100.0),
            FilterField::Rate => None,
            FilterField::Cost => self.total_cost_usd,
        }
    }
}

/// What a client is sorted by, larger values first.
fn rank(client: &ClientReport, order: SortOrder) -> f64 {
    let value = match order {
        SortOrder::Trouble | SortOrder::Name => Some(f64::from(u8::from(is_troubled(client)))),
        SortOrder::Share => Some(client.share),
        SortOrder::Latency => client.latency_ms.p95,
        SortOrder::Success => client.success_rate.map(|rate| 1.0 - rate),
        SortOrder::Cost => client.total_cost_usd,
    };
    value.unwrap_or(f64::NEG_INFINITY)
}

impl Model {
    /// The rows of the clients view in display order, without those that its filter hides.
    pub fn client_rows(&self) -> Vec<ClientReport> {
        let view = &self.clients;
        let all = view.report.iter().flat_map(|report| &report.clients);
        let mut rows: Vec<ClientReport> = all
            .filter(|client| view.filter.shows_row(*client))
            .cloned()
            .collect();
        if view.order == SortOrder::Name {
            rows.sort_by(|a, b| a.name.cmp(&b.name));
        } else {
            // Stable: of equal ones the report has those with the most requests first.
            rows.sort_by(|a, b| rank(b, view.order).total_cmp(&rank(a, view.order)));
        }
        rows
    }

    /// The place of the client under the cursor; the first if it is on none of the rows.
    pub fn client_at(&self, rows: &[ClientReport]) -> usize {
        let cursor = self.clients.cursor.as_ref();
        let at = rows.iter().position(|row| Some(&row.name) == cursor);
        at.unwrap_or(0)
    }

    /// The client under the cursor.
    pub fn selected_client(&self) -> Option<ClientReport> {
        let mut rows = self.client_rows();
        let at = self.client_at(&rows);
        (at < rows.len()).then(|| rows.swap_remove(at))
    }

    /// Moves the cursor of the clients view by `step` rows.
    pub fn move_client(&mut self, step: isize) {
        let rows = self.client_rows();
        let last = rows.len().saturating_sub(1);
        let next = self.client_at(&rows).saturating_add_signed(step).min(last);
        self.clients.cursor = rows.get(next).map(|row| row.name.clone());
    }

    /// Moves the cursor to the next client in trouble; after the last comes the first.
    pub fn next_client_in_trouble(&mut self, step: isize) {
        let rows = self.client_rows();
        let (at, count) = (self.client_at(&rows), rows.len());
        let mut places = (1..=count).map(|far| {
            let far = if step > 0 { far } else { count - far };
            (at + far) % count
        });
        match places.find(|&place| is_troubled(&rows[place])) {
            Some(place) => self.clients.cursor = Some(rows[place].name.clone()),
            None => self.notify("no client in trouble", false),
        }
    }
}

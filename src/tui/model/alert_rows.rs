//! The rows of the alerts screen: active alerts, providers in trouble, alerts that ended.

use super::{Model, ORDER_HOLD};
use crate::contract::{AlertReport, ProviderStatus};

/// A row of the alerts screen.
#[derive(Debug, Clone, Copy)]
pub enum AlertListRow<'m> {
    Alert(&'m AlertReport),
    Provider(&'m ProviderStatus),
}

impl AlertListRow<'_> {
    /// What the cursor stays on.
    fn key(&self) -> String {
        match self {
            // The same problem may have had several alerts.
            Self::Alert(alert) => format!("{} {}", alert.id, alert.since),
            Self::Provider(row) => row.performance.provider.clone(),
        }
    }

    /// The provider that it concerns.
    pub fn provider(&self) -> Option<&str> {
        match self {
            Self::Alert(alert) => alert.provider.as_deref(),
            Self::Provider(row) => Some(&row.performance.provider),
        }
    }
}

impl Model {
    /// All rows. Until the list is known, its alerts are those of the status.
    pub fn alert_rows(&self) -> Vec<AlertListRow<'_>> {
        let of_status = self.shown().map_or(&[][..], |status| &status.alerts);
        let alerts = if self.alerts.is_known {
            &self.alerts.rows[..]
        } else {
            of_status
        };
        let (ended, active): (Vec<_>, Vec<_>) = alerts.iter().partition(|it| it.until.is_some());
        let mut rows: Vec<AlertListRow<'_>> = active.into_iter().map(AlertListRow::Alert).collect();
        rows.extend(self.troubled().into_iter().map(AlertListRow::Provider));
        rows.extend(ended.into_iter().map(AlertListRow::Alert));
        rows
    }

    /// Index of the row under the cursor: where it was moved to, else the provider that another screen
    /// selected, else the first.
    pub fn alert_at(&self) -> usize {
        let rows = self.alert_rows();
        let moved = self.alert_key.as_ref();
        let moved = moved.and_then(|key| rows.iter().position(|row| row.key() == *key));
        let cursor = self.cursor.as_deref();
        let of_cursor = || {
            let is_active = |row: &AlertListRow<'_>| match row {
                AlertListRow::Alert(alert) => alert.until.is_none(),
                AlertListRow::Provider(_) => true,
            };
            let mut all = rows.iter();
            all.position(|row| cursor.is_some() && row.provider() == cursor && is_active(row))
        };
        moved.or_else(of_cursor).unwrap_or(0)
    }

    /// The alert that keys act on: under the cursor of the alerts screen, else the first of the selected
    /// provider.
    pub fn selected_alert(&self) -> Option<&AlertReport> {
        let rows = self.alert_rows();
        if self.screen == crate::tui::input_context::Screen::Alerts {
            return match rows.get(self.alert_at()) {
                Some(AlertListRow::Alert(alert)) => Some(alert),
                _ => None,
            };
        }
        let provider = self.selected_name()?;
        let mut active = self.status.as_ref()?.alerts.iter();
        active.find(|alert| alert.provider.as_ref() == Some(&provider))
    }

    /// Moves the cursor of the alerts screen, and stops at the first and the last row.
    pub fn move_alert(&mut self, step: isize) {
        let rows = self.alert_rows();
        let Some(last) = rows.len().checked_sub(1) else {
            self.notify("no alert, and no provider in trouble", false);
            return;
        };
        let next = self.alert_at().saturating_add_signed(step).min(last);
        let key = rows[next].key();
        let provider = rows[next].provider().map(str::to_owned);
        self.alert_key = Some(key);
        self.cursor = provider.or(self.cursor.take());
        self.held_until = self.now + ORDER_HOLD;
    }
}

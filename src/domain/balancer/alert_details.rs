//! Alerts with what callers saw while they lasted.

use super::BalancerState;
use crate::domain::alerts::{Alert, AlertDetails, AlertEffect, AlertError, AlertId};
use crate::domain::index::TargetIdx;
use crate::domain::timeline::{BucketCounts, Timeline};
use crate::domain::units::UnixTime;

/// Widths of buckets, and how many seconds they reach back.
const REACHES: [(u64, u64); 3] = [(1, 295), (15, 885), (60, 86_000)];

impl BalancerState {
    /// Returns the active alerts and then the ended ones, newest first.
    pub fn all_alerts(&self, now: UnixTime) -> Vec<AlertDetails> {
        let alerts = self.alerts.all().into_iter();
        alerts.map(|alert| self.with_details(alert, now)).collect()
    }

    /// Ends the acknowledgement of an alert.
    pub fn withdraw_acknowledgement(&mut self, id: AlertId) -> Result<Alert, AlertError> {
        self.alerts.withdraw(id)
    }

    /// Adds what came of an alert, and what came before it.
    pub fn with_details(&self, alert: Alert, now: UnixTime) -> AlertDetails {
        AlertDetails {
            effect: self.alert_effect(&alert, now),
            history: self.alerts.history(&alert),
            alert,
        }
    }

    fn alert_effect(&self, alert: &Alert, now: UnixTime) -> Option<AlertEffect> {
        let age = now
            .unix_seconds()
            .saturating_sub(alert.since.unix_seconds());
        let width = REACHES.iter().find(|(_, reach)| age <= *reach)?.0;
        let until = alert.until.unwrap_or(now);
        let of = |timeline: &Timeline<BucketCounts>| {
            let buckets = timeline.stored(width, alert.since);
            let within = buckets.filter(|(start, _)| *start <= until.unix_seconds());
            within.fold((0, 0), |(all, failed), (_, counts)| {
                (all + counts.rate_base(), failed + counts.failed)
            })
        };
        let (requests, failed_requests) = of(&self.requests);
        let mut effect = AlertEffect {
            requests,
            failed_requests,
            ..AlertEffect::default()
        };
        let provider = alert.subject.provider.as_ref();
        let provider = provider.and_then(|name| self.catalogue.provider(name));
        for target in TargetIdx::all(self.targets.len()) {
            if Some(self.catalogue.targets[target].provider) == provider {
                let (attempts, failed) = of(&self.targets[target].history);
                effect.attempts += attempts;
                effect.failed_attempts += failed;
            }
        }
        Some(effect)
    }
}

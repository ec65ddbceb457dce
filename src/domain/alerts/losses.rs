//! The rule about dropped data.

use super::alert::AlertSubject;
use super::condition::{AlertCondition, Level};
use super::figures::LossCounts;
use super::rule::{AlertRule, AlertSeverity};
use crate::domain::units::UnixTime;
use std::time::Duration;

/// Time without a loss after which the losses are over.
const QUIET_TIME: Duration = Duration::from_mins(10);

/// Follows the counts of lost data.
#[derive(Debug, Default)]
pub(super) struct LossWatch {
    seen: LossCounts,
    /// Counts before the losses that last, and the time of the latest.
    lasting: Option<(LossCounts, UnixTime)>,
}

impl LossWatch {
    /// Follows new counts. Losses are told at once, because each is a fact.
    pub fn condition(&mut self, lost: LossCounts, now: UnixTime) -> AlertCondition {
        if lost.since(self.seen).total() > 0 {
            let base = self.lasting.map_or(self.seen, |(base, _)| base);
            self.lasting = Some((base, now));
        }
        self.seen = lost;
        self.lasting = self
            .lasting
            .filter(|&(_, latest)| now.since(latest) < QUIET_TIME);
        let lost = self.lasting.map(|(base, _)| lost.since(base));
        let level = match lost {
            Some(_) => Level::Raised,
            None => Level::Gone,
        };
        let lost = lost.unwrap_or_default();
        let parts = [
            (lost.observations, "observations"),
            (lost.store_rows, "rows of the store"),
            (lost.deliveries, "deliveries to webhooks"),
        ];
        let parts = parts.into_iter().filter(|(count, _)| *count > 0);
        let parts: Vec<String> = parts.map(|(count, of)| format!("{count} {of}")).collect();
        AlertCondition {
            rule: AlertRule::DataLost,
            subject: AlertSubject::default(),
            level,
            severity: AlertSeverity::Warning,
            value: lost.total() as f64,
            threshold: 0.0,
            message: format!("lost: {}", parts.join(", ")),
        }
    }
}

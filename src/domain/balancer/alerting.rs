//! Alerts: gathers the figures, and emits what is told.

use super::BalancerState;
use crate::domain::alerts::{
    Alert, AlertBoard, AlertChange, AlertError, AlertFigures, AlertId, AlertNotice, Availability,
    BudgetFigures, FLAPPING_WINDOW_S, LossCounts, ProviderFigures, SavedAlerts, WINDOW_S,
};
use crate::domain::budget::{BudgetOwner, BudgetSnapshot, BudgetUsage, OwnedUsage, Period};
use crate::domain::event::{Effect, Event, EventKind};
use crate::domain::health_state::HealthState;
use crate::domain::index::ProviderIdx;
use crate::domain::timeline::BucketRange;
use crate::domain::units::{Money, UnixTime};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Interval of the evaluations.
const INTERVAL: Duration = Duration::from_secs(1);
/// Width of the buckets that rates are summed of, in seconds.
const BUCKET_S: u64 = 15;
/// Share of failures in the last minute, and their number, from which a provider counts as unusable,
/// although its breaker may not open: breakers never open for most targets at once.
const BROKEN_SHARE: f64 = 0.9;
const BROKEN_SAMPLES: u64 = 5;
const BROKEN_WINDOW_S: u64 = 60;
/// Time after which a provider without measurements counts as usable again.
const UNMEASURED_TIME: Duration = Duration::from_mins(5);

impl BalancerState {
    /// Sets what bounded queues dropped so far; the next evaluation looks at it.
    pub fn set_losses(&mut self, lost: LossCounts) {
        self.lost = lost;
    }

    /// Evaluates the rules of the alerts, once a second.
    pub(super) fn check_alerts(&mut self, now: UnixTime, effects: &mut Vec<Effect>) {
        if now.since(self.alerts_at) < INTERVAL {
            return;
        }
        self.alerts_at = now;
        self.renew_forecast(now);
        let figures = AlertFigures {
            providers: self.provider_figures(now),
            budgets: self.budget_figures(now),
            lost: self.lost,
        };
        for notice in self.alerts.evaluate(&figures, now) {
            effects.push(self.emit_alert(notice, now));
        }
    }

    /// Notes that an operator knows of an alert.
    pub fn acknowledge_alert(
        &mut self,
        id: AlertId,
        who: &str,
        now: UnixTime,
    ) -> Result<(Alert, Vec<Effect>), AlertError> {
        let (alert, notice) = self.alerts.acknowledge(id, who, now)?;
        Ok((alert, self.emit_alerts(notice, now)))
    }

    /// Silences an alert for a time, or ends its silence with a time of zero.
    pub fn mute_alert(
        &mut self,
        id: AlertId,
        time: Duration,
        who: &str,
        now: UnixTime,
    ) -> Result<(Alert, Vec<Effect>), AlertError> {
        let (alert, notice) = self.alerts.mute(id, time, who, now)?;
        Ok((alert, self.emit_alerts(notice, now)))
    }

    /// Emits an alert that tests the delivery.
    pub fn test_alert(&mut self, now: UnixTime) -> (AlertNotice, Vec<Effect>) {
        let notice = AlertBoard::test_notice(now);
        let effects = self.emit_alerts(Some(notice.clone()), now);
        (notice, effects)
    }

    /// Returns what a restart must not forget of the alerts.
    pub fn saved_alerts(&self) -> SavedAlerts {
        self.alerts.save()
    }

    /// Returns a number that grows whenever [`Self::saved_alerts`] changes.
    pub fn alert_changes(&self) -> u64 {
        self.alerts.changes()
    }

    /// Continues with the alerts of an earlier process.
    pub fn restore_alerts(&mut self, saved: SavedAlerts) {
        self.alerts.restore(saved);
    }

    /// Returns the active alerts, the most severe first.
    pub(super) fn active_alerts(&self) -> Vec<Alert> {
        self.alerts.active()
    }

    /// Returns the usage of all budgets with its expected end.
    pub(super) fn projected_budgets(&self, now: UnixTime) -> BudgetSnapshot {
        let providers = self.budget_providers();
        let project = |owner: &BudgetOwner, period, usage: &BudgetUsage| {
            usage.limit?;
            let budget = BudgetFigures {
                name: owner.setting(period),
                period,
                usage: *usage,
                consequence: "",
                expected: self.expected_cost(owner, period, usage.resets_at, &providers, now),
            };
            self.alerts.projection(&budget, now)
        };
        self.budgets.snapshot(now).projected(project)
    }

    fn emit_alerts(&mut self, notice: Option<AlertNotice>, now: UnixTime) -> Vec<Effect> {
        let notices = notice.into_iter();
        notices.map(|notice| self.emit_alert(notice, now)).collect()
    }

    fn emit_alert(&mut self, notice: AlertNotice, now: UnixTime) -> Effect {
        let event = Event {
            id: self.next_event,
            at: now,
            kind: EventKind::Alert,
            bad: notice.change == AlertChange::Raised,
            provider: notice.alert.subject.provider.clone(),
            text: notice.text(),
            alert: Some(Arc::new(notice)),
            trouble: None,
        };
        self.publish(event)
    }

    fn budget_figures(&self, now: UnixTime) -> Vec<BudgetFigures> {
        let providers = self.budget_providers();
        let usages = self.budgets.usages(now).into_iter();
        let usages = usages.filter(|(owned, _)| owned.usage.limit.is_some());
        let figures = usages.map(|(owned, consequence)| {
            let OwnedUsage {
                owner,
                period,
                usage,
            } = owned;
            BudgetFigures {
                expected: self.expected_cost(&owner, period, usage.resets_at, &providers, now),
                name: owner.setting(period),
                period,
                usage,
                consequence,
            }
        });
        figures.collect()
    }

    /// Returns the providers by name.
    fn budget_providers(&self) -> BTreeMap<Arc<str>, ProviderIdx> {
        let providers = self.catalogue.active_providers();
        providers
            .map(|(at, provider)| (Arc::clone(&provider.name), at))
            .collect()
    }

    /// Returns the forecast cost of the rest of a day that a budget counts; `None` without a forecast.
    fn expected_cost(
        &self,
        owner: &BudgetOwner,
        period: Period,
        until: UnixTime,
        providers: &BTreeMap<Arc<str>, ProviderIdx>,
        now: UnixTime,
    ) -> Option<Money> {
        if period != Period::Day {
            return None;
        }
        let provider = match owner {
            BudgetOwner::All => None,
            BudgetOwner::Provider(name) => Some(*providers.get(name)?),
            BudgetOwner::Token(_) | BudgetOwner::Group(_) => return None,
        };
        let usd = self.expected_usd(provider, now, until)?;
        Some(Money::from_usd(usd))
    }

    fn provider_figures(&mut self, now: UnixTime) -> Vec<ProviderFigures> {
        let providers = self.catalogue.active_providers();
        let active: Vec<ProviderIdx> = providers.map(|(at, _)| at).collect();
        let figures = active.into_iter().map(|at| {
            let mut figures = self.figures_of(at, now);
            let record = &mut self.providers[at];
            if matches!(
                figures.availability,
                Availability::Unusable | Availability::OutOfService
            ) {
                record.unusable_at = Some(now);
            }
            if figures.availability == Availability::Unusable && record.health.is_usable {
                figures.why = String::from("nearly all attempts fail");
            }
            figures
        });
        figures.collect()
    }

    fn figures_of(&self, at: ProviderIdx, now: UnixTime) -> ProviderFigures {
        let record = &self.providers[at];
        let from = record
            .unusable_at
            .map_or(0, |unusable| unusable.unix_seconds() + 1);
        let recent = now.unix_seconds().saturating_sub(BROKEN_WINDOW_S);
        let range = BucketRange {
            width: BUCKET_S,
            columns: usize::try_from(WINDOW_S / BUCKET_S).unwrap_or(usize::MAX),
        };
        let flapping_from = now.minus(Duration::from_secs(FLAPPING_WINDOW_S));
        let mut figures = ProviderFigures {
            name: Arc::clone(&record.name),
            availability: Availability::Usable,
            why: record.health.why.clone(),
            rated: 0,
            failed: 0,
            latency_sum_ms: 0.0,
            openings: 0,
            failed_probes: record.failed_probes,
            probe_detail: record.probe_detail.clone(),
        };
        let (mut latest, mut latest_failed) = (0, 0);
        for target in self.targets_of(at) {
            let target = &self.targets[target];
            target.history.visit(range, now, |start, counts| {
                if start >= recent {
                    latest += counts.rate_base();
                    latest_failed += counts.failed;
                }
                if start >= from {
                    figures.rated += counts.rate_base();
                    figures.failed += counts.failed;
                    figures.latency_sum_ms += counts.latency_sum_ms;
                }
            });
            let openings = target.openings.iter();
            let openings = openings.filter(|&&opened| opened >= flapping_from).count();
            figures.openings = figures.openings.max(openings);
        }
        let is_broken =
            latest >= BROKEN_SAMPLES && latest_failed as f64 >= BROKEN_SHARE * latest as f64;
        figures.availability = self.availability(at, is_broken, now);
        figures
    }

    fn availability(&self, at: ProviderIdx, is_broken: bool, now: UnixTime) -> Availability {
        let record = &self.providers[at];
        match record.health.state {
            HealthState::Off | HealthState::Draining => Availability::OutOfService,
            HealthState::Open | HealthState::Down => Availability::Unusable,
            HealthState::Limited if !record.health.is_usable => Availability::Unusable,
            _ if is_broken => Availability::Unusable,
            HealthState::HalfOpen => Availability::Unclear,
            HealthState::Unknown if now.since(record.state_since) < UNMEASURED_TIME => {
                Availability::Unclear
            }
            _ => Availability::Usable,
        }
    }
}

//! All alerts: evaluation, grouping, and what operators do with them.

use super::alert::{Acknowledgement, Alert, AlertChange, AlertId, AlertNotice, AlertSubject, Mute};
use super::condition::{self, AlertCondition, Level};
use super::config::AlertConfig;
use super::details::AlertHistory;
use super::figures::{AlertFigures, Availability, BudgetFigures};
use super::losses::LossWatch;
use super::rule::{AlertRule, AlertSeverity};
use super::saved::{SavedAlerts, ToldFraction};
use super::spending::{SpendingRates, burn_condition};
use super::tracker::{Phase, Step};
use crate::domain::budget::BudgetProjection;
use crate::domain::units::UnixTime;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// Number of ended alerts that are kept.
const MAX_ENDED: usize = 50;

/// Error of a change of an alert.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AlertError {
    /// No alert has the id.
    #[error("no alert has the id {0}; `aibal-tui alerts list` prints all ids")]
    Unknown(AlertId),
    /// The alert has ended.
    #[error("the alert {0} has ended, so there is nothing to acknowledge")]
    Ended(AlertId),
}

/// An alert that lasts, and whether receivers know of it.
#[derive(Debug, Clone)]
pub(super) struct ActiveAlert {
    pub alert: Alert,
    pub is_told: bool,
}

/// All alerts of an instance.
#[derive(Debug, Default)]
pub struct AlertBoard {
    config: AlertConfig,
    phases: BTreeMap<AlertId, Phase>,
    pub(super) active: BTreeMap<AlertId, ActiveAlert>,
    /// Oldest first.
    ended: VecDeque<Alert>,
    mutes: BTreeMap<AlertId, Mute>,
    /// Told fractions by the name of their budget.
    told: BTreeMap<String, (u64, f64)>,
    rates: SpendingRates,
    losses: LossWatch,
    changes: u64,
}

impl AlertBoard {
    /// Replaces the thresholds; alerts that no longer pass them end as usual.
    pub fn set_config(&mut self, config: AlertConfig) {
        self.config = config;
    }

    /// Returns the thresholds.
    pub fn config(&self) -> &AlertConfig {
        &self.config
    }

    /// Returns a number that grows with every change, so that a caller knows when to save.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Returns the active alerts, the most severe and oldest first.
    pub fn active(&self) -> Vec<Alert> {
        let mut alerts: Vec<Alert> = self.active.values().map(|it| it.alert.clone()).collect();
        alerts.sort_by_key(|alert| (std::cmp::Reverse(alert.severity), alert.since, alert.id));
        alerts
    }

    /// Returns the active alerts and then the ended ones, newest first.
    pub fn all(&self) -> Vec<Alert> {
        let mut alerts = self.active();
        alerts.extend(self.ended.iter().rev().cloned());
        alerts
    }

    /// Applies the rules to new figures; returns what is to be told.
    pub fn evaluate(&mut self, figures: &AlertFigures, now: UnixTime) -> Vec<AlertNotice> {
        let mut notices = Vec::new();
        self.expire_mutes(now, &mut notices);
        let mut seen = BTreeSet::new();
        self.evaluate_providers(figures, now, &mut seen, &mut notices);
        self.rates.record(&figures.budgets, now);
        for budget in &figures.budgets {
            self.evaluate_budget(budget, now, &mut seen, &mut notices);
            let projection = self.rates.projection(budget, now);
            let burn = burn_condition(budget, projection);
            let hold = self.config.hold;
            self.apply(&burn, (hold, true), now, &mut seen, &mut notices);
        }
        let lost = self.losses.condition(figures.lost, now);
        self.apply(&lost, (Duration::ZERO, true), now, &mut seen, &mut notices);
        // Its provider or budget is no longer configured.
        self.phases.retain(|id, _| seen.contains(id));
        let gone = self.active.keys().filter(|id| !seen.contains(id)).copied();
        for id in gone.collect::<Vec<_>>() {
            self.resolve(id, None, now, &mut notices);
        }
        self.changes += notices.len() as u64;
        notices
    }

    /// Returns the projection of a budget that was evaluated.
    pub fn projection(&self, budget: &BudgetFigures, now: UnixTime) -> Option<BudgetProjection> {
        self.rates.projection(budget, now)
    }

    /// One outage is one alert: that of all providers covers those of single ones, and the strongest
    /// of a provider covers its weaker ones.
    fn evaluate_providers(
        &mut self,
        figures: &AlertFigures,
        now: UnixTime,
        seen: &mut BTreeSet<AlertId>,
        notices: &mut Vec<AlertNotice>,
    ) {
        let hold = self.config.hold;
        let all = condition::no_provider(figures);
        let in_service = figures
            .providers
            .iter()
            .filter(|it| it.availability != Availability::OutOfService);
        let is_only_one = in_service.count() == 1;
        let all_phase = self.apply(&all, (hold, true), now, seen, notices);
        for provider in &figures.providers {
            let conditions = condition::of_provider(provider, is_only_one, &self.config);
            let mut cover =
                (all_phase != Phase::Idle).then_some((AlertRule::NoProvider, all_phase));
            for condition in &conditions {
                let phase = match cover {
                    None => self.apply(condition, (hold, true), now, seen, notices),
                    Some(cover) => self.cover(condition, cover, now, seen, notices),
                };
                if phase != Phase::Idle && cover.is_none() {
                    cover = Some((condition.rule, phase));
                }
            }
        }
    }

    /// Watches a condition that another alert explains. An outage goes on being timed, so that it is
    /// told as soon as the other alert ends; rates and means begin anew.
    fn cover(
        &mut self,
        condition: &AlertCondition,
        (by, by_phase): (AlertRule, Phase),
        now: UnixTime,
        seen: &mut BTreeSet<AlertId>,
        notices: &mut Vec<AlertNotice>,
    ) -> Phase {
        let id = AlertId::of(condition.rule, &condition.subject);
        let phase = self.phases.get(&id).copied().unwrap_or_default();
        if let (Phase::Firing(since) | Phase::Clearing(since, _), true) =
            (phase, by_phase.is_told())
        {
            let text = format!("now part of {}", by.as_str());
            self.resolve(id, Some(text), now, notices);
            self.phases.insert(id, Phase::Pending(since));
        }
        let is_outage = condition.rule == AlertRule::ProviderUnavailable;
        if !is_outage && !self.active.contains_key(&id) {
            self.phases.remove(&id);
            return Phase::Idle;
        }
        self.apply(condition, (self.config.hold, false), now, seen, notices)
    }

    /// Advances one condition and its alert; returns its phase.
    fn apply(
        &mut self,
        condition: &AlertCondition,
        (hold, may_raise): (Duration, bool),
        now: UnixTime,
        seen: &mut BTreeSet<AlertId>,
        notices: &mut Vec<AlertNotice>,
    ) -> Phase {
        let id = AlertId::of(condition.rule, &condition.subject);
        seen.insert(id);
        let phase = self.phases.entry(id).or_default();
        let step = phase.step(condition.level, hold, may_raise, now);
        let phase = *phase;
        match step {
            Step::Raise(since) => notices.extend(self.raise(condition, since, true)),
            Step::Resolve => self.resolve(id, None, now, notices),
            Step::None => {}
        }
        if condition.level == Level::Raised
            && let Some(active) = self.active.get_mut(&id)
        {
            active.alert.value = condition.value;
            active.alert.threshold = condition.threshold;
            active.alert.severity = condition.severity;
            active.alert.message.clone_from(&condition.message);
        }
        phase
    }

    /// Begins an alert; returns the notice unless it is muted or `tell` is unset.
    pub(super) fn raise(
        &mut self,
        condition: &AlertCondition,
        since: UnixTime,
        tell: bool,
    ) -> Option<AlertNotice> {
        let id = AlertId::of(condition.rule, &condition.subject);
        let alert = Alert {
            id,
            rule: condition.rule,
            severity: condition.severity,
            subject: condition.subject.clone(),
            since,
            until: None,
            value: condition.value,
            threshold: condition.threshold,
            message: condition.message.clone(),
            acknowledged: None,
            muted: self.mutes.get(&id).cloned(),
        };
        let is_told = tell && alert.muted.is_none();
        let news = is_told.then(|| notice(AlertChange::Raised, &alert));
        self.changes += 1;
        self.active.insert(id, ActiveAlert { alert, is_told });
        news
    }

    /// Ends an alert. Receivers that know of it are told, also while it is muted.
    pub(super) fn resolve(
        &mut self,
        id: AlertId,
        text: Option<String>,
        now: UnixTime,
        notices: &mut Vec<AlertNotice>,
    ) {
        let Some(ActiveAlert { mut alert, is_told }) = self.active.remove(&id) else {
            return;
        };
        alert.until = Some(now);
        if let Some(text) = text {
            alert.message = text;
        }
        if is_told {
            notices.push(notice(AlertChange::Resolved, &alert));
        }
        self.changes += 1;
        if self.ended.len() >= MAX_ENDED {
            self.ended.pop_front();
        }
        self.ended.push_back(alert);
    }

    /// Ends the silences whose time is over; what still lasts is told.
    fn expire_mutes(&mut self, now: UnixTime, notices: &mut Vec<AlertNotice>) {
        let over = self.mutes.iter().filter(|(_, mute)| mute.until <= now);
        for id in over.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.mutes.remove(&id);
            let Some(active) = self.active.get_mut(&id) else {
                continue;
            };
            active.alert.muted = None;
            if active.alert.acknowledged.is_none() {
                active.is_told = true;
                notices.push(notice(AlertChange::Raised, &active.alert));
            }
        }
    }

    /// Notes that an operator knows of an alert; `None` where that was noted before.
    pub fn acknowledge(
        &mut self,
        id: AlertId,
        who: &str,
        now: UnixTime,
    ) -> Result<(Alert, Option<AlertNotice>), AlertError> {
        let Some(active) = self.active.get_mut(&id) else {
            let is_known = self.ended.iter().any(|alert| alert.id == id);
            return Err(if is_known {
                AlertError::Ended(id)
            } else {
                AlertError::Unknown(id)
            });
        };
        if active.alert.acknowledged.is_some() {
            return Ok((active.alert.clone(), None));
        }
        active.alert.acknowledged = Some(Acknowledgement {
            who: who.to_owned(),
            at: now,
        });
        self.changes += 1;
        let alert = active.alert.clone();
        let news = notice(AlertChange::Acknowledged, &alert);
        Ok((alert, Some(news)))
    }

    /// Ends the acknowledgement of an alert.
    pub fn withdraw(&mut self, id: AlertId) -> Result<Alert, AlertError> {
        let active = self.active.get_mut(&id).ok_or(AlertError::Unknown(id))?;
        active.alert.acknowledged = None;
        self.changes += 1;
        Ok(active.alert.clone())
    }

    /// Returns how often the same problem was told before, among the alerts that are kept.
    pub fn history(&self, alert: &Alert) -> AlertHistory {
        AlertHistory::of(alert.id, alert.since, self.ended.iter())
    }

    /// Silences an alert, also one that ended and may come back; with a time of zero the silence ends.
    pub fn mute(
        &mut self,
        id: AlertId,
        time: Duration,
        who: &str,
        now: UnixTime,
    ) -> Result<(Alert, Option<AlertNotice>), AlertError> {
        let mute = (!time.is_zero()).then(|| Mute {
            who: who.to_owned(),
            until: now.plus(time),
        });
        let ended = self.ended.iter_mut().rev().find(|alert| alert.id == id);
        let alert = match self.active.get_mut(&id) {
            Some(active) => &mut active.alert,
            None => ended.ok_or(AlertError::Unknown(id))?,
        };
        alert.muted.clone_from(&mute);
        let alert = alert.clone();
        self.changes += 1;
        let Some(mute) = mute else {
            // The next evaluation tells what lasts.
            if let Some(mute) = self.mutes.get_mut(&id) {
                mute.until = now;
            }
            return Ok((alert, None));
        };
        self.mutes.insert(id, mute);
        let is_active = alert.until.is_none();
        let news = is_active.then(|| notice(AlertChange::Muted, &alert));
        Ok((alert, news))
    }

    /// Returns a notice that tests the delivery; it changes nothing.
    pub fn test_notice(now: UnixTime) -> AlertNotice {
        let subject = AlertSubject::default();
        let alert = Alert {
            id: AlertId::of(AlertRule::Test, &subject),
            rule: AlertRule::Test,
            severity: AlertSeverity::Info,
            subject,
            since: now,
            until: None,
            value: 0.0,
            threshold: 0.0,
            message: "a test of the delivery of alerts".to_owned(),
            acknowledged: None,
            muted: None,
        };
        notice(AlertChange::Test, &alert)
    }

    /// Returns true if this fraction of a budget was not told in this period, and notes it.
    pub(super) fn tell_fraction(&mut self, budget: &str, period: u64, fraction: f64) -> bool {
        let told = self.told.entry(budget.to_owned()).or_default();
        let is_news = told.0 != period || told.1 < fraction;
        if is_news {
            *told = (period, fraction);
        }
        is_news
    }

    /// Returns what a restart must not forget.
    pub fn save(&self) -> SavedAlerts {
        SavedAlerts {
            active: self
                .active
                .values()
                .map(|it| (it.alert.clone(), it.is_told))
                .collect(),
            ended: self.ended.iter().cloned().collect(),
            mutes: self
                .mutes
                .iter()
                .map(|(id, it)| (*id, it.clone()))
                .collect(),
            told: self
                .told
                .iter()
                .map(|(budget, &(period, fraction))| ToldFraction {
                    budget: budget.clone(),
                    period,
                    fraction,
                })
                .collect(),
        }
    }

    /// Continues from what was saved. Problems that ended meanwhile end as usual, after the hold time.
    pub fn restore(&mut self, saved: SavedAlerts) {
        for (alert, is_told) in saved.active {
            if alert.rule != AlertRule::BudgetSpent {
                self.phases.insert(alert.id, Phase::Firing(alert.since));
            }
            self.active.insert(alert.id, ActiveAlert { alert, is_told });
        }
        let surplus = saved.ended.len().saturating_sub(MAX_ENDED);
        self.ended = saved.ended.into_iter().skip(surplus).collect();
        self.mutes = saved.mutes.into_iter().collect();
        let told = saved.told.into_iter();
        self.told = told
            .map(|it| (it.budget, (it.period, it.fraction)))
            .collect();
    }
}

pub(super) fn notice(change: AlertChange, alert: &Alert) -> AlertNotice {
    AlertNotice {
        change,
        alert: alert.clone(),
    }
}

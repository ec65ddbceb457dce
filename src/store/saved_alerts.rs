//! The alerts as JSON, for a store that keeps them over a restart.

use crate::domain::{
    Acknowledgement, Alert, AlertId, AlertRule, AlertSeverity, AlertSubject, Mute, SavedAlerts,
    ToldFraction, UnixTime,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Serialize, Deserialize)]
struct StoredAlerts {
    #[serde(default)]
    active: Vec<StoredAlert>,
    #[serde(default)]
    ended: Vec<StoredAlert>,
    #[serde(default)]
    mutes: Vec<StoredMute>,
    #[serde(default)]
    told: Vec<StoredFraction>,
}

/// Times are microseconds since the epoch.
#[derive(Serialize, Deserialize)]
struct StoredAlert {
    rule: String,
    severity: String,
    provider: Option<Arc<str>>,
    model: Option<Arc<str>>,
    budget: Option<Arc<str>>,
    since: u64,
    until: Option<u64>,
    value: f64,
    threshold: f64,
    message: String,
    acknowledged: Option<(String, u64)>,
    muted: Option<(String, u64)>,
    is_told: bool,
}

#[derive(Serialize, Deserialize)]
struct StoredMute {
    id: String,
    who: String,
    until: u64,
}

#[derive(Serialize, Deserialize)]
struct StoredFraction {
    budget: String,
    period: u64,
    fraction: f64,
}

/// The state of the alerts as JSON.
pub(super) fn alerts_to_json(saved: &SavedAlerts) -> serde_json::Value {
    let stored = StoredAlerts {
        active: saved
            .active
            .iter()
            .map(|(alert, is_told)| StoredAlert::new(alert, *is_told))
            .collect(),
        ended: saved
            .ended
            .iter()
            .map(|alert| StoredAlert::new(alert, false))
            .collect(),
        mutes: saved
            .mutes
            .iter()
            .map(|(id, mute)| StoredMute {
                id: id.to_string(),
                who: mute.who.clone(),
                until: mute.until.micros(),
            })
            .collect(),
        told: saved
            .told
            .iter()
            .map(|told| StoredFraction {
                budget: told.budget.clone(),
                period: told.period,
                fraction: told.fraction,
            })
            .collect(),
    };
    serde_json::to_value(stored).unwrap_or_default()
}

/// The state of the alerts of such JSON. Alerts of rules that this version does not know are left out.
pub(super) fn alerts_from_json(json: serde_json::Value) -> Result<SavedAlerts, serde_json::Error> {
    let stored: StoredAlerts = serde_json::from_value(json)?;
    Ok(SavedAlerts {
        active: stored
            .active
            .into_iter()
            .filter_map(StoredAlert::restored)
            .collect(),
        ended: stored
            .ended
            .into_iter()
            .filter_map(|alert| Some(alert.restored()?.0))
            .collect(),
        mutes: stored
            .mutes
            .into_iter()
            .filter_map(|mute| Some((mute.id.parse().ok()?, stored_mute(mute.who, mute.until))))
            .collect(),
        told: stored
            .told
            .into_iter()
            .map(|told| ToldFraction {
                budget: told.budget,
                period: told.period,
                fraction: told.fraction,
            })
            .collect(),
    })
}

fn stored_mute(who: String, until: u64) -> Mute {
    Mute {
        who,
        until: UnixTime::from_micros(until),
    }
}

impl StoredAlert {
    fn new(alert: &Alert, is_told: bool) -> Self {
        let AlertSubject {
            provider,
            model,
            budget,
        } = alert.subject.clone();
        let acknowledged = alert.acknowledged.as_ref();
        Self {
            rule: alert.rule.as_str().to_owned(),
            severity: alert.severity.as_str().to_owned(),
            provider,
            model,
            budget,
            since: alert.since.micros(),
            until: alert.until.map(UnixTime::micros),
            value: alert.value,
            threshold: alert.threshold,
            message: alert.message.clone(),
            acknowledged: acknowledged.map(|it| (it.who.clone(), it.at.micros())),
            muted: alert
                .muted
                .as_ref()
                .map(|it| (it.who.clone(), it.until.micros())),
            is_told,
        }
    }

    fn restored(self) -> Option<(Alert, bool)> {
        let rule: AlertRule = self.rule.parse().ok()?;
        let severity: AlertSeverity = self.severity.parse().ok()?;
        let subject = AlertSubject {
            provider: self.provider,
            model: self.model,
            budget: self.budget,
        };
        let alert = Alert {
            id: AlertId::of(rule, &subject),
            rule,
            severity,
            subject,
            since: UnixTime::from_micros(self.since),
            until: self.until.map(UnixTime::from_micros),
            value: self.value,
            threshold: self.threshold,
            message: self.message,
            acknowledged: self.acknowledged.map(|(who, at)| Acknowledgement {
                who,
                at: UnixTime::from_micros(at),
            }),
            muted: self.muted.map(|(who, until)| stored_mute(who, until)),
        };
        Some((alert, self.is_told))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_survive_the_way_to_json_and_back() {
        let subject = AlertSubject::provider(&"openai".into());
        let alert = Alert {
            id: AlertId::of(AlertRule::ErrorRate, &subject),
            rule: AlertRule::ErrorRate,
            severity: AlertSeverity::Error,
            subject,
            since: UnixTime::from_seconds(5),
            until: None,
            value: 0.25,
            threshold: 0.05,
            message: "25 % failed".to_owned(),
            acknowledged: Some(Acknowledgement {
                who: "ops".to_owned(),
                at: UnixTime::from_seconds(6),
            }),
            muted: Some(stored_mute("ops".to_owned(), 7)),
        };
        let ended = Alert {
            until: Some(UnixTime::from_seconds(9)),
            ..alert.clone()
        };
        let saved = SavedAlerts {
            mutes: vec![(alert.id, stored_mute("ops".to_owned(), 7))],
            active: vec![(alert, true)],
            ended: vec![ended],
            told: vec![ToldFraction {
                budget: "[budget] usd_per_day".to_owned(),
                period: 20_000,
                fraction: 0.8,
            }],
        };

        let restored = alerts_from_json(alerts_to_json(&saved)).unwrap();

        assert_eq!(restored, saved);
        assert!(alerts_from_json(serde_json::json!([1])).is_err());
    }
}

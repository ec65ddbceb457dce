use super::time::rfc3339;
use crate::domain::{Alert, AlertDetails, AlertNotice};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertReport {
    /// The same for the same problem, also when it comes back and on every instance.
    pub id: String,
    /// Name of the rule, for example `error_rate`.
    pub rule: String,
    /// `info`, `warning`, `error` or `critical`.
    pub severity: String,
    /// Provider that it concerns, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Model that it concerns, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// `firing`, `acknowledged`, `muted` or `resolved`.
    pub state: String,
    /// Begin of the problem, RFC 3339.
    pub since: String,
    /// End of the problem, RFC 3339; none while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Measured value, in the unit of the threshold.
    pub value: f64,
    /// Threshold that the value passed.
    pub threshold: f64,
    /// The problem in one sentence, without the provider's name.
    pub message: String,
    /// What to do.
    pub help: String,
    /// Who acknowledged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_by: Option<String>,
    /// End of its silence, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted_until: Option<String>,
    /// What happened while it lasted; only in `GET /api/alerts`, and none where figures do not reach
    /// back so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<AlertEffectReport>,
    /// Earlier alerts of the same problem, of the last fifty that ended; only in `GET /api/alerts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<AlertHistoryReport>,
}

/// What ended while an alert lasted. Cancellations and errors of clients do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertEffectReport {
    /// Client requests.
    pub requests: u64,
    /// Those that failed for the client.
    pub failed_requests: u64,
    /// Attempts at its provider; 0 where it concerns none.
    pub attempts: u64,
    /// Those that failed.
    pub failed_attempts: u64,
}

/// Earlier alerts of the same problem.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertHistoryReport {
    /// Number of them.
    pub times: u64,
    /// Duration of the longest in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_seconds: Option<f64>,
    /// End of the latest, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
}

impl From<&AlertDetails> for AlertReport {
    fn from(details: &AlertDetails) -> Self {
        let effect = details.effect.map(|effect| AlertEffectReport {
            requests: effect.requests,
            failed_requests: effect.failed_requests,
            attempts: effect.attempts,
            failed_attempts: effect.failed_attempts,
        });
        let history = AlertHistoryReport {
            times: details.history.times,
            longest_seconds: details.history.longest.map(|it| it.as_secs_f64()),
            ended: details.history.ended.map(rfc3339),
        };
        Self {
            effect,
            history: Some(history),
            ..Self::from(&details.alert)
        }
    }
}

impl From<&Alert> for AlertReport {
    fn from(alert: &Alert) -> Self {
        let rule = alert.rule.as_str();
        let text = |name: &Option<Arc<str>>| name.as_deref().map(str::to_owned);
        Self {
            id: alert.id.to_string(),
            rule: rule.to_owned(),
            severity: alert.severity.as_str().to_owned(),
            provider: text(&alert.subject.provider),
            model: text(&alert.subject.model),
            state: alert.state().to_owned(),
            since: rfc3339(alert.since),
            until: alert.until.map(rfc3339),
            value: alert.value,
            threshold: alert.threshold,
            message: alert.message.clone(),
            help: format!("{} See docs/alerts.md#{rule}.", alert.rule.help()),
            acknowledged_by: alert.acknowledged.as_ref().map(|it| it.who.clone()),
            muted_until: alert.muted.as_ref().map(|it| rfc3339(it.until)),
            effect: None,
            history: None,
        }
    }
}

/// A change of an alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertNoticeReport {
    /// `raised`, `acknowledged`, `muted`, `resolved` or `test`.
    pub change: String,
    /// The alert after it.
    #[serde(flatten)]
    pub alert: AlertReport,
}

impl From<&AlertNotice> for AlertNoticeReport {
    fn from(notice: &AlertNotice) -> Self {
        Self {
            change: notice.change.as_str().to_owned(),
            alert: (&notice.alert).into(),
        }
    }
}

/// All alerts, and where they are sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertList {
    /// Active alerts, the most severe and oldest first; then those that ended, newest first.
    pub alerts: Vec<AlertReport>,
    /// Configured webhooks.
    #[serde(default)]
    pub webhooks: Vec<WebhookReport>,
}

/// One webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookReport {
    /// Its address without path and query, which may be secret.
    pub url: String,
    /// `json`, `slack` or `pagerduty`.
    pub format: String,
    /// Deliveries that wait.
    pub queued: u64,
    /// Deliveries that it took since the start.
    pub delivered: u64,
    /// Deliveries that were given up since the start.
    pub lost: u64,
    /// Failure of the latest attempt; none after a success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

/// Silence about an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MuteRequest {
    /// Length of the silence; 0 ends it.
    pub seconds: u64,
}

/// Result of a test of all webhooks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertTestReport {
    /// One for each webhook.
    pub deliveries: Vec<DeliveryReport>,
}

/// Result of one delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryReport {
    /// Address without path and query.
    pub url: String,
    /// `json`, `slack` or `pagerduty`.
    pub format: String,
    /// Whether the receiver took it.
    pub ok: bool,
    /// The HTTP status or the failure.
    pub result: String,
}

#[cfg(test)]
mod tests {
    use crate::domain::AlertRule;
    use std::path::Path;

    #[test]
    fn the_documentation_explains_every_rule() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/alerts.md");
        let page = std::fs::read_to_string(path).expect("a page");
        let sections: Vec<&str> = page
            .lines()
            .filter_map(|line| line.strip_prefix("### "))
            .collect();

        assert_eq!(sections, AlertRule::ALL.map(AlertRule::as_str));
        for rule in AlertRule::ALL {
            assert!(
                page.contains(&format!("**What to do:** {}\n", rule.help())),
                "{rule:?}"
            );
        }
    }
}

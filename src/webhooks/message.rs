//! What is sent: a body in the receiver's form, and its signature.

use super::webhook::{Webhook, WebhookFormat};
use crate::contract::{AlertReport, rfc3339};
use crate::domain::{Alert, AlertChange, AlertNotice, UnixTime, hexadecimal};
use crate::secrets::Secret;
use aws_lc_rs::hmac;
use serde_json::{Value, json};

/// Longest summary that a pager takes, in characters.
const MAX_SUMMARY_CHARS: usize = 1_000;

/// Who sends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Sender {
    /// `[server] environment`.
    pub environment: String,
    /// Host and port of the instance.
    pub instance: String,
}

/// The body of a message about a notice.
pub(super) fn body(notice: &AlertNotice, webhook: &Webhook, sender: &Sender) -> Vec<u8> {
    let body = match webhook.format {
        WebhookFormat::Json => generic(notice, sender),
        WebhookFormat::Slack => json!({ "text": slack_text(notice, sender) }),
        WebhookFormat::PagerDuty => pager_event(notice, webhook, sender),
    };
    body.to_string().into_bytes()
}

fn generic(notice: &AlertNotice, sender: &Sender) -> Value {
    json!({
        "change": notice.change.as_str(),
        "environment": sender.environment,
        "instance": sender.instance,
        "alert": AlertReport::from(&notice.alert),
    })
}

fn subject(alert: &Alert) -> String {
    let provider = alert.subject.provider.as_deref();
    let model = alert.subject.model.as_deref();
    match (provider, model) {
        (Some(provider), Some(model)) => format!("{provider}/{model}: "),
        (Some(provider), None) => format!("{provider}: "),
        _ => String::new(),
    }
}

fn summary(notice: &AlertNotice, sender: &Sender) -> String {
    let alert = &notice.alert;
    let text = format!(
        "[{}] {}{}",
        sender.environment,
        subject(alert),
        notice.text()
    );
    text.chars().take(MAX_SUMMARY_CHARS).collect()
}

fn slack_text(notice: &AlertNotice, sender: &Sender) -> String {
    let alert = &notice.alert;
    let word = match notice.change {
        AlertChange::Raised => alert.severity.as_str(),
        change => change.as_str(),
    };
    let mut text = format!(
        "*{}* {} ({})",
        word.to_uppercase(),
        escaped(&summary(notice, sender)),
        alert.rule.as_str()
    );
    if notice.change == AlertChange::Raised {
        text.push('\n');
        text.push_str(&escaped(alert.rule.help()));
    }
    text
}

/// The three characters that have a meaning in Slack's texts.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn pager_event(notice: &AlertNotice, webhook: &Webhook, sender: &Sender) -> Value {
    let alert = &notice.alert;
    let action = match notice.change {
        AlertChange::Raised | AlertChange::Test => "trigger",
        AlertChange::Acknowledged | AlertChange::Muted => "acknowledge",
        AlertChange::Resolved => "resolve",
    };
    let key = webhook.secret.as_ref().map_or("", Secret::expose);
    let mut event = json!({
        "routing_key": key,
        "event_action": action,
        // Instances of one environment give one problem the same key.
        "dedup_key": format!("aibal-tui/{}/{}", sender.environment, alert.id),
    });
    if action == "trigger" {
        event["client"] = "aibal-tui".into();
        event["payload"] = json!({
            "summary": summary(notice, sender),
            "source": sender.instance,
            "severity": alert.severity.as_str(),
            "timestamp": rfc3339(alert.since),
            "component": alert.subject.provider.as_deref(),
            "class": alert.rule.as_str(),
            "custom_details": AlertReport::from(alert),
        });
    }
    event
}

/// The value of `x-aibal-signature`: the HMAC-SHA256 of the time, a dot and the body. The time lets a
/// receiver reject what is repeated later.
pub(super) fn signature(secret: &Secret, body: &[u8], now: UnixTime) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
    let seconds = now.unix_seconds();
    let mut context = hmac::Context::with_key(&key);
    context.update(format!("{seconds}.").as_bytes());
    context.update(body);
    let code = hexadecimal(context.sign().as_ref());
    format!("t={seconds},v1={code}")
}

//! When alerts are raised, and where they are sent.

use super::file;
use super::parse::element_name;
use super::report::Report;
use super::settings::{AlertSettings, WebhookSettings};
use super::variables::EnvVars;
use crate::domain::AlertConfig;
use crate::secrets::Secret;
use std::time::Duration;

const DEFAULT_FORMAT: &str = "json";
/// The format that is nothing without its secret.
const FORMAT_WITH_KEY: &str = "pagerduty";

pub(super) fn alerts(
    file: &file::Alerts,
    env_vars: &EnvVars,
    report: &mut Report<'_>,
) -> AlertSettings {
    let mut fractions: Vec<f64> = file.fractions.iter().map(|it| *it as f64 / 100.0).collect();
    fractions.sort_by(f64::total_cmp);
    let first = Secret::new(&file.webhook_url).map(|url| WebhookSettings {
        url,
        format: DEFAULT_FORMAT.to_owned(),
        secret: None,
    });
    let others = file.webhooks.iter().enumerate();
    let others = others.filter_map(|(index, webhook)| {
        let key = format!("alerts.webhooks[{}]", element_name(None, index));
        self::webhook(webhook, &key, env_vars, report)
    });
    AlertSettings {
        webhooks: first.into_iter().chain(others).collect(),
        rules: AlertConfig {
            error_rate: file.error_rate_percent / 100.0,
            latency_ms: file.latency_ms as f64,
            fractions,
            hold: Duration::from_secs(file.hold_seconds),
            min_samples: file.min_samples,
        },
    }
}

/// A receiver whose secret is missing is left out, as a provider without its key is.
fn webhook(
    webhook: &file::Webhook,
    key: &str,
    env_vars: &EnvVars,
    report: &mut Report<'_>,
) -> Option<WebhookSettings> {
    let format = webhook.format.as_deref().unwrap_or(DEFAULT_FORMAT);
    let url = Secret::new(&webhook.url)?;
    let secret = match &webhook.secret_env {
        Some(name) => {
            let Some((text, _)) = env_vars.get(name) else {
                let message = format!("the variable {name} is not set, so nothing is sent there");
                report.warn(&format!("{key}.secret_env"), message);
                return None;
            };
            Secret::new(text)
        }
        None if format == FORMAT_WITH_KEY => {
            let problem = "needs secret_env, the variable that holds the integration key";
            let value = Some(format!("{format:?}"));
            report.error(&format!("{key}.format"), value, problem);
            return None;
        }
        None => None,
    };
    Some(WebhookSettings {
        url,
        format: format.to_owned(),
        secret,
    })
}

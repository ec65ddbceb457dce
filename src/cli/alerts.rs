//! Alerts as text.

use super::text_format::{cell, line};
use crate::contract::{AlertList, AlertReport, AlertTestReport, parse_duration};
use std::time::Duration;

/// One line for each alert, the most severe first, then where alerts are sent.
pub fn render_alerts(list: &AlertList) -> String {
    let (ended, active): (Vec<_>, Vec<_>) = list.alerts.iter().partition(|it| it.until.is_some());
    let mut text = match active.len() {
        0 => "no active alerts\n".to_owned(),
        1 => "1 active alert\n".to_owned(),
        count => format!("{count} active alerts\n"),
    };
    for alert in active {
        text.push_str(&render_alert(alert));
    }
    if !ended.is_empty() {
        text.push_str("ended\n");
    }
    for alert in ended {
        text.push_str(&render_alert(alert));
    }
    for webhook in &list.webhooks {
        let error = webhook.last_error.as_ref();
        let error = error.map_or_else(String::new, |error| format!("; last: {error}"));
        text.push_str(&line(&format!(
            "sent to {} ({}): {} delivered, {} waiting, {} lost{error}",
            webhook.url, webhook.format, webhook.delivered, webhook.queued, webhook.lost
        )));
    }
    text
}

/// Two lines: what to type, and what it is about.
pub fn render_alert(alert: &AlertReport) -> String {
    let head = [
        cell(&alert.id, 16),
        cell(&alert.severity, 8),
        cell(&alert.state, 12),
        cell(&alert.rule, 20),
        alert.until.as_ref().unwrap_or(&alert.since).clone(),
    ];
    let subject = match (&alert.provider, &alert.model) {
        (Some(provider), Some(model)) => format!("{provider}/{model}: "),
        (Some(provider), None) => format!("{provider}: "),
        _ => String::new(),
    };
    let by = alert.acknowledged_by.as_ref();
    let by = by.map_or_else(String::new, |who| format!(" (acknowledged by {who})"));
    let muted = alert.muted_until.as_ref();
    let muted = muted.map_or_else(String::new, |until| format!(" (muted until {until})"));
    let notes = by + &muted;
    line(&format!("  {}", head.join(" ")))
        + &line(&format!("    {subject}{}{notes}", alert.message))
}

/// One line for each webhook.
pub fn render_deliveries(report: &AlertTestReport) -> String {
    if report.deliveries.is_empty() {
        return line("no webhook is configured: set [alerts] webhook_url or [[alerts.webhooks]]");
    }
    let lines = report.deliveries.iter().map(|delivery| {
        let word = if delivery.ok { "taken" } else { "not taken" };
        line(&format!(
            "{} ({}): {word}, {}",
            delivery.url, delivery.format, delivery.result
        ))
    });
    lines.collect()
}

/// A time such as `90s`, `15m`, `1h` or `2d`.
pub fn parse_time(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| {
        format!(
            "the time is {text:?}, but must be a whole number with s, m, h or d, such as 15m or 1h"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::text_format::COLUMNS;
    use crate::contract::WebhookReport;

    fn alert(state: &str) -> AlertReport {
        AlertReport {
            id: "13e4c91b4bfe6daa".to_owned(),
            rule: "provider_unavailable".to_owned(),
            severity: "critical".to_owned(),
            provider: Some("openai".to_owned()),
            model: None,
            state: state.to_owned(),
            since: "2026-11-24T03:10:11.000Z".to_owned(),
            until: None,
            value: 1.0,
            threshold: 1.0,
            message: "cannot be used: breaker open for 12 s more\u{1b}[31m".to_owned(),
            help: "help".to_owned(),
            acknowledged_by: None,
            muted_until: None,
            effect: None,
            history: None,
        }
    }

    #[test]
    fn the_list_is_plain_and_narrow() {
        let list = AlertList {
            alerts: vec![
                AlertReport {
                    acknowledged_by: Some("ops".to_owned()),
                    ..alert("acknowledged")
                },
                AlertReport {
                    until: Some("2026-11-24T03:00:00.000Z".to_owned()),
                    ..alert("resolved")
                },
            ],
            webhooks: vec![WebhookReport {
                url: "https://hooks.example".to_owned(),
                format: "slack".to_owned(),
                queued: 1,
                delivered: 5,
                lost: 2,
                last_error: Some("no answer in 10s".to_owned()),
            }],
        };

        let text = render_alerts(&list);

        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS));
        insta::assert_snapshot!(text, @"
        1 active alert
          13e4c91b4bfe6daa critical acknowledged provider_unavailable 2026-11-24T03:10:11.000Z
            openai: cannot be used: breaker open for 12 s more?[31m (acknowledged by ops)
        ended
          13e4c91b4bfe6daa critical resolved     provider_unavailable 2026-11-24T03:00:00.000Z
            openai: cannot be used: breaker open for 12 s more?[31m
        sent to https://hooks.example (slack): 5 delivered, 1 waiting, 2 lost; last: no answer in 10s
        ");
    }

    #[test]
    fn times_have_a_unit() {
        let seconds = |text| parse_time(text).map(|time| time.as_secs());

        assert_eq!(seconds("15m"), Ok(900));
        assert!(seconds("15").unwrap_err().contains("\"15\""));
    }
}

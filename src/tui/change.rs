//! What the dashboard can ask an instance to change, and what undoes it.

use crate::client::{Client, ClientError};
use crate::contract::{
    ProviderChange, ReloadReport, SettingChange, WeightPoints, WeightsChange, WeightsReport,
};

/// One wish.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    Weights(WeightsChange),
    Provider {
        name: String,
        change: ProviderChange,
    },
    /// Keep the weights that are on trial.
    Keep,
    Probe(String),
    /// Read the configuration again.
    Reload,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Applied {
    /// For the operator.
    pub text: String,
    /// The weights in force, where they were touched.
    pub weights: Option<WeightsReport>,
    /// What is too long for one line.
    pub report: Vec<String>,
}

/// Asks for all of them in order; the first refusal ends it and says what was done before.
pub async fn carry_out(client: &Client, changes: Vec<Change>) -> Result<Applied, ClientError> {
    let mut applied = Applied::default();
    let mut said: Vec<String> = Vec::new();
    for change in changes {
        if change == Change::Reload {
            let report = client.reload().await?;
            said.push(reload_text(&report));
            applied.report = reload_lines(&report);
            continue;
        }
        match one(client, change).await {
            Ok((text, weights)) => {
                said.push(text);
                applied.weights = weights.or(applied.weights);
            }
            Err(error) if said.is_empty() => return Err(error),
            Err(error) => {
                return Err(ClientError {
                    status: error.status,
                    detail: format!("{}; but then: {}", said.join(", "), error.detail),
                });
            }
        }
    }
    applied.text = said.join(", ");
    Ok(applied)
}

async fn one(
    client: &Client,
    change: Change,
) -> Result<(String, Option<WeightsReport>), ClientError> {
    Ok(match change {
        Change::Weights(change) => {
            let report = client.set_weights(change).await?;
            (weights_text("applied", &report), Some(report))
        }
        Change::Keep => {
            let report = client.keep_weights().await?;
            (weights_text("kept", &report), Some(report))
        }
        Change::Provider { name, change } => {
            client.change_provider(&name, change).await?;
            (format!("{name}: done"), None)
        }
        // It has more to say than fits here.
        Change::Reload => return Ok((String::new(), None)),
        Change::Probe(name) => {
            let report = client.probe(&name).await?;
            let verdict = if report.ok { "well" } else { "not well" };
            let text = format!(
                "{name}: probed, {verdict}: {} after {:.0} ms",
                report.status, report.latency_ms
            );
            (text, None)
        }
    })
}

fn reload_text(report: &ReloadReport) -> String {
    let count = match report.changed.len() {
        0 => "says what it said before".to_owned(),
        1 => "has 1 change".to_owned(),
        count => format!("has {count} changes"),
    };
    format!(
        "read again: the configuration {count}, rev {}",
        report.revision
    )
}

/// A line for each setting that is another, and for each warning.
fn reload_lines(report: &ReloadReport) -> Vec<String> {
    let value = |value: &serde_json::Value| match value {
        serde_json::Value::Null => "not set".to_owned(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let change = |change: &SettingChange| {
        let note = change.note.as_ref();
        let note = note.map(|note| format!("  ({note})")).unwrap_or_default();
        let (from, to) = (value(&change.from), value(&change.to));
        format!("{} {from} → {to}{note}", change.key)
    };
    let changes = report.changed.iter().map(change);
    changes.chain(report.warnings.iter().cloned()).collect()
}

fn weights_text(verb: &str, report: &WeightsReport) -> String {
    let saved = report.saved.as_ref();
    let saved = saved.map(|saved| format!(" ({saved})")).unwrap_or_default();
    let text = format!("{verb} as rev {}{saved}", report.revision);
    [vec![text], report.warnings.clone()].concat().join("; ")
}

/// All five weights as they were.
pub fn back_to(weights: &WeightPoints, revision: u64, reason: String) -> Change {
    Change::Weights(WeightsChange {
        cost: Some(weights.cost),
        latency: Some(weights.latency),
        reliability: Some(weights.reliability),
        load: Some(weights.load),
        priority: Some(weights.priority),
        revision: Some(revision),
        reason: Some(reason),
        revert_after_seconds: None,
    })
}

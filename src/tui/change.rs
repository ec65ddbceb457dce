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

impl Change {
    /// The same, drafted on a revision, where that is a matter of revisions.
    #[must_use]
    pub fn on(mut self, drafted_on: u64) -> Self {
        if let Some(revision) = self.revision() {
            *revision = Some(drafted_on);
        }
        self
    }

    /// The revision that it was drafted on, where it names one.
    pub fn drafted_on(&self) -> Option<u64> {
        match self {
            Self::Weights(change) => change.revision,
            Self::Provider { change, .. } => change.revision,
            Self::Keep | Self::Probe(_) | Self::Reload => None,
        }
    }

    fn revision(&mut self) -> Option<&mut Option<u64>> {
        match self {
            Self::Weights(change) => Some(&mut change.revision),
            Self::Provider { change, .. } => Some(&mut change.revision),
            Self::Keep | Self::Probe(_) | Self::Reload => None,
        }
    }

    /// The same, on the revision that the changes before it made, where it names one at all.
    #[must_use]
    fn after(self, before: &Applied) -> Self {
        match (before.revision, self.drafted_on()) {
            (Some(newest), Some(_)) => self.on(newest),
            _ => self,
        }
    }

    /// The provider that gets no new requests by it.
    pub fn takes_away(&self) -> Option<&str> {
        match self {
            Self::Provider { name, change } => {
                let is_taken = change.draining == Some(true) || change.enabled == Some(false);
                is_taken.then_some(name.as_str())
            }
            _ => None,
        }
    }
}

/// A change made here, and what undoes it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Undo {
    pub changes: Vec<Change>,
    /// The revision in force before it, and the one that it made; 0 where that is not known.
    pub before: u64,
    pub after: u64,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Applied {
    /// For the operator.
    pub text: String,
    /// The weights in force, where they were touched.
    pub weights: Option<WeightsReport>,
    /// The revision that it made.
    pub revision: Option<u64>,
    /// When what is on trial of it undoes itself, RFC 3339.
    pub reverts_at: Option<String>,
    /// What is too long for one line.
    pub report: Vec<String>,
    /// Why the rest was not done, and how many changes were done before it.
    pub failed: Option<(usize, ClientError)>,
}

impl Applied {
    /// With what came of the next change.
    fn add(&mut self, next: Self) {
        self.weights = next.weights.or(self.weights.take());
        self.revision = next.revision.or(self.revision);
        self.reverts_at = next.reverts_at.or(self.reverts_at.take());
        self.report.extend(next.report);
    }
}

/// Asks for all of them in order, each on the revision that the one before made. The first refusal
/// ends it; it is an error only where nothing was done before.
pub async fn apply_changes(client: &Client, changes: Vec<Change>) -> Result<Applied, ClientError> {
    let mut all = Applied::default();
    let mut said: Vec<String> = Vec::new();
    for change in changes {
        match one(client, change.after(&all)).await {
            Ok(mut applied) => {
                said.push(std::mem::take(&mut applied.text));
                all.add(applied);
            }
            Err(error) if said.is_empty() => return Err(error),
            Err(error) => {
                all.failed = Some((said.len(), error));
                break;
            }
        }
    }
    all.text = said.join(", ");
    Ok(all)
}

async fn one(client: &Client, change: Change) -> Result<Applied, ClientError> {
    Ok(match change {
        Change::Weights(change) => of_weights("applied", client.set_weights(change).await?),
        Change::Keep => of_weights("kept", client.confirm_weights().await?),
        Change::Provider { name, change } => {
            let report = client.change_provider(&name, change).await?;
            Applied {
                text: format!("{name}: done"),
                revision: report.revision,
                reverts_at: report.reverts_at,
                ..Applied::default()
            }
        }
        Change::Reload => {
            let report = client.reload().await?;
            Applied {
                text: reload_text(&report),
                report: reload_lines(&report),
                ..Applied::default()
            }
        }
        Change::Probe(name) => {
            let report = client.probe(&name).await?;
            let verdict = if report.ok { "well" } else { "not well" };
            let text = format!(
                "{name}: probed, {verdict}: {} after {:.0} ms",
                report.status, report.latency_ms
            );
            Applied {
                text,
                ..Applied::default()
            }
        }
    })
}

fn of_weights(verb: &str, report: WeightsReport) -> Applied {
    Applied {
        text: weights_text(verb, &report),
        revision: Some(report.revision),
        reverts_at: report.reverts_at.clone(),
        weights: Some(report),
        ..Applied::default()
    }
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

/// What undoes a change of weights: the rows that it names, as they are in force.
pub fn inverse(change: &WeightsChange, in_force: &WeightPoints) -> Change {
    Change::Weights(WeightsChange {
        cost: change.cost.map(|_| in_force.cost),
        latency: change.latency.map(|_| in_force.latency),
        reliability: change.reliability.map(|_| in_force.reliability),
        load: change.load.map(|_| in_force.load),
        priority: change.priority.map(|_| in_force.priority),
        revision: None,
        reason: Some("undo".to_owned()),
        revert_after_seconds: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_on_the_revision_that_the_one_before_made() {
        let change = |revision| Change::Provider {
            name: "a".to_owned(),
            change: ProviderChange {
                revision,
                ..ProviderChange::default()
            },
        };
        let mut all = Applied::default();
        assert_eq!(change(Some(42)).after(&all).drafted_on(), Some(42));
        for (made, newest) in [(Some(43), 43), (None, 43), (Some(44), 44)] {
            all.add(Applied {
                revision: made,
                ..Applied::default()
            });
            assert_eq!(change(Some(42)).after(&all).drafted_on(), Some(newest));
        }
        assert_eq!(change(None).after(&all).drafted_on(), None);
        assert_eq!(Change::Keep.after(&all), Change::Keep);
    }
}

//! Changes that the dashboard sends to an instance, and the changes that undo them.

use crate::client::{Client, ClientError};
use crate::contract::{
    AlertReport, MuteRequest, ProviderChange, ReloadReport, SettingChange, SettingsChange,
    SettingsReport, UsdLimit, WeightPoints, WeightsChange, WeightsReport,
};

/// A change.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    Weights(WeightsChange),
    /// Strategy, budgets and breakers.
    Settings(SettingsChange),
    Provider {
        name: String,
        change: ProviderChange,
    },
    /// Keeps the change that is on trial.
    Keep,
    Probe(String),
    /// Reloads the configuration.
    Reload,
    Alert {
        id: String,
        /// Rule and provider, for people.
        name: String,
        operation: AlertHandling,
    },
}

/// What is done with an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertHandling {
    Acknowledge,
    /// Ends the acknowledgement.
    Withdraw,
    /// Seconds of the silence; 0 ends it.
    Mute(u64),
}

impl AlertHandling {
    /// `acknowledged`, `muted for 30 min`.
    pub fn done(self) -> String {
        match self {
            Self::Acknowledge => "acknowledged".to_owned(),
            Self::Withdraw => "not acknowledged any more".to_owned(),
            Self::Mute(0) => "not muted any more".to_owned(),
            Self::Mute(seconds) => format!("muted for {} min", seconds / 60),
        }
    }
}

impl Change {
    /// The same change based on another revision, if it names one.
    #[must_use]
    pub fn on(mut self, drafted_on: u64) -> Self {
        if let Some(revision) = self.revision() {
            *revision = Some(drafted_on);
        }
        self
    }

    /// The revision that it is based on, if it names one.
    pub fn drafted_on(&self) -> Option<u64> {
        match self {
            Self::Weights(change) => change.revision,
            Self::Settings(change) => change.revision,
            Self::Provider { change, .. } => change.revision,
            Self::Keep | Self::Probe(_) | Self::Reload | Self::Alert { .. } => None,
        }
    }

    fn revision(&mut self) -> Option<&mut Option<u64>> {
        match self {
            Self::Weights(change) => Some(&mut change.revision),
            Self::Settings(change) => Some(&mut change.revision),
            Self::Provider { change, .. } => Some(&mut change.revision),
            Self::Keep | Self::Probe(_) | Self::Reload | Self::Alert { .. } => None,
        }
    }

    /// The same change based on the revision that the changes before it made.
    #[must_use]
    fn after(self, before: &Applied) -> Self {
        match (before.revision, self.drafted_on()) {
            (Some(newest), Some(_)) => self.on(newest),
            _ => self,
        }
    }

    /// The provider that receives no new requests because of it.
    pub fn takes_away(&self) -> Option<&str> {
        match self {
            Self::Provider { name, change } => {
                let is_removed = change.draining == Some(true)
                    || change.drain_seconds.is_some()
                    || change.enabled == Some(false);
                is_removed.then_some(name.as_str())
            }
            Self::Weights(_)
            | Self::Settings(_)
            | Self::Keep
            | Self::Probe(_)
            | Self::Reload
            | Self::Alert { .. } => None,
        }
    }
}

/// The changes that undo a change made here.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Undo {
    pub changes: Vec<Change>,
    /// The revisions before and after the change to undo; 0 if unknown.
    pub before: u64,
    pub after: u64,
}

/// The result of applied changes.
#[derive(Debug, Clone, Default)]
pub struct Applied {
    /// A summary for the operator.
    pub text: String,
    /// The weights in effect, if they were changed.
    pub weights: Option<WeightsReport>,
    /// The settings in effect, if they were changed.
    pub settings: Option<SettingsReport>,
    /// The new revision.
    pub revision: Option<u64>,
    /// The end of the trial, after which the changes revert (RFC 3339).
    pub reverts_at: Option<String>,
    /// Details that are too long for one line.
    pub report: Vec<String>,
    /// The error that ended it, and the number of changes applied before it.
    pub failed: Option<(usize, ClientError)>,
}

impl Applied {
    /// Adds the result of the next change.
    fn add(&mut self, next: Self) {
        self.weights = next.weights.or(self.weights.take());
        self.settings = next.settings.or(self.settings.take());
        self.revision = next.revision.or(self.revision);
        self.reverts_at = next.reverts_at.or(self.reverts_at.take());
        self.report.extend(next.report);
    }
}

/// Applies changes in order, each based on the revision that the previous one made. The first
/// failure ends it; it is an error only if no change was applied before.
pub async fn apply_changes(client: &Client, changes: Vec<Change>) -> Result<Applied, ClientError> {
    let mut all = Applied::default();
    let mut texts: Vec<String> = Vec::new();
    for change in changes {
        match apply(client, change.after(&all)).await {
            Ok(mut applied) => {
                texts.push(std::mem::take(&mut applied.text));
                all.add(applied);
            }
            Err(error) if texts.is_empty() => return Err(error),
            Err(error) => {
                all.failed = Some((texts.len(), error));
                break;
            }
        }
    }
    all.text = texts.join(", ");
    Ok(all)
}

async fn apply(client: &Client, change: Change) -> Result<Applied, ClientError> {
    Ok(match change {
        Change::Weights(change) => {
            let what = points_text(&change);
            let report = client.set_weights(change).await?;
            weights_applied(&format!("{what} applied"), report)
        }
        Change::Settings(change) => {
            let what = settings_text(&change);
            let report = client.change_settings(change).await?;
            let saved = report.saved.as_ref();
            let saved = saved.map(|saved| format!(" ({saved})")).unwrap_or_default();
            Applied {
                text: format!("{what} applied as rev {}{saved}", report.revision),
                revision: Some(report.revision),
                reverts_at: report.reverts_at.clone(),
                settings: Some(report),
                ..Applied::default()
            }
        }
        Change::Keep => weights_applied("the trial is kept", client.confirm_weights().await?),
        Change::Provider { name, change } => {
            let text = provider_text(&name, &change);
            let report = client.change_provider(&name, change).await?;
            let revision = report.revision.map(|number| format!(" (rev {number})"));
            Applied {
                text: text + &revision.unwrap_or_default(),
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
        Change::Alert {
            id,
            name,
            operation,
        } => {
            handle_alert(client, &id, operation).await?;
            Applied {
                text: format!("{name}: {}", operation.done()),
                ..Applied::default()
            }
        }
        Change::Probe(name) => {
            let report = client.probe(&name).await?;
            let verdict = if report.ok { "ok" } else { "failed" };
            let text = format!(
                "{name}: probe {verdict}: {} after {:.0} ms",
                report.status, report.latency_ms
            );
            Applied {
                text,
                ..Applied::default()
            }
        }
    })
}

async fn handle_alert(
    client: &Client,
    id: &str,
    operation: AlertHandling,
) -> Result<AlertReport, ClientError> {
    match operation {
        AlertHandling::Acknowledge => client.acknowledge_alert(id).await,
        AlertHandling::Withdraw => client.withdraw_acknowledgement(id).await,
        AlertHandling::Mute(seconds) => client.mute_alert(id, MuteRequest { seconds }).await,
    }
}

/// What was done to a provider: `google drains for 30 min`, `xai is enabled, priority 60`.
fn provider_text(name: &str, change: &ProviderChange) -> String {
    let mut words: Vec<String> = Vec::new();
    let draining = |on: bool| if on { "drains" } else { "gets requests again" };
    words.extend(change.draining.map(|on| draining(on).to_owned()));
    let timed = |seconds: u64| format!("drains for {} min", seconds / 60);
    words.extend(change.drain_seconds.map(timed));
    let enabled = |on: bool| if on { "is enabled" } else { "is disabled" };
    words.extend(change.enabled.map(|on| enabled(on).to_owned()));
    words.extend(change.priority.map(|to| format!("has priority {to:.0}")));
    words.extend(
        change
            .max_concurrent
            .map(|to| format!("takes {to} at once")),
    );
    words.extend(change.weights.map(|own| {
        let is_none = own.cost.or(own.latency).or(own.reliability).is_none();
        let own = if is_none {
            "has no own weights"
        } else {
            "has new own weights"
        };
        own.to_owned()
    }));
    let pinned = |seconds: u64| match seconds {
        0 => "is no longer pinned".to_owned(),
        seconds => format!("is pinned for {} min", seconds / 60),
    };
    words.extend(change.pin_seconds.map(pinned));
    let reset = change.reset_breaker == Some(true);
    words.extend(reset.then(|| "has its breakers closed".to_owned()));
    format!("{name} {}", words.join(", "))
}

/// The settings that a change names: `strategy best, budget/day $50`.
pub fn settings_text(change: &SettingsChange) -> String {
    let budget = change.budget.clone().unwrap_or_default();
    let breaker = change.breaker.unwrap_or_default();
    let limit = |UsdLimit(usd): UsdLimit| usd.map_or_else(|| "none".to_owned(), usd_text);
    let words = [
        change.strategy.as_ref().map(|it| format!("strategy {it}")),
        budget
            .usd_per_day
            .map(|it| format!("budget/day {}", limit(it))),
        budget
            .usd_per_month
            .map(|it| format!("budget/month {}", limit(it))),
        budget.on_limit.map(|it| format!("over budget: {it}")),
        breaker
            .failures
            .map(|it| format!("breakers open after {it} failures")),
        breaker
            .max_open_seconds
            .map(|it| format!("open at most {it} s")),
    ];
    let words: Vec<String> = words.into_iter().flatten().collect();
    words.join(", ")
}

fn usd_text(usd: f64) -> String {
    format!("${usd}")
}

/// The weights that a change names: `cost 50 latency 28 reliability 22`.
fn points_text(change: &WeightsChange) -> String {
    let named = [
        ("cost", change.cost),
        ("latency", change.latency),
        ("reliability", change.reliability),
        ("load", change.load),
        ("priority", change.priority),
    ];
    let words = named
        .iter()
        .filter_map(|(name, points)| Some(format!("{name} {:.0}", (*points)?)));
    words.collect::<Vec<_>>().join(" ")
}

fn weights_applied(verb: &str, report: WeightsReport) -> Applied {
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
        0 => "no changes".to_owned(),
        1 => "1 change".to_owned(),
        count => format!("{count} changes"),
    };
    format!("configuration reloaded: {count}, rev {}", report.revision)
}

/// A line for each changed setting, and for each warning.
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

/// A change of all five weights.
pub fn set_weights(weights: &WeightPoints, revision: u64, reason: String) -> Change {
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

/// The inverse of a change of weights: the rows that it names, with the values in effect.
pub fn inverse(change: &WeightsChange, current: &WeightPoints) -> Change {
    Change::Weights(WeightsChange {
        cost: change.cost.map(|_| current.cost),
        latency: change.latency.map(|_| current.latency),
        reliability: change.reliability.map(|_| current.reliability),
        load: change.load.map(|_| current.load),
        priority: change.priority.map(|_| current.priority),
        revision: None,
        reason: Some("undo".to_owned()),
        revert_after_seconds: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toast_says_what_was_done() {
        let text = |change: ProviderChange| provider_text("google", &change);
        let drain = ProviderChange {
            drain_seconds: Some(1_800),
            ..ProviderChange::default()
        };
        assert_eq!(text(drain), "google drains for 30 min");
        let enable = ProviderChange {
            enabled: Some(true),
            priority: Some(60.0),
            ..ProviderChange::default()
        };
        assert_eq!(text(enable), "google is enabled, has priority 60");
        let reset = ProviderChange {
            reset_breaker: Some(true),
            ..ProviderChange::default()
        };
        assert_eq!(text(reset), "google has its breakers closed");
    }

    #[test]
    fn each_change_is_based_on_the_revision_of_the_previous_one() {
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

//! Changes through the local client, as entries of the audit log.

use super::error::ApiError;
use super::local::LocalClient;
use crate::contract::{ReloadReport, SettingChange, WeightsReport};
use crate::store::AuditEntry;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::future::Future;

/// What a change is about.
pub(super) struct AuditedChange<'a> {
    /// Such as `weights.set`.
    pub(super) action: &'static str,
    /// Such as the name of a provider.
    pub(super) subject: &'a str,
    /// Why, as the actor said.
    pub(super) reason: Option<String>,
    /// What was asked for.
    pub(super) asked: String,
}

/// The settings that changes are about.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Settings {
    revision: u64,
    weights: WeightsReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<ProviderSettings>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProviderSettings {
    enabled: bool,
    draining: bool,
    pinned: bool,
    priority: u8,
    max_concurrent: Option<u32>,
    weights: [Option<f64>; 3],
}

/// The settings that a reload changed, on one side of it.
#[derive(Serialize)]
struct ReloadedSettings<'a> {
    revision: u64,
    settings: BTreeMap<&'a str, &'a Value>,
}

fn reloaded_settings<'a>(
    revision: u64,
    report: &'a ReloadReport,
    side: impl Fn(&'a SettingChange) -> &'a Value,
) -> String {
    let changed = report.changed.iter();
    let settings = ReloadedSettings {
        revision,
        settings: changed.map(|change| (&*change.key, side(change))).collect(),
    };
    serde_json::to_string(&settings).unwrap_or_default()
}

impl LocalClient {
    /// Makes a change, and adds it to the audit log whether it succeeds or not.
    pub(super) async fn audited<T>(
        &self,
        change: AuditedChange<'_>,
        make: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        let before = self.audited_settings(change.subject).await;
        let result = make.await;
        let (reason, after) = match &result {
            Ok(_) => (
                change.reason.unwrap_or_default(),
                self.audited_settings(change.subject).await,
            ),
            Err(error) => (error.to_string(), change.asked),
        };
        self.audit(
            change.action,
            AuditEntry {
                subject: change.subject.to_owned(),
                is_done: result.is_ok(),
                reason,
                before,
                after,
                ..AuditEntry::default()
            },
        );
        result
    }

    /// Adds a reload to the audit log: the settings that it changed, or why it was refused. `revision`
    /// is that before it.
    pub fn audit_reload(
        &self,
        reason: &str,
        revision: u64,
        result: &Result<&ReloadReport, String>,
    ) {
        let (before, after, why) = match result {
            Ok(report) => (
                reloaded_settings(revision, report, |change| &change.from),
                reloaded_settings(report.revision, report, |change| &change.to),
                reason.to_owned(),
            ),
            Err(error) if reason.is_empty() => (String::new(), String::new(), error.clone()),
            Err(error) => (String::new(), String::new(), format!("{reason}: {error}")),
        };
        self.audit(
            "configuration.reload",
            AuditEntry {
                subject: "configuration".to_owned(),
                is_done: result.is_ok(),
                reason: why,
                before,
                after,
                ..AuditEntry::default()
            },
        );
    }

    async fn audited_settings(&self, subject: &str) -> String {
        let Ok(snapshot) = self.handle().snapshot(60).await else {
            return String::new();
        };
        let Ok(weights) = self.weights().await else {
            return String::new();
        };
        let mut providers = snapshot.providers.iter();
        let provider = providers.find(|provider| &*provider.name == subject);
        let settings = Settings {
            revision: snapshot.revision,
            weights,
            provider: provider.map(|provider| ProviderSettings {
                enabled: provider.enabled,
                draining: provider.draining,
                pinned: provider.pinned_until.is_some(),
                priority: provider.priority,
                max_concurrent: provider.max_concurrent,
                weights: [
                    provider.weights.cost,
                    provider.weights.latency,
                    provider.weights.reliability,
                ],
            }),
        };
        serde_json::to_string(&settings).unwrap_or_default()
    }
}

//! Changes through the local client; each becomes an entry of the audit log.

use super::audited::AuditedChange;
use super::error::ApiError;
use super::local::LocalClient;
use super::validation;
use crate::contract::{
    ProviderChange, ProviderReport, ProviderStatus, ReloadReport, SettingsChange, SettingsReport,
    WeightsChange, WeightsReport, Window,
};
use crate::domain::{Command, CommandReply};
use crate::engine::Busy;
use serde::Serialize;
use std::time::Duration;
use tokio::time::timeout;

/// Time to wait until a change is written to its file.
const SAVE_TIMEOUT: Duration = Duration::from_secs(5);

impl LocalClient {
    /// Returns to the weights of a revision.
    pub async fn roll_back(&self, number: u64) -> Result<WeightsReport, ApiError> {
        let who = self.actor.to_string();
        let subject = number.to_string();
        let change = AuditedChange {
            action: "revision.rollback",
            subject: &subject,
            reason: None,
            asked: String::new(),
        };
        let make = async {
            let command = Command::Rollback { number, who };
            let reply = self.handle.execute(command).await?;
            self.saved_report(&reply).await
        };
        self.audited(change, make).await
    }

    /// The weights in force.
    pub async fn weights(&self) -> Result<WeightsReport, ApiError> {
        weights_report(&self.handle.weights().await?, None)
    }

    /// Changes weights; missing ones keep their value.
    pub async fn set_weights(&self, change: WeightsChange) -> Result<WeightsReport, ApiError> {
        let audited = AuditedChange {
            action: "weights.set",
            subject: "weights",
            reason: change.reason.clone(),
            asked: as_json(&change),
        };
        self.audited(audited, self.make_weights(change)).await
    }

    async fn make_weights(&self, change: WeightsChange) -> Result<WeightsReport, ApiError> {
        let patch = validation::weights(&change, &self.actor)?;
        let reverts = patch.revert_after.is_some();
        let reply = self.handle.execute(Command::SetWeights(patch)).await?;
        if reverts {
            weights_report(&reply, None)
        } else {
            self.saved_report(&reply).await
        }
    }

    /// Strategy, budgets and breakers in force.
    pub async fn settings(&self) -> Result<SettingsReport, ApiError> {
        let reply = self.handle.settings().await?;
        SettingsReport::new(&reply, None).ok_or_else(|| Busy.into())
    }

    /// Changes strategy, budgets or breakers; missing settings keep their value.
    pub async fn change_settings(
        &self,
        change: SettingsChange,
    ) -> Result<SettingsReport, ApiError> {
        let audited = AuditedChange {
            action: "settings.change",
            subject: "settings",
            reason: change.reason.clone(),
            asked: as_json(&change),
        };
        self.audited(audited, self.make_settings_change(change))
            .await
    }

    async fn make_settings_change(
        &self,
        change: SettingsChange,
    ) -> Result<SettingsReport, ApiError> {
        let patch = validation::settings(&change, &self.actor)?;
        let reverts = patch.revert_after.is_some();
        let reply = self.handle.execute(Command::ChangeSettings(patch)).await?;
        let saved = if reverts {
            None
        } else {
            self.where_saved().await
        };
        SettingsReport::new(&reply, saved).ok_or_else(|| Busy.into())
    }

    /// Confirms every change that would revert by itself.
    pub async fn confirm_weights(&self) -> Result<WeightsReport, ApiError> {
        let who = self.actor.to_string();
        let change = AuditedChange {
            action: "changes.keep",
            subject: "changes",
            reason: None,
            asked: String::new(),
        };
        let make = async {
            let reply = self.handle.execute(Command::ConfirmWeights { who }).await?;
            self.saved_report(&reply).await
        };
        self.audited(change, make).await
    }

    /// Reads the configuration again; an error names every mistake and has changed nothing.
    pub async fn reload(&self) -> Result<ReloadReport, ApiError> {
        let revision = self.handle.routing_table().revision;
        let report = self.controls.reload(self.actor.to_string()).await;
        let report = report.unwrap_or(Err(ApiError::NotReloadable));
        let result = report.as_ref().map_err(ToString::to_string);
        self.audit_reload("", revision, &result);
        report
    }

    /// Changes one provider; returns its state over the last 24 hours.
    pub async fn change_provider(
        &self,
        name: &str,
        change: ProviderChange,
    ) -> Result<ProviderReport, ApiError> {
        let audited = AuditedChange {
            action: "provider.change",
            subject: name,
            reason: None,
            asked: as_json(&change),
        };
        self.audited(audited, self.make_provider_change(name, change))
            .await
    }

    async fn make_provider_change(
        &self,
        name: &str,
        change: ProviderChange,
    ) -> Result<ProviderReport, ApiError> {
        let names_revision = change.revision.is_some();
        let command = Command::ChangeProvider {
            name: name.to_owned(),
            patch: validation::provider(&change)?,
            who: self.actor.to_string(),
        };
        let reply = self.handle.execute(command).await?;
        let snapshot = self.handle.snapshot(Window::Day.seconds()).await?;
        let provider = snapshot.providers.iter().find(|it| &*it.name == name);
        // A reload may remove it right after the change.
        let provider = provider.ok_or(Busy)?;
        let status = ProviderStatus::new(provider, &snapshot);
        ProviderReport::new(status, &reply, names_revision).ok_or_else(|| Busy.into())
    }

    /// The report of a change, after it was written to its file.
    async fn saved_report(&self, reply: &CommandReply) -> Result<WeightsReport, ApiError> {
        let saved = self.where_saved().await;
        weights_report(reply, saved.as_deref())
    }

    /// Where the last change is stored, once it was written to its file.
    async fn where_saved(&self) -> Option<String> {
        match timeout(SAVE_TIMEOUT, self.controls.saved()).await {
            Ok(Some(saved)) => Some(saved),
            Ok(None) => self.saved_to(),
            Err(_) => Some("in memory: the file is still being written".to_owned()),
        }
    }
}

fn as_json(change: &impl Serialize) -> String {
    serde_json::to_string(change).unwrap_or_default()
}

fn weights_report(reply: &CommandReply, saved: Option<&str>) -> Result<WeightsReport, ApiError> {
    WeightsReport::new(reply, saved.map(str::to_owned)).ok_or_else(|| Busy.into())
}

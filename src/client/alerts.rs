//! Alerts and forecasts of the instance in this process.

use super::error::ApiError;
use super::local::LocalClient;
use super::validation;
use crate::contract::{AlertList, AlertReport, AlertTestReport, HourlyForecast, MuteRequest};
use crate::domain::AlertId;
use crate::engine::{AlertAction, AlertOperation, Busy};

impl LocalClient {
    /// Active and ended alerts, and where they are sent.
    pub async fn alerts(&self) -> Result<AlertList, Busy> {
        let alerts = self.handle.alerts().await?;
        Ok(AlertList {
            alerts: alerts.iter().map(AlertReport::from).collect(),
            webhooks: self.controls.webhooks(),
        })
    }

    /// Notes that an operator knows of an alert.
    pub async fn acknowledge_alert(&self, id: &str) -> Result<AlertReport, ApiError> {
        self.change_alert(id, AlertOperation::Acknowledge).await
    }

    /// Ends the acknowledgement of an alert.
    pub async fn withdraw_acknowledgement(&self, id: &str) -> Result<AlertReport, ApiError> {
        self.change_alert(id, AlertOperation::Withdraw).await
    }

    /// Silences an alert for a time, or ends its silence.
    pub async fn mute_alert(&self, id: &str, mute: MuteRequest) -> Result<AlertReport, ApiError> {
        let time = validation::mute(mute)?;
        self.change_alert(id, AlertOperation::Mute(time)).await
    }

    async fn change_alert(
        &self,
        id: &str,
        operation: AlertOperation,
    ) -> Result<AlertReport, ApiError> {
        let known: Result<AlertId, ()> = id.parse();
        let action = AlertAction {
            id: known.map_err(|()| ApiError::InvalidAlertId(id.to_owned()))?,
            operation,
            who: self.actor.to_string(),
        };
        let alert = self.handle.change_alert(action).await??;
        Ok(AlertReport::from(&alert))
    }

    /// Emits a test alert, sends it to all webhooks, and waits for their answers.
    pub async fn test_alerts(&self) -> Result<AlertTestReport, Busy> {
        let notice = self.handle.test_alert().await?;
        Ok(AlertTestReport {
            deliveries: self.controls.send_to_webhooks(notice).await,
        })
    }

    /// Expected load and cost of the next hours.
    pub async fn forecast(&self, hours: u32) -> Result<HourlyForecast, Busy> {
        let length = usize::try_from(hours).unwrap_or(usize::MAX);
        let report = self.handle.forecast(length).await?;
        Ok(HourlyForecast::new(&report, hours))
    }
}

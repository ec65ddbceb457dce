use super::address::Address;
use super::audit_filter::AuditFilter;
use super::control::{Call, Control};
use super::decision_filter::DecisionFilter;
use super::error::{ApiError, ClientError};
use super::http_connection::HttpConnection;
use super::log_filter::LogFilter;
use super::remote_feed::send_updates;
use super::update::{UPDATE_QUEUE, Update};
use super::validation;
use crate::contract::{
    AdviceReport, AdviceRequest, AlertList, AlertReport, AlertTestReport, AuditCheckReport,
    AuditList, ClientsReport, DecisionDetail, DecisionList, DecisionOutcome, LogLevel, LogList,
    MuteRequest, NewToken, Performance, ProbeReport, Problem, ProviderChange, ProviderReport,
    ReloadReport, RevisionList, RevisionReport, SelectRequest, Selection, SettingsChange,
    SettingsReport, Status, TokenList, TokenReport, TokenRequest, UsageBy, UsagePeriod,
    UsageReport, WeightsChange, WeightsReport, WhatIfReport, WhatIfRequest, Window, rfc3339,
};
use crate::domain::UnixTime;
use crate::store::TroubleFilter;
use reqwest::Method;
use serde_json::json;
use tokio::sync::mpsc;

/// An instance that is reached over HTTP; cheap to clone.
#[derive(Debug, Clone)]
pub struct RemoteClient(HttpConnection);

impl RemoteClient {
    /// Connects with the first call. The token and the operator, as `user@host`, are sent with every
    /// call; fails where no header can carry the token.
    pub fn new(
        address: Address,
        token: Option<&str>,
        operator: Option<&str>,
    ) -> Result<Self, ClientError> {
        HttpConnection::new(address, token, operator).map(Self)
    }
}

impl Control for RemoteClient {
    fn is_remote(&self) -> bool {
        true
    }

    fn display_address(&self) -> String {
        self.0.address().to_string()
    }

    fn watch(&self, window: Window) -> mpsc::Receiver<Update> {
        let (sender, updates) = mpsc::channel(UPDATE_QUEUE);
        tokio::spawn(send_updates(self.0.clone(), window, sender));
        updates
    }

    fn status(&self, window: Window) -> Call<'_, Status> {
        Box::pin(async move {
            let query = [("window", window.as_str())];
            self.0.get("/api/status", &query).await
        })
    }

    fn clients(&self, window: Window) -> Call<'_, ClientsReport> {
        Box::pin(async move {
            let query = [("window", window.as_str())];
            self.0.get("/api/clients", &query).await
        })
    }

    fn past_status(&self, window: Window, until_s: u64) -> Call<'_, Status> {
        Box::pin(async move {
            let until = rfc3339(UnixTime::from_seconds(until_s));
            let query = [("window", window.as_str()), ("until", &*until)];
            let status: Status = self.0.get("/api/status", &query).await?;
            // An instance of an earlier version knows no past and answers with the present.
            if status.past.is_none() {
                let detail = "this instance is of an earlier version, which shows no past";
                return Err(ApiError::from(Problem::new(404, detail)).into());
            }
            Ok(status)
        })
    }

    fn log<'a>(&'a self, filter: &'a LogFilter) -> Call<'a, LogList> {
        Box::pin(async move {
            let query = [
                ("limit", Some(filter.limit.to_string())),
                ("after", filter.after.map(|after| after.to_string())),
                (
                    "level",
                    filter.level.map(|it| LogLevel::as_str(it).to_owned()),
                ),
            ];
            self.0.get("/api/logs", &query).await
        })
    }

    fn performance(&self, hours: u32) -> Call<'_, Performance> {
        Box::pin(async move {
            let query = [("hours", hours)];
            self.0.get("/api/monitoring/performance", &query).await
        })
    }

    fn select(&self, request: SelectRequest) -> Call<'_, Selection> {
        Box::pin(async move {
            // JSON has no NaN: it would become `null`, and the constraint would be lost.
            validation::selection(&request)?;
            let path = "/api/load-balancing/select";
            self.0.send(Method::POST, path, &request).await
        })
    }

    fn what_if(&self, request: WhatIfRequest) -> Call<'_, WhatIfReport> {
        Box::pin(async move { self.0.send(Method::POST, "/api/what-if", &request).await })
    }

    fn advise(&self, request: AdviceRequest) -> Call<'_, AdviceReport> {
        Box::pin(async move {
            validation::advice(&request)?;
            self.0
                .send_slowly(Method::POST, "/api/advise", &request)
                .await
        })
    }

    fn set_weights(&self, change: WeightsChange) -> Call<'_, WeightsReport> {
        Box::pin(async move { self.0.send(Method::PUT, "/api/weights", &change).await })
    }

    fn change_settings(&self, change: SettingsChange) -> Call<'_, SettingsReport> {
        Box::pin(async move {
            let path = "/api/settings";
            self.0.send(Method::PATCH, path, &change).await
        })
    }

    fn confirm_weights(&self) -> Call<'_, WeightsReport> {
        Box::pin(async move {
            let path = "/api/weights/keep";
            self.0.send(Method::POST, path, &json!({})).await
        })
    }

    fn change_provider<'a>(
        &'a self,
        name: &'a str,
        change: ProviderChange,
    ) -> Call<'a, ProviderReport> {
        Box::pin(async move {
            let path = format!("/api/providers/{}", escaped(name));
            self.0.send(Method::PATCH, &path, &change).await
        })
    }

    fn decisions<'a>(&'a self, filter: &'a DecisionFilter) -> Call<'a, DecisionList> {
        Box::pin(async move {
            let limit = filter.limit.to_string();
            let outcome = filter.outcome.map(DecisionOutcome::as_str);
            let trouble = filter.trouble.map(TroubleFilter::as_str);
            let (since, until) = (filter.since.map(rfc3339), filter.until.map(rfc3339));
            let parameters = [
                ("limit", Some(limit.as_str())),
                ("provider", filter.provider.as_deref()),
                ("model", filter.model.as_deref()),
                ("client", filter.client.as_deref()),
                ("outcome", outcome),
                ("trouble", trouble),
                ("before", filter.before.as_deref()),
                ("since", since.as_deref()),
                ("until", until.as_deref()),
            ];
            let given = parameters.into_iter();
            let query: Vec<(&str, &str)> = given
                .filter_map(|(name, value)| Some((name, value?)))
                .collect();
            self.0.get("/api/decisions", &query).await
        })
    }

    fn decision<'a>(&'a self, id: &'a str) -> Call<'a, DecisionDetail> {
        Box::pin(async move {
            let path = format!("/api/decisions/{}", escaped(id));
            self.0.get(&path, &()).await
        })
    }

    fn revisions(&self) -> Call<'_, Vec<RevisionReport>> {
        Box::pin(async move {
            let list: RevisionList = self.0.get("/api/revisions", &()).await?;
            Ok(list.revisions)
        })
    }

    fn usage(&self, by: UsageBy, period: UsagePeriod) -> Call<'_, UsageReport> {
        Box::pin(async move {
            let query = [
                ("by", by.as_str().to_owned()),
                ("since", period.to_string()),
            ];
            self.0.get("/api/usage", &query).await
        })
    }

    fn audit_log<'a>(&'a self, filter: &'a AuditFilter) -> Call<'a, AuditList> {
        Box::pin(async move {
            let query = [
                ("since", filter.since.map(|since| since.to_string())),
                ("until", filter.until.map(|until| until.to_string())),
                ("before", filter.before.clone()),
                ("after", filter.after.clone()),
                ("limit", filter.limit.map(|limit| limit.to_string())),
            ];
            self.0.get("/api/audit", &query).await
        })
    }

    fn check_audit_log(&self) -> Call<'_, AuditCheckReport> {
        Box::pin(async move { self.0.get_slowly("/api/audit/check").await })
    }

    fn reload(&self) -> Call<'_, ReloadReport> {
        Box::pin(async move { self.0.send(Method::POST, "/api/reload", &json!({})).await })
    }

    fn probe<'a>(&'a self, name: &'a str) -> Call<'a, ProbeReport> {
        Box::pin(async move {
            let path = format!("/api/providers/{}/probe", escaped(name));
            self.0.send(Method::POST, &path, &json!({})).await
        })
    }

    fn alerts(&self) -> Call<'_, AlertList> {
        Box::pin(async move { self.0.get("/api/alerts", &()).await })
    }

    fn acknowledge_alert<'a>(&'a self, id: &'a str) -> Call<'a, AlertReport> {
        Box::pin(async move {
            let path = format!("/api/alerts/{}/acknowledge", escaped(id));
            self.0.send(Method::POST, &path, &json!({})).await
        })
    }

    fn withdraw_acknowledgement<'a>(&'a self, id: &'a str) -> Call<'a, AlertReport> {
        Box::pin(async move {
            let path = format!("/api/alerts/{}/acknowledge", escaped(id));
            self.0.send(Method::DELETE, &path, &json!({})).await
        })
    }

    fn mute_alert<'a>(&'a self, id: &'a str, mute: MuteRequest) -> Call<'a, AlertReport> {
        Box::pin(async move {
            let path = format!("/api/alerts/{}/mute", escaped(id));
            self.0.send(Method::POST, &path, &mute).await
        })
    }

    fn test_alerts(&self) -> Call<'_, AlertTestReport> {
        Box::pin(async move {
            let path = "/api/alerts/test";
            self.0.send(Method::POST, path, &json!({})).await
        })
    }

    fn tokens(&self) -> Call<'_, TokenList> {
        Box::pin(async move { self.0.get("/api/tokens", &[("", ""); 0]).await })
    }

    fn create_token(&self, request: TokenRequest) -> Call<'_, NewToken> {
        Box::pin(async move { self.0.send(Method::POST, "/api/tokens", &request).await })
    }

    fn rotate_token<'a>(&'a self, name: &'a str) -> Call<'a, NewToken> {
        Box::pin(async move {
            let path = format!("/api/tokens/{}/rotate", escaped(name));
            self.0.send(Method::POST, &path, &json!({})).await
        })
    }

    fn revoke_token<'a>(&'a self, name: &'a str) -> Call<'a, TokenReport> {
        Box::pin(async move {
            let path = format!("/api/tokens/{}", escaped(name));
            self.0.send(Method::DELETE, &path, &json!({})).await
        })
    }
}

/// A name as one segment of a path.
fn escaped(name: &str) -> String {
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let escape = |byte: u8| {
        if is_unreserved(byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    name.bytes().map(escape).collect()
}

use super::audit_filter::AuditFilter;
use super::decision_filter::DecisionFilter;
use super::log_filter::LogFilter;
use super::{ClientError, Update};
use crate::contract::{
    AdviceReport, AdviceRequest, AlertList, AlertReport, AlertTestReport, AuditCheckReport,
    AuditList, ClientsReport, DecisionDetail, DecisionList, LogList, MuteRequest, NewToken,
    Performance, ProbeReport, ProviderChange, ProviderReport, ReloadReport, RevisionReport,
    SelectRequest, Selection, SettingsChange, SettingsReport, Status, TokenList, TokenReport,
    TokenRequest, UsageBy, UsagePeriod, UsageReport, WeightsChange, WeightsReport, WhatIfReport,
    WhatIfRequest, Window,
};
use futures_util::future::BoxFuture;
use std::fmt;
use tokio::sync::mpsc;

/// Future of a call's result.
pub type Call<'a, T> = BoxFuture<'a, Result<T, ClientError>>;

/// Everything that a dashboard or a command does with a running instance.
///
/// Implemented by [`super::LocalClient`] for the instance in this process, and by
/// [`super::RemoteClient`] for one that is reached over HTTP.
pub trait Control: fmt::Debug + Send + Sync {
    /// Whether the instance runs in another process.
    fn is_remote(&self) -> bool;

    /// Short address for people: `local`, a host and port, or a socket.
    fn display_address(&self) -> String;

    /// Sends a status at once, then whenever the numbers change, at most 4 per second. Spawns a
    /// task on the current runtime, which ends when the receiver is dropped.
    fn watch(&self, window: Window) -> mpsc::Receiver<Update>;

    /// Status over a window.
    fn status(&self, window: Window) -> Call<'_, Status>;

    /// Who calls, over a window.
    fn clients(&self, window: Window) -> Call<'_, ClientsReport>;

    /// Status of a window of the past that ends at a time, in Unix seconds.
    fn past_status(&self, window: Window, until_s: u64) -> Call<'_, Status>;

    /// The latest lines of the instance's log.
    fn log<'a>(&'a self, filter: &'a LogFilter) -> Call<'a, LogList>;

    /// Report of the last 1..=8760 hours.
    fn performance(&self, hours: u32) -> Call<'_, Performance>;

    /// Target for such a request now, and the reason.
    fn select(&self, request: SelectRequest) -> Call<'_, Selection>;

    /// Recorded requests replayed under other settings.
    fn what_if(&self, request: WhatIfRequest) -> Call<'_, WhatIfReport>;

    /// The cheapest weights that meet a goal; takes up to 20 seconds.
    fn advise(&self, request: AdviceRequest) -> Call<'_, AdviceReport>;

    /// Changes weights; missing ones keep their value.
    fn set_weights(&self, change: WeightsChange) -> Call<'_, WeightsReport>;

    /// Changes strategy, budgets or breakers; missing settings keep their value.
    fn change_settings(&self, change: SettingsChange) -> Call<'_, SettingsReport>;

    /// Confirms every change that would revert by itself.
    fn confirm_weights(&self) -> Call<'_, WeightsReport>;

    /// Changes one provider; missing settings keep their value.
    fn change_provider<'a>(
        &'a self,
        name: &'a str,
        change: ProviderChange,
    ) -> Call<'a, ProviderReport>;

    /// A page of requests, newest first.
    fn decisions<'a>(&'a self, filter: &'a DecisionFilter) -> Call<'a, DecisionList>;

    /// One request with all its selections: by the id of its decision, its own id, or a beginning of
    /// either that no other shares.
    fn decision<'a>(&'a self, id: &'a str) -> Call<'a, DecisionDetail>;

    /// Remembered changes, newest first.
    fn revisions(&self) -> Call<'_, Vec<RevisionReport>>;

    /// Sums of the attempts of a period that ends now.
    fn usage(&self, by: UsageBy, period: UsagePeriod) -> Call<'_, UsageReport>;

    /// Entries of the audit log.
    fn audit_log<'a>(&'a self, filter: &'a AuditFilter) -> Call<'a, AuditList>;

    /// Checks every chain of the audit log, which takes a while for a long one.
    fn check_audit_log(&self) -> Call<'_, AuditCheckReport>;

    /// Reads the configuration again.
    fn reload(&self) -> Call<'_, ReloadReport>;

    /// Probes a provider now.
    fn probe<'a>(&'a self, name: &'a str) -> Call<'a, ProbeReport>;

    /// Active and ended alerts, and where they are sent.
    fn alerts(&self) -> Call<'_, AlertList>;

    /// Notes that an operator knows of an alert.
    fn acknowledge_alert<'a>(&'a self, id: &'a str) -> Call<'a, AlertReport>;

    /// Ends the acknowledgement of an alert.
    fn withdraw_acknowledgement<'a>(&'a self, id: &'a str) -> Call<'a, AlertReport>;

    /// Silences an alert for a time.
    fn mute_alert<'a>(&'a self, id: &'a str, mute: MuteRequest) -> Call<'a, AlertReport>;

    /// Sends a test to all webhooks and waits for their answers.
    fn test_alerts(&self) -> Call<'_, AlertTestReport>;

    /// All client tokens.
    fn tokens(&self) -> Call<'_, TokenList>;

    /// Makes a client token.
    fn create_token(&self, request: TokenRequest) -> Call<'_, NewToken>;

    /// Gives a client token a new secret.
    fn rotate_token<'a>(&'a self, name: &'a str) -> Call<'a, NewToken>;

    /// Ends a client token.
    fn revoke_token<'a>(&'a self, name: &'a str) -> Call<'a, TokenReport>;
}

use super::audit_filter::AuditFilter;
use super::control::{Call, Control};
use super::decision_filter::DecisionFilter;
use super::error::ApiError;
use super::forecasting::{CheckedDraft, Forecaster};
use super::instance_controls::{InstanceControls, NoControls};
use super::log_filter::{LogFilter, log_list};
use super::selection::{DryRunContext, find_provider, select};
use super::store_report::store_report;
use super::stored_figures::StoredFigures;
use super::update::{UPDATE_QUEUE, Update, send_latest};
use super::validation;
use crate::clock;
use crate::contract::ScheduleReport;
use crate::contract::{
    AdviceReport, AdviceRequest, AlertList, AlertReport, AlertTestReport, AuditCheckReport,
    AuditList, ClientsReport, DecisionDetail, DecisionList, Dropped, InstanceInfo, LogList,
    MuteRequest, NewToken, Performance, ProbeReport, Problem, ProviderChange, ProviderReport,
    ReloadReport, RevisionReport, SelectRequest, Selection, SettingsChange, SettingsReport, Status,
    TokenList, TokenReport, TokenRequest, WeightsChange, WeightsReport, WhatIfReport,
    WhatIfRequest, Window,
};
use crate::contract::{UsageBy, UsagePeriod, UsageReport};
use crate::domain::{
    Observation, RunLimits, Snapshot, TargetIdx, UnixTime, WeightsSchedule, traffic_forecasts,
};
use crate::engine::{Busy, EngineHandle};
use crate::logs::{DroppedLines, RecentLines};
use crate::store::{AuditEntry, Store};
use arc_swap::ArcSwap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Name in the list of revisions for a change from within the process.
const LOCAL_ACTOR: &str = "local";
/// Silence after which the engine counts as stopped.
const ENGINE_TIMEOUT: Duration = Duration::from_secs(2);
/// Time after which a manual probe is not waited for.
const PROBE_TIMEOUT: Duration = Duration::from_secs(30);
/// Hours whose expected load is shown with a replay: the present one and the next.
const WHAT_IF_HOURS: usize = 2;
/// Hours of the longest performance report: a year.
const MAX_HOURS: u32 = 8_760;

/// The instance in this process: the engine's handle with what the engine does not know. The
/// management API serves from it as well, so that dashboards and scripts see the same numbers.
#[derive(Debug, Clone)]
pub struct LocalClient {
    pub(super) handle: EngineHandle,
    description: Arc<ArcSwap<InstanceDescription>>,
    pub(super) controls: Arc<dyn InstanceControls>,
    dropped_lines: DroppedLines,
    recent_lines: RecentLines,
    store: Store,
    pub(super) stored: Arc<StoredFigures>,
    forecaster: Forecaster,
    /// Name in the list of revisions.
    pub(super) actor: Arc<str>,
    /// Where the actor is, for the audit log.
    origin: Arc<str>,
}

/// What the configuration says about the instance itself.
#[derive(Debug, Clone)]
struct InstanceDescription {
    instance: InstanceInfo,
    /// Path of the file that changes are saved to, or why they stay in memory.
    saved: Option<Arc<str>>,
    /// Weights at given hours.
    schedules: Arc<[WeightsSchedule]>,
}

impl LocalClient {
    /// An instance without probes, reload and cache; its changes are recorded as made by `local`.
    pub fn new(handle: EngineHandle, instance: InstanceInfo) -> Self {
        Self {
            handle,
            description: Arc::new(ArcSwap::from_pointee(InstanceDescription {
                instance,
                saved: None,
                schedules: Arc::default(),
            })),
            controls: Arc::new(NoControls),
            dropped_lines: DroppedLines::default(),
            recent_lines: RecentLines::default(),
            store: Store::off(),
            stored: Arc::default(),
            forecaster: Forecaster::default(),
            actor: LOCAL_ACTOR.into(),
            origin: LOCAL_ACTOR.into(),
        }
    }

    /// Adds probes, reload and cache.
    #[must_use]
    pub fn with_controls(mut self, controls: impl InstanceControls + 'static) -> Self {
        self.controls = Arc::new(controls);
        self
    }

    /// Adds where changes are saved, for the answers to changes: a file's path, or why they stay in
    /// memory.
    #[must_use]
    pub fn with_saved_to(self, saved: &str) -> Self {
        let before = self.description.load_full();
        self.reconfigured(&before.instance.environment, saved);
        self
    }

    /// Adds the latest log lines, and the counter of dropped ones.
    #[must_use]
    pub fn with_logs(mut self, recent: RecentLines, dropped: DroppedLines) -> Self {
        self.recent_lines = recent;
        self.dropped_lines = dropped;
        self
    }

    /// Adds the store.
    #[must_use]
    pub fn with_store(mut self, store: Store) -> Self {
        self.store = store;
        self
    }

    /// Sets the time limits of the gateway, for forecasts.
    pub fn set_run_limits(&self, limits: RunLimits) {
        self.forecaster.set_limits(limits);
    }

    /// The same instance, with changes recorded as made by `who` at the address `origin`.
    #[must_use]
    pub fn acting_as(&self, who: &str, origin: &str) -> Self {
        Self {
            actor: who.into(),
            origin: origin.into(),
            ..self.clone()
        }
    }

    /// Adds an entry of the actor to the audit log.
    pub fn audit(&self, action: &'static str, entry: AuditEntry) {
        self.store.audit(AuditEntry {
            actor: self.actor.to_string(),
            origin: self.origin.to_string(),
            action,
            ..entry
        });
    }

    /// Follows a reload: new environment, and new file that changes are saved to.
    pub fn reconfigured(&self, environment: &str, saved: &str) {
        let before = self.description.load_full();
        self.description.store(Arc::new(InstanceDescription {
            instance: InstanceInfo {
                environment: environment.to_owned(),
                ..before.instance.clone()
            },
            saved: Some(saved.into()),
            schedules: Arc::clone(&before.schedules),
        }));
    }

    /// Sets the schedules of weights, for the status.
    pub fn set_schedules(&self, schedules: Arc<[WeightsSchedule]>) {
        let before = self.description.load_full();
        self.description.store(Arc::new(InstanceDescription {
            schedules,
            ..InstanceDescription::clone(&before)
        }));
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Path of the file that changes are saved to, or why they stay in memory.
    pub(super) fn saved_to(&self) -> Option<String> {
        self.description.load().saved.as_deref().map(str::to_owned)
    }

    /// The engine's handle.
    pub fn handle(&self) -> &EngineHandle {
        &self.handle
    }

    /// What full queues and slow readers lost since the start.
    pub fn dropped(&self) -> Dropped {
        let counters = self.handle.drop_counters();
        Dropped {
            observations: counters.observations(),
            events: counters.events(),
            log_lines: self.dropped_lines.count(),
            held_answers: counters.held_answers(),
            refused_answers: counters.refused_answers(),
            deliveries: counters.deliveries(),
        }
    }

    /// Status from the engine's snapshot.
    pub fn status_from(&self, snapshot: &Snapshot, window: Window) -> Status {
        let dropped = self.dropped();
        Status {
            cache: self.controls.cache_counts(),
            store: store_report(&self.store),
            schedule: ScheduleReport::new(&self.description.load().schedules, snapshot.at),
            ..Status::new(snapshot, window, &self.description.load().instance, dropped)
        }
    }

    /// Status over a window.
    pub async fn status(&self, window: Window) -> Result<Status, Busy> {
        let snapshot = self.handle.snapshot(window.seconds()).await?;
        Ok(self.status_from(&snapshot, window))
    }

    /// The latest lines of the log of this process.
    pub fn log(&self, filter: &LogFilter) -> LogList {
        LogList {
            dropped: self.dropped_lines.count(),
            ..log_list(&self.recent_lines, filter)
        }
    }

    /// Who calls, over a window.
    pub async fn clients(&self, window: Window) -> Result<ClientsReport, Busy> {
        let snapshot = self.handle.clients(window.seconds()).await?;
        Ok(ClientsReport::new(&snapshot, window))
    }

    /// Report of the last 1..=8760 hours.
    pub async fn performance(&self, hours: u32) -> Result<Performance, ApiError> {
        if !(1..=MAX_HOURS).contains(&hours) {
            let expected = format!("a whole number from 1 to {MAX_HOURS}");
            return Err(Problem::field("hours", hours, &expected).into());
        }
        Ok(Performance::from(&self.handle.performance(hours).await?))
    }

    /// Remembered changes, newest first.
    pub async fn revisions(&self) -> Result<Vec<RevisionReport>, Busy> {
        let revisions = self.handle.revisions().await?;
        Ok(revisions.iter().map(RevisionReport::from).collect())
    }

    /// Probes a provider now; an error where no result arrives in time.
    pub async fn probe(&self, name: &str) -> Result<ProbeReport, ApiError> {
        let provider = find_provider(&self.handle.routing_table().catalogue, name)?;
        let report = timeout(PROBE_TIMEOUT, self.controls.probe(provider)).await;
        report
            .ok()
            .flatten()
            .ok_or_else(|| ApiError::NoProbeResult(name.to_owned()))
    }

    /// Target for such a request now; nothing is reserved, and no total counts it.
    pub fn select(&self, request: &SelectRequest) -> Result<Selection, ApiError> {
        let context = DryRunContext {
            decision: self.handle.next_decision(),
            luck: self.handle.random_draw(),
            now: clock::now(),
        };
        let (selection, round) = select(&self.handle.routing_table(), request, context)?;
        self.handle.observe(Observation::Selection(Box::new(round)));
        Ok(selection)
    }

    /// Forecasts the traffic under other settings in a closed loop, on a thread of its own, and
    /// predicts the shares of the next requests. With too little recorded traffic the figures are
    /// those of single decisions of a window.
    pub async fn what_if(&self, request: &WhatIfRequest) -> Result<WhatIfReport, ApiError> {
        let table = self.handle.routing_table();
        let catalogue = &table.catalogue;
        let checked = CheckedDraft::new(request, table.weights, catalogue)?;
        let weights = checked.settings.weights;
        let now = clock::now();
        let then = traffic_forecasts(&table.with_settings(&checked.settings), now);
        let from = now.minus(Duration::from_secs(request.window.seconds()));
        let mut decisions = self.handle.decisions().await?;
        decisions.retain(|decision| decision.end.as_ref().is_some_and(|end| end.started >= from));
        let revision = table.revision;
        let traffic = self.forecaster.traffic(&self.handle, revision).await?;
        let data = (traffic, revision);
        let forecast = self.forecaster.forecast(checked, decisions, data);
        let (replayed, closed) = forecast.await?;
        let name = |target: TargetIdx| catalogue.targets.get(target.get()).map(|target| &target.id);
        let report = WhatIfReport::new(&replayed, weights, name).with_closed_loop(&closed, name);
        let load = self.handle.forecast(WHAT_IF_HOURS).await?.total;
        Ok(WhatIfReport {
            expected: Some((&load).into()),
            ..report.with_forecasts(catalogue, (&traffic_forecasts(&table, now), &then))
        })
    }

    /// Searches the cheapest weights that meet a goal, on a thread of its own.
    pub async fn advise(&self, request: AdviceRequest) -> Result<AdviceReport, ApiError> {
        validation::advice(&request)?;
        let revision = self.handle.routing_table().revision;
        let turn = self.forecaster.begin_search()?;
        let data = (self.handle.traffic_data().await?, revision);
        let advice = self.forecaster.advise(request.into(), data, turn).await?;
        Ok(AdviceReport::new(request, &advice))
    }

    async fn send_updates(self, window: Window, updates: mpsc::Sender<Update>) {
        let mut snapshots = self.handle.watch(window.seconds());
        let first = match self.status(window).await {
            Ok(status) => Update::Status(Arc::new(status)),
            Err(busy) => Update::Disconnected(busy.to_string()),
        };
        send_latest(&updates, first);
        loop {
            let changed = tokio::select! {
                () = updates.closed() => return,
                changed = timeout(ENGINE_TIMEOUT, snapshots.changed()) => changed,
            };
            // The handle itself holds the sending half, so a stopped engine is only silent.
            let update = if changed.is_err() {
                Update::Disconnected("the engine does not respond".to_owned())
            } else {
                let snapshot = Arc::clone(&snapshots.borrow_and_update());
                Update::Status(Arc::new(self.status_from(&snapshot, window)))
            };
            send_latest(&updates, update);
        }
    }
}

impl Control for LocalClient {
    fn is_remote(&self) -> bool {
        false
    }

    fn display_address(&self) -> String {
        LOCAL_ACTOR.to_owned()
    }

    fn watch(&self, window: Window) -> mpsc::Receiver<Update> {
        let (sender, updates) = mpsc::channel(UPDATE_QUEUE);
        tokio::spawn(self.clone().send_updates(window, sender));
        updates
    }

    fn status(&self, window: Window) -> Call<'_, Status> {
        Box::pin(async move { Ok(self.status(window).await.map_err(ApiError::from)?) })
    }

    fn clients(&self, window: Window) -> Call<'_, ClientsReport> {
        Box::pin(async move { Ok(self.clients(window).await.map_err(ApiError::from)?) })
    }

    fn past_status(&self, window: Window, until_s: u64) -> Call<'_, Status> {
        let until = UnixTime::from_seconds(until_s);
        Box::pin(async move { Ok(self.past_status(window, until).await?) })
    }

    fn log<'a>(&'a self, filter: &'a LogFilter) -> Call<'a, LogList> {
        Box::pin(async move { Ok(self.log(filter)) })
    }

    fn performance(&self, hours: u32) -> Call<'_, Performance> {
        Box::pin(async move { Ok(self.performance(hours).await?) })
    }

    fn select(&self, request: SelectRequest) -> Call<'_, Selection> {
        Box::pin(async move { Ok(self.select(&request)?) })
    }

    fn what_if(&self, request: WhatIfRequest) -> Call<'_, WhatIfReport> {
        Box::pin(async move { Ok(self.what_if(&request).await?) })
    }

    fn advise(&self, request: AdviceRequest) -> Call<'_, AdviceReport> {
        Box::pin(async move { Ok(self.advise(request).await?) })
    }

    fn set_weights(&self, change: WeightsChange) -> Call<'_, WeightsReport> {
        Box::pin(async move { Ok(self.set_weights(change).await?) })
    }

    fn change_settings(&self, change: SettingsChange) -> Call<'_, SettingsReport> {
        Box::pin(async move { Ok(self.change_settings(change).await?) })
    }

    fn confirm_weights(&self) -> Call<'_, WeightsReport> {
        Box::pin(async move { Ok(self.confirm_weights().await?) })
    }

    fn change_provider<'a>(
        &'a self,
        name: &'a str,
        change: ProviderChange,
    ) -> Call<'a, ProviderReport> {
        Box::pin(async move { Ok(self.change_provider(name, change).await?) })
    }

    fn decisions<'a>(&'a self, filter: &'a DecisionFilter) -> Call<'a, DecisionList> {
        Box::pin(async move { Ok(self.decision_page(filter).await?) })
    }

    fn decision<'a>(&'a self, id: &'a str) -> Call<'a, DecisionDetail> {
        Box::pin(async move { Ok(self.decision(id).await?) })
    }

    fn revisions(&self) -> Call<'_, Vec<RevisionReport>> {
        Box::pin(async move { Ok(self.revisions().await.map_err(ApiError::from)?) })
    }

    fn usage(&self, by: UsageBy, period: UsagePeriod) -> Call<'_, UsageReport> {
        Box::pin(async move { Ok(self.usage(by, period).await?) })
    }

    fn audit_log<'a>(&'a self, filter: &'a AuditFilter) -> Call<'a, AuditList> {
        Box::pin(async move { Ok(self.audit_log(filter).await?) })
    }

    fn check_audit_log(&self) -> Call<'_, AuditCheckReport> {
        Box::pin(async move { Ok(self.check_audit_log().await?) })
    }

    fn reload(&self) -> Call<'_, ReloadReport> {
        Box::pin(async move { Ok(self.reload().await?) })
    }

    fn probe<'a>(&'a self, name: &'a str) -> Call<'a, ProbeReport> {
        Box::pin(async move { Ok(self.probe(name).await?) })
    }

    fn alerts(&self) -> Call<'_, AlertList> {
        Box::pin(async move { Ok(self.alerts().await.map_err(ApiError::from)?) })
    }

    fn acknowledge_alert<'a>(&'a self, id: &'a str) -> Call<'a, AlertReport> {
        Box::pin(async move { Ok(self.acknowledge_alert(id).await?) })
    }

    fn withdraw_acknowledgement<'a>(&'a self, id: &'a str) -> Call<'a, AlertReport> {
        Box::pin(async move { Ok(self.withdraw_acknowledgement(id).await?) })
    }

    fn mute_alert<'a>(&'a self, id: &'a str, mute: MuteRequest) -> Call<'a, AlertReport> {
        Box::pin(async move { Ok(self.mute_alert(id, mute).await?) })
    }

    fn test_alerts(&self) -> Call<'_, AlertTestReport> {
        Box::pin(async move { Ok(self.test_alerts().await.map_err(ApiError::from)?) })
    }

    fn tokens(&self) -> Call<'_, TokenList> {
        Box::pin(async move { Ok(self.tokens().await?) })
    }

    fn create_token(&self, request: TokenRequest) -> Call<'_, NewToken> {
        Box::pin(async move { Ok(self.create_token(&request).await?) })
    }

    fn rotate_token<'a>(&'a self, name: &'a str) -> Call<'a, NewToken> {
        Box::pin(async move { Ok(self.rotate_token(name).await?) })
    }

    fn revoke_token<'a>(&'a self, name: &'a str) -> Call<'a, TokenReport> {
        Box::pin(async move { Ok(self.revoke_token(name).await?) })
    }
}

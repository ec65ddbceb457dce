//! An instance in this process.

use super::selection::{DryRunContext, select};
use super::{ApiError, ProbeCallback, ReloadCallback, Update, find_provider, validation};
use crate::clock;
use crate::contract::{
    CacheReport, DecisionDetail, DecisionReport, Dropped, InstanceInfo, Performance, ProbeReport,
    Problem, ProviderChange, ProviderReport, ProviderStatus, ReloadReport, RevisionReport,
    SelectRequest, Selection, Status, WeightsChange, WeightsReport, WhatIfReport, WhatIfRequest,
    Window,
};
use crate::domain::TargetIdx;
use crate::domain::{
    Command, CommandError, CommandReply, DecisionId, Observation, Snapshot, WhatIfSettings,
    simulate, traffic_forecasts,
};
use crate::engine::{Busy, EngineHandle};
use crate::logs::DroppedLines;
use arc_swap::ArcSwap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// An engine that says nothing for longer has stopped.
const ENGINE_TIMEOUT: Duration = Duration::from_secs(2);
/// The most hours of a performance report: a year.
const MAX_HOURS: u32 = 8_760;

/// The engine's handle with what a status says of the instance. The control door serves from here
/// as well, so that the dashboard and a script see the same numbers.
#[derive(Debug, Clone)]
pub struct LocalClient {
    handle: EngineHandle,
    notices: Arc<ArcSwap<InstanceNotes>>,
    prober: Option<ProbeCallback>,
    lost_lines: DroppedLines,
    reloader: Option<ReloadCallback>,
    cache: Option<CacheCountsFn>,
}

/// What the configuration says of the instance itself.
#[derive(Debug, Clone)]
struct InstanceNotes {
    instance: InstanceInfo,
    /// Where changes of weights live.
    saved: Option<Arc<str>>,
}

/// How the cache of answers does; whoever has one knows.
#[derive(Clone)]
struct CacheCountsFn(Arc<dyn Fn() -> CacheReport + Send + Sync>);

impl fmt::Debug for CacheCountsFn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CacheGauge")
    }
}

impl LocalClient {
    pub fn new(handle: EngineHandle, instance: InstanceInfo) -> Self {
        Self {
            handle,
            notices: Arc::new(ArcSwap::from_pointee(InstanceNotes {
                instance,
                saved: None,
            })),
            prober: None,
            lost_lines: DroppedLines::default(),
            reloader: None,
            cache: None,
        }
    }

    /// Lets the configuration be read again.
    #[must_use]
    pub fn with_reloader(mut self, reloader: ReloadCallback) -> Self {
        self.reloader = Some(reloader);
        self
    }

    /// The same instance with another environment, and another place for changes.
    pub fn reconfigured(&self, environment: &str, saved: &str) {
        let before = self.notices.load_full();
        self.notices.store(Arc::new(InstanceNotes {
            instance: InstanceInfo {
                environment: environment.to_owned(),
                ..before.instance.clone()
            },
            saved: Some(saved.into()),
        }));
    }

    /// Lets providers be probed by hand.
    #[must_use]
    pub fn with_prober(mut self, prober: ProbeCallback) -> Self {
        self.prober = Some(prober);
        self
    }

    /// Has a status say how the cache of answers does.
    #[must_use]
    pub fn with_cache(mut self, gauge: impl Fn() -> CacheReport + Send + Sync + 'static) -> Self {
        self.cache = Some(CacheCountsFn(Arc::new(gauge)));
        self
    }

    /// Says where changes of weights live, in the answer to each: a file's path, or why they stay
    /// in memory.
    #[must_use]
    pub fn with_saved_to(self, place: &str) -> Self {
        let before = self.notices.load_full();
        self.reconfigured(&before.instance.environment, place);
        self
    }

    /// Tells of log lines that were not written.
    #[must_use]
    pub fn with_dropped_lines(mut self, lost_lines: DroppedLines) -> Self {
        self.lost_lines = lost_lines;
        self
    }

    pub fn handle(&self) -> &EngineHandle {
        &self.handle
    }

    /// A picture as it is promised to others.
    pub fn status_from(&self, picture: &Snapshot, window: Window) -> Status {
        let losses = self.handle.drop_counters();
        let dropped = Dropped {
            observations: losses.observations(),
            events: losses.events(),
            log_lines: self.lost_lines.count(),
            held_answers: losses.held_answers(),
        };
        Status {
            cache: self.cache.as_ref().map(|cache| cache.0()),
            ..Status::new(picture, window, &self.notices.load().instance, dropped)
        }
    }

    pub async fn status(&self, window: Window) -> Result<Status, Busy> {
        let picture = self.handle.snapshot(window.seconds()).await?;
        Ok(self.status_from(&picture, window))
    }

    /// The numbers of the last 1..=8760 hours.
    pub async fn performance(&self, hours: u32) -> Result<Performance, ApiError> {
        if !(1..=MAX_HOURS).contains(&hours) {
            let expected = format!("a whole number from 1 to {MAX_HOURS}");
            return Err(Problem::field("hours", hours, &expected).into());
        }
        Ok(Performance::from(&self.handle.performance(hours).await?))
    }

    /// The latest requests, newest first: of one provider, or of all.
    pub async fn decisions(
        &self,
        most: usize,
        provider: Option<&str>,
    ) -> Result<Vec<DecisionReport>, ApiError> {
        let catalogue = &self.handle.routing_table().catalogue;
        if let Some(name) = provider {
            find_provider(catalogue, name)?;
        }
        let decisions = self.handle.decisions().await?;
        let reports = decisions
            .iter()
            .filter(|decision| !decision.is_dry_run())
            .map(|decision| DecisionReport::new(decision, catalogue));
        let wanted =
            |report: &DecisionReport| provider.is_none() || report.provider.as_deref() == provider;
        Ok(reports.filter(wanted).take(most).collect())
    }

    pub async fn revisions(&self) -> Result<Vec<RevisionReport>, Busy> {
        let revisions = self.handle.revisions().await?;
        Ok(revisions.iter().map(RevisionReport::from).collect())
    }

    /// Has a provider probed now; an error where no probe has come back.
    pub async fn probe(&self, name: &str) -> Result<ProbeReport, ApiError> {
        let provider = find_provider(&self.handle.routing_table().catalogue, name)?;
        let report = match &self.prober {
            Some(prober) => prober.probe(provider).await,
            None => None,
        };
        report.ok_or_else(|| {
            let detail = format!("the probe of {name} has not come back; try again in a moment");
            ApiError {
                problem: Problem::new(503, detail),
                retry_after: Some(Duration::from_secs(1)),
            }
        })
    }

    pub fn select(&self, request: &SelectRequest) -> Result<Selection, ApiError> {
        let circumstances = DryRunContext {
            decision: self.handle.next_decision(),
            luck: self.handle.random_draw(),
            now: clock::now(),
        };
        let (selection, round) = select(&self.handle.routing_table(), request, circumstances)?;
        self.handle.observe(Observation::Selection(Box::new(round)));
        Ok(selection)
    }

    /// One decision, explained.
    pub async fn decision(&self, id: &str) -> Result<DecisionDetail, ApiError> {
        let unknown = || Problem::new(404, format!("decision {id} is not remembered"));
        let id: DecisionId = id.parse().map_err(|_| unknown())?;
        let decision = self.handle.decision(id).await?.ok_or_else(unknown)?;
        let catalogue = &self.handle.routing_table().catalogue;
        Ok(DecisionDetail::new(&decision, catalogue))
    }

    /// What other weights would have done to the requests of a window, decided again on a thread
    /// of its own, and how they would share out the next ones.
    pub async fn what_if(&self, request: &WhatIfRequest) -> Result<WhatIfReport, ApiError> {
        let table = self.handle.routing_table();
        let draft = request.weights.over(table.weights);
        let weights = draft.validated().map_err(CommandError::from)?;
        let mut supposed = WhatIfSettings::from(weights);
        for (name, draft) in &request.providers {
            let place = find_provider(&table.catalogue, name)?;
            draft.patch().validate()?;
            supposed.providers.insert(place, draft.supposed());
        }
        let now = clock::now();
        let then = traffic_forecasts(&table.with_settings(&supposed), now);
        let from = now.minus(Duration::from_secs(request.window.seconds()));
        let mut decisions = self.handle.decisions().await?;
        decisions.retain(|decision| decision.end.as_ref().is_some_and(|end| end.started >= from));
        let answer = tokio::task::spawn_blocking(move || simulate(&decisions, &supposed)).await;
        let answer = answer.map_err(|_| Busy)?;
        let catalogue = &table.catalogue;
        let name = |place: TargetIdx| catalogue.targets.get(place.get()).map(|target| &target.id);
        let report = WhatIfReport::new(&answer, weights, name);
        Ok(report.with_prospects(catalogue, (&traffic_forecasts(&table, now), &then)))
    }

    /// Goes back to the weights of a revision; `who` stands in the record.
    pub async fn roll_back(&self, number: u64, who: &str) -> Result<WeightsReport, ApiError> {
        let who = who.to_owned();
        let answer = self
            .handle
            .execute(Command::Rollback { number, who })
            .await?;
        report(&answer, self.notices.load().saved.as_deref())
    }

    pub async fn weights(&self) -> Result<WeightsReport, ApiError> {
        report(&self.handle.weights().await?, None)
    }

    /// Changes weights; `who` stands in the record.
    pub async fn set_weights(
        &self,
        change: WeightsChange,
        who: &str,
    ) -> Result<WeightsReport, ApiError> {
        let patch = validation::weights(change, who)?;
        let is_trial = patch.revert_after.is_some();
        let answer = self.handle.execute(Command::SetWeights(patch)).await?;
        let notices = self.notices.load();
        report(&answer, notices.saved.as_deref().filter(|_| !is_trial))
    }

    pub async fn confirm_weights(&self, who: &str) -> Result<WeightsReport, ApiError> {
        let who = who.to_owned();
        let answer = self.handle.execute(Command::ConfirmWeights { who }).await?;
        report(&answer, self.notices.load().saved.as_deref())
    }

    /// Reads the configuration again and says what changed; a refusal names every mistake, and
    /// nothing has changed then. `who` stands in the record.
    pub async fn reload(&self, who: &str) -> Result<ReloadReport, ApiError> {
        let answered = match &self.reloader {
            Some(reloader) => reloader.reload(who).await,
            None => None,
        };
        answered.unwrap_or_else(|| {
            let detail =
                "this instance was started without a configuration that could be read again";
            Err(Problem::new(409, detail).into())
        })
    }

    /// Changes one provider, and says how it stands over the last 24 hours.
    pub async fn change_provider(
        &self,
        name: &str,
        change: ProviderChange,
        who: &str,
    ) -> Result<ProviderReport, ApiError> {
        let names_revision = change.revision.is_some();
        let command = Command::ChangeProvider {
            name: name.to_owned(),
            patch: validation::provider(&change)?,
            who: who.to_owned(),
        };
        let answer = self.handle.execute(command).await?;
        let picture = self.handle.snapshot(Window::Day.seconds()).await?;
        let provider = picture.providers.iter().find(|it| &*it.name == name);
        // A reload may take it away right after the change.
        let provider = provider.ok_or(Busy)?;
        let status = ProviderStatus::new(provider, &picture);
        ProviderReport::new(status, &answer, names_revision).ok_or_else(|| Busy.into())
    }

    /// Sends updates until nobody listens.
    pub(super) async fn watch(self, window: Window, updates: mpsc::Sender<Update>) {
        let mut pictures = self.handle.watch(window.seconds());
        match self.status(window).await {
            Ok(status) => tell(&updates, Update::Status(Arc::new(status))),
            Err(busy) => tell(&updates, Update::Disconnected(busy.to_string())),
        }
        loop {
            let news = tokio::select! {
                () = updates.closed() => return,
                news = tokio::time::timeout(ENGINE_TIMEOUT, pictures.changed()) => news,
            };
            // The handle itself holds the sending end, so a stopped engine is only silent.
            if news.is_err() {
                tell(
                    &updates,
                    Update::Disconnected("the engine says nothing".to_owned()),
                );
                continue;
            }
            let picture = Arc::clone(&pictures.borrow_and_update());
            let status = self.status_from(&picture, window);
            tell(&updates, Update::Status(Arc::new(status)));
        }
    }
}

fn tell(updates: &mpsc::Sender<Update>, update: Update) {
    // A reader that is so far behind gets the next one; pictures come four times a second.
    let _next_comes = updates.try_send(update);
}

fn report(answer: &CommandReply, saved: Option<&str>) -> Result<WeightsReport, ApiError> {
    WeightsReport::new(answer, saved.map(str::to_owned)).ok_or_else(|| Busy.into())
}

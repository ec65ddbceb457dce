//! Forecasts of drafts: what a request asks for, and the work on a thread of its own.

use super::error::ApiError;
use super::selection::find_provider;
use super::validation;
use crate::contract::{Problem, WhatIfRequest};
use crate::domain::{
    Catalogue, ClosedLoopForecast, CommandError, DecisionRecord, ForecastEffort, RunLimits,
    ServiceGoal, SettingsDraft, TrafficData, WeightAdvice, Weights, WhatIf, WhatIfSettings, advise,
    forecast, simulate,
};
use crate::engine::{Busy, EngineHandle};
use arc_swap::ArcSwap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::Instant;

/// Time for which forecasts are made from one copy of the traffic, so that the same draft has the same
/// figures wherever they are shown.
const FROZEN_FOR: Duration = Duration::from_secs(10);
/// Seconds after which another search may begin.
const SEARCH_S: u64 = 10;

/// Computes forecasts, one at a time: they take all of a core. A search for weights takes much longer,
/// so it has a turn of its own, and a second one is refused.
#[derive(Debug, Clone, Default)]
pub(super) struct Forecaster {
    limits: Arc<ArcSwap<RunLimits>>,
    turn: Arc<Mutex<()>>,
    frozen: Arc<Mutex<Option<FrozenTraffic>>>,
    search: Arc<Mutex<()>>,
}

/// A copy of the traffic, with the revision that was in force.
#[derive(Debug)]
struct FrozenTraffic {
    data: Arc<TrafficData>,
    revision: u64,
    since: Instant,
}

/// The turn of a search. It ends with the search, also if its caller has left.
pub(super) struct SearchTurn(
    #[expect(dead_code, reason = "it is held, not read")] OwnedMutexGuard<()>,
);

/// A checked draft, for the replay of single decisions and for the closed loop.
#[derive(Debug)]
pub(super) struct CheckedDraft {
    pub settings: WhatIfSettings,
    draft: SettingsDraft,
    effort: ForecastEffort,
}

impl CheckedDraft {
    /// Checks the draft of a request; missing weights are those in force.
    pub fn new(
        request: &WhatIfRequest,
        in_force: Weights,
        catalogue: &Catalogue,
    ) -> Result<Self, ApiError> {
        let weights = request.weights.over(in_force).validated();
        let weights = weights.map_err(CommandError::from)?;
        let mut settings = WhatIfSettings::from(weights);
        let mut draft = SettingsDraft {
            weights: Some(weights),
            settings: validation::forecast(request)?,
            ..SettingsDraft::default()
        };
        for (name, changed) in &request.providers {
            let provider = find_provider(catalogue, name)?;
            let patch = changed.patch();
            patch.validate()?;
            draft.providers.insert(provider, patch);
            settings.providers.insert(provider, changed.supposed());
        }
        let effort = if request.quick {
            ForecastEffort::Quick
        } else {
            ForecastEffort::Full
        };
        Ok(Self {
            settings,
            draft,
            effort,
        })
    }
}

impl Forecaster {
    /// Replaces the time limits of the runs, after a reload.
    pub fn set_limits(&self, limits: RunLimits) {
        self.limits.store(Arc::new(limits));
    }

    /// The traffic that forecasts are made from: a copy that is at most [`FROZEN_FOR`] old.
    pub async fn traffic(
        &self,
        handle: &EngineHandle,
        revision: u64,
    ) -> Result<Arc<TrafficData>, Busy> {
        let mut frozen = self.frozen.lock().await;
        let is_current =
            |it: &&FrozenTraffic| it.revision == revision && it.since.elapsed() < FROZEN_FOR;
        if let Some(known) = frozen.as_ref().filter(is_current) {
            return Ok(Arc::clone(&known.data));
        }
        let data: Arc<TrafficData> = Arc::from(handle.traffic_data().await?);
        *frozen = Some(FrozenTraffic {
            data: Arc::clone(&data),
            revision,
            since: Instant::now(),
        });
        Ok(data)
    }

    /// Begins a search for weights.
    pub fn begin_search(&self) -> Result<SearchTurn, ApiError> {
        let turn = Arc::clone(&self.search).try_lock_owned();
        turn.map(SearchTurn).map_err(|_| ApiError::Other {
            problem: Problem::new(
                503,
                "another search for weights is running; only one runs at a time",
            ),
            retry_after: Some(Duration::from_secs(SEARCH_S)),
        })
    }

    /// Searches weights for a goal.
    pub async fn advise(
        &self,
        goal: ServiceGoal,
        (data, revision): (Box<TrafficData>, u64),
        turn: SearchTurn,
    ) -> Result<WeightAdvice, ApiError> {
        let limits = **self.limits.load();
        let work = move || {
            let advice = advise(&data, goal, limits, goal.seed(revision));
            drop(turn);
            advice
        };
        let done = tokio::task::spawn_blocking(work).await.map_err(|_| Busy)?;
        Ok(done?)
    }

    /// Replays single decisions and runs the closed loop.
    pub async fn forecast(
        &self,
        checked: CheckedDraft,
        decisions: Vec<Arc<DecisionRecord>>,
        (data, revision): (Arc<TrafficData>, u64),
    ) -> Result<(WhatIf, ClosedLoopForecast), ApiError> {
        let _turn = self.turn.lock().await;
        let limits = **self.limits.load();
        let work = move || {
            let CheckedDraft {
                settings,
                draft,
                effort,
            } = checked;
            let replayed = simulate(&decisions, &settings);
            let effort = (effort, draft.seed(revision));
            let closed = forecast(&data, &draft, limits, effort)?;
            Ok((replayed, closed))
        };
        let done: Result<_, CommandError> =
            tokio::task::spawn_blocking(work).await.map_err(|_| Busy)?;
        Ok(done?)
    }
}

//! Forecasts of drafts: what a request asks for, and the work on a thread of its own.

use super::error::ApiError;
use super::selection::find_provider;
use super::validation;
use crate::contract::{Problem, WhatIfRequest};
use crate::domain::{
    BudgetDraft, Catalogue, ClosedLoopForecast, CommandError, DecisionRecord, ForecastEffort,
    Money, RunLimits, ServiceGoal, SettingsDraft, TrafficData, WeightAdvice, Weights, WhatIf,
    WhatIfSettings, advise, forecast, simulate,
};
use crate::engine::Busy;
use arc_swap::ArcSwap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// Seconds after which another search may begin.
const SEARCH_S: u64 = 10;

/// Computes forecasts, one at a time: they take all of a core. A search for weights takes much longer,
/// so it has a turn of its own, and a second one is refused.
#[derive(Debug, Clone, Default)]
pub(super) struct Forecaster {
    limits: Arc<ArcSwap<RunLimits>>,
    turn: Arc<Mutex<()>>,
    search: Arc<Mutex<()>>,
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
            strategy: validation::forecast(request)?,
            ..SettingsDraft::default()
        };
        for (name, changed) in &request.providers {
            let provider = find_provider(catalogue, name)?;
            let patch = changed.patch();
            patch.validate()?;
            draft.providers.insert(provider, patch);
            settings.providers.insert(provider, changed.supposed());
        }
        let budget = request.budget.unwrap_or_default();
        draft.budget = BudgetDraft {
            per_day: budget.usd_per_day.map(Money::from_usd),
            per_month: budget.usd_per_month.map(Money::from_usd),
        };
        Ok(Self { settings, draft })
    }
}

impl Forecaster {
    /// Replaces the time limits of the runs, after a reload.
    pub fn set_limits(&self, limits: RunLimits) {
        self.limits.store(Arc::new(limits));
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
        (data, revision): (Box<TrafficData>, u64),
    ) -> Result<(WhatIf, ClosedLoopForecast), ApiError> {
        let _turn = self.turn.lock().await;
        let limits = **self.limits.load();
        let work = move || {
            let CheckedDraft { settings, draft } = checked;
            let replayed = simulate(&decisions, &settings);
            let effort = (ForecastEffort::Full, draft.seed(revision));
            let closed = forecast(&data, &draft, limits, effort)?;
            Ok((replayed, closed))
        };
        let done: Result<_, CommandError> =
            tokio::task::spawn_blocking(work).await.map_err(|_| Busy)?;
        Ok(done?)
    }
}

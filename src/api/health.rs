//! Health checks, which need no token.

use super::state::SharedState;
use crate::client::ApiError;
use crate::clock;
use crate::contract::Problem;
use crate::domain::TargetIdx;
use crate::domain::{
    CandidateSet, Eligibility, ExclusionReason, ModelType, NoEligibleTarget, RandomDraw,
    RequestProfile, RoutingTable, TargetScope, select_target,
};
use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

/// Result of a check.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct HealthAnswer {
    /// `ok` or `ready`.
    status: &'static str,
}

/// `GET /healthz`
pub(super) async fn alive() -> Json<HealthAnswer> {
    Json(HealthAnswer { status: "ok" })
}

/// Failure probability from which a target counts as dead, although its breaker is closed: breakers
/// never open for most targets at once.
const DEAD_FAILURE_RATE: f64 = 0.7;

/// Checks whether some target is expected to answer. A half-open breaker that waits for a request
/// counts: without traffic it would wait for ever.
fn has_working_target(table: &RoutingTable, candidates: &CandidateSet) -> bool {
    candidates.rows().iter().any(|row| {
        let candidate = &table.candidates[row.target];
        match row.entry {
            Eligibility::Eligible => candidate.estimate.failure < DEAD_FAILURE_RATE,
            Eligibility::HalfOpenProbe => candidate.awaits_trial,
            Eligibility::Excluded(_) => false,
        }
    })
}

/// `GET /readyz`: 200 while at least one target is usable and the instance does not stop.
pub(super) async fn ready(State(state): SharedState) -> Result<Json<HealthAnswer>, ApiError> {
    if state.api.leaving.is_cancelled() {
        return Err(ApiError::from(Problem::new(503, "the instance stops")));
    }
    let ready = || Ok(Json(HealthAnswer { status: "ready" }));
    let now = clock::now();
    let table = state.api.local.handle().routing_table();
    let active = table.catalogue.active_targets();
    let targets: Vec<TargetIdx> = active.map(|(index, _)| index).collect();
    // Chat and embedding models are checked with requests of their own type.
    let (mut reasons, mut retry_after) = (Vec::new(), None);
    let mut candidates = CandidateSet::default();
    for kind in [ModelType::Chat, ModelType::Embedding] {
        let profile = RequestProfile {
            scope: TargetScope::Only(&targets),
            ..RequestProfile::usual(kind)
        };
        let selected = select_target(
            &table,
            &profile,
            now,
            RandomDraw::default(),
            &mut candidates,
        );
        let none = match selected {
            Ok(_) if has_working_target(&table, &candidates) => return ready(),
            Ok(_) => NoEligibleTarget {
                rejected: candidates.rejected(),
                retry_after: None,
            },
            Err(none) => none,
        };
        // A target at its concurrency limit is usable.
        if none.rejected.iter().any(|(_, why)| why.is_at_capacity()) {
            return ready();
        }
        for (target, why) in &none.rejected {
            let text = format!("{}: {}", table.candidates[*target].id, why.text(now));
            if !matches!(why, ExclusionReason::MissingCapability(_)) && !reasons.contains(&text) {
                reasons.push(text);
            }
        }
        retry_after = none.retry_after.into_iter().chain(retry_after).min();
    }
    let detail = if reasons.is_empty() {
        let configured = "no target is configured";
        let failing = "nearly all attempts at every target fail";
        let text = if targets.is_empty() {
            configured
        } else {
            failing
        };
        text.to_owned()
    } else {
        format!("no target is usable: {}", reasons.join("; "))
    };
    Err(ApiError::Other {
        problem: Problem::new(503, detail),
        retry_after,
    })
}

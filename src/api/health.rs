//! The two questions that need no token.

use super::SharedState;
use crate::client::ApiError;
use crate::clock;
use crate::contract::Problem;
use crate::domain::TargetIdx;
use crate::domain::{
    CandidateSet, ExclusionReason, ModelType, NoEligibleTarget, RandomDraw, RequestProfile,
    SelectionReason, TargetScope, select_target,
};
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

/// `GET /healthz`
pub(super) async fn alive() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// `GET /readyz`: whether at least one target is usable.
pub(super) async fn ready(State(desk): SharedState) -> Result<Json<Value>, ApiError> {
    let ready = || Ok(Json(json!({ "status": "ready" })));
    let now = clock::now();
    let table = desk.api.local.handle().routing_table();
    let active = table.catalogue.active_targets();
    let everybody: Vec<TargetIdx> = active.map(|(place, _)| place).collect();
    // Those that talk are asked for other work than those that make embeddings.
    let (mut said, mut retry_after, mut field) = (Vec::new(), None, CandidateSet::default());
    for kind in [ModelType::Chat, ModelType::Embedding] {
        let ask = RequestProfile {
            scope: TargetScope::Only(&everybody),
            ..RequestProfile::usual(kind)
        };
        let none = match select_target(&table, &ask, now, RandomDraw::default(), &mut field) {
            Ok(choice) if choice.reason != SelectionReason::LastResort => return ready(),
            Ok(_) => NoEligibleTarget {
                rejected: field.rejected(),
                retry_after: None,
            },
            Err(none) => none,
        };
        // Being busy is not being unusable.
        if none.rejected.iter().any(|(_, why)| why.is_at_capacity()) {
            return ready();
        }
        for (target, why) in &none.rejected {
            let text = format!("{}: {}", table.candidates[*target].id, why.text(now));
            if !matches!(why, ExclusionReason::MissingCapability(_)) && !said.contains(&text) {
                said.push(text);
            }
        }
        retry_after = none.retry_after.into_iter().chain(retry_after).min();
    }
    let detail = if said.is_empty() {
        "no target is configured".to_owned()
    } else {
        format!("no target is usable: {}", said.join("; "))
    };
    Err(ApiError {
        problem: Problem::new(503, detail),
        retry_after,
    })
}

//! Facts and health of models, in the shapes that clients of LiteLLM's proxy read.

use super::state::Gateway;
use crate::clock;
use crate::domain::{
    CandidateSet, Catalogue, ExclusionReason, ModelType, Money, RequestProfile, Target, TargetIdx,
    TargetScope,
};
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The routes of health; those of facts stand below several prefixes.
pub(super) fn routes() -> Router<Gateway> {
    let mut router = Router::new().route("/health", get(health));
    for path in ["/health/liveliness", "/health/liveness"] {
        router = router.route(path, get(alive));
    }
    router.route("/health/readiness", get(ready))
}

/// Lists what is known of every model: names of one model first, then `provider/model`.
pub(super) async fn info(State(gateway): State<Gateway>) -> Json<Value> {
    let catalogue = &gateway.handle.routing_table().catalogue;
    let mut names = BTreeSet::new();
    let mut data = Vec::new();
    for (_, target) in catalogue.active_targets() {
        if names.insert(&*target.id.model) {
            data.push(entry(&target.id.model, target));
        }
    }
    for (_, target) in catalogue.active_targets() {
        data.push(entry(&target.id.to_string(), target));
    }
    data.extend(routed(catalogue));
    Json(json!({"data": data}))
}

/// The routes, with the facts of their first targets.
fn routed(catalogue: &Catalogue) -> impl Iterator<Item = Value> {
    catalogue.routes.iter().filter_map(|route| {
        let target = &catalogue.targets[*route.targets.first()?];
        Some(entry(&route.model, target))
    })
}

fn entry(name: &str, target: &Target) -> Value {
    let stated = target.capabilities;
    let has = |kind| target.types.contains(kind);
    let per_token = |price: Option<Money>| price.map(Money::usd);
    let price = target.price.as_ref();
    let mode = if has(ModelType::Embedding) {
        "embedding"
    } else {
        "chat"
    };
    json!({
        "model_name": name,
        "litellm_params": {"model": target.id.to_string()},
        "model_info": {
            "id": target.id.to_string(),
            "key": &*target.id.model,
            "mode": mode,
            "litellm_provider": &*target.id.provider,
            "max_tokens": stated.max_output,
            "max_input_tokens": stated.context_window,
            "max_output_tokens": stated.max_output,
            "input_cost_per_token": per_token(price.map(|price| price.input)),
            "output_cost_per_token": per_token(price.map(|price| price.output)),
            "cache_read_input_token_cost": per_token(price.and_then(|price| price.cached)),
            "cache_creation_input_token_cost": per_token(price.and_then(|price| price.written)),
            "supports_function_calling": stated.tools.unwrap_or(mode == "chat"),
            "supports_vision": stated.vision.unwrap_or(has(ModelType::Vision)),
            "supports_reasoning": stated.reasoning.unwrap_or(has(ModelType::Reasoning)),
            "supports_response_schema": stated.json_schema.unwrap_or(mode == "chat"),
            "supports_prompt_caching": price.is_some_and(|price| price.cached.is_some()),
        },
    })
}

/// Lists the targets that may be used now, and those that may not. Nothing is sent to them.
async fn health(State(gateway): State<Gateway>) -> Json<Value> {
    let table = gateway.handle.routing_table();
    let active = table.catalogue.active_targets();
    let targets: Vec<TargetIdx> = active.map(|(index, _)| index).collect();
    let profile = RequestProfile {
        scope: TargetScope::Only(&targets),
        ..RequestProfile::usual(ModelType::Chat)
    };
    let mut candidates = CandidateSet::default();
    candidates.evaluate(&table, &profile, clock::now());
    let is_down = |why: &ExclusionReason| {
        !why.is_at_capacity() && !matches!(why, ExclusionReason::MissingCapability(_))
    };
    let excluded = candidates.rejected().into_iter();
    let down: BTreeSet<TargetIdx> = excluded
        .filter(|(_, why)| is_down(why))
        .map(|(target, _)| target)
        .collect();
    let (unhealthy, healthy): (Vec<TargetIdx>, Vec<TargetIdx>) = targets
        .into_iter()
        .partition(|target| down.contains(target));
    let listed = |targets: &[TargetIdx]| -> Value {
        let target = |index: &TargetIdx| json!({"model": table.candidates[*index].id.to_string()});
        targets.iter().map(target).collect()
    };
    Json(json!({
        "status": if healthy.is_empty() { "error" } else { "ok" },
        "healthy_endpoints": listed(&healthy),
        "unhealthy_endpoints": listed(&unhealthy),
        "healthy_count": healthy.len(),
        "unhealthy_count": unhealthy.len(),
    }))
}

async fn alive() -> Json<&'static str> {
    Json("I'm alive!")
}

async fn ready() -> Json<Value> {
    Json(json!({"status": "healthy", "db": "Not connected"}))
}

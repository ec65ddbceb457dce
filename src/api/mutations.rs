//! Changes of weights and providers.

use super::SharedState;
use super::extract::{FieldReader, JsonFields};
use super::monitoring::WINDOWS;
use crate::access::Principal;
use crate::client::ApiError;
use crate::contract::{
    ProbeReport, Problem, ProviderChange, ProviderDraft, ProviderReport, ReloadReport,
    WeightOverride, WeightsChange, WeightsDraft, WeightsReport, WhatIfReport, WhatIfRequest,
    Window,
};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use std::collections::BTreeMap;

/// `GET /api/weights`
pub(super) async fn weights(State(desk): SharedState) -> Result<Json<WeightsReport>, ApiError> {
    Ok(Json(desk.api.local.weights().await?))
}

/// `PUT /api/weights`
pub(super) async fn set_weights(
    State(desk): SharedState,
    Extension(caller): Extension<Principal>,
    JsonFields(mut form): JsonFields,
) -> Result<Json<WeightsReport>, ApiError> {
    let change = WeightsChange {
        cost: form.number("cost"),
        latency: form.number("latency"),
        reliability: form.number("reliability"),
        load: form.number("load"),
        priority: form.number("priority"),
        revision: form.whole("revision"),
        reason: form.text("reason"),
        revert_after_seconds: form.whole("revertAfterSeconds"),
    };
    form.finish()?;
    let report = desk.api.local.set_weights(change, &caller.who).await?;
    Ok(Json(report))
}

/// `POST /api/weights/keep`
pub(super) async fn keep_weights(
    State(desk): SharedState,
    Extension(caller): Extension<Principal>,
) -> Result<Json<WeightsReport>, ApiError> {
    Ok(Json(desk.api.local.confirm_weights(&caller.who).await?))
}

/// `POST /api/revisions/{number}/rollback`
pub(super) async fn roll_back(
    State(desk): SharedState,
    number: Result<Path<u64>, PathRejection>,
    Extension(caller): Extension<Principal>,
) -> Result<Json<WeightsReport>, ApiError> {
    let wrong = |_| Problem::new(404, "a revision is known by a whole number from 1 up");
    let Path(number) = number.map_err(wrong)?;
    let report = desk.api.local.roll_back(number, &caller.who).await?;
    Ok(Json(report))
}

/// `POST /api/what-if`
pub(super) async fn what_if(
    State(desk): SharedState,
    JsonFields(mut form): JsonFields,
) -> Result<Json<WhatIfReport>, ApiError> {
    let weights = form.object("weights").map(|mut within| {
        let draft = WeightsDraft {
            cost: within.number("cost"),
            latency: within.number("latency"),
            reliability: within.number("reliability"),
            load: within.number("load"),
            priority: within.number("priority"),
        };
        form.join("weights", within);
        draft
    });
    let window = form.parsed("window", WINDOWS).unwrap_or(Window::Hour);
    let providers = drafted_providers(&mut form);
    form.finish()?;
    let request = WhatIfRequest {
        weights: weights.unwrap_or_default(),
        window,
        providers,
    };
    Ok(Json(desk.api.local.what_if(&request).await?))
}

fn drafted_providers(form: &mut FieldReader) -> BTreeMap<String, ProviderDraft> {
    let mut drafts = BTreeMap::new();
    let Some(mut named) = form.object("providers") else {
        return drafts;
    };
    for (name, mut within) in named.objects() {
        let draft = ProviderDraft {
            priority: within.number("priority"),
            weights: own_weights(&mut within),
        };
        named.join(&name, within);
        drafts.insert(name, draft);
    }
    form.join("providers", named);
    drafts
}

/// `PATCH /api/providers/{name}`
pub(super) async fn change_provider(
    State(desk): SharedState,
    name: Result<Path<String>, PathRejection>,
    Extension(caller): Extension<Principal>,
    JsonFields(mut form): JsonFields,
) -> Result<Json<ProviderReport>, ApiError> {
    let change = ProviderChange {
        enabled: form.flag("enabled"),
        draining: form.flag("draining"),
        priority: form.number("priority"),
        max_concurrent: form.signed("maxConcurrent"),
        weights: own_weights(&mut form),
        pin_seconds: form.whole("pinSeconds"),
        reset_breaker: form.flag("resetBreaker"),
        revision: form.whole("revision"),
        revert_after_seconds: form.whole("revertAfterSeconds"),
    };
    form.finish()?;
    let name = segment(name)?;
    let local = &desk.api.local;
    let report = local.change_provider(&name, change, &caller.who).await?;
    Ok(Json(report))
}

fn own_weights(form: &mut FieldReader) -> Option<WeightOverride> {
    let mut within = form.object("weights")?;
    let weights = WeightOverride {
        cost: within.number("cost"),
        latency: within.number("latency"),
        reliability: within.number("reliability"),
    };
    form.join("weights", within);
    Some(weights)
}

/// `POST /api/providers/{name}/probe`
pub(super) async fn probe(
    State(desk): SharedState,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<ProbeReport>, ApiError> {
    let name = segment(name)?;
    Ok(Json(desk.api.local.probe(&name).await?))
}

/// `POST /api/reload`
pub(super) async fn reload(
    State(desk): SharedState,
    Extension(caller): Extension<Principal>,
) -> Result<Json<ReloadReport>, ApiError> {
    Ok(Json(desk.api.local.reload(&caller.who).await?))
}

fn segment(name: Result<Path<String>, PathRejection>) -> Result<String, ApiError> {
    let wrong = |_| Problem::new(400, "the provider's name in the path is not UTF-8 text");
    Ok(name.map_err(wrong)?.0)
}

//! Selections without a request.

use super::error::{ApiError, NoTargetError};
use super::validation;
use crate::contract::{SelectRequest, Selection, SelectionRoundReport};
use crate::domain::{
    CandidateSet, Catalogue, CommandError, DecisionId, ModelResolution, ModelType,
    NoEligibleTarget, ProviderIdx, RandomDraw, RequestClass, RequestProfile, RequiredCapabilities,
    RouteOrder, RoutingTable, SelectionContext, SelectionRound, TargetIdx, TargetScope, UnixTime,
    resolve, select_target,
};

/// Id, random numbers and time of a selection.
#[derive(Debug, Clone, Copy)]
pub(super) struct DryRunContext {
    pub decision: DecisionId,
    pub luck: RandomDraw,
    pub now: UnixTime,
}

/// Selects as the gateway would for such a request; reserves nothing, and no total counts it.
pub(super) fn select(
    table: &RoutingTable,
    request: &SelectRequest,
    at: DryRunContext,
) -> Result<(Selection, SelectionRound), ApiError> {
    validation::selection(request)?;
    let catalogue = &*table.catalogue;
    let requested = request
        .model_type
        .as_deref()
        .and_then(|word| word.parse::<ModelType>().ok());
    let resolution = match request.model.as_deref() {
        Some(name) => resolve(catalogue, name)?,
        None => ModelResolution::Auto(None),
    };
    let (scope, order, model_type, pinned) = match &resolution {
        ModelResolution::Auto(named) => {
            let kind = requested.or(*named).unwrap_or_default();
            (TargetScope::Type(kind), &RouteOrder::Balanced, kind, false)
        }
        ModelResolution::Targets {
            places,
            pinned,
            order,
        } => {
            let kind = requested.unwrap_or_else(|| first_type(catalogue, places));
            (TargetScope::Only(places), order, kind, *pinned)
        }
    };
    let preferred = match request.preferred_provider.as_deref() {
        Some(name) => Some(find_provider(catalogue, name)?),
        None => None,
    };
    let max_tokens = request.max_tokens.map(|tokens| tokens as f64);
    let profile = RequestProfile {
        scope,
        order,
        class: RequestClass::new(model_type, request.stream.unwrap_or(false))
            .with_max_tokens(max_tokens),
        // A type that the request does not name requires nothing: a route may hold several types.
        needs: requested.map_or(RequiredCapabilities::default(), RequiredCapabilities::of),
        pinned,
        max_tokens,
        preferred,
        max_cost: request.max_cost,
        max_latency: request.max_latency.map(|ms| ms / 1e3),
        means: table.budgets.scope_of(None).headroom(at.now),
        ..RequestProfile::usual(model_type)
    };
    let mut candidates = CandidateSet::default();
    let choice = select_target(table, &profile, at.now, at.luck, &mut candidates)
        .map_err(|none| no_target(none, table, model_type, at.now))?;
    let context = SelectionContext {
        decision: at.decision,
        is_dry_run: true,
        attempt: 1,
        class: profile.class,
        input: profile.input,
        luck: at.luck,
        at: at.now,
    };
    let round = SelectionRound::of(table, &candidates, Some(&choice), context);
    let mut selection =
        Selection::new(at.decision, &choice, table, &candidates, model_type, at.now);
    if request.explain == Some(true) {
        selection.explanation = SelectionRoundReport::new(&round, catalogue);
    }
    log_selection(&selection, choice.share);
    Ok((selection, round))
}

fn log_selection(selection: &Selection, share: f64) {
    tracing::info!(
        decision = %selection.decision_id,
        provider = %selection.provider,
        model = %selection.model,
        score = selection.score,
        share,
        reason = %selection.reason,
        "Load balancing decision"
    );
}

/// Type of the named models, where the request names none.
fn first_type(catalogue: &Catalogue, targets: &[TargetIdx]) -> ModelType {
    let serves = |kind: &ModelType| {
        targets
            .iter()
            .any(|&target| catalogue.targets[target].types.contains(*kind))
    };
    ModelType::ALL.into_iter().find(serves).unwrap_or_default()
}

/// Index of a provider by its name; the error lists the known ones.
pub fn find_provider(catalogue: &Catalogue, name: &str) -> Result<ProviderIdx, CommandError> {
    let known = || {
        catalogue
            .active_providers()
            .map(|(_, p)| p.name.to_string())
    };
    catalogue
        .provider(name)
        .ok_or_else(|| CommandError::UnknownProvider {
            name: name.to_owned(),
            known: known().collect(),
        })
}

fn no_target(
    none: NoEligibleTarget,
    table: &RoutingTable,
    model_type: ModelType,
    at: UnixTime,
) -> NoTargetError {
    let excluded = none.rejected.into_iter();
    NoTargetError {
        model_type,
        excluded: excluded
            .map(|(target, reason)| (table.candidates[target].id.clone(), reason))
            .collect(),
        at,
        retry_after: none.retry_after,
    }
}

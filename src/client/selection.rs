//! Asking the balancer without a request behind it.

use super::ApiError;
use crate::contract::{FieldProblem, Problem, SelectRequest, Selection, SelectionRoundReport};
use crate::domain::{
    CandidateSet, Catalogue, CommandError, DecisionId, ModelResolution, ModelType,
    NoEligibleTarget, RandomDraw, RequestClass, RequestProfile, RequiredCapabilities, RoutingTable,
    SelectionContext, SelectionRound, TargetScope, UnixTime, resolve, select_target,
};
use serde_json::Value;

/// What is not by itself a decision, but belongs to one.
#[derive(Debug, Clone, Copy)]
pub struct DryRunContext {
    pub decision: DecisionId,
    pub luck: RandomDraw,
    pub now: UnixTime,
}

/// Refuses values that no request can have, all of them at once. A number that is none would
/// otherwise vanish on its way through JSON, and a constraint with it.
pub fn check(request: &SelectRequest) -> Result<(), Problem> {
    let mut errors = Vec::new();
    let limits = [
        ("maxCost", request.max_cost),
        ("maxLatency", request.max_latency),
    ];
    for (field, limit) in limits {
        if let Some(limit) = limit.filter(|limit| !(0.0..f64::INFINITY).contains(limit)) {
            errors.push(FieldProblem::new(
                field,
                written(limit),
                "a number from 0 up",
            ));
        }
    }
    if let Some(temperature) = request.temperature.filter(|number| !number.is_finite()) {
        errors.push(FieldProblem::new(
            "temperature",
            written(temperature),
            "a number",
        ));
    }
    if request.max_tokens == Some(0) {
        errors.push(FieldProblem::new(
            "maxTokens",
            0,
            "a whole number from 1 up",
        ));
    }
    if let Some(word) = &request.model_type
        && word.parse::<ModelType>().is_err()
    {
        let words = ModelType::ALL.map(ModelType::as_str).join(", ");
        errors.push(FieldProblem::new(
            "modelType",
            word.as_str(),
            &format!("one of {words}"),
        ));
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Problem::fields(422, errors))
    }
}

/// A number as JSON, or as text where JSON has no such number.
fn written(number: f64) -> Value {
    serde_json::Number::from_f64(number).map_or_else(|| number.to_string().into(), Value::Number)
}

/// Chooses as the gateway would for such a request; takes no place and counts nowhere.
pub fn select(
    table: &RoutingTable,
    request: &SelectRequest,
    at: DryRunContext,
) -> Result<(Selection, SelectionRound), ApiError> {
    check(request)?;
    let catalogue = &*table.catalogue;
    let wanted = request
        .model_type
        .as_deref()
        .and_then(|word| word.parse::<ModelType>().ok());
    let naming = match request.model.as_deref() {
        Some(name) => resolve(catalogue, name)?,
        None => ModelResolution::Auto(None),
    };
    let (scope, model_type, pinned) = match &naming {
        ModelResolution::Auto(named) => {
            let kind = wanted.or(*named).unwrap_or_default();
            (TargetScope::Type(kind), kind, false)
        }
        ModelResolution::Targets { places, pinned } => {
            let kind = wanted.unwrap_or_else(|| first_type(catalogue, places));
            (TargetScope::Only(places), kind, *pinned)
        }
    };
    let preferred = match request.preferred_provider.as_deref() {
        Some(name) => Some(find_provider(catalogue, name)?),
        None => None,
    };
    let max_tokens = request.max_tokens.map(|tokens| tokens as f64);
    let ask = RequestProfile {
        scope,
        class: RequestClass::new(model_type, request.stream.unwrap_or(false))
            .with_max_tokens(max_tokens),
        // What was not named is no need: a route may hold models of several types.
        needs: wanted.map_or(RequiredCapabilities::default(), RequiredCapabilities::of),
        pinned,
        max_tokens,
        preferred,
        max_cost: request.max_cost,
        max_latency: request.max_latency.map(|ms| ms / 1e3),
        means: table.budgets.scope_of(None).headroom(at.now),
        ..RequestProfile::usual(model_type)
    };
    let mut field = CandidateSet::default();
    let choice = select_target(table, &ask, at.now, at.luck, &mut field)
        .map_err(|none| nobody(&none, table, model_type, at.now))?;
    let occasion = SelectionContext {
        decision: at.decision,
        is_dry_run: true,
        attempt: 1,
        class: ask.class,
        input: ask.input,
        luck: at.luck,
        at: at.now,
    };
    let round = SelectionRound::of(table, &field, Some(&choice), occasion);
    let mut selection = Selection::new(at.decision, &choice, table, &field, model_type, at.now);
    if request.explain == Some(true) {
        selection.explanation = SelectionRoundReport::new(&round, catalogue);
    }
    tracing::info!(
        decision = %selection.decision_id,
        provider = %selection.provider,
        model = %selection.model,
        score = selection.score,
        share = choice.share,
        reason = %selection.reason,
        "Load balancing decision"
    );
    Ok((selection, round))
}

/// What a named model is for, where the request does not say.
fn first_type(catalogue: &Catalogue, places: &[usize]) -> ModelType {
    let serves = |kind: &ModelType| {
        places
            .iter()
            .any(|&place| catalogue.targets[place].types.contains(*kind))
    };
    ModelType::ALL.into_iter().find(serves).unwrap_or_default()
}

/// The place of a provider, or which ones there are.
pub fn find_provider(catalogue: &Catalogue, name: &str) -> Result<usize, CommandError> {
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

fn nobody(
    none: &NoEligibleTarget,
    table: &RoutingTable,
    kind: ModelType,
    now: UnixTime,
) -> ApiError {
    let said: Vec<String> = none
        .rejected
        .iter()
        .map(|(target, why)| format!("{}: {}", table.candidates[*target].id, why.text(now)))
        .collect();
    let detail = if said.is_empty() {
        format!("no_target: no configured model serves {kind}")
    } else {
        format!("no_target: nobody may serve this now: {}", said.join("; "))
    };
    ApiError {
        problem: Problem::new(503, detail),
        retry_after: none.retry_after,
    }
}

//! Requests that run outside of the gateway: counted by hand, and their results learned from.

use super::extract::JsonBody;
use super::recent_selections::Selected;
use super::state::{ApiState, SharedState};
use crate::access::Principal;
use crate::client::{ApiError, find_provider};
use crate::clock;
use crate::contract::{
    ExternalLoadAction, ExternalLoadChange, ExternalLoadReading, FieldProblem, Problem,
};
use crate::domain::{
    AttemptEnd, AttemptStart, Catalogue, Command, CommandError, CommandReply, DecisionId, Failure,
    MeasuredUsage, Observation, Outcome, ProviderIdx, RequestIdentity, Role, TargetIdx, UnixTime,
    UpstreamLimits, Usage, cost,
};
use crate::engine::Busy;
use axum::extract::State;
use axum::{Extension, Json};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// Longest accepted duration of a request, in milliseconds: a day.
const MAX_LATENCY_MS: f64 = 86_400_000.0;
/// Highest accepted token count of a request.
const MAX_TOKENS: u64 = 1_000_000_000;
/// The same for a token with the role client, which may be wrong about it.
const MAX_CLIENT_TOKENS: u64 = 2_000_000;

/// `POST /api/load-balancing`
pub(super) async fn count(
    State(state): SharedState,
    Extension(principal): Extension<Principal>,
    JsonBody(change): JsonBody<ExternalLoadChange>,
) -> Result<Json<ExternalLoadReading>, ApiError> {
    let counted = count_for(&state, &principal, change).await;
    if let Err(error) = &counted
        && is_client(&principal)
    {
        let who = &principal.who;
        let text = format!("a report of the token {who:?} was refused: {error}");
        state.api.local.handle().emit_refusal(&text);
    }
    counted.map(Json)
}

/// Whether the reports of a token are believed within bounds only.
fn is_client(principal: &Principal) -> bool {
    principal.role == Role::Client
}

async fn count_for(
    state: &ApiState,
    principal: &Principal,
    change: ExternalLoadChange,
) -> Result<ExternalLoadReading, ApiError> {
    check_values(&change, principal)?;
    let handle = state.api.local.handle();
    let table = handle.routing_table();
    let now = clock::now();
    // Whatever can be rejected is, before anything is counted.
    let selected = selected(state, &table.catalogue, &change, principal)?;
    let attempt = attempt(
        &table.catalogue,
        &change,
        (selected.as_ref(), principal),
        now,
    )?;
    let command = Command::AdjustExternalLoad {
        provider: change.provider.clone(),
        model: change.model,
        action: change.action.into(),
        holder: Arc::clone(&principal.who),
        is_capped: is_client(principal),
    };
    let CommandReply::InFlight(in_flight) = handle.execute(command).await? else {
        return Err(Busy.into());
    };
    if let Some(attempt) = attempt {
        // Of two reports of a client at the same time one counts.
        let is_first = selected.is_some_and(|selected| state.selections.take(&selected));
        if is_first || !is_client(principal) {
            handle.observe(Observation::Attempt(attempt));
        }
    }
    Ok(ExternalLoadReading {
        provider: change.provider,
        in_flight,
    })
}

/// The selection that a report names. A client's result needs one that was made for its token and
/// has no result yet.
fn selected(
    state: &ApiState,
    catalogue: &Catalogue,
    change: &ExternalLoadChange,
    principal: &Principal,
) -> Result<Option<Selected>, ApiError> {
    let provider = find_provider(catalogue, &change.provider)?;
    let decision = change.decision_id.as_deref();
    let decision = decision.and_then(|id| id.parse::<DecisionId>().ok());
    let owner = Some(&*principal.who).filter(|_| is_client(principal));
    let selected = decision.and_then(|decision| state.selections.find(decision, owner));
    if selected.is_none() && is_client(principal) && change.has_result() {
        let value = Value::from(change.decision_id.clone());
        let expected = "the id of a selection for this token without a result";
        return Err(Problem::field("decisionId", value, expected).into());
    }
    if let Some(selected) = &selected
        && catalogue.targets[selected.target].provider != provider
    {
        let other = &catalogue.targets[selected.target].id.provider;
        let expected = format!("{other}, which that decision selected");
        return Err(Problem::field("provider", change.provider.as_str(), &expected).into());
    }
    Ok(selected)
}

/// Rejects values that no request can have, all of them at once.
fn check_values(change: &ExternalLoadChange, principal: &Principal) -> Result<(), ApiError> {
    let most = if is_client(principal) {
        MAX_CLIENT_TOKENS
    } else {
        MAX_TOKENS
    };
    let mut mistakes = Vec::new();
    let mut reject = |field: &str, value: Value, expected: &str| {
        mistakes.push(FieldProblem::new(field, value, expected));
    };
    if let Some(id) = change.decision_id.as_deref()
        && id.parse::<DecisionId>().is_err()
    {
        reject("decisionId", id.into(), "16 hexadecimal digits");
    }
    if let Some(latency) = change
        .latency_ms
        .filter(|ms| !(0.0..=MAX_LATENCY_MS).contains(ms))
    {
        let expected = format!("a number from 0 to {MAX_LATENCY_MS}");
        reject("latencyMs", latency.into(), &expected);
    }
    let tokens = [
        ("inputTokens", change.input_tokens),
        ("outputTokens", change.output_tokens),
    ];
    for (field, tokens) in tokens {
        if let Some(tokens) = tokens.filter(|&tokens| most < tokens) {
            let expected = format!("a whole number from 0 to {most}");
            reject(field, tokens.into(), &expected);
        }
    }
    if change.action == ExternalLoadAction::Increment && change.has_result() {
        let expected = "decrement, because only finished requests have results";
        reject("action", "increment".into(), expected);
    }
    if mistakes.is_empty() {
        Ok(())
    } else {
        Err(ApiError::Invalid(mistakes))
    }
}

/// Attempt that the balancer learns from, where the report has a result. A result without `success`
/// is a success.
fn attempt(
    catalogue: &Catalogue,
    change: &ExternalLoadChange,
    (selected, principal): (Option<&Selected>, &Principal),
    now: UnixTime,
) -> Result<Option<AttemptEnd>, ApiError> {
    let provider = find_provider(catalogue, &change.provider)?;
    if !change.has_result() {
        return Ok(None);
    }
    let target = target(catalogue, provider, change, selected)?;
    let is_success = change.success.unwrap_or(true);
    // Without a reported duration, the request ran from the selection until now.
    let latency = change
        .latency_ms
        .map(|ms| Duration::from_secs_f64(ms / 1e3))
        .or_else(|| selected.map(|selected| now.since(selected.at)));
    if is_success && latency.is_none() {
        // It would count as a success that took no time.
        return Ok(None);
    }
    let tokens = change.input_tokens.or(change.output_tokens);
    let usage = tokens.map(|_| Usage {
        input: change.input_tokens.unwrap_or(0),
        output: change.output_tokens.unwrap_or(0),
        ..Usage::default()
    });
    let price = catalogue.targets[target].price.as_ref();
    Ok(Some(AttemptEnd {
        decision: selected
            .map(|selected| selected.decision)
            .unwrap_or_default(),
        identity: Arc::new(RequestIdentity {
            client: Arc::clone(&principal.who),
            ..RequestIdentity::default()
        }),
        target,
        started: now.minus(latency.unwrap_or_default()),
        ended: now,
        outcome: if is_success {
            Outcome::Success
        } else {
            Outcome::Failed(Failure::Server)
        },
        first_token: None,
        usage: usage.map(MeasuredUsage::exact),
        cost: usage.zip(price).map(|(usage, price)| cost(usage, price)),
        streamed: false,
        trial: false,
        number: 0,
        status: None,
        message: None,
        dropped_fields: 0,
        ticket: AttemptStart::default(),
        limits: UpstreamLimits::default(),
        // A client's word is no evidence for a circuit breaker.
        client_deadline_hit: is_client(principal),
        abandoned_after: None,
    }))
}

/// Index of the target that the report is about: the decision's target, the named model, or the
/// provider's only one.
fn target(
    catalogue: &Catalogue,
    provider: ProviderIdx,
    change: &ExternalLoadChange,
    selected: Option<&Selected>,
) -> Result<TargetIdx, ApiError> {
    let targets: Vec<TargetIdx> = catalogue
        .active_targets()
        .filter(|(_, target)| target.provider == provider)
        .map(|(index, _)| index)
        .collect();
    let models = || {
        let model = |&index: &TargetIdx| catalogue.targets[index].id.model.to_string();
        targets.iter().map(model).collect::<Vec<_>>()
    };
    if let Some(selected) = selected {
        return Ok(selected.target);
    }
    if let Some(model) = &change.model {
        let found = catalogue.target(&change.provider, model);
        return found.ok_or_else(|| {
            CommandError::UnknownModel {
                provider: change.provider.clone(),
                model: model.clone(),
                known: models(),
            }
            .into()
        });
    }
    if let [only] = *targets {
        return Ok(only);
    }
    if let Some(id) = &change.decision_id {
        let detail =
            format!("decision {id} is not among the latest selections made here; name the model");
        return Err(Problem::new(404, detail).into());
    }
    let expected = format!(
        "one of {}, because {} has several",
        models().join(", "),
        change.provider
    );
    Err(Problem::field("model", Value::Null, &expected).into())
}

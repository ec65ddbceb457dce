//! Traffic that runs outside of the gateway: counted in and out by hand, and learnt from.

use super::balancing::Selected;
use super::extract::{FieldReader, JsonFields};
use super::{ApiState, SharedState};
use crate::client::{ApiError, find_provider};
use crate::clock;
use crate::contract::{ExternalLoadChange, ExternalLoadReading, Problem};
use crate::domain::{
    AttemptEnd, AttemptStart, Catalogue, Command, CommandError, CommandReply, DecisionId,
    ExternalLoadAction, Failure, MeasuredUsage, Observation, Outcome, UnixTime, UpstreamLimits,
    Usage, cost,
};
use crate::domain::{ProviderIdx, TargetIdx};
use crate::engine::Busy;
use axum::Json;
use axum::extract::State;
use std::time::Duration;

/// No request takes longer, in milliseconds: a day.
const MAX_LATENCY_MS: f64 = 86_400_000.0;
/// No request has more tokens.
const MAX_TOKENS: u64 = 1_000_000_000;
const ACTIONS: &str = "increment or decrement";

/// `POST /api/load-balancing`
pub(super) async fn count(
    State(desk): SharedState,
    JsonFields(form): JsonFields,
) -> Result<Json<ExternalLoadReading>, ApiError> {
    let (change, action) = read(form)?;
    let table = desk.api.local.handle().routing_table();
    let now = clock::now();
    // Everything that can be refused is, before anything is counted.
    let lesson = lesson(&desk, &table.catalogue, &change, now)?;
    let command = Command::AdjustExternalLoad {
        provider: change.provider.clone(),
        model: change.model,
        action,
    };
    let CommandReply::InFlight(in_flight) = desk.api.local.handle().execute(command).await? else {
        return Err(Busy.into());
    };
    if let Some(lesson) = lesson {
        desk.api
            .local
            .handle()
            .observe(Observation::Attempt(lesson));
    }
    Ok(Json(ExternalLoadReading {
        provider: change.provider,
        in_flight,
    }))
}

fn read(mut form: FieldReader) -> Result<(ExternalLoadChange, ExternalLoadAction), ApiError> {
    let change = ExternalLoadChange {
        provider: form.required_text("provider"),
        action: form.required_text("action"),
        model: form.text("model"),
        decision_id: form.text("decisionId"),
        success: form.flag("success"),
        latency_ms: form.number("latencyMs"),
        input_tokens: form.whole("inputTokens"),
        output_tokens: form.whole("outputTokens"),
    };
    let action = match &*change.action {
        "increment" => ExternalLoadAction::Increment,
        "decrement" => ExternalLoadAction::Decrement,
        other => {
            if !other.is_empty() {
                form.refuse("action", other, ACTIONS);
            }
            ExternalLoadAction::Decrement
        }
    };
    if let Some(id) = change.decision_id.as_deref()
        && id.parse::<DecisionId>().is_err()
    {
        form.refuse("decisionId", id, "16 hexadecimal digits");
    }
    if let Some(latency) = change
        .latency_ms
        .filter(|ms| !(0.0..=MAX_LATENCY_MS).contains(ms))
    {
        let expected = format!("a number from 0 to {MAX_LATENCY_MS}");
        form.refuse("latencyMs", latency, &expected);
    }
    let tokens = [
        ("inputTokens", change.input_tokens),
        ("outputTokens", change.output_tokens),
    ];
    for (field, tokens) in tokens {
        if let Some(tokens) = tokens.filter(|&tokens| MAX_TOKENS < tokens) {
            let expected = format!("a whole number from 0 to {MAX_TOKENS}");
            form.refuse(field, tokens, &expected);
        }
    }
    if action == ExternalLoadAction::Increment && is_learnt_from(&change) {
        let expected = "decrement, for only what has ended can be learnt from";
        form.refuse("action", "increment", expected);
    }
    form.finish()?;
    Ok((change, action))
}

fn is_learnt_from(change: &ExternalLoadChange) -> bool {
    change.success.is_some()
        || change.latency_ms.is_some()
        || change.input_tokens.is_some()
        || change.output_tokens.is_some()
}

/// What the report teaches; a report that does not say `success` is one of a success.
fn lesson(
    desk: &ApiState,
    catalogue: &Catalogue,
    change: &ExternalLoadChange,
    now: UnixTime,
) -> Result<Option<AttemptEnd>, ApiError> {
    let provider = find_provider(catalogue, &change.provider)?;
    let decision = change.decision_id.as_deref();
    let decision = decision.and_then(|id| id.parse::<DecisionId>().ok());
    let selected = decision.and_then(|decision| desk.selections.find(decision));
    if let Some(selected) = selected
        && catalogue.targets[selected.target].provider != provider
    {
        let chosen = &catalogue.targets[selected.target].id.provider;
        let expected = format!("{chosen}, which that decision chose");
        return Err(Problem::field("provider", change.provider.as_str(), &expected).into());
    }
    if !is_learnt_from(change) {
        return Ok(None);
    }
    let target = target(catalogue, provider, change, selected)?;
    let is_success = change.success.unwrap_or(true);
    // Where nobody says how long it took, it ran from the selection until now.
    let latency = change
        .latency_ms
        .map(|ms| Duration::from_secs_f64(ms / 1e3))
        .or_else(|| selected.map(|selected| now.since(selected.at)));
    if is_success && latency.is_none() {
        // A success that took no known time would be learnt as one that took none.
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
        dropped_fields: 0,
        ticket: AttemptStart::default(),
        limits: UpstreamLimits::default(),
        client_deadline_hit: false,
        abandoned_after: None,
    }))
}

/// Whose record it is: the decision's target, the named model, or the provider's only one.
fn target(
    catalogue: &Catalogue,
    provider: ProviderIdx,
    change: &ExternalLoadChange,
    selected: Option<Selected>,
) -> Result<TargetIdx, ApiError> {
    let models: Vec<TargetIdx> = catalogue
        .active_targets()
        .filter(|(_, target)| target.provider == provider)
        .map(|(place, _)| place)
        .collect();
    let names = || {
        let name = |&at: &TargetIdx| catalogue.targets[at].id.model.to_string();
        models.iter().map(name).collect::<Vec<_>>()
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
                known: names(),
            }
            .into()
        });
    }
    if let [only] = *models {
        return Ok(only);
    }
    Err(match &change.decision_id {
        Some(id) => Problem::new(
            404,
            format!("decision {id} is not among the latest selections made here; name the model"),
        ),
        None => Problem::field(
            "model",
            serde_json::Value::Null,
            &format!(
                "one of {}, for {} has several",
                names().join(", "),
                change.provider
            ),
        ),
    }
    .into())
}

//! Rules of value: what no instance accepts is rejected before it is sent, all mistakes at once.

use super::error::ApiError;
use crate::contract::{
    AdviceRequest, FieldProblem, MuteRequest, ProviderChange, SelectRequest, SettingsChange,
    SettingsValues, UsdLimit, WeightsChange, WhatIfRequest,
};
use crate::domain::{
    CommandError, ModelType, Money, NewBudget, OverBudgetPolicy, ProviderPatch, SettingsPatch,
    WeightOverride, WeightsPatch,
};
use crate::foreign::EscapeControls;
use serde_json::Value;
use std::time::Duration;

/// Longest time until a change reverts, in seconds: a year.
const MAX_REVERT_AFTER_S: u64 = 31_536_000;
/// Longest reason of a change, in characters.
const MAX_REASON_CHARS: usize = 500;
/// Longest pin of a provider, in seconds: a day.
const MAX_PIN_S: u64 = 86_400;
/// Longest drain with an end, in seconds: a day.
const MAX_DRAIN_S: u64 = 86_400;

/// Longest silence about an alert, in seconds: 30 days.
const MAX_MUTE_S: u64 = 2_592_000;

/// Mistakes of one request.
#[derive(Debug, Default)]
struct Mistakes(Vec<FieldProblem>);

impl Mistakes {
    fn reject(&mut self, field: &str, value: impl Into<Value>, expected: &str) {
        self.0.push(FieldProblem::new(field, value, expected));
    }

    /// Rejects a number outside of `range`; numbers that are missing pass.
    fn check_whole(
        &mut self,
        field: &str,
        value: Option<u64>,
        range: std::ops::RangeInclusive<u64>,
    ) {
        if let Some(value) = value.filter(|value| !range.contains(value)) {
            let expected = format!("a whole number from {} to {}", range.start(), range.end());
            self.reject(field, value, &expected);
        }
    }

    /// Returns the value of a word, and rejects another one.
    fn word<T>(
        &mut self,
        field: &str,
        word: Option<&str>,
        (parse, words): (impl Fn(&str) -> Option<T>, &[&str]),
    ) -> Option<T> {
        let word = word?;
        let known = parse(word);
        if known.is_none() {
            self.reject(field, word, &format!("one of {}", words.join(", ")));
        }
        known
    }

    /// Returns the reason of a change, in one line.
    fn check_reason(&mut self, reason: Option<&str>) -> Option<String> {
        let reason = reason?;
        if reason.chars().nth(MAX_REASON_CHARS).is_some() {
            let expected = format!("a text of at most {MAX_REASON_CHARS} characters");
            let start = reason.chars().take(40).collect::<String>() + "…";
            self.reject("reason", start, &expected);
        }
        Some(EscapeControls::line(reason).to_string())
    }

    fn finish(self) -> Result<(), ApiError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(ApiError::Invalid(self.0))
        }
    }
}

/// The length of a silence.
pub(super) fn mute(mute: MuteRequest) -> Result<Duration, ApiError> {
    let mut mistakes = Mistakes::default();
    mistakes.check_whole("seconds", Some(mute.seconds), 0..=MAX_MUTE_S);
    mistakes.finish()?;
    Ok(Duration::from_secs(mute.seconds))
}

/// The settings of a forecast as a command's patch.
pub(super) fn forecast(request: &WhatIfRequest) -> Result<SettingsPatch, ApiError> {
    let change = SettingsChange {
        strategy: request.strategy.clone(),
        budget: request.budget.clone(),
        breaker: request.breaker,
        ..SettingsChange::default()
    };
    let mut mistakes = Mistakes::default();
    let patch = settings_patch(&change, &mut mistakes);
    mistakes.finish().map(|()| patch)
}

/// The change as a command's patch.
pub(super) fn settings(change: &SettingsChange, who: &str) -> Result<SettingsPatch, ApiError> {
    let mut mistakes = Mistakes::default();
    let patch = settings_patch(change, &mut mistakes);
    let reason = mistakes.check_reason(change.reason.as_deref());
    let revert_after = change.revert_after_seconds;
    mistakes.check_whole("revertAfterSeconds", revert_after, 1..=MAX_REVERT_AFTER_S);
    mistakes.finish()?;
    if patch == SettingsPatch::default() {
        return Err(ApiError::EmptyChange("strategy, budget, breaker"));
    }
    Ok(SettingsPatch {
        drafted_on: change.revision,
        reason,
        revert_after: revert_after.map(Duration::from_secs),
        who: who.to_owned(),
        ..patch
    })
}

/// The values of a change, without who makes it.
fn settings_patch(change: &SettingsChange, mistakes: &mut Mistakes) -> SettingsPatch {
    let budget = change.budget.clone().unwrap_or_default();
    let breaker = change.breaker.unwrap_or_default();
    for (field, limit) in [
        ("budget.usdPerDay", budget.usd_per_day),
        ("budget.usdPerMonth", budget.usd_per_month),
    ] {
        let usd = limit.and_then(|UsdLimit(usd)| usd);
        if let Some(usd) = usd.filter(|usd| !(0.0..1e9).contains(usd)) {
            mistakes.reject(
                field,
                json_number(usd),
                "\"none\" or a number from 0 to 1e9",
            );
        }
    }
    let limit =
        |limit: Option<UsdLimit>| limit.map(|UsdLimit(usd)| NewBudget(usd.map(Money::from_usd)));
    mistakes.check_whole(
        "breaker.failures",
        breaker.failures,
        1..=SettingsValues::MAX_FAILURES,
    );
    let longest = breaker.max_open_seconds;
    mistakes.check_whole(
        "breaker.maxOpenSeconds",
        longest,
        1..=SettingsValues::MAX_OPEN_SECONDS,
    );
    let strategies = SettingsValues::strategies();
    let policies = SettingsValues::over_budget_policies();
    let policy = budget.on_limit.as_deref();
    SettingsPatch {
        strategy: mistakes.word(
            "strategy",
            change.strategy.as_deref(),
            (|word: &str| word.parse().ok(), &strategies),
        ),
        per_day: limit(budget.usd_per_day),
        per_month: limit(budget.usd_per_month),
        on_limit: mistakes.word(
            "budget.onLimit",
            policy,
            (OverBudgetPolicy::parse, &policies),
        ),
        breaker_failures: breaker.failures,
        breaker_max_open_s: longest,
        ..SettingsPatch::default()
    }
}

/// Checks the bounds of a goal, of which there must be one.
pub(super) fn advice(request: &AdviceRequest) -> Result<(), ApiError> {
    let mut mistakes = Mistakes::default();
    let bounds = [
        (
            "p95Ms",
            request.p95_ms,
            1.0..=86_400_000.0,
            "milliseconds from 1 to 86400000",
        ),
        (
            "successRate",
            request.success_rate,
            0.0..=1.0,
            "a share from 0 to 1",
        ),
        (
            "usdPerDay",
            request.usd_per_day,
            0.0..=1e9,
            "a number from 0 to 1e9",
        ),
    ];
    if bounds.iter().all(|(_, bound, ..)| bound.is_none()) {
        let expected = "a goal: one of p95Ms, successRate and usdPerDay, or several";
        mistakes.reject("p95Ms", Value::Null, expected);
    }
    for (field, bound, range, expected) in bounds {
        if let Some(bound) = bound.filter(|bound| !range.contains(bound)) {
            mistakes.reject(field, json_number(bound), expected);
        }
    }
    mistakes.finish()
}

/// Checks the values of a selection request.
pub(super) fn selection(request: &SelectRequest) -> Result<(), ApiError> {
    let mut mistakes = Mistakes::default();
    let limits = [
        ("maxCost", request.max_cost),
        ("maxLatency", request.max_latency),
    ];
    for (field, limit) in limits {
        if let Some(limit) = limit.filter(|limit| !(0.0..f64::INFINITY).contains(limit)) {
            mistakes.reject(field, json_number(limit), "a number from 0 up");
        }
    }
    if let Some(temperature) = request.temperature.filter(|number| !number.is_finite()) {
        mistakes.reject("temperature", json_number(temperature), "a number");
    }
    if request.max_tokens == Some(0) {
        mistakes.reject("maxTokens", 0, "a whole number from 1 up");
    }
    if let Some(word) = &request.model_type
        && word.parse::<ModelType>().is_err()
    {
        let words = ModelType::ALL.map(ModelType::as_str).join(", ");
        mistakes.reject("modelType", word.as_str(), &format!("one of {words}"));
    }
    mistakes.finish()
}

/// The change as a command's patch.
pub(super) fn weights(change: &WeightsChange, who: &str) -> Result<WeightsPatch, ApiError> {
    let objectives = [
        ("cost", change.cost),
        ("latency", change.latency),
        ("reliability", change.reliability),
        ("load", change.load),
        ("priority", change.priority),
    ];
    if objectives.iter().all(|(_, points)| points.is_none()) {
        return Err(ApiError::EmptyChange(
            "cost, latency, reliability, load, priority",
        ));
    }
    let mut mistakes = Mistakes::default();
    for (field, points) in objectives {
        if let Some(points) = points.filter(|points| !(0.0..=100.0).contains(points)) {
            mistakes.reject(field, json_number(points), "a number from 0 to 100");
        }
    }
    let reason = mistakes.check_reason(change.reason.as_deref());
    let revert_after = change.revert_after_seconds;
    mistakes.check_whole("revertAfterSeconds", revert_after, 1..=MAX_REVERT_AFTER_S);
    mistakes.finish()?;
    Ok(WeightsPatch {
        cost: change.cost,
        latency: change.latency,
        reliability: change.reliability,
        load: change.load,
        priority: change.priority,
        drafted_on: change.revision,
        reason,
        revert_after: revert_after.map(Duration::from_secs),
        who: who.to_owned(),
    })
}

/// The change as a command's patch.
pub(super) fn provider(change: &ProviderChange) -> Result<ProviderPatch, ApiError> {
    let patch = ProviderPatch {
        enabled: change.enabled,
        draining: change.draining,
        drain_for: change.drain_seconds.map(Duration::from_secs),
        priority: change.priority,
        max_concurrent: change.max_concurrent,
        weights: change.weights.map(WeightOverride::from),
        pin: change.pin_seconds.map(Duration::from_secs),
        reset: change.reset_breaker == Some(true),
        drafted_on: change.revision,
        revert_after: change.revert_after_seconds.map(Duration::from_secs),
    };
    let mut mistakes = Mistakes::default();
    for setting in single_settings(&patch) {
        if let Err(CommandError::Field {
            field,
            value,
            expected,
        }) = setting.validate()
        {
            mistakes.reject(field, value, expected);
        }
    }
    mistakes.check_whole("pinSeconds", change.pin_seconds, 0..=MAX_PIN_S);
    mistakes.check_whole("drainSeconds", change.drain_seconds, 1..=MAX_DRAIN_S);
    if let (Some(seconds), Some(_)) = (change.drain_seconds, change.draining) {
        mistakes.reject("drainSeconds", seconds, "alone, without draining");
    }
    let revert_after = change.revert_after_seconds;
    mistakes.check_whole("revertAfterSeconds", revert_after, 1..=MAX_REVERT_AFTER_S);
    if let Some(seconds) = revert_after
        && !patch.has_setting()
    {
        let expected = "beside one of enabled, draining, priority, maxConcurrent, weights";
        mistakes.reject("revertAfterSeconds", seconds, expected);
    }
    mistakes.finish()?;
    Ok(patch)
}

/// The patch as patches of one setting each: the balancer's rule ends at the first mistake.
fn single_settings(patch: &ProviderPatch) -> [ProviderPatch; 3] {
    [
        ProviderPatch {
            priority: patch.priority,
            ..ProviderPatch::default()
        },
        ProviderPatch {
            max_concurrent: patch.max_concurrent,
            ..ProviderPatch::default()
        },
        ProviderPatch {
            weights: patch.weights,
            ..ProviderPatch::default()
        },
    ]
}

/// A number as JSON, or as text where JSON has no such number.
fn json_number(number: f64) -> Value {
    serde_json::Number::from_f64(number).map_or_else(|| number.to_string().into(), Value::Number)
}

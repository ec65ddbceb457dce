//! A provider's models: what they serve, what they cost, how long they may take.

use super::capabilities::ModelInfo;
use super::file;
use super::prices::{self, KnownModel};
use super::resolved::{self, ResolvedSetting};
use super::setting_error::SettingWarning;
use super::settings::{ModelSettings, ModelType, ModelTypes, Price};
use std::time::Duration;

/// How long an attempt may take until its first token, and a request as a whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeoutDefaults {
    pub timeout: Duration,
    pub first_token: Duration,
}

/// Reasoning models think before they speak.
const REASONING: TimeoutDefaults = TimeoutDefaults {
    timeout: Duration::from_mins(1),
    first_token: Duration::from_secs(20),
};
/// Ollama loads a model into memory before it speaks.
const OLLAMA: TimeoutDefaults = TimeoutDefaults {
    timeout: Duration::from_secs(90),
    first_token: Duration::from_mins(1),
};

/// The global timeouts and whether somebody set them: what is set outranks what is built in for
/// reasoning models and Ollama.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    global: TimeoutDefaults,
    is_timeout_set: bool,
    is_first_token_set: bool,
}

impl Timeouts {
    pub fn new(balancing: &file::Balancing, entries: &[ResolvedSetting]) -> Self {
        let is_set = |key: &str| resolved::origin_of(entries, key).is_set();
        Self {
            global: TimeoutDefaults {
                timeout: Duration::from_millis(balancing.timeout_ms),
                first_token: Duration::from_millis(balancing.first_token_timeout_ms),
            },
            is_timeout_set: is_set("balancing.timeout_ms"),
            is_first_token_set: is_set("balancing.first_token_timeout_ms"),
        }
    }

    /// The nearest setting: the model's, the provider's, the global one where it is set, what is
    /// built in for such a model, the global default.
    pub fn of(
        &self,
        provider: &file::Provider,
        model: Option<&file::Model>,
        types: &ModelTypes,
    ) -> TimeoutDefaults {
        let built_in = match provider.kind.as_str() {
            "ollama" => OLLAMA,
            _ if types.contains(&ModelType::Reasoning) => REASONING,
            _ => self.global,
        };
        let choose = |own: Option<u64>, is_set: bool, global, built_in| {
            own.map_or(
                if is_set { global } else { built_in },
                Duration::from_millis,
            )
        };
        let timeout = model
            .and_then(|model| model.timeout_ms)
            .or(provider.timeout_ms);
        let first_token = model.and_then(|model| model.first_token_timeout_ms);
        let first_token = first_token.or(provider.first_token_timeout_ms);
        TimeoutDefaults {
            timeout: choose(
                timeout,
                self.is_timeout_set,
                self.global.timeout,
                built_in.timeout,
            ),
            first_token: choose(
                first_token,
                self.is_first_token_set,
                self.global.first_token,
                built_in.first_token,
            ),
        }
    }
}

/// A configured model with everything that is known of it.
pub(super) fn model(
    provider: &file::Provider,
    model: &file::Model,
    timeouts: &Timeouts,
    entries: &[ResolvedSetting],
    warnings: &mut Vec<SettingWarning>,
) -> ModelSettings {
    let known = prices::find(&provider.kind, &model.id);
    let described = ModelInfo {
        id: &model.id,
        given: Some(model),
        known,
    };
    let types = described.types();
    let patience = timeouts.of(provider, Some(model), &types);
    let price = price(model, known);
    let given = [
        ("input_usd_per_1m", model.input_usd_per_1m),
        ("output_usd_per_1m", model.output_usd_per_1m),
    ];
    if let (None, Some((name, _))) = (price, given.iter().find(|(_, price)| price.is_some())) {
        let key = format!("providers[{}].models[{}].{name}", provider.name, model.id);
        let message = "the other price is unknown, so what this model costs stays unknown";
        warnings.push(SettingWarning::new(
            resolved::origin_of(entries, &key),
            key,
            message,
        ));
    }
    ModelSettings {
        id: model.id.clone(),
        types,
        price,
        abilities: described.capabilities(),
        peculiarities: described.quirks(),
        max_concurrent: model.max_concurrent,
        timeout: patience.timeout,
        first_token_timeout: patience.first_token,
    }
}

/// The price in force. What the table knows of caches and long prompts goes with the table's own
/// price, not with one that somebody set.
fn price(model: &file::Model, known: Option<&KnownModel>) -> Option<Price> {
    let known = known.map(Price::of);
    if model.input_usd_per_1m.is_none() && model.output_usd_per_1m.is_none() {
        return known;
    }
    Some(Price {
        input: model.input_usd_per_1m.or(known.map(|known| known.input))?,
        output: model
            .output_usd_per_1m
            .or(known.map(|known| known.output))?,
        cached_input: None,
        cache_write: None,
        above: None,
    })
}

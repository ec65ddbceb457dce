//! Settings of a provider's models: types, prices, timeouts.

use super::capabilities::ModelInfo;
use super::file;
use super::prices::{self, KnownModel};
use super::resolved::{self, ResolvedSetting};
use super::setting_error::SettingWarning;
use super::settings::{ModelPattern, ModelSettings, ProviderSettings};
use crate::domain::{ModelType, ModelTypes, Money, Price, matches_glob};
use std::time::Duration;

/// Timeouts of a request and of an attempt until its first token.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeoutDefaults {
    pub timeout: Duration,
    pub first_token: Duration,
}

/// Reasoning models send their first token late.
const REASONING: TimeoutDefaults = TimeoutDefaults {
    timeout: Duration::from_mins(1),
    first_token: Duration::from_secs(20),
};
/// Ollama loads a model into memory before its first token.
const OLLAMA: TimeoutDefaults = TimeoutDefaults {
    timeout: Duration::from_secs(90),
    first_token: Duration::from_mins(1),
};

/// The global timeouts and whether the operator set them: then they outrank the built-in timeouts of
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

    /// The first of: the model's setting, the provider's, the global one where it is set, the built-in
    /// value for such a model, the global default.
    pub fn resolve(
        &self,
        provider: &file::Provider,
        model: Option<&file::Model>,
        types: ModelTypes,
    ) -> TimeoutDefaults {
        let built_in = match provider.kind.as_str() {
            "ollama" => OLLAMA,
            _ if types.contains(ModelType::Reasoning) => REASONING,
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

impl ProviderSettings {
    /// Whether a model is served because the provider lists it.
    pub fn serves_listed(&self, id: &str) -> bool {
        let is_named = || self.models.iter().any(|model| model.id == id);
        let fits = self.patterns.is_empty() || self.pattern_of(id).is_some();
        fits && !is_named()
    }

    fn pattern_of(&self, id: &str) -> Option<&ModelPattern> {
        let mut patterns = self.patterns.iter();
        patterns.find(|pattern| matches_glob(pattern.text(), id))
    }

    /// The settings of a model that the provider lists itself; `None` where it is not to be served as
    /// such.
    pub fn listed_model(&self, id: &str) -> Option<ModelSettings> {
        if !self.serves_listed(id) {
            return None;
        }
        let pattern = self.pattern_of(id);
        let given = pattern.map(|pattern| &pattern.0);
        let known = prices::find(&self.kind, id);
        let described = ModelInfo { id, given, known };
        let timeout = |own: Option<u64>| own.map(Duration::from_millis);
        Some(ModelSettings {
            id: id.to_owned(),
            types: described.types(),
            price: match given {
                Some(given) => price(given, known),
                None => known.map(KnownModel::price),
            },
            capabilities: described.capabilities(),
            quirks: described.quirks(),
            max_concurrent: given.and_then(|given| given.max_concurrent),
            timeout: timeout(given.and_then(|given| given.timeout_ms)).unwrap_or(self.timeout),
            first_token_timeout: timeout(given.and_then(|given| given.first_token_timeout_ms))
                .unwrap_or(self.first_token_timeout),
        })
    }
}

/// The settings of a configured model, completed from the built-in table.
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
    let resolved_timeouts = timeouts.resolve(provider, Some(model), types);
    let price = price(model, known);
    let given = [
        ("input_usd_per_1m", model.input_usd_per_1m),
        ("output_usd_per_1m", model.output_usd_per_1m),
    ];
    if let (None, Some((name, _))) = (price, given.iter().find(|(_, price)| price.is_some())) {
        let key = format!("providers[{}].models[{}].{name}", provider.name, model.id);
        let message = "the other price is unknown, so the cost of this model stays unknown";
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
        capabilities: described.capabilities(),
        quirks: described.quirks(),
        max_concurrent: model.max_concurrent,
        timeout: resolved_timeouts.timeout,
        first_token_timeout: resolved_timeouts.first_token,
    }
}

/// The effective price. Where the input price is stated, the table's prices of the cache keep their
/// proportion to it, unless they are stated too. The table's prices of long prompts apply only with
/// its own prices.
fn price(model: &file::Model, known: Option<&KnownModel>) -> Option<Price> {
    let known = known.map(KnownModel::price);
    let stated = |usd: Option<f64>| usd.map(Money::per_token);
    let (input, output) = (
        stated(model.input_usd_per_1m),
        stated(model.output_usd_per_1m),
    );
    let is_own = input.is_some() || output.is_some();
    let price = Price {
        input: input.or(known.map(|known| known.input))?,
        output: output.or(known.map(|known| known.output))?,
        cached: None,
        written: None,
        above: known.and_then(|known| known.above).filter(|_| !is_own),
    };
    let in_proportion = |of: fn(&Price) -> Option<Money>| {
        let known = known.as_ref()?;
        let cache = of(known)?;
        if price.input == known.input {
            return Some(cache);
        }
        let share = cache.usd() / known.input.usd();
        let follows = share.is_finite().then(|| price.input.usd() * share)?;
        Some(Money::from_usd(follows))
    };
    Some(Price {
        cached: stated(model.cached_input_usd_per_1m)
            .or_else(|| in_proportion(|price| price.cached)),
        written: stated(model.cache_write_usd_per_1m)
            .or_else(|| in_proportion(|price| price.written)),
        ..price
    })
}

//! LiteLLM's table of prices.

use super::ImportError;
use crate::config::toml_string;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Most models that are read.
const MAX_MODELS: usize = 100_000;
/// Highest plausible price of a token in USD; more is a mistake of the table.
const MAX_USD_PER_TOKEN: f64 = 0.1;
/// LiteLLM's vendors, by the beginning of `litellm_provider`, and our kinds. Prices of all other vendors
/// would have to name their provider, which the table does not.
const KINDS: [(&str, &str); 6] = [
    ("openai", "openai"),
    ("text-completion-openai", "openai"),
    ("anthropic", "anthropic"),
    ("gemini", "gemini"),
    ("vertex_ai", "vertex"),
    ("xai", "xai"),
];

/// An imported table of prices.
#[derive(Debug)]
pub struct ImportedPrices {
    /// The table in the form of the built-in one.
    pub toml: String,
    /// Number of models in it.
    pub taken: usize,
    /// Number of models that were left out, by the reason.
    pub skipped: BTreeMap<String, usize>,
}

/// Turns LiteLLM's `model_prices_and_context_window.json` into our table. `source` is the name of the file,
/// `day` the day of the import, as 2026-12-31.
///
/// # Errors
///
/// The text is no JSON object, or has no model that can be taken.
pub fn import_prices(text: &str, source: &str, day: &str) -> Result<ImportedPrices, ImportError> {
    let table: Map<String, Value> = serde_json::from_str(text)
        .map_err(|error| ImportError(format!("it is no JSON object of models: {error}")))?;
    if table.len() > MAX_MODELS {
        return Err(ImportError(format!("it has more than {MAX_MODELS} models")));
    }
    let mut skipped: BTreeMap<String, usize> = BTreeMap::new();
    let mut known = BTreeSet::new();
    let mut rows = String::new();
    for (name, model) in table.iter().filter(|(name, _)| *name != "sample_spec") {
        let reason = match row(name, model) {
            Ok((kind, id, row)) if known.insert((kind, id.clone())) => {
                rows.push_str(&row);
                continue;
            }
            Ok(_) => "the same model twice".to_owned(),
            Err(reason) => reason,
        };
        *skipped.entry(reason).or_default() += 1;
    }
    if known.is_empty() {
        return Err(ImportError(
            "it has no model with a price per token of a vendor that is known here".to_owned(),
        ));
    }
    let head = format!(
        "# Made by `aibal-tui prices import`. Prices are USD per 1,000,000 tokens; a price in the configuration\n\
         # outranks them. Models that are missing here are those of the built-in table.\n\
         date = {day}\nread_on = {day}\nsource = {}\n",
        toml_string(source),
        day = toml_string(day),
    );
    Ok(ImportedPrices {
        toml: head + &rows,
        taken: known.len(),
        skipped,
    })
}

/// Kind, id and text of a model, or why it is left out.
fn row(name: &str, model: &Value) -> Result<(&'static str, String, String), String> {
    let text = |key: &str| model.get(key).and_then(Value::as_str);
    let vendor = text("litellm_provider").unwrap_or_default();
    let kind = KINDS.iter().find(|(prefix, kind)| {
        vendor == *prefix || (*kind == "vertex" && vendor.starts_with("vertex_ai"))
    });
    let Some((_, kind)) = kind else {
        return Err("a vendor whose prices stand in [[providers.models]]".to_owned());
    };
    let mode = text("mode").unwrap_or("chat");
    if !["chat", "completion", "responses", "embedding"].contains(&mode) {
        return Err(format!("mode {mode}, which is not billed by tokens alone"));
    }
    let id = name.rsplit_once('/').map_or(name, |(_, id)| id).to_owned();
    if name.starts_with("ft:") || name.contains("/ft:") {
        return Err("a pattern of fine-tuned models".to_owned());
    }
    let price = |key: &str| {
        let usd = model.get(key).and_then(Value::as_f64)?;
        let is_plausible = (0.0..=MAX_USD_PER_TOKEN).contains(&usd);
        is_plausible.then(|| per_million(usd))
    };
    let no_price = || "no plausible price of input and output tokens".to_owned();
    let input = price("input_cost_per_token").ok_or_else(no_price)?;
    let output = price("output_cost_per_token").or((mode == "embedding").then_some(0.0));
    let output = output.ok_or_else(no_price)?;
    let mut row = format!(
        "\n[[models]]\nkind = {}\nid = {}\ninput = {input}\noutput = {output}\n",
        toml_string(kind),
        toml_string(&id)
    );
    let of_cache = [
        ("cached_input", price("cache_read_input_token_cost")),
        ("cache_write", price("cache_creation_input_token_cost")),
    ];
    for (key, price) in of_cache {
        if let Some(price) = price {
            let _ = writeln!(row, "{key} = {price}");
        }
    }
    details(&mut row, model, mode);
    if let Some(above) = above(model, price) {
        row.push_str(&above);
    }
    Ok((*kind, id, row))
}

/// Limits and capabilities.
fn details(row: &mut String, model: &Value, mode: &str) {
    let count = |key: &str| {
        model
            .get(key)
            .and_then(Value::as_u64)
            .filter(|count| *count > 0)
    };
    let counts = [
        ("context_window", count("max_input_tokens")),
        ("max_output", count("max_output_tokens")),
        ("vector_size", count("output_vector_size")),
    ];
    for (key, count) in counts {
        if let Some(count) = count {
            let _ = writeln!(row, "{key} = {count}");
        }
    }
    let has = |key: &str| model.get(key).and_then(Value::as_bool) == Some(true);
    let abilities = match mode {
        "embedding" => vec!["embedding"],
        _ => [
            ("chat", true),
            ("vision", has("supports_vision")),
            ("reasoning", has("supports_reasoning")),
            ("tools", has("supports_function_calling")),
            ("responses-only", mode == "responses"),
        ]
        .into_iter()
        .filter_map(|(mode, has)| has.then_some(mode))
        .collect(),
    };
    let abilities: Vec<String> = abilities.into_iter().map(toml_string).collect();
    let _ = writeln!(row, "modes = [{}]", abilities.join(", "));
    if let Some(day) = model.get("deprecation_date").and_then(Value::as_str) {
        let _ = writeln!(row, "deprecation_date = {}", toml_string(day));
    }
    if let Some(flag) = model
        .get("supports_response_schema")
        .and_then(Value::as_bool)
    {
        let _ = writeln!(row, "flags = {{ json_schema = {flag} }}");
    }
}

/// The prices of longer prompts: those of the lowest threshold.
fn above(model: &Value, price: impl Fn(&str) -> Option<f64>) -> Option<String> {
    let keys = model.as_object()?.keys();
    let threshold = |key: &String| {
        let rest = key.strip_prefix("input_cost_per_token_above_")?;
        rest.strip_suffix("k_tokens")?.parse::<u64>().ok()
    };
    let thousands = keys.filter_map(threshold).filter(|it| *it > 0).min()?;
    let at = |key: &str| price(&format!("{key}_above_{thousands}k_tokens"));
    let (input, output) = (at("input_cost_per_token")?, at("output_cost_per_token")?);
    let cached = at("cache_read_input_token_cost");
    let cached = cached.map_or(String::new(), |price| format!(", cached_input = {price}"));
    let tokens = thousands.checked_mul(1_000)?;
    Some(format!(
        "above = {{ threshold_tokens = {tokens}, input = {input}, output = {output}{cached} }}\n"
    ))
}

/// A price per token as one per million, without the digits that come from the product of two binary
/// fractions.
fn per_million(usd: f64) -> f64 {
    format!("{:.9}", usd * 1e6).parse().unwrap_or(usd * 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = r#"{
        "sample_spec": {"litellm_provider": "openai", "input_cost_per_token": 1},
        "gpt-4o": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 2.5e-06,
            "output_cost_per_token": 1e-05, "cache_read_input_token_cost": 1.25e-06,
            "max_input_tokens": 128000, "max_output_tokens": 16384, "supports_vision": true,
            "supports_function_calling": true, "supports_response_schema": true},
        "claude-sonnet-4-5": {"litellm_provider": "anthropic", "mode": "chat",
            "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05,
            "cache_creation_input_token_cost": 3.75e-06, "cache_read_input_token_cost": 3e-07,
            "input_cost_per_token_above_200k_tokens": 6e-06,
            "output_cost_per_token_above_200k_tokens": 2.25e-05,
            "cache_read_input_token_cost_above_200k_tokens": 6e-07},
        "xai/grok-9": {"litellm_provider": "xai", "input_cost_per_token": 2e-06, "output_cost_per_token": 1e-05},
        "text-embedding-3-small": {"litellm_provider": "openai", "mode": "embedding",
            "input_cost_per_token": 2e-08, "output_vector_size": 1536},
        "dall-e-3": {"litellm_provider": "openai", "mode": "image_generation", "input_cost_per_pixel": 1},
        "azure/gpt-4o": {"litellm_provider": "azure", "input_cost_per_token": 1e-06},
        "openai/gpt-4o": {"litellm_provider": "openai", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06},
        "gpt-dear": {"litellm_provider": "openai", "input_cost_per_token": 25, "output_cost_per_token": 1},
        "gpt-odd": {"litellm_provider": "openai", "input_cost_per_token": "free", "output_cost_per_token": null}
    }"#;

    #[test]
    fn models_with_prices_per_token_are_taken_and_others_counted_by_reason() {
        let imported = import_prices(TABLE, "prices.json", "2026-12-01").unwrap();

        assert_eq!(imported.taken, 4);
        insta::assert_snapshot!("litellm_prices", imported.toml);
        let skipped: Vec<String> = imported
            .skipped
            .iter()
            .map(|(reason, count)| format!("{count} {reason}"))
            .collect();
        assert_eq!(
            skipped,
            [
                "1 a vendor whose prices stand in [[providers.models]]",
                "1 mode image_generation, which is not billed by tokens alone",
                "2 no plausible price of input and output tokens",
                "1 the same model twice",
            ]
        );
    }

    #[test]
    fn a_table_without_models_is_an_error() {
        for text in ["", "[]", "{}", r#"{"a": {"litellm_provider": "b"}}"#] {
            assert!(import_prices(text, "f", "2026-12-01").is_err(), "{text}");
        }
    }
}

//! What `aibal-tui prices` lists: the table in force, in at most 80 columns.
//!
//! A row is a model; a row below it that begins with `>` has the prices of prompts longer than that.

use super::origin::Origin;
use super::prices::{Above, KnownModel, PriceTable};
use super::resolved::{ResolvedSetting, origin_of};
use super::settings::{ModelCapabilities, ModelSettings, ProviderSettings};
use super::{Loaded, Price, prices};
use std::fmt::Write;

/// What a model's settings are called where they outrank the table.
const OVERRIDES: [&str; 10] = [
    "types",
    "input_usd_per_1m",
    "output_usd_per_1m",
    "context_window",
    "max_output",
    "vision",
    "reasoning",
    "tools",
    "json_schema",
    "sampling",
];

/// The price table in force: built in, and then what the configuration makes of it.
pub fn price_list(loaded: Option<&Loaded>) -> String {
    let table = prices::table();
    let mut text = head(table);
    for row in &table.models {
        text.push_str(&model(
            &row.kind,
            &row.id,
            Some(Price::of(row)),
            &known_abilities(row),
        ));
    }
    let Some(loaded) = loaded else {
        return text;
    };
    let settings = loaded.settings.providers.iter();
    let configured: String = settings
        .flat_map(|provider| provider.models.iter().map(move |model| (provider, model)))
        .filter_map(|(provider, model)| configured(provider, model, &loaded.entries))
        .collect();
    if !configured.is_empty() {
        text.push_str("\nOtherwise than in the table, by the configuration:\n");
        text.push_str(&configured);
    }
    text
}

fn head(table: &PriceTable) -> String {
    format!(
        "USD per 1,000,000 tokens; n/a is unknown, which is not free.\n\
         Source: {},\n\
         of {}, read on {}.\n\
         can: v sees pictures, r reasons, t calls tools, j keeps to a JSON schema,\n\
         e embeds; - cannot, ? is not stated. > has the prices of longer prompts.\n\n{}",
        table.source,
        table.date,
        table.read_on,
        line(
            [
                "kind", "model", "input", "output", "cached", "write", "holds", "can"
            ]
            .map(str::to_owned)
        )
    )
}

/// A model that the configuration sets otherwise, or that the table does not know.
fn configured(
    provider: &ProviderSettings,
    settings: &ModelSettings,
    entries: &[ResolvedSetting],
) -> Option<String> {
    let path = format!("providers[{}].models[{}]", provider.name, settings.id);
    let origin = |name: &&str| match origin_of(entries, &format!("{path}.{name}")) {
        Origin::BuiltIn => None,
        origin => Some(format!("  {name}: {origin}\n")),
    };
    let origins: String = OVERRIDES.iter().filter_map(origin).collect();
    let is_known = prices::find(&provider.kind, &settings.id).is_some();
    if origins.is_empty() && is_known {
        return None;
    }
    let mut text = model(
        &provider.name,
        &settings.id,
        settings.price,
        &settings.abilities,
    );
    text.push_str(&origins);
    if origins.is_empty() {
        text.push_str("  not in the table\n");
    }
    Some(text)
}

fn known_abilities(row: &KnownModel) -> ModelCapabilities {
    super::capabilities::ModelInfo {
        id: &row.id,
        given: None,
        known: Some(row),
    }
    .capabilities()
}

fn model(owner: &str, id: &str, price: Option<Price>, able: &ModelCapabilities) -> String {
    let mut text = line([
        owner.to_owned(),
        id.to_owned(),
        usd(price.map(|price| price.input)),
        usd(price.map(|price| price.output)),
        usd(price.and_then(|price| price.cached_input)),
        usd(price.and_then(|price| price.cache_write)),
        able.context_window.map_or_else(|| "n/a".to_owned(), tokens),
        letters(able),
    ]);
    if let Some(Above {
        threshold_tokens,
        input,
        output,
        cached_input,
    }) = price.and_then(|price| price.above)
    {
        text.push_str(&line([
            String::new(),
            format!("> {}", tokens(threshold_tokens)),
            usd(Some(input)),
            usd(Some(output)),
            usd(cached_input),
            String::new(),
            String::new(),
            String::new(),
        ]));
    }
    text
}

/// One row; names that are too long push the rest on rather than lose what tells them apart.
fn line([owner, id, input, output, cached, write, holds, can]: [String; 8]) -> String {
    let mut text = String::new();
    let _ = write!(
        text,
        "{owner:<9} {id:<27} {input:>6} {output:>6} {cached:>7} {write:>6} {holds:>6} {can}"
    );
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn usd(price: Option<f64>) -> String {
    price.map_or_else(|| "n/a".to_owned(), |price| price.to_string())
}

/// A count as people say it: `8191`, `128k`, `1.05M`.
fn tokens(count: u64) -> String {
    if count >= 1_000_000 && count.is_multiple_of(10_000) {
        format!("{}M", count as f64 / 1e6)
    } else if count >= 10_000 {
        format!("{}k", count / 1_000)
    } else {
        count.to_string()
    }
}

/// One letter for each thing a model can do.
fn letters(able: &ModelCapabilities) -> String {
    let all = [
        ('v', able.vision),
        ('r', able.reasoning),
        ('t', able.tools),
        ('j', able.json_schema),
        ('e', able.embeddings),
    ];
    let letter = |(letter, can): (char, Option<bool>)| match can {
        Some(true) => letter,
        Some(false) => '-',
        None => '?',
    };
    all.map(letter).iter().collect()
}

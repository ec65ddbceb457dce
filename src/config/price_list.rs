//! The output of `aibal-tui prices`: the effective table, in at most 80 columns.
//!
//! Each row is a model; a row below it that begins with `>` has the prices of longer prompts.

use super::loaded::Loaded;
use super::origin::Origin;
use super::prices;
use super::prices::{KnownModel, PriceTable};
use super::resolved::{ResolvedSetting, origin_of};
use super::settings::{ModelSettings, ProviderSettings};
use crate::domain::{Capabilities, Money, Price, PriceTier};
use std::fmt::Write;

/// Settings of a model that outrank the table.
const OVERRIDES: [&str; 12] = [
    "types",
    "input_usd_per_1m",
    "output_usd_per_1m",
    "cached_input_usd_per_1m",
    "cache_write_usd_per_1m",
    "context_window",
    "max_output",
    "vision",
    "reasoning",
    "tools",
    "json_schema",
    "sampling",
];

/// The effective price table: the built-in rows, then the models that the configuration changes.
pub fn price_list(loaded: Option<&Loaded>) -> String {
    let table = prices::table();
    let mut text = head(table);
    for row in &table.models {
        text.push_str(&model(
            &row.kind,
            &row.id,
            Some(row.price()),
            &known_capabilities(row),
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
        text.push_str("\nModels that the configuration changes or adds:\n");
        text.push_str(&configured);
    }
    text
}

fn head(table: &PriceTable) -> String {
    format!(
        "USD per 1,000,000 tokens; n/a is unknown, which is not free.\n\
         Source: {},\n\
         of {}, read on {}.\n\
         can: v images, r reasoning, t tools, j JSON schema, e embeddings;\n\
         - cannot, ? not stated. > has the prices of longer prompts.\n\n{}",
        table.source,
        table.date,
        table.read_on,
        line(
            [
                "kind", "model", "input", "output", "cached", "write", "prompt", "can"
            ]
            .map(str::to_owned)
        )
    )
}

/// A model that the configuration changes, or that the table does not have.
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
        &settings.capabilities,
    );
    text.push_str(&origins);
    if origins.is_empty() {
        text.push_str("  not in the table\n");
    }
    Some(text)
}

fn known_capabilities(row: &KnownModel) -> Capabilities {
    super::capabilities::ModelInfo {
        id: &row.id,
        given: None,
        known: Some(row),
    }
    .capabilities()
}

fn model(owner: &str, id: &str, price: Option<Price>, capabilities: &Capabilities) -> String {
    let mut text = line([
        owner.to_owned(),
        id.to_owned(),
        usd(price.map(|price| price.input)),
        usd(price.map(|price| price.output)),
        usd(price.and_then(|price| price.cached)),
        usd(price.and_then(|price| price.written)),
        capabilities
            .context_window
            .map_or_else(|| "n/a".to_owned(), tokens),
        letters(capabilities),
    ]);
    if let Some(PriceTier {
        threshold,
        input,
        output,
        cached,
    }) = price.and_then(|price| price.above)
    {
        text.push_str(&line([
            String::new(),
            format!("> {}", tokens(threshold)),
            usd(Some(input)),
            usd(Some(output)),
            usd(cached),
            String::new(),
            String::new(),
            String::new(),
        ]));
    }
    text
}

/// One row; long names move the other columns rather than being cut.
fn line([owner, id, input, output, cached, write, prompt, can]: [String; 8]) -> String {
    let mut text = String::new();
    let _ = write!(
        text,
        "{owner:<9} {id:<27} {input:>6} {output:>6} {cached:>7} {write:>6} {prompt:>6} {can}"
    );
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// USD per 1,000,000 tokens.
fn usd(price: Option<Money>) -> String {
    price.map_or_else(
        || "n/a".to_owned(),
        |price| price.times(1_000_000).usd().to_string(),
    )
}

/// A count of tokens in short form: `8191`, `128k`, `1.05M`.
fn tokens(count: u64) -> String {
    if count >= 1_000_000 && count.is_multiple_of(10_000) {
        format!("{}M", count as f64 / 1e6)
    } else if count >= 10_000 {
        format!("{}k", count / 1_000)
    } else {
        count.to_string()
    }
}

/// One letter for each capability of a model.
fn letters(capabilities: &Capabilities) -> String {
    let all = [
        ('v', capabilities.vision),
        ('r', capabilities.reasoning),
        ('t', capabilities.tools),
        ('j', capabilities.json_schema),
        ('e', capabilities.embeddings),
    ];
    let letter = |(letter, can): (char, Option<bool>)| match can {
        Some(true) => letter,
        Some(false) => '-',
        None => '?',
    };
    all.map(letter).iter().collect()
}

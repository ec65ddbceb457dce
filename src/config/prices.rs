//! The table of prices and capabilities of models: the built-in one, and above it one that was imported.
//!
//! Prices are USD per 1,000,000 tokens. An unknown price is `None`, never 0, because a model without
//! a price must not look free.

use super::text_file::read_text;
use crate::domain::{Money, Price, PriceTier};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{LazyLock, OnceLock};

/// The built-in table with its source.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceTable {
    /// The day of the source, for example `2026-11-12`.
    pub date: String,
    /// The day on which it was read.
    pub read_on: String,
    pub source: String,
    pub models: Vec<KnownModel>,
}

/// A row of the table: one model, or all models of a kind.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownModel {
    pub kind: String,
    /// `*` stands for every model of that kind.
    pub id: String,
    /// USD per 1,000,000 prompt tokens.
    pub input: f64,
    /// USD per 1,000,000 completion tokens.
    pub output: f64,
    /// USD per 1,000,000 tokens read from the vendor's cache.
    pub cached_input: Option<f64>,
    /// USD per 1,000,000 tokens written to the vendor's cache.
    pub cache_write: Option<f64>,
    /// Tokens of the prompt.
    pub context_window: Option<u64>,
    /// Tokens of the answer.
    pub max_output: Option<u64>,
    /// `chat`, `vision`, `reasoning`, `tools`, `embedding`, `responses-only`.
    #[serde(default)]
    pub modes: Vec<String>,
    /// The first day on which the vendor no longer serves it.
    pub deprecation_date: Option<String>,
    /// Numbers in an embedding.
    pub vector_size: Option<u32>,
    pub above: Option<Above>,
    /// The paths that serve it, where the source states them.
    #[serde(default)]
    pub endpoints: Vec<String>,
    /// Features of its API; a missing flag is not stated.
    #[serde(default)]
    pub flags: BTreeMap<String, bool>,
}

/// The prices of a whole request whose prompt is longer than the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Above {
    pub threshold_tokens: u64,
    pub input: f64,
    pub output: f64,
    pub cached_input: Option<f64>,
}

impl KnownModel {
    /// The row's prices; USD per 1,000,000 tokens become amounts per token.
    pub fn price(&self) -> Price {
        Price {
            input: Money::per_token(self.input),
            output: Money::per_token(self.output),
            cached: self.cached_input.map(Money::per_token),
            written: self.cache_write.map(Money::per_token),
            above: self.above.map(|above| PriceTier {
                threshold: above.threshold_tokens,
                input: Money::per_token(above.input),
                output: Money::per_token(above.output),
                cached: above.cached_input.map(Money::per_token),
            }),
        }
    }

    pub fn has_mode(&self, mode: &str) -> bool {
        self.modes.iter().any(|known| known == mode)
    }
}

static TABLE: LazyLock<PriceTable> = LazyLock::new(|| {
    parse(include_str!("../../assets/prices.toml"))
        .expect("the built-in table of prices is read by a test")
});

/// The built-in table with an imported one above it.
static IMPORTED: OnceLock<PriceTable> = OnceLock::new();

fn parse(text: &str) -> Result<PriceTable, config::ConfigError> {
    let source = config::File::from_str(text, config::FileFormat::Toml);
    let table = config::Config::builder().add_source(source).build();
    table.and_then(config::Config::try_deserialize)
}

/// The table in force.
pub fn table() -> &'static PriceTable {
    IMPORTED.get().unwrap_or(&TABLE)
}

/// Uses an imported table from now on, where the file exists; once in a process. `shown` is its name in
/// messages.
///
/// # Errors
///
/// The file cannot be read, or is no table of prices.
pub fn use_imported(path: &Path, shown: &str) -> Result<(), String> {
    let text = match read_text(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(format!("{shown}: could not be read: {error}")),
    };
    let again = "make it anew with `aibal-tui prices import FILE`, or remove it";
    let table = parse(&text).map_err(|error| format!("{shown}: {error}; {again}"))?;
    let is_price = |usd: f64| usd.is_finite() && usd >= 0.0;
    if let Some(row) = table
        .models
        .iter()
        .find(|row| !is_price(row.input) || !is_price(row.output))
    {
        let id = &row.id;
        return Err(format!(
            "{shown}: {id}: a price must be a number from 0; {again}"
        ));
    }
    // The table of the first call stays: what was loaded by it must not change.
    let _stays = IMPORTED.set(table.above(&TABLE));
    Ok(())
}

impl PriceTable {
    /// This table above another one: its prices and limits, and what the other one knows besides.
    fn above(self, other: &Self) -> Self {
        let mut models = other.models.clone();
        for row in self.models {
            match models
                .iter_mut()
                .find(|it| it.kind == row.kind && it.id == row.id)
            {
                Some(known) => {
                    known.input = row.input;
                    known.output = row.output;
                    known.cached_input = row.cached_input.or(known.cached_input);
                    known.cache_write = row.cache_write.or(known.cache_write);
                    known.context_window = row.context_window.or(known.context_window);
                    known.max_output = row.max_output.or(known.max_output);
                    known.above = row.above;
                }
                None => models.push(row),
            }
        }
        Self {
            source: format!("{}; where that has none, {}", self.source, other.source),
            models,
            ..self
        }
    }
}

/// The row of a model of that kind: by its id, by its id without the date at its end
/// (`gpt-4o-2024-08-06`, `claude-haiku-4-5@20251001`, `…-latest`), or as any model of the kind.
pub fn find(kind: &str, id: &str) -> Option<&'static KnownModel> {
    let row = |id: &str| {
        table()
            .models
            .iter()
            .find(|row| row.kind == kind && row.id == id)
    };
    let id = id.strip_prefix("models/").unwrap_or(id);
    row(id)
        .or_else(|| row(without_date(id)?))
        .or_else(|| row("*"))
}

fn without_date(id: &str) -> Option<&str> {
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(bare) = id
        .strip_suffix("-latest")
        .or_else(|| id.strip_suffix("@default"))
    {
        return Some(bare);
    }
    if let Some((bare, date)) = id.rsplit_once(['-', '@'])
        && date.len() == 8
        && is_digits(date)
    {
        return Some(bare);
    }
    let at = id.len().checked_sub("-2024-08-06".len())?;
    let (bare, date) = id.split_at_checked(at)?;
    let mut parts = date.strip_prefix('-')?.split('-');
    let is_date = [4, 2, 2].iter().all(|length| {
        parts
            .next()
            .is_some_and(|part| part.len() == *length && is_digits(part))
    });
    (is_date && parts.next().is_none()).then_some(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_found_with_and_without_its_date() {
        let input = |kind, id| find(kind, id).map(|model| model.input);

        assert_eq!(input("openai", "gpt-4o"), Some(2.5));
        assert_eq!(input("openai", "gpt-4o-2024-08-06"), Some(2.5));
        assert_eq!(input("anthropic", "claude-haiku-4-5-20251001"), Some(1.0));
        assert_eq!(input("vertex", "claude-opus-5-5@20260101"), Some(4.0));
        assert_eq!(input("gemini", "models/gemini-2.5-pro"), Some(1.25));
        assert_eq!(input("ollama", "whatever:8b"), Some(0.0));
    }

    #[test]
    fn an_unknown_model_has_an_unknown_price_rather_than_a_price_of_zero() {
        assert_eq!(find("openai", "gpt-4o-mini-audio"), None);
        assert_eq!(find("xai", "gpt-4o"), None);
        assert_eq!(find("openai", "é-2024-08-06"), None);
        assert_eq!(find("openai-compatible", "gpt-4o"), None);
    }

    #[test]
    fn an_imported_table_outranks_the_built_in_one_and_keeps_what_it_does_not_state() {
        let text = "date = \"d\"\nread_on = \"r\"\nsource = \"s\"\n\
                    [[models]]\nkind = \"openai\"\nid = \"gpt-6-sol\"\ninput = 1\noutput = 3\n\
                    [[models]]\nkind = \"openai\"\nid = \"new\"\ninput = 5\noutput = 6\n";

        let merged = parse(text).unwrap().above(&TABLE);

        let row = |id: &str| merged.models.iter().find(|row| row.id == id).unwrap();
        let known = row("gpt-6-sol");
        assert_eq!((known.input, known.context_window), (1.0, Some(922_000)));
        assert_eq!(known.flags.get("json_schema"), Some(&true));
        assert_eq!(row("new").output, 6.0);
        assert_eq!(merged.models.len(), TABLE.models.len() + 1);
        assert!(merged.source.starts_with("s; where"), "{}", merged.source);
    }

    #[test]
    fn a_file_that_is_no_table_is_named_and_a_missing_one_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prices.toml");
        assert_eq!(use_imported(&path, "prices.toml"), Ok(()));

        std::fs::write(&path, "date = 1\n").unwrap();
        let error = use_imported(&path, "prices.toml").unwrap_err();

        assert!(
            error.starts_with("prices.toml: ") && error.contains("prices import"),
            "{error}"
        );
    }

    #[test]
    fn the_table_states_thresholds_and_flags() {
        let model = find("openai", "gpt-6-sol").expect("a known model");

        assert_eq!(model.context_window, Some(922_000));
        assert_eq!(
            model
                .above
                .map(|above| (above.threshold_tokens, above.input)),
            Some((272_000, 4.0))
        );
        assert_eq!(model.flags.get("json_schema"), Some(&true));
        assert_eq!(table().date, "2026-11-12");
    }
}

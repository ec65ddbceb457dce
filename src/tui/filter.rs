//! Filters of rows: `state:slow az p95>2s ok<99 -eu`. A row must match all terms; a `-` negates
//! one. Decisions have words of their own: `client:ann model:gpt result:failed provider:az`.

use crate::client::{DecisionFilter, TroubleFilter};
use crate::contract::{
    DecisionOutcome, DecisionReport, HealthState, LogLevel, LogLine, ProviderStatus, RequestTrouble,
};

/// One term of a filter.
#[derive(Debug, Clone, PartialEq)]
enum FilterTerm {
    /// Part of a name.
    Name(String),
    State(String),
    /// Part of the name of a client's token.
    Client(String),
    /// Part of a model, as it was asked for or chosen.
    Model(String),
    /// Part of the name of a provider that was tried.
    Provider(String),
    /// The beginning of a result's word.
    Result(String),
    /// A level of log lines, and what is more severe.
    Level(LogLevel),
    /// A number above (true) or below (false) a bound.
    Number(FilterField, bool, f64),
}

/// A number of a row that a filter can bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilterField {
    P50,
    P95,
    P99,
    Success,
    Share,
    Rate,
    Cost,
}

const FIELDS: [(&str, FilterField); 7] = [
    ("p50", FilterField::P50),
    ("p95", FilterField::P95),
    ("p99", FilterField::P99),
    ("ok", FilterField::Success),
    ("share", FilterField::Share),
    ("rps", FilterField::Rate),
    ("cost", FilterField::Cost),
];

/// A row of a view that can be filtered.
pub trait FilteredRow {
    /// The names that words without a prefix are searched in.
    fn names(&self) -> Vec<&str>;
    /// Returns whether a word names its state.
    fn is_in(&self, state: &str) -> bool;
    /// Latencies in milliseconds, rates and shares in percent, costs in USD.
    fn number(&self, field: FilterField) -> Option<f64>;
}

/// Words of results: an outcome, or what went wrong.
const RESULTS: [&str; 7] = [
    "ok",
    "failed",
    "saved",
    "error",
    "refused",
    "cancelled",
    "pending",
];

/// A filter; without terms it matches every row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter {
    text: String,
    conditions: Vec<(bool, FilterTerm)>,
    mistake: Option<String>,
}

impl Filter {
    pub fn new(text: &str) -> Self {
        let terms = text.split_whitespace().map(signed);
        Self {
            text: text.trim().to_owned(),
            conditions: terms
                .map(|(wanted, word)| (wanted, parse_term(word)))
                .collect(),
            mistake: None,
        }
    }

    /// A filter of decisions. One with a word or value that does not exist shows none.
    pub fn of_decisions(text: &str) -> Self {
        let mut filter = Self {
            text: text.trim().to_owned(),
            ..Self::default()
        };
        for (wanted, word) in text.split_whitespace().map(signed) {
            match decision_term(word) {
                Ok(term) => filter.conditions.push((wanted, term)),
                Err(mistake) => {
                    filter.mistake.get_or_insert(mistake);
                }
            }
        }
        filter
    }

    /// A filter of log lines: parts of texts, and `level:warn`.
    pub fn of_log(text: &str) -> Self {
        let mut filter = Self {
            text: text.trim().to_owned(),
            ..Self::default()
        };
        for (wanted, word) in text.split_whitespace().map(signed) {
            let lower = word.to_lowercase();
            let level = lower.strip_prefix("level:").map(log_level);
            match level.unwrap_or(Ok(FilterTerm::Name(lower))) {
                Ok(term) => filter.conditions.push((wanted, term)),
                Err(mistake) => {
                    filter.mistake.get_or_insert(mistake);
                }
            }
        }
        filter
    }

    /// What is wrong with the text.
    pub fn mistake(&self) -> Option<&str> {
        self.mistake.as_deref()
    }

    /// Asks only for decisions that can match, where the gateway can tell them.
    pub fn narrow(&self, wanted: &mut DecisionFilter) {
        let mut terms = self.conditions.iter();
        let result = terms.find_map(|(is_wanted, term)| match term {
            FilterTerm::Result(result) if *is_wanted => Some(result.as_str()),
            _ => None,
        });
        match result {
            Some("failed") => wanted.trouble = Some(TroubleFilter::Failed),
            Some("saved") => wanted.trouble = Some(TroubleFilter::Saved),
            Some(word) => {
                let mut outcomes = DecisionOutcome::ALL.into_iter();
                wanted.outcome = outcomes.find(|outcome| outcome.as_str() == word);
            }
            None => {}
        }
    }

    /// The text as typed.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty() && self.mistake.is_none()
    }

    pub fn shows(&self, provider: &ProviderStatus) -> bool {
        self.conditions
            .iter()
            .all(|(wanted, term)| *wanted == matches_provider(term, provider))
    }

    /// Returns whether a row of another view matches.
    pub fn shows_row(&self, row: &impl FilteredRow) -> bool {
        self.conditions
            .iter()
            .all(|(wanted, term)| *wanted == matches_row(term, row))
    }

    /// Returns whether a log line matches: in its text, or the part of the program that wrote it.
    pub fn shows_line(&self, line: &LogLine) -> bool {
        let holds = |part: &String| {
            let mut texts = [&line.text, &line.target].into_iter();
            texts.any(|text| text.to_lowercase().contains(part))
        };
        self.mistake.is_none()
            && self.conditions.iter().all(|(wanted, term)| match term {
                FilterTerm::Name(part) => *wanted == holds(part),
                FilterTerm::Level(level) => *wanted == (line.level <= *level),
                // A filter of log lines has no others.
                _ => false,
            })
    }

    /// Returns whether a decision matches: names match providers, models, client and ids.
    pub fn shows_decision(&self, decision: &DecisionReport) -> bool {
        self.mistake.is_none()
            && self
                .conditions
                .iter()
                .all(|(wanted, term)| *wanted == matches_decision(term, decision))
    }
}

/// A word, and whether rows must match it.
fn signed(word: &str) -> (bool, &str) {
    match word.strip_prefix('-') {
        Some(rest) if !rest.is_empty() => (false, rest),
        _ => (true, word),
    }
}

/// A level of log lines; what is typed of it so far is enough if it names one.
fn log_level(word: &str) -> Result<FilterTerm, String> {
    let mut levels = LogLevel::ALL.into_iter();
    let level = levels.find(|level| level.as_str().starts_with(word));
    // The error names all levels.
    level
        .map_or_else(|| word.parse(), Ok)
        .map(FilterTerm::Level)
}

/// A term of a filter of decisions, or what is wrong with it.
fn decision_term(word: &str) -> Result<FilterTerm, String> {
    let lower = word.to_lowercase();
    if let Some((field, value)) = lower.split_once(':') {
        let value = value.to_owned();
        return match field {
            "client" => Ok(FilterTerm::Client(value)),
            "model" => Ok(FilterTerm::Model(value)),
            "provider" => Ok(FilterTerm::Provider(value)),
            "result" | "state" if RESULTS.iter().any(|word| word.starts_with(&value)) => {
                Ok(FilterTerm::Result(value))
            }
            "result" | "state" => Err(format!(
                "no result is called {value:?}: it is {}",
                RESULTS.join(", ")
            )),
            _ => Err(format!(
                "{field}: is no word here, but client:, model:, result:, provider: are; \
                 {word} as a model is model:{word}"
            )),
        };
    }
    match number_term(&lower) {
        Some(FilterTerm::Number(
            FilterField::Success | FilterField::Share | FilterField::Rate,
            ..,
        )) => Err(format!(
            "{word} is of providers; of requests there are p95>2s and cost>0.01"
        )),
        Some(term) => Ok(term),
        None => Ok(FilterTerm::Name(lower)),
    }
}

fn number_term(lower: &str) -> Option<FilterTerm> {
    FIELDS.into_iter().find_map(|(name, field)| {
        let rest = lower.strip_prefix(name)?;
        let bound = rest.strip_prefix(['>', '<']).and_then(number)?;
        Some(FilterTerm::Number(field, rest.starts_with('>'), bound))
    })
}

fn parse_term(word: &str) -> FilterTerm {
    let lower = word.to_lowercase();
    if let Some(term) = number_term(&lower) {
        return term;
    }
    if let Some(state) = lower.strip_prefix("state:") {
        return FilterTerm::State(state.to_owned());
    }
    FilterTerm::Name(lower.strip_prefix("provider:").unwrap_or(&lower).to_owned())
}

/// Reads a number with an optional unit: `2s` and `2000` are the same latency.
fn number(text: &str) -> Option<f64> {
    let (digits, times) = match text.strip_suffix("ms") {
        Some(digits) => (digits, 1.0),
        None => match text.strip_suffix('s') {
            Some(digits) => (digits, 1e3),
            None => (text.trim_end_matches('%'), 1.0),
        },
    };
    digits.parse::<f64>().ok().map(|number| number * times)
}

fn matches_provider(term: &FilterTerm, provider: &ProviderStatus) -> bool {
    let performance = &provider.performance;
    let latency = &performance.latency_ms;
    match term {
        FilterTerm::Name(part) => performance.provider.to_lowercase().contains(part),
        FilterTerm::State(state) => state_words(performance.state).contains(&state.as_str()),
        // Only filters of decisions and log lines have these.
        FilterTerm::Client(_)
        | FilterTerm::Level(_)
        | FilterTerm::Model(_)
        | FilterTerm::Provider(_)
        | FilterTerm::Result(_) => false,
        FilterTerm::Number(field, above, bound) => {
            let value = match field {
                FilterField::P50 => latency.p50,
                FilterField::P95 => latency.p95,
                FilterField::P99 => latency.p99,
                FilterField::Success => performance.success_rate.map(|rate| rate * 100.0),
                FilterField::Share => Some(provider.share * 100.0),
                FilterField::Rate => Some(provider.requests_per_second),
                FilterField::Cost => provider.usd_per_hour,
            };
            value.is_some_and(|value| is_beyond(value, *above, *bound))
        }
    }
}

fn matches_row(term: &FilterTerm, row: &impl FilteredRow) -> bool {
    match term {
        FilterTerm::Name(part) => row
            .names()
            .iter()
            .any(|name| name.to_lowercase().contains(part)),
        FilterTerm::State(state) => row.is_in(state),
        FilterTerm::Number(field, above, bound) => row
            .number(*field)
            .is_some_and(|value| is_beyond(value, *above, *bound)),
        // Only filters of decisions and log lines have these.
        FilterTerm::Client(_)
        | FilterTerm::Level(_)
        | FilterTerm::Model(_)
        | FilterTerm::Provider(_)
        | FilterTerm::Result(_) => false,
    }
}

fn matches_decision(term: &FilterTerm, decision: &DecisionReport) -> bool {
    let holds = |name: Option<&str>, part: &str| {
        name.is_some_and(|name| name.to_lowercase().contains(part))
    };
    let client = decision.client.as_deref();
    let models = [decision.model.as_deref(), decision.model_asked.as_deref()];
    let of_model = |part: &str| models.iter().any(|name| holds(*name, part));
    let of_provider = |part: &str| {
        let mut tried = decision.chain.iter().map(String::as_str);
        holds(decision.provider.as_deref(), part) || tried.any(|name| holds(Some(name), part))
    };
    let ids = [Some(&*decision.decision_id), decision.request_id.as_deref()];
    match term {
        FilterTerm::Name(part) => {
            holds(client, part)
                || of_model(part)
                || of_provider(part)
                || ids.iter().any(|id| holds(*id, part))
        }
        FilterTerm::Client(part) => holds(client, part),
        FilterTerm::Model(part) => of_model(part),
        FilterTerm::Provider(part) => of_provider(part),
        FilterTerm::Result(start) => {
            let trouble = decision.trouble.map(RequestTrouble::as_str);
            decision.outcome.as_str().starts_with(start.as_str())
                || trouble.is_some_and(|word| word.starts_with(start.as_str()))
        }
        FilterTerm::Number(
            FilterField::P50 | FilterField::P95 | FilterField::P99,
            above,
            bound,
        ) => decision
            .latency_ms
            .is_some_and(|latency| is_beyond(latency, *above, *bound)),
        FilterTerm::Number(FilterField::Cost, above, bound) => decision
            .cost_usd
            .is_some_and(|cost| is_beyond(cost, *above, *bound)),
        // Only filters of providers and log lines have these.
        FilterTerm::State(_) | FilterTerm::Level(_) | FilterTerm::Number(..) => false,
    }
}

fn is_beyond(value: f64, above: bool, bound: f64) -> bool {
    if above { value > bound } else { value < bound }
}

/// The words that name a state.
pub fn state_words(state: HealthState) -> &'static [&'static str] {
    match state {
        HealthState::Ok => &["ok"],
        HealthState::Slow => &["slow", "trouble"],
        HealthState::Limited => &["429", "limited", "trouble"],
        HealthState::Failing => &["err", "failing", "trouble"],
        HealthState::Open => &["open", "trouble"],
        HealthState::HalfOpen => &["half", "half-open", "trouble"],
        HealthState::Down => &["down", "trouble"],
        HealthState::Draining => &["drain", "draining"],
        HealthState::Off => &["off"],
        HealthState::Unknown => &["nodat", "unknown"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture;

    fn shown(text: &str) -> Vec<String> {
        let filter = Filter::new(text);
        fixture::status(5, 1)
            .providers
            .iter()
            .filter(|provider| filter.shows(provider))
            .map(|provider| provider.performance.provider.clone())
            .collect()
    }

    #[test]
    fn terms_filter_the_rows() {
        let table: [(&str, &[&str]); 9] = [
            ("", &["aurora", "borealis", "cumulus", "google", "local"]),
            ("o", &["aurora", "borealis", "google", "local"]),
            ("state:open", &["aurora"]),
            ("state:trouble", &["aurora", "cumulus"]),
            ("-state:trouble -local", &["borealis", "google"]),
            ("provider:GOO", &["google"]),
            ("ok<99", &["aurora", "cumulus"]),
            ("p95>1.5s", &["cumulus", "google"]),
            ("no-such-name", &[]),
        ];
        for (text, expected) in table {
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_filter_of_decisions_names_the_word_or_value_that_does_not_exist() {
        for (text, part) in [
            (
                "result:fine",
                "no result is called \"fine\": it is ok, failed, saved,",
            ),
            (
                "token:ann",
                "token: is no word here, but client:, model:, result:, provider: are",
            ),
            ("llama3:8b", "llama3:8b as a model is model:llama3:8b"),
            ("share>10", "share>10 is of providers"),
        ] {
            let filter = Filter::of_decisions(text);
            let mistake = filter.mistake().unwrap_or_default();
            assert!(mistake.contains(part), "{text}: {mistake}");
        }
        for text in [
            "",
            "re",
            "result:",
            "result:f",
            "-result:ok",
            "model:llama3:8b",
            "p95>2s",
        ] {
            assert_eq!(Filter::of_decisions(text).mistake(), None, "{text}");
        }
    }
}

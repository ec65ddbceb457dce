//! Filters of rows: `state:slow az p95>2s ok<99 -eu`. A row must match all terms; a `-` negates
//! one.

use crate::contract::{DecisionReport, HealthState, ProviderStatus};

/// One term of a filter.
#[derive(Debug, Clone, PartialEq)]
enum FilterTerm {
    /// Part of a name.
    Name(String),
    State(String),
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

/// A filter; without terms it matches every row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter {
    text: String,
    conditions: Vec<(bool, FilterTerm)>,
}

impl Filter {
    pub fn new(text: &str) -> Self {
        let condition = |word: &str| {
            let (wanted, word) = match word.strip_prefix('-') {
                Some(rest) if !rest.is_empty() => (false, rest),
                _ => (true, word),
            };
            (wanted, parse_term(word))
        };
        Self {
            text: text.trim().to_owned(),
            conditions: text.split_whitespace().map(condition).collect(),
        }
    }

    /// The text as typed.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty()
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

    /// Returns whether a decision matches: names match provider, model and id, states match the
    /// outcome.
    pub fn shows_decision(&self, decision: &DecisionReport) -> bool {
        self.conditions
            .iter()
            .all(|(wanted, term)| *wanted == matches_decision(term, decision))
    }
}

fn parse_term(word: &str) -> FilterTerm {
    let lower = word.to_lowercase();
    for (name, field) in FIELDS {
        let Some(rest) = lower.strip_prefix(name) else {
            continue;
        };
        let above = rest.starts_with('>');
        let bound = rest.strip_prefix(['>', '<']).and_then(number);
        if let Some(bound) = bound {
            return FilterTerm::Number(field, above, bound);
        }
    }
    for prefix in ["state:", "result:"] {
        if let Some(state) = lower.strip_prefix(prefix) {
            return FilterTerm::State(state.to_owned());
        }
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
    }
}

fn matches_decision(term: &FilterTerm, decision: &DecisionReport) -> bool {
    let names = [
        decision.provider.as_deref(),
        decision.model.as_deref(),
        Some(&decision.decision_id),
    ];
    match term {
        FilterTerm::Name(part) => names
            .iter()
            .flatten()
            .any(|name| name.to_lowercase().contains(part)),
        FilterTerm::State(state) => decision.outcome.as_str().starts_with(state.as_str()),
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
        FilterTerm::Number(..) => false,
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
}

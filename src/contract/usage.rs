//! Who spent what: the answer to `GET /api/usage`.

use super::performance::CostBasisCounts;
use super::time::parse_duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// What the attempts are summed by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UsageBy {
    /// Name of the client's token.
    #[default]
    Token,
    /// Model id at the provider.
    Model,
    /// Provider.
    Provider,
    /// What clients said their requests are for.
    Tag,
}

/// A period that ends now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsagePeriod(pub Duration);

/// Sums of attempts over a period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageReport {
    /// What they are summed by.
    pub by: UsageBy,
    /// Start of the period: the minute or, of a long one, the hour in which it begins.
    pub since: String,
    /// End of the period.
    pub generated_at: String,
    /// One for each name, the most expensive first.
    pub usage: Vec<UsageRow>,
    /// Sum of all.
    pub total: UsageRow,
}

/// Sums of the attempts of one client, model, provider or tag.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageRow {
    /// Name; empty for requests without one, and in the total.
    pub name: String,
    /// Attempts at providers.
    pub attempts: u64,
    /// Those that failed, the client's mistakes included.
    pub failed: u64,
    /// Those whose client left.
    pub cancelled: u64,
    /// Prompt and completion tokens, where known.
    pub tokens: u64,
    /// Cost; `null` where it is unknown for all.
    pub cost_usd: Option<f64>,
    /// Attempts by the certainty of their cost.
    pub cost_basis: CostBasisCounts,
}

impl UsageBy {
    /// Word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Model => "model",
            Self::Provider => "provider",
            Self::Tag => "tag",
        }
    }
}

impl FromStr for UsageBy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Token, Self::Model, Self::Provider, Self::Tag];
        let found = all.into_iter().find(|by| by.as_str() == text);
        let short: String = text.chars().take(40).collect();
        found.ok_or_else(|| format!("is {short:?}, but must be token, model, provider or tag"))
    }
}

impl UsagePeriod {
    /// Shortest and longest period.
    const RANGE: RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_hours(400 * 24);
}

impl Default for UsagePeriod {
    fn default() -> Self {
        Self(Duration::from_hours(7 * 24))
    }
}

impl fmt::Display for UsagePeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.0.as_secs())
    }
}

impl FromStr for UsagePeriod {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let short: String = text.chars().take(40).collect();
        let wrong = || format!("is {short:?}, but must be like 30m, 12h or 7d, from 1m to 400d");
        let time = parse_duration(text).filter(|time| Self::RANGE.contains(time));
        time.map(Self).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_have_a_unit_and_bounds() {
        let seconds = |text: &str| text.parse::<UsagePeriod>().map(|period| period.0.as_secs());
        assert_eq!(seconds("30m"), Ok(1_800));
        assert_eq!(seconds("12h"), Ok(43_200));
        assert_eq!(seconds("7d"), Ok(604_800));
        for wrong in ["", "7", "0m", "59s", "401d", "7w"] {
            assert!(seconds(wrong).unwrap_err().contains("7d"), "{wrong}");
        }
        assert_eq!(
            UsagePeriod::default().to_string().parse(),
            Ok(UsagePeriod::default())
        );
    }
}

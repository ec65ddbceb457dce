//! Attempts of one request, as `GET /api/decisions/{id}` lists them.

use super::decision::DecisionOutcome;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// One finished attempt at one provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttemptReport {
    /// Number of the attempt, 1 for the first; 0 for one that a client reported.
    pub attempt: u32,
    /// Name of the provider.
    pub provider: String,
    /// Model id at that provider.
    pub model: String,
    /// Position of the key that it used, from 0, where the provider has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<usize>,
    /// `ok`, `error` or `cancelled`.
    pub outcome: DecisionOutcome,
    /// HTTP status of the provider; `null` where no response came.
    pub status: Option<u16>,
    /// Class of the failure, for example `timeout`; `null` without a failure.
    pub error_class: Option<String>,
    /// Message of the failure, shortened; of a client's mistake only its code and field.
    pub message: Option<String>,
    /// Duration in milliseconds.
    pub latency_ms: f64,
    /// Time to the first content in milliseconds; `null` where none came.
    pub time_to_first_token_ms: Option<f64>,
    /// Prompt tokens; `null` where unknown.
    pub input_tokens: Option<u64>,
    /// Completion tokens; `null` where unknown.
    pub output_tokens: Option<u64>,
    /// Cost; `null` where unknown.
    pub cost_usd: Option<f64>,
}

/// Reads a list of attempts. Recordings of older versions have only their number there.
pub(super) fn attempts_or_count<'de, D>(deserializer: D) -> Result<Vec<AttemptReport>, D::Error>
where
    D: Deserializer<'de>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Attempts {
        List(Vec<AttemptReport>),
        Count(#[expect(dead_code, reason = "only its type matters")] u64),
    }
    match Attempts::deserialize(deserializer)? {
        Attempts::List(attempts) => Ok(attempts),
        Attempts::Count(_) => Ok(Vec::new()),
    }
}

/// The fields of a request beside its attempts, whose number has another name there.
pub(super) mod summary {
    use crate::contract::DecisionReport;
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
    use serde_json::{Map, Value};

    const IN_LIST: &str = "attempts";
    const IN_DETAIL: &str = "attemptCount";

    pub fn serialize<S: Serializer>(report: &DecisionReport, to: S) -> Result<S::Ok, S::Error> {
        let value = serde_json::to_value(report).map_err(S::Error::custom)?;
        let Value::Object(mut fields) = value else {
            return Err(S::Error::custom("a decision is no object"));
        };
        if let Some(count) = fields.remove(IN_LIST) {
            fields.insert(IN_DETAIL.to_owned(), count);
        }
        fields.serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<DecisionReport, D::Error> {
        let mut fields = Map::deserialize(from)?;
        if let Some(count) = fields.remove(IN_DETAIL) {
            fields.insert(IN_LIST.to_owned(), count);
        }
        serde_json::from_value(Value::Object(fields)).map_err(de::Error::custom)
    }
}

use super::rfc3339;
use super::selection::WeightPoints;
use super::status::ProviderStatus;
use crate::domain;
use serde::{Deserialize, Serialize};

/// The body of `PUT /api/weights`; what is missing keeps its value.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WeightsChange {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reliability: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<f64>,
    /// The revision the change was drafted on; a stale one is refused with 409.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Undo by itself after so many seconds unless kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revert_after_seconds: Option<u64>,
}

/// `GET /api/weights` and the answer to a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WeightsReport {
    #[serde(flatten)]
    pub weights: WeightPoints,
    pub revision: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverts_at: Option<String>,
    /// Where the change lives: a file's path, or why it stays in memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved: Option<String>,
    /// What these weights ask for and should not, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// The body of `PATCH /api/providers/{name}`; missing fields are untouched.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProviderChange {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draining: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrent: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<WeightOverride>,
    /// Everything that it may serve goes there for so many seconds, at most a day; 0 ends that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin_seconds: Option<u64>,
    /// Close the breakers of all its models, and ask them again even where they were to be left
    /// alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset_breaker: Option<bool>,
    /// The revision the change was drafted on; a stale one is refused with 409.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Undo the settings by themselves after so many seconds unless kept; a pin and a reset of
    /// breakers have no part in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revert_after_seconds: Option<u64>,
}

/// The answer to it: the provider as in `GET /api/status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderReport {
    #[serde(flatten)]
    pub status: ProviderStatus,
    /// The revision that the change made; only where the change named the one it was drafted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// When settings on trial undo themselves, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverts_at: Option<String>,
}

impl ProviderReport {
    /// The engine's answer; nothing where it is one to something else.
    pub fn new(
        status: ProviderStatus,
        answer: &domain::CommandReply,
        names_revision: bool,
    ) -> Option<Self> {
        let domain::CommandReply::Provider {
            revision,
            reverts_at,
            ..
        } = answer
        else {
            return None;
        };
        Some(Self {
            status,
            revision: names_revision.then_some(*revision),
            reverts_at: reverts_at.map(rfc3339),
        })
    }
}

/// A provider's own weights; what is missing comes from the global ones.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WeightOverride {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reliability: Option<f64>,
}

impl WeightOverride {
    /// Nothing where none is its own.
    pub(super) fn of(own: domain::WeightOverride) -> Option<Self> {
        (!own.is_empty()).then_some(Self {
            cost: own.cost,
            latency: own.latency,
            reliability: own.reliability,
        })
    }
}

impl From<WeightOverride> for domain::WeightOverride {
    fn from(own: WeightOverride) -> Self {
        Self {
            cost: own.cost,
            latency: own.latency,
            reliability: own.reliability,
        }
    }
}

/// The body of `POST /api/load-balancing`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExternalLoadChange {
    pub provider: String,
    /// `increment` or `decrement`.
    pub action: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExternalLoadReading {
    pub provider: String,
    pub in_flight: u32,
}

/// `POST /api/providers/{name}/probe`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProbeReport {
    pub ok: bool,
    /// What was seen, for example `200` or `connection refused`.
    pub status: String,
    pub latency_ms: f64,
    pub at: String,
}

/// `GET /api/revisions`, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RevisionList {
    pub revisions: Vec<RevisionReport>,
}

/// One change of weights or of a provider: who, when, why, before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RevisionReport {
    pub revision: u64,
    pub at: String,
    pub who: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What changed, in words.
    pub what: String,
    pub before: WeightPoints,
    pub after: WeightPoints,
}

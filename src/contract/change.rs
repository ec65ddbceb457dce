use super::effect::EffectReport;
use super::status::ProviderStatus;
use super::time::rfc3339;
use super::weights::{WeightOverride, WeightPoints};
use crate::domain;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Header of a call with the user and host of the operator, such as `alice@ops1`: for the record of
/// changes only, and never a reason to admit anything.
pub const OPERATOR_HEADER: &str = "x-aibal-operator";

/// Body of `PUT /api/weights`; missing weights keep their value.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WeightsChange {
    /// Points for low cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// Points for low latency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<f64>,
    /// Points for a low failure rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reliability: Option<f64>,
    /// Points for free capacity, 0..100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
    /// Points for configured priority, 0..100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<f64>,
    /// Revision that the change is based on; an old one is rejected with 409.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Text for the list of revisions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Seconds after which the change reverts unless it is confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revert_after_seconds: Option<u64>,
}

/// Answer to `GET /api/weights` and to each change of weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WeightsReport {
    /// The weights in force.
    #[serde(flatten)]
    pub weights: WeightPoints,
    /// Revision of weights and provider settings.
    pub revision: u64,
    /// Time at which an unconfirmed change reverts, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverts_at: Option<String>,
    /// Path of the file that the change was saved to, or why it stays in memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved: Option<String>,
    /// Risks of these weights, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl WeightsReport {
    /// The engine's reply with the file that the change was saved to; `None` where the reply
    /// belongs to another command.
    pub fn new(reply: &domain::CommandReply, saved: Option<String>) -> Option<Self> {
        let domain::CommandReply::Weights {
            weights,
            revision,
            reverts_at,
            warnings,
        } = reply
        else {
            return None;
        };
        Some(Self {
            weights: (*weights).into(),
            revision: *revision,
            reverts_at: reverts_at.map(rfc3339),
            saved,
            warnings: warnings.clone(),
        })
    }
}

/// Body of `PATCH /api/providers/{name}`; missing settings keep their value.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProviderChange {
    /// Whether the provider is used at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether running requests end and no new ones are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draining: Option<bool>,
    /// Seconds for which it drains, 1 to a day, after which requests are sent again; in place of
    /// `draining`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain_seconds: Option<u64>,
    /// Priority, a whole number in 0..100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<f64>,
    /// Limit of concurrent requests, 1 or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrent: Option<i64>,
    /// Own weights, in place of all earlier own ones; empty for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<WeightOverride>,
    /// Seconds for which every request that the provider can serve goes there, at most a day; 0
    /// ends that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin_seconds: Option<u64>,
    /// Closes the circuit breakers of all its models, and ends their cool-down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset_breaker: Option<bool>,
    /// Revision that the change is based on; an old one is rejected with 409.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Seconds after which the settings revert unless confirmed; a pin and a reset of breakers do
    /// not revert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revert_after_seconds: Option<u64>,
}

/// Answer to a change of a provider: the provider as in `GET /api/status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderReport {
    /// State of the provider over the last 24 hours.
    #[serde(flatten)]
    pub status: ProviderStatus,
    /// Revision that the change made; only where the change named the one it is based on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Time at which unconfirmed settings revert, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverts_at: Option<String>,
}

impl ProviderReport {
    /// The engine's reply with the provider's state; `None` where the reply belongs to another
    /// command.
    pub fn new(
        status: ProviderStatus,
        reply: &domain::CommandReply,
        names_revision: bool,
    ) -> Option<Self> {
        let domain::CommandReply::Provider {
            revision,
            reverts_at,
            ..
        } = reply
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

/// Answer to `POST /api/providers/{name}/probe`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProbeReport {
    /// Whether the provider answered as it should.
    pub ok: bool,
    /// HTTP status or error, for example `200` or `connection refused`.
    pub status: String,
    /// Duration of the probe in milliseconds.
    pub latency_ms: f64,
    /// Time of the probe, RFC 3339.
    pub at: String,
}

/// Answer to `GET /api/revisions`, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RevisionList {
    /// Changes of weights and providers.
    pub revisions: Vec<RevisionReport>,
}

/// One change of weights or of a provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevisionReport {
    /// Number of the revision that the change made.
    pub revision: u64,
    /// Time of the change, RFC 3339.
    pub at: String,
    /// Name of the token or user that made the change.
    pub who: String,
    /// Reason that was given with the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Text of the change, for example `load 10→25`.
    pub what: String,
    /// Weights before the change.
    pub before: WeightPoints,
    /// Weights after the change.
    pub after: WeightPoints,
    /// Figures before and after the change; none for one that an earlier version recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<EffectReport>,
}

impl From<&domain::Revision> for RevisionReport {
    fn from(revision: &domain::Revision) -> Self {
        Self {
            revision: revision.number,
            at: rfc3339(revision.at),
            who: revision.who.clone(),
            reason: revision.reason.clone(),
            what: revision.what.clone(),
            before: revision.before.into(),
            after: revision.after.into(),
            effect: revision.effect.as_ref().map(EffectReport::from),
        }
    }
}

use super::budget::SpendingReport;
use super::performance::{CostBasisCounts, Percentiles};
use super::status::{Series, TimeBucket, Window};
use super::time::rfc3339;
use crate::domain;
use crate::domain::Money;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Answer to `GET /api/clients`: who calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientsReport {
    /// Period that the figures cover.
    pub window: Window,
    /// Time of the oldest record, RFC 3339 in UTC; not before the start of the process.
    pub since: String,
    /// Time of the report, RFC 3339 in UTC.
    pub generated_at: String,
    /// Client requests of all.
    pub requests: u64,
    /// Width of one bucket in seconds.
    pub bucket_seconds: u64,
    /// Start of the last bucket, Unix seconds.
    pub last_start: u64,
    /// Clients with requests in the period, or a budget; the most requests first.
    pub clients: Vec<ClientReport>,
}

/// One client over a period.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientReport {
    /// Name of its token, `local` where none is needed; empty where it is unknown.
    pub name: String,
    /// Part of all client requests, 0..1.
    pub share: f64,
    /// Client requests.
    pub requests: u64,
    /// Failures among them that count in the success rate.
    pub failed: u64,
    /// Requests over budget, which count in no rate.
    pub over_budget: u64,
    /// 0..1; `null` without data.
    pub success_rate: Option<f64>,
    /// Percentiles over successes.
    pub latency_ms: Percentiles,
    /// Attempts at providers, as in `GET /api/usage`.
    pub attempts: u64,
    /// Cost of the attempts; `null` where unknown.
    pub total_cost_usd: Option<f64>,
    /// Certainty of the costs in the sum.
    pub cost_basis: CostBasisCounts,
    /// Prompt and completion tokens of the attempts.
    pub total_tokens: u64,
    /// Its spending and budget of the day, where they are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<SpendingReport>,
    /// Requests of sixty buckets that count in the success rate, oldest first.
    pub rated: Vec<u32>,
    /// Failures among them.
    pub errors: Vec<u32>,
}

impl ClientReport {
    /// What is left of its budget of the day in USD, reservations included; none without a limit.
    pub fn left_usd(&self) -> Option<f64> {
        let budget = self.budget.as_ref()?;
        Some((budget.limit_usd? - budget.spent_usd - budget.reserved_usd).max(0.0))
    }
}

impl ClientsReport {
    /// Report of a snapshot over a window.
    pub fn new(snapshot: &domain::ClientsSnapshot, window: Window) -> Self {
        let counts = snapshot.clients.iter().map(|client| &client.counts);
        let requests: u64 = counts.map(domain::ClientCounts::requests).sum();
        let clients = snapshot.clients.iter();
        Self {
            window,
            since: rfc3339(snapshot.since),
            generated_at: rfc3339(snapshot.at),
            requests,
            bucket_seconds: snapshot.column_width.as_secs(),
            last_start: snapshot.last_column.unix_seconds(),
            clients: clients.map(|client| report(client, requests)).collect(),
        }
    }

    /// Requests and errors of a client over time; without latencies and costs.
    pub fn series(&self, client: &ClientReport) -> Series {
        let both = client.rated.iter().zip(&client.errors);
        let buckets = both.map(|(&requests, &errors)| TimeBucket {
            requests,
            errors,
            ..TimeBucket::default()
        });
        Series {
            bucket_seconds: self.bucket_seconds,
            last_start: self.last_start,
            buckets: buckets.collect(),
        }
    }
}

fn report(client: &domain::ClientSnapshot, all: u64) -> ClientReport {
    let counts = &client.counts;
    let requests = counts.requests();
    let count = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    ClientReport {
        name: client.name.to_string(),
        share: requests as f64 / all.max(1) as f64,
        requests,
        failed: counts.failed,
        over_budget: counts.over_budget,
        success_rate: counts.success_rate(),
        latency_ms: Percentiles {
            p50: counts.latency.quantile(0.5),
            p95: counts.latency.quantile(0.95),
            p99: counts.latency.quantile(0.99),
        },
        attempts: counts.attempts,
        total_cost_usd: counts.known_cost().map(Money::usd),
        cost_basis: counts.cost_basis.into(),
        total_tokens: counts.tokens,
        budget: client.budget.as_ref().map(Into::into),
        rated: client
            .columns
            .iter()
            .map(|(rated, _)| count(*rated))
            .collect(),
        errors: client
            .columns
            .iter()
            .map(|(_, failed)| count(*failed))
            .collect(),
    }
}

use super::alert::AlertReport;
use super::budget::{BudgetReport, RateReport};
use super::event::EventReport;
use super::hedging::HedgingReport;
use super::key_report::KeyReport;
use super::performance::{ProviderPerformance, Totals};
use super::schedule_report::ScheduleReport;
use super::score::Factors;
use super::weights::{WeightOverride, WeightPoints};
use serde::{Deserialize, Serialize};

/// Period that a report covers, up to now.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
pub enum Window {
    /// One minute.
    #[serde(rename = "1m")]
    Minute,
    /// Five minutes.
    #[serde(rename = "5m")]
    FiveMinutes,
    /// A quarter of an hour.
    #[serde(rename = "15m")]
    #[default]
    Quarter,
    /// One hour.
    #[serde(rename = "1h")]
    Hour,
    /// Six hours.
    #[serde(rename = "6h")]
    SixHours,
    /// One day.
    #[serde(rename = "24h")]
    Day,
}

impl Window {
    /// Shortest first.
    pub const ALL: [Self; 6] = [
        Self::Minute,
        Self::FiveMinutes,
        Self::Quarter,
        Self::Hour,
        Self::SixHours,
        Self::Day,
    ];

    /// Word in the API, the configuration and on the screen.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "1m",
            Self::FiveMinutes => "5m",
            Self::Quarter => "15m",
            Self::Hour => "1h",
            Self::SixHours => "6h",
            Self::Day => "24h",
        }
    }

    /// Length in seconds.
    pub fn seconds(self) -> u64 {
        match self {
            Self::Minute => 60,
            Self::FiveMinutes => 300,
            Self::Quarter => 900,
            Self::Hour => 3_600,
            Self::SixHours => 21_600,
            Self::Day => 86_400,
        }
    }
}

impl std::str::FromStr for Window {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|window| window.as_str() == word)
            .ok_or_else(|| {
                format!("window is {word:?}, but must be one of 1m, 5m, 15m, 1h, 6h, 24h")
            })
    }
}

/// Health of the whole instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceState {
    /// Every enabled target is usable.
    Ok,
    /// At least one target is usable and at least one is not.
    Degraded,
    /// No target is usable.
    Down,
}

/// Answer to `GET /api/status`, which the dashboard draws as well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Version of the program.
    pub version: String,
    /// From `[server] environment`.
    pub environment: String,
    /// Counts the changes of weights and providers; starts at 1.
    pub revision: u64,
    /// Author and time of that revision; none before the first change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revised: Option<Revised>,
    /// Time of the oldest record, RFC 3339 in UTC.
    pub since: String,
    /// Time of the status, RFC 3339 in UTC with milliseconds.
    pub generated_at: String,
    /// Period that the numbers cover; `since` may be later than its start.
    pub window: Window,
    /// Health of the instance.
    pub state: ServiceState,
    /// Balancing strategy in force.
    pub strategy: String,
    /// All client requests over the window.
    pub totals: Totals,
    /// Client requests finished per second, over the last 10 seconds.
    pub requests_per_second: f64,
    /// Spending rate over the window's last quarter, USD per hour.
    pub usd_per_hour: f64,
    /// Spending and limits.
    #[serde(default)]
    pub budget: BudgetReport,
    /// Second attempts beside late ones, where `[balancing] hedge` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hedging: Option<HedgingReport>,
    /// Global weights in force.
    pub weights: WeightPoints,
    /// Time at which an unconfirmed change reverts, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverts_at: Option<String>,
    /// Schedules of weights, where there are some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleReport>,
    /// In the order of the configuration.
    pub providers: Vec<ProviderStatus>,
    /// All providers together; a delta holds only new and changed buckets.
    #[serde(default, skip_serializing_if = "Series::is_empty")]
    pub series: Series,
    /// Active alerts, the most severe and oldest first.
    pub alerts: Vec<AlertReport>,
    /// Losses of bounded queues.
    pub dropped: Dropped,
    /// Counts of the response cache, where it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheReport>,
    /// State of the store, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreReport>,
    /// The latest events, newest first, at most 100.
    pub events: Vec<EventReport>,
}

/// Author and time of a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revised {
    /// RFC 3339 in UTC.
    pub at: String,
    /// Name of the token or user.
    pub who: String,
}

/// Counts of the response cache since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CacheReport {
    /// Requests answered from the cache.
    pub hits: u64,
    /// Cacheable requests that were sent to a provider.
    pub misses: u64,
    /// Requests that waited for the response to an identical one.
    pub coalesced: u64,
    /// Responses in the cache.
    pub entries: u64,
    /// Size of the cache.
    pub bytes: u64,
}

/// State of the store.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoreReport {
    /// `ok`, `behind` or `failing`.
    pub state: String,
    /// Rows that wait to be written.
    pub queued: u64,
    /// Rows written since the start.
    pub written: u64,
    /// Rows dropped since the start, because too many waited.
    pub dropped: u64,
    /// What the database said last when it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

/// Losses of bounded queues since the start; all zero normally.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dropped {
    /// Observations that found the engine's queue full.
    pub observations: u64,
    /// Events that were overwritten before a slow reader read them.
    pub events: u64,
    /// Log lines that arrived faster than they were written.
    #[serde(default)]
    pub log_lines: u64,
    /// Responses too large to hold back, which were passed on live.
    #[serde(default)]
    pub held_answers: u64,
    /// Responses that ended because all together, or those of one client, took too much memory.
    #[serde(default)]
    pub refused_answers: u64,
    /// Deliveries of alerts that a webhook did not take in time.
    #[serde(default)]
    pub deliveries: u64,
}

impl Dropped {
    /// Sum of all losses.
    pub fn total(self) -> u64 {
        let answers = self.held_answers + self.refused_answers;
        self.observations + self.events + self.log_lines + answers + self.deliveries
    }
}

/// One provider: performance over the window, settings and state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderStatus {
    /// Performance over the window.
    #[serde(flatten)]
    pub performance: ProviderPerformance,
    /// `kind` of the configuration.
    pub kind: String,
    /// Whether the provider is used at all.
    pub enabled: bool,
    /// Whether running requests end and no new ones are sent.
    pub draining: bool,
    /// End of the drain, where it has one, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draining_until: Option<String>,
    /// End of a pin: until then every request that it can serve goes there; RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned_until: Option<String>,
    /// 0..100.
    pub priority: u8,
    /// Own weights, where it has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<WeightOverride>,
    /// Limit of concurrent requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrent: Option<u32>,
    /// Limits per minute.
    #[serde(default, skip_serializing_if = "RateReport::is_empty")]
    pub rates: RateReport,
    /// Its keys, where it has several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeyReport>,
    /// Selection probability of the next chat request, 0..1; all shares sum to 1.
    pub share: f64,
    /// Score of the provider's best target, 0..1; `null` where none is eligible.
    pub score: Option<f64>,
    /// Measured values behind the score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factors: Option<Factors>,
    /// Attempts finished per second, over the last 10 seconds.
    pub requests_per_second: f64,
    /// Spending rate over the window's last quarter, USD per hour; `null` where prices are unknown.
    pub usd_per_hour: Option<f64>,
    /// Reason for the state, in words; empty when healthy.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Start of the state, RFC 3339.
    pub state_since: String,
    /// Start of the present trouble, RFC 3339; a breaker that opens again after a failed probe is
    /// still the same trouble.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble_since: Option<String>,
    /// Failures that count in the rates, over the window.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<FailureCount>,
    /// Attempts whose client disconnected, over the window; they count in no rate.
    #[serde(default)]
    pub cancelled: u64,
    /// Time series of the provider.
    #[serde(default, skip_serializing_if = "Series::is_empty")]
    pub series: Series,
}

/// Failures of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureCount {
    /// For example `timeout`, `rate_limit` or `server`.
    pub kind: String,
    /// Number of failures.
    pub count: u64,
}

impl From<&(&'static str, u64)> for FailureCount {
    fn from(&(kind, count): &(&'static str, u64)) -> Self {
        Self {
            kind: kind.to_owned(),
            count,
        }
    }
}

/// Sixty time buckets of equal width, aligned to the epoch; the last one is still being filled.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Series {
    /// Width of one bucket in seconds.
    pub bucket_seconds: u64,
    /// Start of the last bucket, Unix seconds.
    pub last_start: u64,
    /// Oldest first.
    pub buckets: Vec<TimeBucket>,
}

impl Series {
    /// Whether the series was left out.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }
}

/// Requests that finished within one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimeBucket {
    /// Attempts (one provider) or client requests (all), without cancellations and client errors.
    pub requests: u32,
    /// Failures among them.
    pub errors: u32,
    /// Median latency of successes; `null` without any.
    pub p50_ms: Option<f32>,
    /// 95th percentile.
    pub p95_ms: Option<f32>,
    /// 99th percentile.
    #[serde(default)]
    pub p99_ms: Option<f32>,
    /// Median time to the first token of streams; none without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token_p50_ms: Option<f32>,
    /// 95th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token_p95_ms: Option<f32>,
    /// 99th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token_p99_ms: Option<f32>,
    /// Successes by latency: below 0.5 s, 1 s, 2 s, 5 s, and above.
    #[serde(default)]
    pub spread: [u32; 5],
    /// Known costs.
    pub cost_usd: f64,
}

impl TimeBucket {
    /// Success rate 0..1; `None` where no request finished.
    pub fn success_rate(&self) -> Option<f64> {
        (self.requests > 0).then(|| 1.0 - f64::from(self.errors) / f64::from(self.requests))
    }
}

use super::budget::{BudgetReport, RateReport};
use super::change::WeightOverride;
use super::event::EventReport;
use super::performance::{ProviderPerformance, Totals};
use super::selection::{Factors, WeightPoints};
use serde::{Deserialize, Serialize};

/// How far back the numbers of one report reach.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
pub enum Window {
    #[serde(rename = "1m")]
    Minute,
    #[serde(rename = "5m")]
    FiveMinutes,
    #[serde(rename = "15m")]
    #[default]
    Quarter,
    #[serde(rename = "1h")]
    Hour,
    #[serde(rename = "6h")]
    SixHours,
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

    /// The word in the API, in the configuration and on the screen.
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

/// The whole instance in one word.
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

/// `GET /api/status`, and what the dashboard draws.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    pub version: String,
    /// From `[server] environment`.
    pub environment: String,
    /// Counts the changes of weights and providers; starts at 1.
    pub revision: u64,
    /// Who made that revision, and when; left out before the first change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revised: Option<Revised>,
    /// Oldest record behind these numbers, RFC 3339 in UTC.
    pub since: String,
    /// When these numbers were taken, RFC 3339 in UTC with milliseconds.
    pub generated_at: String,
    /// How far back the numbers reach (`since` may be younger).
    pub window: Window,
    pub state: ServiceState,
    /// The balancing strategy in force.
    pub strategy: String,
    pub totals: Totals,
    /// Client requests finished per second, over the last 10 seconds.
    pub requests_per_second: f64,
    /// Spending rate over the window's last quarter, USD per hour.
    pub usd_per_hour: f64,
    #[serde(default)]
    pub budget: BudgetReport,
    pub weights: WeightPoints,
    /// When a change on trial undoes itself, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverts_at: Option<String>,
    /// In the order of the configuration.
    pub providers: Vec<ProviderStatus>,
    /// All providers together, over the window; a delta has only the columns
    /// that are new or have changed.
    #[serde(default, skip_serializing_if = "Series::is_empty")]
    pub series: Series,
    /// Firing alerts.
    pub alerts: Vec<serde_json::Value>,
    pub dropped: Dropped,
    /// Only where there is a cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheReport>,
    /// The latest events, newest first, at most 100.
    pub events: Vec<EventReport>,
}

/// A change of weights or providers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revised {
    /// RFC 3339 in UTC.
    pub at: String,
    pub who: String,
}

/// How the cache of answers has done since the start, and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CacheReport {
    /// Requests that were answered with what was kept.
    pub hits: u64,
    /// Requests that could have been, and asked a provider.
    pub misses: u64,
    /// Requests that waited for the answer to another.
    pub coalesced: u64,
    /// Answers that are kept.
    pub entries: u64,
    pub bytes: u64,
}

/// What bounded queues had to drop since the start. All zero in good health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dropped {
    /// Finished attempts that the engine's full queue did not take.
    pub observations: u64,
    /// Events that slow readers missed.
    pub events: u64,
    /// Log lines that came faster than they could be written.
    #[serde(default)]
    pub log_lines: u64,
    /// Answers that were too much to be held back, and went on live.
    #[serde(default)]
    pub held_answers: u64,
}

impl Dropped {
    pub fn total(self) -> u64 {
        self.observations + self.events + self.log_lines + self.held_answers
    }
}

/// One provider: its performance over the window, and how it stands now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderStatus {
    #[serde(flatten)]
    pub performance: ProviderPerformance,
    /// The protocol word of the configuration.
    pub kind: String,
    pub enabled: bool,
    pub draining: bool,
    /// Everything that it may serve goes there until then, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned_until: Option<String>,
    /// 0..100.
    pub priority: u8,
    /// Its own weights over the global ones, where it has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<WeightOverride>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrent: Option<u32>,
    /// What it may be sent in a minute.
    #[serde(default, skip_serializing_if = "RateReport::is_empty")]
    pub rates: RateReport,
    /// Odds of being chosen for a chat request now, 0..1; all shares sum to 1.
    pub share: f64,
    /// Score of the provider's best target, 0..1; `null` where none may serve.
    pub score: Option<f64>,
    /// What that score is made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factors: Option<Factors>,
    /// Attempts finished per second, over the last 10 seconds.
    pub requests_per_second: f64,
    /// Spending rate over the window's last quarter, USD per hour; `null` where prices are unknown.
    pub usd_per_hour: Option<f64>,
    /// Why it is in this state, in words; empty when all is well.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Since when it is in this state, RFC 3339.
    pub state_since: String,
    /// Since when it has been in one trouble or another, RFC 3339: an open breaker that lets a
    /// trial in and opens again is still the same trouble.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble_since: Option<String>,
    /// Failures that count in the rates, over the window.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<FailureCount>,
    /// Attempts whose client left, over the window; they count in no rate.
    #[serde(default)]
    pub cancelled: u64,
    #[serde(default, skip_serializing_if = "Series::is_empty")]
    pub series: Series,
}

/// Failures of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureCount {
    /// Such as `timeout`, `rate_limit` or `server`.
    pub kind: String,
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

/// Sixty equal columns of time, aligned to the epoch, the last one unfinished.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Series {
    /// Width of one column in seconds.
    pub bucket_seconds: u64,
    /// Start of the last column, unix seconds.
    pub last_start: u64,
    /// Oldest first.
    pub buckets: Vec<TimeBucket>,
}

impl Series {
    /// Whether it was left out.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }
}

/// One column: what finished in it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimeBucket {
    /// Attempts (of one provider) or client requests (of all), cancellations and client
    /// mistakes left out.
    pub requests: u32,
    pub errors: u32,
    /// Latency of successes; `null` where there was none.
    pub p50_ms: Option<f32>,
    pub p95_ms: Option<f32>,
    #[serde(default)]
    pub p99_ms: Option<f32>,
    /// To the first token of streams; left out where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token_p50_ms: Option<f32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token_p95_ms: Option<f32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token_p99_ms: Option<f32>,
    /// Successes by latency: below 0.5 s, 1 s, 2 s, 5 s, and beyond.
    #[serde(default)]
    pub spread: [u32; 5],
    pub cost_usd: f64,
}

impl TimeBucket {
    /// Success rate 0..1, or nothing where nothing finished.
    pub fn success_rate(&self) -> Option<f64> {
        (self.requests > 0).then(|| 1.0 - f64::from(self.errors) / f64::from(self.requests))
    }
}

use super::alert::AlertReport;
use super::budget::{BudgetReport, RateReport};
use super::effect::EffectFiguresReport;
use super::event::EventReport;
use super::hedging::HedgingReport;
use super::key_report::KeyReport;
use super::past::PastWindow;
use super::performance::{HealthState, ProviderPerformance, Totals};
use super::route_report::RouteReport;
use super::schedule_report::ScheduleReport;
use super::score::Factors;
use super::settings::SettingsValues;
use super::weights::{WeightOverride, WeightPoints};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Period that a report covers, up to now.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    Default,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ServiceState {
    /// Every enabled target is usable.
    Ok,
    /// At least one target is usable and at least one is not.
    Degraded,
    /// No target is usable.
    Down,
}

/// How the latest client requests went, whatever window is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct CallersReport {
    /// `ok`, `degraded` where more than 1 % failed, `down` where more than half did; `null` with fewer
    /// than ten requests.
    pub state: Option<ServiceState>,
    /// Requests that count in the success rate.
    pub requests: u64,
    /// Failures among them.
    pub failed: u64,
    /// Seconds that are counted: 60, or 900 where there were few requests.
    pub seconds: u64,
}

impl CallersReport {
    /// Requests that it takes to judge.
    const MIN_REQUESTS: u64 = 10;
    /// A single failure is no trouble.
    const MIN_FAILURES: u64 = 2;

    /// State of the callers by their requests and the failures among them.
    pub(super) fn judge(requests: u64, failed: u64) -> Option<ServiceState> {
        let state = if 2 * failed > requests {
            ServiceState::Down
        } else if failed >= Self::MIN_FAILURES && 100 * failed > requests {
            ServiceState::Degraded
        } else {
            ServiceState::Ok
        };
        (requests >= Self::MIN_REQUESTS).then_some(state)
    }
}

/// Answer to `GET /api/status`, which the dashboard draws as well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// Health of the instance, by its providers.
    pub state: ServiceState,
    /// How its callers fare.
    #[serde(default)]
    pub callers: CallersReport,
    /// All client requests of the last 60 s, whatever window is shown; the money is that of all
    /// attempts. None in the past, and from an instance of an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_minute: Option<EffectFiguresReport>,
    /// Balancing strategy in force.
    pub strategy: String,
    /// Settings that can be changed at run time; none from an instance of an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<SettingsValues>,
    /// All client requests over the window.
    pub totals: Totals,
    /// Client requests finished per second, over the last 10 seconds.
    pub requests_per_second: f64,
    /// Spending rate over the last five minutes, USD per hour; 0 where no cost is known, see
    /// [`Self::known_usd_per_hour`].
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
    /// Configured routes, in the order of the configuration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<RouteReport>,
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
    /// The window of the past that it covers; none for the present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub past: Option<PastWindow>,
}

impl Status {
    /// Spending rate in USD per hour; none where no attempt of the window has a known cost.
    pub fn known_usd_per_hour(&self) -> Option<f64> {
        self.totals.total_cost_usd.map(|_| self.usd_per_hour)
    }

    /// Rank of a provider by its score among those that requests go to, 1 is the best; none for one
    /// that gets no requests.
    pub fn rank(&self, provider: &ProviderStatus) -> Option<usize> {
        let score = provider.score.filter(|_| provider.may_serve())?;
        let others = self.providers.iter().filter(|other| other.may_serve());
        Some(others.filter(|other| other.score > Some(score)).count() + 1)
    }
}

/// Author and time of a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Revised {
    /// RFC 3339 in UTC.
    pub at: String,
    /// Name of the token or user.
    pub who: String,
}

/// Counts of the response cache since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// Part of all attempts of the last 60 s, 0..1; all shares sum to 1, or to 0 without attempts.
    pub share: f64,
    /// Probability that the next usual chat request goes there, 0..1; all sum to 1, or to 0 where no
    /// provider can be used.
    #[serde(default)]
    pub odds: f64,
    /// Score of the provider's best target, 0..1; `null` where none is eligible.
    pub score: Option<f64>,
    /// Measured values behind the score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factors: Option<Factors>,
    /// Attempts finished per second, over the last 10 seconds.
    pub requests_per_second: f64,
    /// Spending rate over the last five minutes, USD per hour; `null` where prices are unknown.
    pub usd_per_hour: Option<f64>,
    /// Reason for the state, in words; empty when healthy.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Start of the state, RFC 3339; a breaker that opens again after a trial was not closed between.
    pub state_since: String,
    /// Start of the present trouble, across all its states, RFC 3339.
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

impl ProviderStatus {
    /// Whether requests go to the provider, so that weights and priorities can move them.
    pub fn may_serve(&self) -> bool {
        match self.performance.state {
            HealthState::Ok | HealthState::Slow | HealthState::Failing | HealthState::Unknown => {
                true
            }
            // It may have answered 429 lately and take requests again.
            HealthState::Limited => self.odds > 0.0,
            HealthState::Open
            | HealthState::HalfOpen
            | HealthState::Down
            | HealthState::Draining
            | HealthState::Off => false,
        }
    }
}

/// Failures of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_are_judged_from_ten_requests_on() {
        let judge = CallersReport::judge;

        assert_eq!(judge(9, 9), None);
        assert_eq!(judge(10, 1), Some(ServiceState::Ok), "a single failure");
        assert_eq!(judge(10, 2), Some(ServiceState::Degraded));
        assert_eq!(judge(1_000, 10), Some(ServiceState::Ok));
        assert_eq!(judge(1_000, 11), Some(ServiceState::Degraded));
        assert_eq!(judge(10, 6), Some(ServiceState::Down));
    }
}

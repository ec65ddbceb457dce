//! The validated values of a configuration.
//!
//! Plain data that was validated. Where a choice is accepted but not built yet, the field holds the
//! value that applies instead, and a warning says so.

use super::capabilities::ModelQuirks;
use super::file;
use super::key_store::KeyStoreSettings;
use crate::domain::{
    AlertConfig, BreakerSettings, BudgetConfig, Capabilities, GroupDefinition, ModelTypes, Price,
    RateLimits, Recovery, RouteOrder, Strategy, TokenDefinition, Tuning, WeightOverride, Weights,
    WeightsSchedule,
};
use crate::secrets::{Program, Secret};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// All settings in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub server: ServerSettings,
    pub balancing: BalancingSettings,
    pub streaming: StreamingSettings,
    pub probe: ProbeSettings,
    /// In the order of the file, then those found in the environment; the skipped ones included.
    pub providers: Vec<ProviderSettings>,
    pub routes: Vec<RouteSettings>,
    /// Weights at given hours.
    pub schedules: Vec<WeightsSchedule>,
    /// The limits of all requests and of providers.
    pub budget: BudgetConfig,
    pub alerts: AlertSettings,
    pub store: StoreSettings,
    pub cache: CacheSettings,
    pub dashboard: DashboardSettings,
    pub tokens: Vec<TokenSettings>,
    pub groups: Vec<GroupDefinition>,
    /// `AI_GATEWAY_API_KEY`, where it is a token that clients of /v1 must send.
    pub client_token: Option<Secret>,
    pub keystore: KeyStoreSettings,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ServerSettings {
    pub listen: SocketAddr,
    pub max_body_bytes: usize,
    /// Client requests at once.
    pub max_in_flight: u32,
    pub drain: Duration,
    /// Time between "not ready" and the drain.
    pub pre_stop: Duration,
    /// Client connections at once.
    pub max_connections: usize,
    /// A connection without a request is closed after this time.
    pub keep_alive: Duration,
    /// Names of this machine besides those of loopback.
    pub allowed_hosts: Vec<String>,
    /// Pages of other sites that may send requests.
    pub cors_origins: Vec<String>,
    /// Time for which a scrape of the metrics is repeated.
    pub metrics_cache: Duration,
    pub environment: String,
    /// Whether responses name the model as the client did.
    pub requested_model_in_answer: bool,
    /// For requests with an unknown model name.
    pub default_model: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct BalancingSettings {
    pub strategy: Strategy,
    /// Attempts after the first.
    pub max_retries: u32,
    pub timeout: Duration,
    pub connect_timeout: Duration,
    pub first_token_timeout: Duration,
    pub idle_timeout: Duration,
    pub stream_timeout: Duration,
    /// Whether the prompt caches of providers are considered.
    pub cache_affinity: bool,
    /// How long they hold a prompt.
    pub prompt_cache: Duration,
    /// Parameters of the strategy `adaptive`.
    pub tuning: Tuning,
    /// Circuit breakers of all targets.
    pub breaker: BreakerSettings,
    pub weights: Weights,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamingSettings {
    pub recovery: Recovery,
    /// Silence after which clients get bytes that say nothing; `None`: never.
    pub keep_alive: Option<Duration>,
    /// Whether a client that waits long for the first content gets headers before it.
    pub early_headers: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProbeSettings {
    pub interval: Duration,
    pub mode: ProbeMode,
    pub usd_per_day: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeMode {
    Models,
    Completion,
    Off,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ProviderSettings {
    /// Unique.
    pub name: String,
    /// Name of its protocol.
    pub kind: String,
    /// With the ending that the paths of the kind need, without a trailing slash.
    pub base_url: String,
    /// A socket for all connections instead of the address.
    pub unix_socket: Option<PathBuf>,
    /// PEM file of certificates to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// `None` where none is needed, or where it is missing and the provider is skipped.
    pub key: Option<KeySource>,
    /// All of its keys, where it has several; `key` is the first of them.
    pub key_pool: Vec<PoolKey>,
    /// Whether the provider counts the rate limits of all keys together.
    pub shares_quota: bool,
    /// Headers of every request to it.
    pub headers: Vec<(String, Secret)>,
    /// Headers that pass from clients to it.
    pub forward_headers: Vec<String>,
    pub enabled: bool,
    /// Why the provider is off; `None` where it can be used.
    pub skipped: Option<String>,
    /// 0 to 100.
    pub priority: u8,
    /// `None`: no limit.
    pub max_concurrent: Option<u32>,
    pub rates: RateLimits,
    pub weights: WeightOverride,
    pub vertex: Option<VertexSettings>,
    /// Without any, and without patterns, the provider lists its models itself.
    pub models: Vec<ModelSettings>,
    /// Settings of models that the provider lists and that fit a pattern.
    pub patterns: Vec<ModelPattern>,
    /// For models that are not configured one by one.
    pub timeout: Duration,
    /// For models that are not configured one by one.
    pub first_token_timeout: Duration,
    /// How long its prompt cache holds a prompt; `None`: as long as others.
    pub prompt_cache: Option<Duration>,
}

/// One of several keys of a provider.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolKey {
    /// As it may be shown, such as `env:NAME` or `file:PATH`.
    pub name: String,
    /// Its share of the requests in proportion to the weights of the others.
    pub weight: f64,
    pub source: KeySource,
}

/// Where a provider's key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// It was read with the configuration.
    Fixed(Secret),
    /// A command prints it; it runs when the key is needed.
    Command(KeyCommand),
}

impl KeySource {
    /// The key, where it is known without running a command.
    pub fn fixed(&self) -> Option<&Secret> {
        match self {
            Self::Fixed(secret) => Some(secret),
            Self::Command(_) => None,
        }
    }
}

/// A command that prints a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyCommand {
    pub program: Program,
    /// Its output is read again after this time.
    pub refresh: Duration,
}

impl ProviderSettings {
    pub fn is_usable(&self) -> bool {
        self.enabled && self.skipped.is_none()
    }

    /// Whether models are served that only the provider itself names.
    pub fn lists_models(&self) -> bool {
        self.models.is_empty() || !self.patterns.is_empty()
    }
}

/// An entry of a model whose name has wildcards.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelPattern(pub(in crate::config) file::Model);

impl ModelPattern {
    /// The name with wildcards.
    pub fn text(&self) -> &str {
        &self.0.id
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VertexSettings {
    pub project: String,
    pub location: String,
    /// `None`: the application-default credentials.
    pub credentials: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ModelSettings {
    pub id: String,
    pub types: ModelTypes,
    /// `None`: unknown, which is not free.
    pub price: Option<Price>,
    pub capabilities: Capabilities,
    pub quirks: ModelQuirks,
    /// `None`: only the limit of the provider.
    pub max_concurrent: Option<u32>,
    /// The whole request, or a stream until its first content.
    pub timeout: Duration,
    pub first_token_timeout: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteSettings {
    pub model: String,
    /// Empty where all targets are left out because keys are missing, with warnings.
    pub targets: Vec<RouteTarget>,
    /// With one weight for each target where it is weighted.
    pub order: RouteOrder,
}

/// A provider that exists and, where its models are configured, one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteTarget {
    pub provider: String,
    pub model: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct AlertSettings {
    pub rules: AlertConfig,
    pub webhooks: Vec<WebhookSettings>,
}

/// A receiver of alerts.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookSettings {
    /// May hold a token.
    pub url: Secret,
    /// `json`, `slack` or `pagerduty`.
    pub format: String,
    pub secret: Option<Secret>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct StoreSettings {
    /// May hold a password, as `postgres://…` does.
    pub url: Secret,
    /// Days for which rows are kept.
    pub rows_days: u32,
    /// Days for which sums are kept.
    pub rollup_days: u32,
    /// Days for which the audit log is kept.
    pub audit_days: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CacheSettings {
    pub enabled: bool,
    pub ttl: Duration,
    pub max_bytes: u64,
    /// Whether responses are shared between clients.
    pub shared: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct DashboardSettings {
    pub refresh: Duration,
    pub window: Duration,
    /// `default`, `light`, `high-contrast`, `mono`, `deuter` or `true-colour`.
    pub theme: String,
    pub arm: ArmMode,
    /// Ring the terminal's bell when a provider fails.
    pub bell: bool,
    /// Action id → key, `""` unbinds.
    pub keys: BTreeMap<String, String>,
}

/// When the dashboard can write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArmMode {
    /// Only after `!` where the environment is production.
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TokenSettings {
    pub definition: TokenDefinition,
    /// The hash of the bearer token.
    pub sha256: [u8; 32],
}

impl Settings {
    /// Returns whether any provider can serve.
    pub fn has_usable_provider(&self) -> bool {
        self.providers.iter().any(ProviderSettings::is_usable)
    }
}

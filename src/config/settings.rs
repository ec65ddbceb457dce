//! The configuration as values that cannot be wrong.
//!
//! Plain data: what is here was checked. Where a choice is accepted but not built yet, the value here
//! is the one in force instead, and a warning says so.

use super::capabilities::ModelInfo;
use super::prices::{Above, KnownModel};
use crate::secrets::Secret;
use std::collections::{BTreeMap, BTreeSet};
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
    pub budget: BudgetSettings,
    pub alerts: AlertSettings,
    pub store: StoreSettings,
    pub cache: CacheSettings,
    pub dashboard: DashboardSettings,
    pub tokens: Vec<TokenSettings>,
    /// `AI_GATEWAY_API_KEY`, where it is a token: what clients of /v1 must send.
    pub client_token: Option<Secret>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ServerSettings {
    pub listen: SocketAddr,
    pub max_body_bytes: usize,
    /// Client requests at once.
    pub max_in_flight: u32,
    pub drain: Duration,
    /// From the network, at once.
    pub max_connections: usize,
    /// A connection without a request may stay that long.
    pub keep_alive: Duration,
    pub environment: String,
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
    pub adaptive: AdaptiveSettings,
    pub weights: WeightSettings,
}

/// How the strategy adaptive weighs and draws.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdaptiveSettings {
    pub temperature_points: f64,
    pub exploration_percent: f64,
    pub first_token_reference: Duration,
    pub token_reference: Duration,
    pub guard: f64,
}

/// Points from 0 to 100; cost + latency + reliability are 100.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeightSettings {
    pub cost: f64,
    pub latency: f64,
    pub reliability: f64,
    pub load: f64,
    pub priority: f64,
}

/// Points from 0 to 100; what is `None` is taken from the global weights, then normalised.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct WeightOverrides {
    pub cost: Option<f64>,
    pub latency: Option<f64>,
    pub reliability: Option<f64>,
    pub load: Option<f64>,
    pub priority: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    Adaptive,
    Best,
    Weighted,
    RoundRobin,
    LeastBusy,
    LowestLatency,
    LowestCost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamingSettings {
    pub recovery: Recovery,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    Error,
    Restart,
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
    /// The word of its protocol.
    pub kind: String,
    /// With the ending that the kind's paths build on, without a slash behind it.
    pub base_url: String,
    /// Where all connections go, whatever the address says.
    pub unix_socket: Option<PathBuf>,
    /// Certificates in PEM that are trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// `None` where none is needed, or where the provider is skipped for want of it.
    pub key: Option<Secret>,
    pub enabled: bool,
    /// Why it cannot be used, shown as off; `None` where it can.
    pub skipped: Option<String>,
    /// 0 to 100.
    pub priority: u8,
    /// `None`: no limit.
    pub max_concurrent: Option<u32>,
    pub requests_per_minute: Option<u64>,
    pub tokens_per_minute: Option<u64>,
    pub weights: WeightOverrides,
    pub vertex: Option<VertexSettings>,
    /// Empty: the models are those which the provider itself lists.
    pub models: Vec<ModelSettings>,
    /// For models that are not configured one by one.
    pub timeout: Duration,
    /// For models that are not configured one by one.
    pub first_token_timeout: Duration,
}

impl ProviderSettings {
    pub fn is_usable(&self) -> bool {
        self.enabled && self.skipped.is_none()
    }

    /// What is known of a model that the provider itself lists.
    pub fn listed_model(&self, id: &str) -> ModelSettings {
        let known = super::prices::find(&self.kind, id);
        let described = ModelInfo {
            id,
            given: None,
            known,
        };
        ModelSettings {
            id: id.to_owned(),
            types: described.types(),
            price: known.map(Price::of),
            abilities: described.capabilities(),
            peculiarities: described.quirks(),
            max_concurrent: None,
            timeout: self.timeout,
            first_token_timeout: self.first_token_timeout,
        }
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
    pub abilities: ModelCapabilities,
    pub peculiarities: ModelQuirks,
    /// `None`: no limit beside its provider's.
    pub max_concurrent: Option<u32>,
    /// The whole request, or a stream until its first content.
    pub timeout: Duration,
    pub first_token_timeout: Duration,
}

/// What a model can do; `None` is not stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ModelCapabilities {
    /// It answers in words.
    pub talk: Option<bool>,
    pub embeddings: Option<bool>,
    pub vision: Option<bool>,
    pub tools: Option<bool>,
    pub json_schema: Option<bool>,
    /// Goes on with an answer that the client begins.
    pub prefill: Option<bool>,
    pub reasoning: Option<bool>,
    /// Tokens of the prompt.
    pub context_window: Option<u64>,
    /// Tokens of the answer.
    pub max_output: Option<u64>,
}

/// How a model wants to be asked; `None` is not stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ModelQuirks {
    /// It takes temperature and its like.
    pub sampling: Option<bool>,
    /// It can be forced to call a tool.
    pub forced_tools: Option<bool>,
    /// It decides by itself how long to think.
    pub adaptive_thinking: Option<bool>,
    /// It is served by `/responses` alone.
    pub responses_only: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ModelType {
    Chat,
    Vision,
    Reasoning,
    Artifact,
    Embedding,
}

/// What a model serves. Never empty.
pub type ModelTypes = BTreeSet<ModelType>;

/// USD per 1,000,000 tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Price {
    pub input: f64,
    pub output: f64,
    pub cached_input: Option<f64>,
    pub cache_write: Option<f64>,
    pub above: Option<Above>,
}

impl Price {
    pub fn of(known: &KnownModel) -> Self {
        Self {
            input: known.input,
            output: known.output,
            cached_input: known.cached_input,
            cache_write: known.cache_write,
            above: known.above,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteSettings {
    pub model: String,
    /// Empty where every target is left out for want of a key; warnings say so.
    pub targets: Vec<RouteTarget>,
}

/// A provider that exists and, where its models are configured, one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteTarget {
    pub provider: String,
    pub model: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BudgetSettings {
    /// `None`: no limit.
    pub usd_per_day: Option<f64>,
    /// `None`: no limit.
    pub usd_per_month: Option<f64>,
    /// Serve from the cheapest target rather than refuse.
    pub is_cheapest_on_limit: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct AlertSettings {
    pub error_rate_percent: f64,
    pub latency: Duration,
    pub webhook_url: Option<Secret>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct StoreSettings {
    /// May hold a password, as `postgres://…` does.
    pub url: Secret,
    pub retention: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CacheSettings {
    pub enabled: bool,
    pub ttl: Duration,
    pub max_bytes: u64,
    /// Whether one client gets what another was answered.
    pub shared: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct DashboardSettings {
    pub refresh: Duration,
    pub window: Duration,
    /// `default`, `light`, `high-contrast`, `mono` or `deuter`.
    pub theme: String,
    pub arm: ArmMode,
    /// Ring the terminal's bell for new trouble.
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
    pub name: String,
    /// The hash of the bearer token.
    pub sha256: [u8; 32],
    pub role: Role,
    pub usd_per_day: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Client,
    Viewer,
    Operator,
}

impl Settings {
    /// Whether any provider can serve.
    pub fn has_usable_provider(&self) -> bool {
        self.providers.iter().any(ProviderSettings::is_usable)
    }
}

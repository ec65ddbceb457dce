//! The shape of a configuration file, as it is read and as `config schema` describes it.
//!
//! What single values may be stands in `keys.rs`; the defaults stand in `assets/config.sample.toml`.

use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The configuration of aibal-tui.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "aibal-tui")]
pub(super) struct File {
    pub server: Server,
    pub balancing: Balancing,
    pub streaming: Streaming,
    pub probe: Probe,
    /// Without any, a key in the environment is enough.
    #[serde(default)]
    pub providers: Vec<Provider>,
    /// Model names that clients use, and who may serve them.
    #[serde(default)]
    pub routes: Vec<Route>,
    pub budget: Budget,
    pub alerts: Alerts,
    pub store: Store,
    pub cache: Cache,
    pub dashboard: Dashboard,
    #[serde(default)]
    pub auth: Auth,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Server {
    /// Where clients connect. A non-loopback address is refused while there is no [[auth.tokens]].
    pub listen: String,
    /// A request body larger than this is refused.
    pub max_body_mb: u64,
    /// Client requests at once; more are refused with 503 before their bodies are read.
    pub max_in_flight: u32,
    /// How long a stop waits for requests in flight before it cuts them.
    pub drain_seconds: u64,
    /// The most connections of clients at once; the limit of open files may allow fewer.
    pub max_connections: usize,
    /// How long a client's connection may stay open without a request.
    pub keep_alive_seconds: u64,
    /// Shown first on the screen; "prod" or "production" arms its write protection.
    pub environment: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Balancing {
    /// How a target is chosen.
    pub strategy: String,
    /// Attempts after the first, fallbacks included.
    pub max_retries: u32,
    /// Non-stream: the whole request; stream: until its first content; retries and fallbacks included.
    pub timeout_ms: u64,
    /// Until the connection to a provider stands.
    pub connect_timeout_ms: u64,
    /// Until the first token, per attempt.
    pub first_token_timeout_ms: u64,
    /// Between two chunks of a stream.
    pub idle_timeout_ms: u64,
    /// A whole stream.
    pub stream_timeout_ms: u64,
    pub adaptive: Adaptive,
    pub weights: Weights,
}

/// How the strategy adaptive weighs and draws.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Adaptive {
    /// Points of a hundred behind the best that leave a third of its odds.
    pub temperature_points: f64,
    /// Part of requests that go to whoever was not asked for half a minute.
    pub exploration_percent: f64,
    /// A first token that takes this long is worth nothing.
    pub first_token_reference_ms: f64,
    /// A further token that takes this long is worth nothing.
    pub token_reference_ms: f64,
    /// Points that are lost for each percent of risk beyond 20, whatever the weights say.
    pub guard: f64,
}

/// cost + latency + reliability = 100; load and priority stand beside them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Weights {
    /// How much a lower price counts.
    pub cost: f64,
    /// How much a faster answer counts.
    pub latency: f64,
    /// How much a higher success rate counts.
    pub reliability: f64,
    /// How much fewer requests in flight count.
    pub load: f64,
    /// How much the provider's own priority counts.
    pub priority: f64,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Streaming {
    /// What happens to a stream that breaks after its first content.
    pub recovery: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Probe {
    /// How often providers are asked whether they are alive.
    pub interval_seconds: u64,
    /// A free call (models), a paid one (completion), or none.
    pub mode: String,
    /// The most that mode = "completion" may cost in a day.
    pub usd_per_day: f64,
}

/// A vendor's endpoint.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Provider {
    /// Unique; clients may pin it as name/model.
    #[serde(default)]
    pub name: String,
    /// The protocol it speaks.
    #[serde(default)]
    pub kind: String,
    /// Default: the vendor's own; with or without the ending /v1.
    pub base_url: Option<String>,
    /// A socket to which all connections go; base_url is then http://localhost unless given.
    pub unix_socket: Option<String>,
    /// A PEM file with certificates to trust besides the system's.
    pub ca_file: Option<String>,
    /// The variable that holds the key. Default: the vendor's usual one.
    pub api_key_env: Option<String>,
    /// "keystore:NAME", "env:NAME" or "file:PATH"; a literal key draws a warning.
    pub api_key: Option<String>,
    #[serde(default)]
    pub priority: u8,
    /// The most requests in flight. Default: no limit.
    pub max_concurrent: Option<u32>,
    /// The most that are sent in a minute. Default: no limit.
    pub requests_per_minute: Option<u64>,
    /// Tokens in and out, reserved before an attempt and settled after it. Default: no limit.
    pub tokens_per_minute: Option<u64>,
    #[serde(default)]
    pub enabled: bool,
    pub timeout_ms: Option<u64>,
    pub first_token_timeout_ms: Option<u64>,
    /// What is missing is taken from the global weights.
    pub weights: Option<WeightOverride>,
    /// Vertex AI: the project.
    pub project: Option<String>,
    /// Vertex AI: the location.
    pub location: Option<String>,
    /// Vertex AI: a file of credentials. Default: the application-default credentials.
    pub credentials: Option<String>,
    /// Default: the vendor's short list.
    #[serde(default)]
    pub models: Vec<Model>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WeightOverride {
    pub cost: Option<f64>,
    pub latency: Option<f64>,
    pub reliability: Option<f64>,
    pub load: Option<f64>,
    pub priority: Option<f64>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Model {
    #[serde(default)]
    pub id: String,
    /// Default: what the built-in price table knows, else chat and artifact.
    pub types: Option<Vec<String>>,
    /// Default: the built-in price table.
    pub input_usd_per_1m: Option<f64>,
    /// Default: the built-in price table.
    pub output_usd_per_1m: Option<f64>,
    /// Tokens of the longest prompt. Default: the built-in price table, as for all below; what is
    /// not stated there keeps no request away.
    pub context_window: Option<u64>,
    /// Tokens of the longest answer.
    pub max_output: Option<u64>,
    /// Whether it sees pictures.
    pub vision: Option<bool>,
    /// Whether it thinks before it answers.
    pub reasoning: Option<bool>,
    /// Whether it calls tools.
    pub tools: Option<bool>,
    /// Whether it keeps to a JSON schema.
    pub json_schema: Option<bool>,
    /// Whether it takes temperature, top_p and top_k.
    pub sampling: Option<bool>,
    /// The most requests in flight at this model. Default: the provider's limit alone.
    pub max_concurrent: Option<u32>,
    pub timeout_ms: Option<u64>,
    pub first_token_timeout_ms: Option<u64>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Route {
    #[serde(default)]
    pub model: String,
    /// Each as provider/model.
    #[serde(default)]
    pub targets: Vec<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Budget {
    /// Of a calendar day in UTC. Default: no limit.
    pub usd_per_day: Option<f64>,
    /// Of a calendar month in UTC. Default: no limit.
    pub usd_per_month: Option<f64>,
    /// Refuse requests that have no room, or serve them from the cheapest target that may.
    pub on_limit: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Alerts {
    pub error_rate_percent: f64,
    pub latency_ms: u64,
    /// Empty: nobody is told.
    pub webhook_url: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Store {
    /// sqlite:PATH, postgres://… or memory:
    pub url: String,
    pub retention_days: u32,
}

/// Answers to identical non-stream requests at temperature 0.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Cache {
    pub enabled: bool,
    /// How long an answer is given again.
    pub ttl_seconds: u64,
    /// All answers together.
    pub max_mb: u64,
    /// Whether a client gets what another, with another token, was answered.
    pub shared: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Dashboard {
    /// How often the screen asks for news.
    pub refresh_ms: u64,
    /// The window that the figures cover.
    pub window: String,
    pub theme: String,
    /// When writing is possible.
    pub arm: String,
    /// Ring the terminal's bell for new trouble.
    pub bell: bool,
    /// Action id = key; "" unbinds.
    #[serde(default)]
    pub keys: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Auth {
    /// Who may call.
    #[serde(default)]
    pub tokens: Vec<Token>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Token {
    #[serde(default)]
    pub name: String,
    /// The SHA-256 of the bearer token, in hexadecimal.
    #[serde(default)]
    pub sha256: String,
    #[serde(default)]
    pub role: String,
    /// What its requests may cost in a calendar day in UTC. Default: no limit of its own.
    pub usd_per_day: Option<f64>,
}

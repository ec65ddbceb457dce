//! The shape of a configuration file, as it is read and as `config schema` describes it.
//!
//! The constraints of single values are in `keys.rs`, the defaults in `assets/config.sample.toml`.
//! The doc comments are the descriptions of the schema and of `docs/configuration.md`.

use super::auth_file::Auth;
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
    /// Upstream endpoints. Without any, a key in the environment is enough.
    #[serde(default)]
    pub providers: Vec<Provider>,
    /// Model names for clients, and the targets that may serve them.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// Global weights that begin at given hours. A change by hand holds until the next of these times.
    #[serde(default)]
    pub schedules: Vec<Schedule>,
    pub budget: Budget,
    pub alerts: Alerts,
    pub store: Store,
    pub cache: Cache,
    pub dashboard: Dashboard,
    #[serde(default)]
    pub auth: Auth,
    pub keystore: Keystore,
}

/// The encrypted key store, for keys given as keystore:NAME; `aibal-tui keys` writes it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Keystore {
    /// What opens it: passphrase (of AIBAL_PASSPHRASE, AIBAL_PASSPHRASE_FILE or the terminal), file:PATH, credential:NAME (of systemd) or command:PROGRAM ARGUMENTS, which prints it.
    pub unlock: String,
    /// Its path; empty: keys.json beside the store's database, in $XDG_STATE_HOME/aibal-tui/.
    pub file: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Server {
    /// The address for clients. A non-loopback address is rejected while there is no [[auth.tokens]].
    pub listen: String,
    /// The largest request body in MB; a larger one is rejected with 413.
    pub max_body_mb: u64,
    /// Client requests at once, streams included; more are rejected with 503 before their bodies are read.
    pub max_in_flight: u32,
    /// Seconds that a stop waits for requests in flight before it ends them.
    pub drain_seconds: u64,
    /// Seconds after SIGTERM in which /readyz says not ready and requests are still served, before the drain begins.
    pub pre_stop_seconds: u64,
    /// Client connections at once; the limit of open files may allow fewer.
    pub max_connections: usize,
    /// Seconds that a client's connection may stay open without a request.
    pub keep_alive_seconds: u64,
    /// Names of this machine besides those of loopback. Without [[auth.tokens]], a Host header must have one of them.
    pub allowed_hosts: Vec<String>,
    /// Pages of other sites that may send requests, each as https://host or https://host:port.
    pub cors_origins: Vec<String>,
    /// The model that a response names: as the provider answers (upstream), or as the client asked, for example the name of a route (requested).
    pub model_in_answer: String,
    /// The model or route that serves requests with an unknown model name; empty: such requests get 404.
    pub default_model: String,
    /// Milliseconds for which an answer of /metrics is repeated, and one of /api/monitoring/performance that is read from the store; 0 computes every one.
    pub metrics_cache_ms: u64,
    /// A name that the dashboard shows first; with "prod" or "production" it is read-only until `!` is pressed.
    pub environment: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Balancing {
    /// How a target is selected.
    pub strategy: String,
    /// Attempts after the first, failover included.
    pub max_retries: u32,
    /// Non-stream: the whole request; stream: until its first content; retries and failover included. Unless set, reasoning models have 60000 and Ollama 90000.
    pub timeout_ms: u64,
    /// Until the connection to a provider is open.
    pub connect_timeout_ms: u64,
    /// Until the first token of an attempt. Unless set, reasoning models have 20000 and Ollama 60000.
    pub first_token_timeout_ms: u64,
    /// Between two chunks of a stream.
    pub idle_timeout_ms: u64,
    /// A whole stream.
    pub stream_timeout_ms: u64,
    /// Whether cost and first token of a target consider what its prompt cache holds of a conversation that it served.
    pub cache_affinity: bool,
    /// How long prompt caches of providers hold a prompt after its last use.
    pub prompt_cache_ms: u64,
    /// A stream whose first content is later than this percentile of its target's usual times gets a second attempt at another target; off: none does.
    pub hedge: String,
    /// The first of two such attempts to begin is the response; what the cancelled ones, billed for their prompts, may cost within an hour, in USD.
    pub hedge_usd_per_hour: f64,
    pub adaptive: Adaptive,
    pub breaker: Breaker,
    pub weights: Weights,
}

/// Circuit breakers: one per target, which gets no requests while its breaker is open.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Breaker {
    /// Consecutive failures that open it where failures are rare; more where they are usual, fewer soon after an outage.
    pub failures: u8,
    /// The longest that it stays open before the next trial.
    pub max_open_seconds: u16,
}

/// Settings of the strategy adaptive.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Adaptive {
    /// A target this many points of a hundred behind the best has a third of its selection probability.
    pub temperature_points: f64,
    /// Percentage of requests that go to a target without a request for 30 seconds, so that it stays measured.
    pub exploration_percent: f64,
    /// Time to the first token at which the latency factor is 0.
    pub first_token_reference_ms: f64,
    /// Time per further token at which the latency factor is 0.
    pub token_reference_ms: f64,
    /// Points that a target loses for each percent of risk above 20, regardless of weights; 0 switches it off.
    pub guard: f64,
}

/// cost + latency + reliability = 100; load and priority are separate, 0 to 100.
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
    /// A stream that breaks after its first content: "error" ends it with an error event; "restart" holds the response back and starts again at another target.
    pub recovery: String,
    /// Seconds of silence after which a streaming client gets bytes that say nothing: a comment, Anthropic's ping, Ollama's empty chunk. 0: never.
    pub keepalive_seconds: u64,
    /// Before the first content: "after-silence" sends status 200 and such bytes once first_token_timeout_ms + 5 s have passed since the request began, and a later failure as an error event; "never" waits for the first content.
    pub early_headers: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Probe {
    /// Seconds between two probes of a provider.
    pub interval_seconds: u64,
    /// A free call (models), a paid one (completion, not built yet), or no probes (off).
    pub mode: String,
    /// The most that mode = "completion" may cost per day.
    pub usd_per_day: f64,
}

/// An upstream endpoint of a vendor.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Provider {
    /// Unique; clients may pin the provider as name/model.
    #[serde(default)]
    pub name: String,
    /// The protocol that the provider speaks.
    #[serde(default)]
    pub kind: String,
    /// Another provider: every setting that is not given here is as there, also kind, key and models.
    #[expect(dead_code, reason = "what it inherits is added before")]
    pub like: Option<String>,
    /// The address, with or without the ending /v1. Default: the vendor's own.
    pub base_url: Option<String>,
    /// A socket for all connections; base_url is then http://localhost unless given.
    pub unix_socket: Option<String>,
    /// A PEM file with certificates to trust besides the system's.
    pub ca_file: Option<String>,
    /// The variable that holds the key. Default: the vendor's usual one.
    pub api_key_env: Option<String>,
    /// The key as "env:NAME", "file:PATH", "command:PROGRAM ARGUMENTS", "credential:NAME" (of systemd) or "keystore:NAME"; docs/secrets.md explains each. A literal key draws a warning.
    pub api_key: Option<String>,
    /// Several keys that share the requests, instead of api_key: each as there, or { key = "env:NAME", weight = 2 } for a larger share.
    #[serde(default)]
    pub api_keys: Vec<PoolKey>,
    /// Seconds after which the output of "command:" is read again; a key that the provider rejects is read again at once. Default: 900.
    pub key_refresh_seconds: Option<u64>,
    /// What the provider's rate limits count with several keys: each key for itself (key), or all of them together (account). Default: key.
    pub quota: Option<String>,
    /// Headers of every request to the provider, name = value; a value may be a reference as in api_key, but not "command:".
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Headers that pass from clients to the provider, such as traceparent.
    #[serde(default)]
    pub forward_headers: Vec<String>,
    /// The operator's preference; the weight priority says how much it counts.
    #[serde(default)]
    pub priority: u8,
    /// Requests in flight at once. Default: no limit.
    pub max_concurrent: Option<u32>,
    /// Requests per minute. Default: no limit of its own.
    pub requests_per_minute: Option<u64>,
    /// Tokens per minute, input and output, reserved before an attempt and settled after it. Default: no limit of its own.
    pub tokens_per_minute: Option<u64>,
    /// Budget of the provider in USD per day, besides those of [budget].
    pub usd_per_day: Option<f64>,
    /// Whether the provider gets requests.
    #[serde(default)]
    pub enabled: bool,
    /// As in [balancing], for this provider.
    pub timeout_ms: Option<u64>,
    /// As in [balancing], for this provider.
    pub first_token_timeout_ms: Option<u64>,
    /// As in [balancing], for this provider.
    pub prompt_cache_ms: Option<u64>,
    /// Weights for this provider; missing ones come from the global weights.
    pub weights: Option<WeightOverride>,
    /// Vertex AI: the project. Default: GOOGLE_CLOUD_PROJECT.
    pub project: Option<String>,
    /// Vertex AI: the location. Default: GOOGLE_CLOUD_LOCATION, else global.
    pub location: Option<String>,
    /// Vertex AI: a file of credentials. Default: the application-default credentials.
    pub credentials: Option<String>,
    /// The models to serve. Default: the vendor's short list, or those that the provider lists.
    #[serde(default)]
    pub models: Vec<Model>,
}

/// One of several keys.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(super) enum PoolKey {
    Plain(String),
    Weighted { key: String, weight: f64 },
}

impl PoolKey {
    /// The reference to the key, and its weight.
    pub fn parts(&self) -> (&str, f64) {
        match self {
            Self::Plain(key) => (key, 1.0),
            Self::Weighted { key, weight } => (key, *weight),
        }
    }
}

/// Weights of one provider; cost, latency and reliability are normalised to 100.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WeightOverride {
    /// How much a lower price counts.
    pub cost: Option<f64>,
    /// How much a faster answer counts.
    pub latency: Option<f64>,
    /// How much a higher success rate counts.
    pub reliability: Option<f64>,
    /// Accepted without effect; the global weight applies.
    #[expect(dead_code, reason = "accepted, but an override has no load weight")]
    pub load: Option<f64>,
    /// Accepted without effect; the global weight applies.
    #[expect(dead_code, reason = "accepted, but an override has no priority weight")]
    pub priority: Option<f64>,
}

/// A model of a provider.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Model {
    /// The name that the provider knows. With `*`, which stands for any characters, all models that the provider lists and that no other entry names.
    #[serde(default)]
    pub id: String,
    /// The types of requests that it serves. Default: the built-in price table, else chat and artifact.
    pub types: Option<Vec<String>>,
    /// Price of 1,000,000 input tokens in USD. Default: the built-in price table.
    pub input_usd_per_1m: Option<f64>,
    /// Price of 1,000,000 output tokens in USD. Default: the built-in price table.
    pub output_usd_per_1m: Option<f64>,
    /// Price of 1,000,000 tokens read from the prompt cache in USD. Default: the built-in price table, in proportion to the input price.
    pub cached_input_usd_per_1m: Option<f64>,
    /// Price of 1,000,000 tokens written to the prompt cache in USD. Default: the built-in price table, in proportion to the input price.
    pub cache_write_usd_per_1m: Option<f64>,
    /// Tokens of the longest prompt. Default, also of the six settings below: the built-in price table; an unknown value excludes no request.
    pub context_window: Option<u64>,
    /// Tokens of the longest answer.
    pub max_output: Option<u64>,
    /// Whether it accepts images.
    pub vision: Option<bool>,
    /// Whether it reasons before it answers.
    pub reasoning: Option<bool>,
    /// Whether it calls tools.
    pub tools: Option<bool>,
    /// Whether it follows a JSON schema.
    pub json_schema: Option<bool>,
    /// Whether it accepts temperature, top_p and top_k.
    pub sampling: Option<bool>,
    /// Requests in flight at once. Default: only the provider's limit.
    pub max_concurrent: Option<u32>,
    /// As in [balancing], for this model.
    pub timeout_ms: Option<u64>,
    /// As in [balancing], for this model.
    pub first_token_timeout_ms: Option<u64>,
}

/// A model name for clients.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Route {
    /// The name that clients send as model.
    #[serde(default)]
    pub model: String,
    /// The targets that may serve it, each as provider/model.
    #[serde(default)]
    pub targets: Vec<String>,
    /// How one of the targets is selected: balanced, by the strategy; strict, always the first one that is healthy; weighted, by the fixed shares of weights. Default: weighted where there are weights, else balanced.
    pub order: Option<String>,
    /// One whole number for each target, for fixed shares such as [90, 10] among the healthy ones; 0 makes a target the reserve.
    pub weights: Option<Vec<u32>>,
}

/// Global weights that begin at a time of day.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Schedule {
    /// Unique; the changes that it makes are recorded as made by "schedule NAME".
    #[serde(default)]
    pub name: String,
    /// When the weights begin: "08:00" for every day, or days before it, such as "Mon-Fri 08:00" or "Sat,Sun 10:00".
    #[serde(default)]
    pub at: String,
    /// The time zone of these hours, such as "Europe/Lisbon". Default: UTC.
    pub zone: Option<String>,
    /// The weights, as in [balancing.weights].
    pub weights: Option<ScheduleWeights>,
}

/// cost, latency and reliability are required and sum to 100; without load or priority these stay as they are.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScheduleWeights {
    /// How much a lower price counts.
    pub cost: Option<f64>,
    /// How much a faster answer counts.
    pub latency: Option<f64>,
    /// How much a higher success rate counts.
    pub reliability: Option<f64>,
    /// How much fewer requests in flight count.
    pub load: Option<f64>,
    /// How much the provider's own priority counts.
    pub priority: Option<f64>,
}

/// Spending limits of all requests; none by default.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Budget {
    /// USD per calendar day. Default: no limit.
    pub usd_per_day: Option<f64>,
    /// USD per week, from Monday on. Default: no limit.
    pub usd_per_week: Option<f64>,
    /// USD per calendar month. Default: no limit.
    pub usd_per_month: Option<f64>,
    /// The time zone in which days, weeks and months begin, such as "Europe/Lisbon".
    pub zone: String,
    /// A request that does not fit is rejected with 429 (refuse), or served by the cheapest eligible target beyond the limit (cheapest).
    pub on_limit: String,
}

/// When to raise an alert, and where to send it; alerts.md explains each alert.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Alerts {
    /// Failed attempts at a provider, over 5 minutes, above which an alert is raised; 100 raises none.
    pub error_rate_percent: f64,
    /// Mean latency of a provider's answers, over 5 minutes, above which an alert is raised.
    pub latency_ms: u64,
    /// Parts of each budget in percent that raise an alert when they are spent, each once per period.
    pub fractions: Vec<u64>,
    /// Time for which a problem must last before its alert is raised, and be gone before that ends.
    pub hold_seconds: u64,
    /// Attempts in 5 minutes below which error rate and latency say nothing.
    pub min_samples: u64,
    /// Where alerts are sent as JSON; empty: nowhere.
    pub webhook_url: String,
    /// More receivers.
    #[serde(default)]
    pub webhooks: Vec<Webhook>,
}

/// A receiver of alerts. Private addresses are allowed; redirects are not followed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Webhook {
    /// Its address.
    #[serde(default)]
    pub url: String,
    /// The form of the messages: json, slack (also for receivers that are compatible with it), or pagerduty (Events API v2). Default: json.
    pub format: Option<String>,
    /// The variable that holds the secret: for json and slack the key of the signature in x-aibal-signature, for pagerduty the integration key.
    pub secret_env: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Store {
    /// Where data is stored: sqlite:PATH, postgres://…, memory: (until the process ends) or off (nothing is stored; spending of a day is forgotten by a restart).
    pub url: String,
    /// Days for which attempts, requests and events are kept.
    pub rows_days: u32,
    /// The older name of rows_days, which it outranks.
    pub retention_days: Option<u32>,
    /// Days for which sums per hour are kept.
    pub rollup_days: u32,
    /// Days for which the entries of the audit log are kept.
    pub audit_days: u32,
}

/// Responses to identical non-stream requests at temperature 0, and to embeddings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Cache {
    /// Whether responses are reused.
    pub enabled: bool,
    /// Seconds for which a response is reused.
    pub ttl_seconds: u64,
    /// Size of all cached responses in MB.
    pub max_mb: u64,
    /// Whether responses are shared between clients with different tokens.
    pub shared: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Dashboard {
    /// Interval between updates of the screen.
    pub refresh_ms: u64,
    /// The window that the figures cover.
    pub window: String,
    /// Colours; deuter is for red-green colour blindness.
    pub theme: String,
    /// Whether changes are allowed: auto (where environment is prod, only after `!`), always or never.
    pub arm: String,
    /// Ring the terminal's bell when a provider fails, opens its breaker or goes down.
    pub bell: bool,
    /// Action id = key; "" unbinds. dashboard.md lists all actions.
    #[serde(default)]
    pub keys: BTreeMap<String, String>,
}

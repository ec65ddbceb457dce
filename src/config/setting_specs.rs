//! The table of all settings with their constraints.
//!
//! `[]` stands for each table of a list, `*` for any name. Tests compare this table with the shape in
//! `file.rs` and with the sample.

use super::constraint::Constraint;

/// One setting.
#[derive(Debug)]
pub(super) struct SettingSpec {
    pub path: &'static str,
    pub rule: Constraint,
    /// Whether its table must contain it.
    pub is_required: bool,
}

pub(super) const KINDS: &[&str] = &[
    "openai",
    "anthropic",
    "gemini",
    "vertex",
    "xai",
    "ollama",
    "openai-compatible",
];
pub(super) const HEDGES: &[&str] = &["off", "p99", "p95"];
pub(super) const STRATEGIES: &[&str] = &[
    "adaptive",
    "best",
    "weighted",
    "round-robin",
    "least-busy",
    "lowest-latency",
    "lowest-cost",
];
pub(super) const MODEL_TYPES: &[&str] = &["chat", "vision", "reasoning", "artifact", "embedding"];
pub(super) const ROUTE_ORDERS: &[&str] = &["balanced", "strict", "weighted"];
pub(super) const WEBHOOK_FORMATS: &[&str] = &["json", "slack", "pagerduty"];
pub(super) const WINDOWS: &[&str] = &["1m", "5m", "15m", "1h", "6h", "24h"];
pub(super) const THEMES: &[&str] = &[
    "default",
    "light",
    "high-contrast",
    "mono",
    "deuter",
    "true-colour",
];
pub(super) const ROLES: &[&str] = &["client", "viewer", "operator"];

/// 0 to 100, as weights and percentages are.
const POINTS: Constraint = Constraint::Number {
    min: 0.0,
    max: 100.0,
};
/// Below 0.01 points only the best target is selected, above 20 all are selected equally.
const TEMPERATURE: Constraint = Constraint::Number {
    min: 0.01,
    max: 20.0,
};
/// More than a fifth of all requests would not be exploration.
const EXPLORATION: Constraint = Constraint::Number {
    min: 0.0,
    max: 20.0,
};
const REFERENCE_MS: Constraint = Constraint::Number {
    min: 1.0,
    max: 3_600_000.0,
};
const GUARD: Constraint = Constraint::Number {
    min: 0.0,
    max: 10.0,
};
/// USD.
const MONEY: Constraint = Constraint::Number {
    min: 0.0,
    max: f64::INFINITY,
};
/// At most an hour: a longer timeout is a typing error.
const TIMEOUT_MS: Constraint = Constraint::Whole {
    min: 1,
    max: 3_600_000,
};
/// At most a day, for whole streams.
const STREAM_MS: Constraint = Constraint::Whole {
    min: 1,
    max: 86_400_000,
};
/// Fewer connections leave none for health checks of the instance.
const CONNECTIONS: Constraint = Constraint::Whole {
    min: 16,
    max: 1_000_000,
};
/// At most a century.
const DAYS: Constraint = Constraint::Whole {
    min: 1,
    max: 36_500,
};
const PRIORITY: Constraint = Constraint::Whole { min: 0, max: 100 };
/// Requests at once.
const CONCURRENCY: Constraint = Constraint::Whole {
    min: 1,
    max: 1_000_000,
};
/// Tokens, or requests per minute.
const COUNT: Constraint = Constraint::Whole {
    min: 1,
    max: 1_000_000_000,
};

const fn key(path: &'static str, rule: Constraint) -> SettingSpec {
    SettingSpec {
        path,
        rule,
        is_required: false,
    }
}

const fn required(path: &'static str, rule: Constraint) -> SettingSpec {
    SettingSpec {
        path,
        rule,
        is_required: true,
    }
}

/// Every setting, in the order of the sample.
pub(super) static SETTINGS: &[SettingSpec] = &[
    key("server.listen", Constraint::Address),
    key(
        "server.max_body_mb",
        Constraint::Whole { min: 1, max: 1024 },
    ),
    key("server.max_in_flight", CONCURRENCY),
    key(
        "server.drain_seconds",
        Constraint::Whole { min: 0, max: 3600 },
    ),
    key(
        "server.pre_stop_seconds",
        Constraint::Whole { min: 0, max: 3600 },
    ),
    key("server.max_connections", CONNECTIONS),
    key(
        "server.keep_alive_seconds",
        Constraint::Whole { min: 1, max: 3600 },
    ),
    key("server.allowed_hosts", Constraint::Hosts),
    key("server.cors_origins", Constraint::Origins),
    key(
        "server.model_in_answer",
        Constraint::Word(&["upstream", "requested"]),
    ),
    key("server.default_model", Constraint::Text),
    key(
        "server.metrics_cache_ms",
        Constraint::Whole {
            min: 0,
            max: 60_000,
        },
    ),
    key("server.environment", Constraint::Text),
    key("balancing.strategy", Constraint::Word(STRATEGIES)),
    key(
        "balancing.max_retries",
        Constraint::Whole { min: 0, max: 20 },
    ),
    key("balancing.timeout_ms", TIMEOUT_MS),
    key("balancing.connect_timeout_ms", TIMEOUT_MS),
    key("balancing.first_token_timeout_ms", TIMEOUT_MS),
    key("balancing.idle_timeout_ms", TIMEOUT_MS),
    key("balancing.stream_timeout_ms", STREAM_MS),
    key("balancing.cache_affinity", Constraint::Flag),
    key("balancing.prompt_cache_ms", STREAM_MS),
    key("balancing.hedge", Constraint::Word(HEDGES)),
    key("balancing.hedge_usd_per_hour", MONEY),
    key("balancing.adaptive.temperature_points", TEMPERATURE),
    key("balancing.adaptive.exploration_percent", EXPLORATION),
    key("balancing.adaptive.first_token_reference_ms", REFERENCE_MS),
    key("balancing.adaptive.token_reference_ms", REFERENCE_MS),
    key("balancing.adaptive.guard", GUARD),
    key(
        "balancing.breaker.failures",
        Constraint::Whole { min: 1, max: 20 },
    ),
    key(
        "balancing.breaker.max_open_seconds",
        Constraint::Whole { min: 1, max: 600 },
    ),
    key("balancing.weights.cost", POINTS),
    key("balancing.weights.latency", POINTS),
    key("balancing.weights.reliability", POINTS),
    key("balancing.weights.load", POINTS),
    key("balancing.weights.priority", POINTS),
    key(
        "streaming.recovery",
        Constraint::Word(&["error", "restart"]),
    ),
    key(
        "streaming.keepalive_seconds",
        Constraint::Whole { min: 0, max: 3600 },
    ),
    key(
        "streaming.early_headers",
        Constraint::Word(&["after-silence", "never"]),
    ),
    key(
        "probe.interval_seconds",
        Constraint::Whole {
            min: 1,
            max: 86_400,
        },
    ),
    key(
        "probe.mode",
        Constraint::Word(&["models", "completion", "off"]),
    ),
    key("probe.usd_per_day", MONEY),
    required("providers[].name", Constraint::Name),
    required("providers[].kind", Constraint::Word(KINDS)),
    key("providers[].like", Constraint::Name),
    key("providers[].base_url", Constraint::BaseUrl),
    key("providers[].unix_socket", Constraint::Filled),
    key("providers[].ca_file", Constraint::Filled),
    key("providers[].api_key_env", Constraint::VariableName),
    key("providers[].api_key", Constraint::Secret),
    key("providers[].api_keys", Constraint::Keys),
    key(
        "providers[].key_refresh_seconds",
        Constraint::Whole {
            min: 1,
            max: 86_400,
        },
    ),
    key("providers[].quota", Constraint::Word(&["key", "account"])),
    key("providers[].headers.*", Constraint::Secret),
    key("providers[].forward_headers", Constraint::Texts),
    key("providers[].priority", PRIORITY),
    key("providers[].max_concurrent", CONCURRENCY),
    key("providers[].requests_per_minute", COUNT),
    key("providers[].tokens_per_minute", COUNT),
    key("providers[].usd_per_day", MONEY),
    key("providers[].enabled", Constraint::Flag),
    key("providers[].timeout_ms", TIMEOUT_MS),
    key("providers[].first_token_timeout_ms", TIMEOUT_MS),
    key("providers[].prompt_cache_ms", STREAM_MS),
    key("providers[].weights.cost", POINTS),
    key("providers[].weights.latency", POINTS),
    key("providers[].weights.reliability", POINTS),
    key("providers[].weights.load", POINTS),
    key("providers[].weights.priority", POINTS),
    key("providers[].project", Constraint::Filled),
    key("providers[].location", Constraint::Name),
    key("providers[].credentials", Constraint::Filled),
    required("providers[].models[].id", Constraint::Filled),
    key("providers[].models[].types", Constraint::Words(MODEL_TYPES)),
    key("providers[].models[].input_usd_per_1m", MONEY),
    key("providers[].models[].output_usd_per_1m", MONEY),
    key("providers[].models[].cached_input_usd_per_1m", MONEY),
    key("providers[].models[].cache_write_usd_per_1m", MONEY),
    key("providers[].models[].context_window", COUNT),
    key("providers[].models[].max_output", COUNT),
    key("providers[].models[].vision", Constraint::Flag),
    key("providers[].models[].reasoning", Constraint::Flag),
    key("providers[].models[].tools", Constraint::Flag),
    key("providers[].models[].json_schema", Constraint::Flag),
    key("providers[].models[].sampling", Constraint::Flag),
    key("providers[].models[].max_concurrent", CONCURRENCY),
    key("providers[].models[].timeout_ms", TIMEOUT_MS),
    key("providers[].models[].first_token_timeout_ms", TIMEOUT_MS),
    required("routes[].model", Constraint::Filled),
    required("routes[].targets", Constraint::Texts),
    key("routes[].order", Constraint::Word(ROUTE_ORDERS)),
    key("routes[].weights", Constraint::Weights),
    required("schedules[].name", Constraint::Filled),
    required("schedules[].at", Constraint::WeeklyTime),
    key("schedules[].zone", Constraint::TimeZone),
    key("schedules[].weights.cost", POINTS),
    key("schedules[].weights.latency", POINTS),
    key("schedules[].weights.reliability", POINTS),
    key("schedules[].weights.load", POINTS),
    key("schedules[].weights.priority", POINTS),
    key("budget.usd_per_day", MONEY),
    key("budget.usd_per_week", MONEY),
    key("budget.usd_per_month", MONEY),
    key("budget.zone", Constraint::TimeZone),
    key("budget.on_limit", Constraint::Word(&["refuse", "cheapest"])),
    key("alerts.error_rate_percent", POINTS),
    key("alerts.latency_ms", TIMEOUT_MS),
    key("alerts.fractions", Constraint::Percents),
    key(
        "alerts.hold_seconds",
        Constraint::Whole { min: 0, max: 3600 },
    ),
    key("alerts.min_samples", COUNT),
    key("alerts.webhook_url", Constraint::Webhook),
    required("alerts.webhooks[].url", Constraint::Webhook),
    key(
        "alerts.webhooks[].format",
        Constraint::Word(WEBHOOK_FORMATS),
    ),
    key("alerts.webhooks[].secret_env", Constraint::VariableName),
    key("store.url", Constraint::Store),
    key("store.rows_days", DAYS),
    key("store.retention_days", DAYS),
    key("store.rollup_days", DAYS),
    key("store.audit_days", DAYS),
    key("cache.enabled", Constraint::Flag),
    key(
        "cache.ttl_seconds",
        Constraint::Whole {
            min: 1,
            max: 31_536_000,
        },
    ),
    key(
        "cache.max_mb",
        Constraint::Whole {
            min: 1,
            max: 1_048_576,
        },
    ),
    key("cache.shared", Constraint::Flag),
    key(
        "dashboard.refresh_ms",
        Constraint::Whole {
            min: 100,
            max: 60_000,
        },
    ),
    key("dashboard.window", Constraint::Word(WINDOWS)),
    key("dashboard.theme", Constraint::Word(THEMES)),
    key(
        "dashboard.arm",
        Constraint::Word(&["auto", "always", "never"]),
    ),
    key("dashboard.bell", Constraint::Flag),
    key("dashboard.keys.*", Constraint::Text),
    required("auth.tokens[].name", Constraint::Filled),
    required("auth.tokens[].sha256", Constraint::Sha256),
    required("auth.tokens[].role", Constraint::Word(ROLES)),
    key("auth.tokens[].models", Constraint::Texts),
    key("auth.tokens[].usd_per_day", MONEY),
    key("auth.tokens[].usd_per_week", MONEY),
    key("auth.tokens[].usd_per_month", MONEY),
    key("auth.tokens[].requests_per_minute", COUNT),
    key("auth.tokens[].tokens_per_minute", COUNT),
    key("auth.tokens[].group", Constraint::Filled),
    key("auth.tokens[].expires_at", Constraint::Time),
    key("auth.tokens[].tags", Constraint::Texts),
    required("auth.groups[].name", Constraint::Filled),
    key("auth.groups[].models", Constraint::Texts),
    key("auth.groups[].usd_per_day", MONEY),
    key("auth.groups[].usd_per_week", MONEY),
    key("auth.groups[].usd_per_month", MONEY),
    key("auth.groups[].requests_per_minute", COUNT),
    key("auth.groups[].tokens_per_minute", COUNT),
    key("keystore.unlock", Constraint::Filled),
    key("keystore.file", Constraint::Text),
];

/// The kind of an entry at a path of the table.
#[derive(Debug, Clone, Copy)]
pub(super) enum Node {
    Leaf(&'static SettingSpec),
    Section,
    List,
}

/// The entry at `path`, written as in the table; `None` where the key is unknown.
pub(super) fn node(path: &str) -> Option<Node> {
    let below = |key: &&'static SettingSpec| key.path.strip_prefix(path).unwrap_or_default();
    if let Some(key) = SETTINGS.iter().find(|key| key.path == path) {
        return Some(Node::Leaf(key));
    }
    if SETTINGS.iter().any(|key| below(&key).starts_with('.')) {
        return Some(Node::Section);
    }
    if SETTINGS.iter().any(|key| below(&key).starts_with("[].")) {
        return Some(Node::List);
    }
    let is_any = |key: &&'static SettingSpec| {
        key.path
            .strip_suffix('*')
            .is_some_and(|section| path.starts_with(section))
    };
    SETTINGS.iter().find(is_any).map(Node::Leaf)
}

/// Returns whether the section at `path` accepts any name.
pub(super) fn takes_any_name(path: &str) -> bool {
    SETTINGS
        .iter()
        .any(|key| key.path.strip_suffix(".*") == Some(path))
}

/// The names that the section at `path` (empty: the whole file) accepts, each once.
pub(super) fn names_in(path: &str) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for key in SETTINGS {
        let rest = match path {
            "" => Some(key.path),
            _ => key
                .path
                .strip_prefix(path)
                .and_then(|rest| rest.strip_prefix('.')),
        };
        let name = rest.and_then(|rest| rest.split(['.', '[']).next());
        if let Some(name) = name.filter(|name| !names.contains(name)) {
            names.push(name);
        }
    }
    names
}

/// The names of the required keys of a table in the list at `path`.
pub(super) fn required_in(path: &str) -> impl Iterator<Item = &'static str> {
    let name = move |key: &'static SettingSpec| key.path.strip_prefix(path)?.strip_prefix('.');
    SETTINGS
        .iter()
        .filter(|key| key.is_required)
        .filter_map(name)
        .filter(|name| !name.contains('.'))
}

/// The key that identifies a table of a list.
pub(super) fn identity(list: &str) -> &'static str {
    match list {
        "providers[].models" => "id",
        "routes" => "model",
        _ => "name",
    }
}

//! The table of all settings: what each is called and what it takes.
//!
//! `[]` stands for each table of a list, `*` for any name. The shape in `file.rs` and the sample
//! follow this table; tests hold the three together.

use super::rule::Rule;

/// One setting.
#[derive(Debug)]
pub(super) struct Key {
    pub path: &'static str,
    pub rule: Rule,
    /// Whether the table it belongs to makes no sense without it.
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
pub(super) const WINDOWS: &[&str] = &["1m", "5m", "15m", "1h", "6h", "24h"];
pub(super) const THEMES: &[&str] = &["default", "light", "high-contrast", "mono", "deuter"];
pub(super) const ROLES: &[&str] = &["client", "viewer", "operator"];

/// 0 to 100, as weights and percentages are.
const POINTS: Rule = Rule::Number {
    min: 0.0,
    max: 100.0,
};
/// Colder than a hundredth of a point no odds are left, hotter than a fifth of the scale all are
/// equal.
const TEMPERATURE: Rule = Rule::Number {
    min: 0.01,
    max: 20.0,
};
/// More than a fifth of all requests is no exploration any more.
const EXPLORATION: Rule = Rule::Number {
    min: 0.0,
    max: 20.0,
};
const REFERENCE_MS: Rule = Rule::Number {
    min: 1.0,
    max: 3_600_000.0,
};
const GUARD: Rule = Rule::Number {
    min: 0.0,
    max: 10.0,
};
/// Dollars: anything from 0.
const MONEY: Rule = Rule::Number {
    min: 0.0,
    max: f64::INFINITY,
};
/// At most an hour: a longer wait for an answer is a mistyped number.
const TIMEOUT_MS: Rule = Rule::Whole {
    min: 1,
    max: 3_600_000,
};
/// At most a day, for whole streams.
const STREAM_MS: Rule = Rule::Whole {
    min: 1,
    max: 86_400_000,
};
/// Fewer than that and probes of the instance itself find no room.
const CONNECTIONS: Rule = Rule::Whole {
    min: 16,
    max: 1_000_000,
};
const PRIORITY: Rule = Rule::Whole { min: 0, max: 100 };
/// Requests at once.
const PLACES: Rule = Rule::Whole {
    min: 1,
    max: 1_000_000,
};
const RATE: Rule = Rule::Whole {
    min: 1,
    max: 1_000_000_000,
};

const TOKENS: Rule = Rule::Whole {
    min: 1,
    max: 1_000_000_000,
};

const fn key(path: &'static str, rule: Rule) -> Key {
    Key {
        path,
        rule,
        is_required: false,
    }
}

const fn required(path: &'static str, rule: Rule) -> Key {
    Key {
        path,
        rule,
        is_required: true,
    }
}

/// Every setting, in the order of the sample.
pub(super) static KEYS: &[Key] = &[
    key("server.listen", Rule::Address),
    key("server.max_body_mb", Rule::Whole { min: 1, max: 1024 }),
    key("server.max_in_flight", PLACES),
    key("server.drain_seconds", Rule::Whole { min: 0, max: 3600 }),
    key("server.max_connections", CONNECTIONS),
    key(
        "server.keep_alive_seconds",
        Rule::Whole { min: 1, max: 3600 },
    ),
    key("server.environment", Rule::Text),
    key("balancing.strategy", Rule::Word(STRATEGIES)),
    key("balancing.max_retries", Rule::Whole { min: 0, max: 20 }),
    key("balancing.timeout_ms", TIMEOUT_MS),
    key("balancing.connect_timeout_ms", TIMEOUT_MS),
    key("balancing.first_token_timeout_ms", TIMEOUT_MS),
    key("balancing.idle_timeout_ms", TIMEOUT_MS),
    key("balancing.stream_timeout_ms", STREAM_MS),
    key("balancing.adaptive.temperature_points", TEMPERATURE),
    key("balancing.adaptive.exploration_percent", EXPLORATION),
    key("balancing.adaptive.first_token_reference_ms", REFERENCE_MS),
    key("balancing.adaptive.token_reference_ms", REFERENCE_MS),
    key("balancing.adaptive.guard", GUARD),
    key("balancing.weights.cost", POINTS),
    key("balancing.weights.latency", POINTS),
    key("balancing.weights.reliability", POINTS),
    key("balancing.weights.load", POINTS),
    key("balancing.weights.priority", POINTS),
    key("streaming.recovery", Rule::Word(&["error", "restart"])),
    key(
        "probe.interval_seconds",
        Rule::Whole {
            min: 1,
            max: 86_400,
        },
    ),
    key("probe.mode", Rule::Word(&["models", "completion", "off"])),
    key("probe.usd_per_day", MONEY),
    required("providers[].name", Rule::Name),
    required("providers[].kind", Rule::Word(KINDS)),
    key("providers[].base_url", Rule::BaseUrl),
    key("providers[].unix_socket", Rule::Filled),
    key("providers[].ca_file", Rule::Filled),
    key("providers[].api_key_env", Rule::VariableName),
    key("providers[].api_key", Rule::Secret),
    key("providers[].priority", PRIORITY),
    key("providers[].max_concurrent", PLACES),
    key("providers[].requests_per_minute", RATE),
    key("providers[].tokens_per_minute", RATE),
    key("providers[].enabled", Rule::Flag),
    key("providers[].timeout_ms", TIMEOUT_MS),
    key("providers[].first_token_timeout_ms", TIMEOUT_MS),
    key("providers[].weights.cost", POINTS),
    key("providers[].weights.latency", POINTS),
    key("providers[].weights.reliability", POINTS),
    key("providers[].weights.load", POINTS),
    key("providers[].weights.priority", POINTS),
    key("providers[].project", Rule::Filled),
    key("providers[].location", Rule::Name),
    key("providers[].credentials", Rule::Filled),
    required("providers[].models[].id", Rule::Filled),
    key("providers[].models[].types", Rule::Words(MODEL_TYPES)),
    key("providers[].models[].input_usd_per_1m", MONEY),
    key("providers[].models[].output_usd_per_1m", MONEY),
    key("providers[].models[].context_window", TOKENS),
    key("providers[].models[].max_output", TOKENS),
    key("providers[].models[].vision", Rule::Flag),
    key("providers[].models[].reasoning", Rule::Flag),
    key("providers[].models[].tools", Rule::Flag),
    key("providers[].models[].json_schema", Rule::Flag),
    key("providers[].models[].sampling", Rule::Flag),
    key("providers[].models[].max_concurrent", PLACES),
    key("providers[].models[].timeout_ms", TIMEOUT_MS),
    key("providers[].models[].first_token_timeout_ms", TIMEOUT_MS),
    required("routes[].model", Rule::Filled),
    required("routes[].targets", Rule::Texts),
    key("budget.usd_per_day", MONEY),
    key("budget.usd_per_month", MONEY),
    key("budget.on_limit", Rule::Word(&["refuse", "cheapest"])),
    key("alerts.error_rate_percent", POINTS),
    key("alerts.latency_ms", TIMEOUT_MS),
    key("alerts.webhook_url", Rule::Webhook),
    key("store.url", Rule::Store),
    key(
        "store.retention_days",
        Rule::Whole {
            min: 1,
            max: 36_500,
        },
    ),
    key("cache.enabled", Rule::Flag),
    key(
        "cache.ttl_seconds",
        Rule::Whole {
            min: 1,
            max: 31_536_000,
        },
    ),
    key(
        "cache.max_mb",
        Rule::Whole {
            min: 1,
            max: 1_048_576,
        },
    ),
    key("cache.shared", Rule::Flag),
    key(
        "dashboard.refresh_ms",
        Rule::Whole {
            min: 100,
            max: 60_000,
        },
    ),
    key("dashboard.window", Rule::Word(WINDOWS)),
    key("dashboard.theme", Rule::Word(THEMES)),
    key("dashboard.arm", Rule::Word(&["auto", "always", "never"])),
    key("dashboard.bell", Rule::Flag),
    key("dashboard.keys.*", Rule::Text),
    required("auth.tokens[].name", Rule::Filled),
    required("auth.tokens[].sha256", Rule::Sha256),
    required("auth.tokens[].role", Rule::Word(ROLES)),
    key("auth.tokens[].usd_per_day", MONEY),
];

/// What stands at a path of the table.
#[derive(Debug, Clone, Copy)]
pub(super) enum Node {
    Leaf(&'static Key),
    Section,
    List,
}

/// What stands at `path`, written as in the table; `None` where the key is unknown.
pub(super) fn node(path: &str) -> Option<Node> {
    let below = |key: &&'static Key| key.path.strip_prefix(path).unwrap_or_default();
    if let Some(key) = KEYS.iter().find(|key| key.path == path) {
        return Some(Node::Leaf(key));
    }
    if KEYS.iter().any(|key| below(&key).starts_with('.')) {
        return Some(Node::Section);
    }
    if KEYS.iter().any(|key| below(&key).starts_with("[].")) {
        return Some(Node::List);
    }
    let is_any = |key: &&'static Key| {
        key.path
            .strip_suffix('*')
            .is_some_and(|section| path.starts_with(section))
    };
    KEYS.iter().find(is_any).map(Node::Leaf)
}

/// Whether the names in the section at `path` are the user's own.
pub(super) fn takes_any_name(path: &str) -> bool {
    KEYS.iter()
        .any(|key| key.path.strip_suffix(".*") == Some(path))
}

/// The names that may stand in the section at `path` (empty: the whole file), each once.
pub(super) fn names_in(path: &str) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for key in KEYS {
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

/// The keys without which a table of the list at `path` makes no sense, as names.
pub(super) fn required_in(path: &str) -> impl Iterator<Item = &'static str> {
    let name = move |key: &'static Key| key.path.strip_prefix(path)?.strip_prefix('.');
    KEYS.iter()
        .filter(|key| key.is_required)
        .filter_map(name)
        .filter(|name| !name.contains('.'))
}

/// The key by which people tell the tables of a list apart.
pub(super) fn identity(list: &str) -> &'static str {
    match list {
        "providers[].models" => "id",
        "routes" => "model",
        _ => "name",
    }
}

//! The settings beside the models: of the router, of LiteLLM itself, and of the proxy.

use crate::config::toml_string;
use crate::import::document::Document;
use crate::import::note::ImportNote;
use crate::import::yaml::YamlNode;

/// What we accept as a timeout, in milliseconds.
const RANGE_MS: (f64, f64) = (1.0, 3_600_000.0);
/// Highest plausible budget.
const MAX_BUDGET_USD: f64 = 1e9;

/// What to do about a key without a counterpart.
const ADVICE: &[(&str, &str)] = &[
    // general_settings
    (
        "general_settings.master_key",
        "is not copied; put it in the variable AI_GATEWAY_API_KEY, and clients of the model APIs must send it, \
         or add [[auth.tokens]]",
    ),
    (
        "general_settings.database_url",
        "is not copied; rows are stored in SQLite unless [store] url names a PostgreSQL database, which must be \
         another one than LiteLLM's",
    ),
    (
        "general_settings.alerting",
        "no counterpart of that form; [[alerts.webhooks]] sends alerts, also to Slack",
    ),
    (
        "general_settings.background_health_checks",
        "not needed: [probe] checks providers by free calls",
    ),
    (
        "general_settings.health_check_interval",
        "not taken: [probe] interval_seconds is 15, and its calls are free",
    ),
    (
        "general_settings.store_model_in_db",
        "no counterpart: the configuration is a file; models kept in the database must be added to it",
    ),
    (
        "general_settings.custom_auth",
        "no counterpart; [[auth.tokens]] holds the hashes of clients' tokens",
    ),
    (
        "general_settings.pass_through_endpoints",
        "no counterpart; the calls that are passed on are listed in docs/api.md",
    ),
    // litellm_settings
    (
        "litellm_settings.drop_params",
        "always so: what a provider cannot take is left out and named in x-aibal-dropped",
    ),
    (
        "litellm_settings.context_window_fallbacks",
        "no list of its own: a request that is too long for one target of a route goes to the others",
    ),
    (
        "litellm_settings.content_policy_fallbacks",
        "no counterpart: a refusal of a model is its answer",
    ),
    ("litellm_settings.set_verbose", "use --log-level debug"),
    ("litellm_settings.json_logs", "use --log-format json"),
    (
        "litellm_settings.turn_off_message_logging",
        "always so: prompts and responses are never stored or logged",
    ),
    // router_settings
    (
        "router_settings.enable_pre_call_checks",
        "always so: a prompt that is too long for a model goes to another one",
    ),
    (
        "router_settings.context_window_fallbacks",
        "no list of its own: a request that is too long for one target of a route goes to the others",
    ),
    (
        "router_settings.content_policy_fallbacks",
        "no counterpart: a refusal of a model is its answer",
    ),
    (
        "router_settings.retry_policy",
        "no counterpart: failures that may pass are retried, others never",
    ),
    (
        "router_settings.redis_host",
        "no counterpart: each instance keeps its own counts",
    ),
    (
        "router_settings.redis_port",
        "no counterpart; see redis_host",
    ),
    (
        "router_settings.redis_password",
        "is not copied; no counterpart",
    ),
    (
        "router_settings.redis_url",
        "no counterpart: each instance keeps its own counts",
    ),
];

/// Sections that hold settings, and those that other files read.
const SECTIONS: [&str; 3] = ["router_settings", "litellm_settings", "general_settings"];
const READ_SECTIONS: [&str; 2] = ["model_list", "credential_list"];

pub(super) fn read(root: &YamlNode, document: &mut Document, notes: &mut Vec<ImportNote>) {
    let mut reader = SettingsReader { document, notes };
    for (name, section) in root.entries() {
        if SECTIONS.contains(&name.as_str()) {
            for (key, value) in section
                .entries()
                .iter()
                .filter(|(_, value)| !value.is_null())
            {
                reader.setting(name, key, value, section);
            }
        } else if name == "environment_variables" {
            for (key, value) in section.entries() {
                let text = "is not copied; set the variable in the environment or in .env";
                reader.note(value.line, &format!("{name}.{key}"), text);
            }
        } else if !READ_SECTIONS.contains(&name.as_str()) {
            reader.note(section.line, name, "no counterpart; left out");
        }
    }
}

struct SettingsReader<'a> {
    document: &'a mut Document,
    notes: &'a mut Vec<ImportNote>,
}

impl SettingsReader<'_> {
    fn note(&mut self, line: usize, key: &str, text: impl Into<String>) {
        self.notes.push(ImportNote::new(line, key, text));
    }

    fn setting(&mut self, section: &str, key: &str, value: &YamlNode, all: &YamlNode) {
        let path = format!("{section}.{key}");
        match (section, key) {
            ("router_settings", "routing_strategy") => self.strategy(&path, value),
            ("router_settings" | "litellm_settings", "num_retries") => {
                self.number(&path, value, ("balancing", "max_retries"), 1.0, (0.0, 20.0));
            }
            ("router_settings", "timeout") | ("litellm_settings", "request_timeout") => {
                self.number(&path, value, ("balancing", "timeout_ms"), 1e3, RANGE_MS);
            }
            ("router_settings" | "litellm_settings", "allowed_fails") => {
                let failures = value.number().map(|fails| fails + 1.0);
                let target = ("balancing.breaker", "failures");
                self.set_number(&path, value, target, failures, (1.0, 20.0));
            }
            ("router_settings" | "litellm_settings", "cooldown_time") => {
                let target = ("balancing.breaker", "max_open_seconds");
                self.number(&path, value, target, 1.0, (1.0, 600.0));
            }
            (
                "router_settings" | "litellm_settings",
                "fallbacks" | "default_fallbacks" | "model_group_alias",
            ) => {}
            ("litellm_settings", "cache") => self.cache(value, all),
            ("litellm_settings", "cache_params") => self.cache_parameters(&path, value),
            ("litellm_settings", "max_budget") => self.budget(&path, value, all),
            ("litellm_settings", "budget_duration") if all.get("max_budget").is_some() => {}
            ("litellm_settings", "callbacks" | "success_callback" | "failure_callback") => {
                self.callbacks(&path, value);
            }
            ("general_settings", "max_parallel_requests" | "global_max_parallel_requests") => {
                let target = ("server", "max_in_flight");
                self.number(&path, value, target, 1.0, (1.0, 1e6));
            }
            ("general_settings", "completion_model") => {
                let model = toml_string(value.text().unwrap_or_default());
                self.document.set("server", "default_model", model);
            }
            _ => {
                let advice = ADVICE.iter().find(|(known, _)| *known == path);
                let text = advice.map_or("no counterpart; left out", |(_, text)| text);
                self.note(value.line, &path, text);
            }
        }
    }

    fn number(
        &mut self,
        path: &str,
        value: &YamlNode,
        target: (&'static str, &'static str),
        factor: f64,
        range: (f64, f64),
    ) {
        let number = value.number().map(|number| number * factor);
        self.set_number(path, value, target, number, range);
    }

    /// Sets a whole number, moved into the range that we accept.
    fn set_number(
        &mut self,
        path: &str,
        value: &YamlNode,
        (section, key): (&'static str, &'static str),
        number: Option<f64>,
        (least, most): (f64, f64),
    ) {
        let Some(number) = number else {
            self.note(value.line, path, "left out: it is no number");
            return;
        };
        let taken = number.round().clamp(least, most);
        if taken != number.round() {
            let text = format!("became {taken}, for [{section}] {key} must be {least} to {most}");
            self.note(value.line, path, text);
        }
        self.document.set(section, key, taken.to_string());
    }

    fn strategy(&mut self, path: &str, value: &YamlNode) {
        let strategy = match value.text().unwrap_or_default() {
            "least-busy" => "least-busy",
            "latency-based-routing" => "lowest-latency",
            "cost-based-routing" => "lowest-cost",
            other => {
                let text = format!(
                    "{other:?} became \"adaptive\", which follows prices, latencies, failures and limits; \
                     shares of weighted deployments stay fixed"
                );
                self.note(value.line, path, text);
                "adaptive"
            }
        };
        self.document
            .set("balancing", "strategy", toml_string(strategy));
    }

    fn cache(&mut self, value: &YamlNode, all: &YamlNode) {
        if value.flag() != Some(true) {
            return;
        }
        self.document.set("cache", "enabled", true.to_string());
        let ttl = all.get("cache_params").and_then(|it| it.get("ttl"));
        if let Some(seconds) = ttl.and_then(YamlNode::number) {
            let seconds = seconds.round().clamp(1.0, 31_536_000.0);
            self.document
                .set("cache", "ttl_seconds", seconds.to_string());
        }
    }

    fn cache_parameters(&mut self, path: &str, value: &YamlNode) {
        for (key, value) in value.entries() {
            let text = match (key.as_str(), value.text()) {
                ("ttl", _) | ("type", Some("local")) => continue,
                ("type", _) => "no counterpart: the cache is in the memory of each instance",
                ("supported_call_types", _) => {
                    "no counterpart: requests at temperature 0 and embeddings are cached"
                }
                _ => "no counterpart; left out",
            };
            self.note(value.line, &format!("{path}.{key}"), text);
        }
    }

    fn budget(&mut self, path: &str, value: &YamlNode, all: &YamlNode) {
        let period = all.get("budget_duration").and_then(YamlNode::text);
        let key = match period {
            Some("1d" | "24h" | "86400s") => "usd_per_day",
            Some("30d" | "31d" | "1mo") => "usd_per_month",
            _ => {
                let text = "left out: [budget] has limits per day and per month, and budget_duration is neither";
                self.note(value.line, path, text);
                return;
            }
        };
        match value
            .number()
            .filter(|usd| (0.0..=MAX_BUDGET_USD).contains(usd))
        {
            Some(usd) => self.document.set("budget", key, usd.to_string()),
            None => self.note(value.line, path, "left out: it is no amount"),
        }
    }

    fn callbacks(&mut self, path: &str, value: &YamlNode) {
        let single = std::slice::from_ref(value);
        let names = if value.items().is_empty() {
            single
        } else {
            value.items()
        };
        for name in names {
            let text = match name.text().unwrap_or_default() {
                "prometheus" => "not needed: GET /metrics serves Prometheus".to_owned(),
                "otel" => "set OTEL_EXPORTER_OTLP_ENDPOINT; see docs/telemetry.md".to_owned(),
                other => {
                    format!("{other:?} has no counterpart; docs/telemetry.md says what is exported")
                }
            };
            self.note(name.line, path, text);
        }
    }
}

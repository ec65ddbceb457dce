//! The merged values → settings that cannot be wrong, or all mistakes.
//!
//! Single values were checked as they were read; here is what only the whole can tell: sums, names
//! that must be unique, names that must exist, addresses that need tokens.

use super::file::{self, File};
use super::layers::Layered;
use super::resolved::{self, ResolvedSetting};
use super::setting_error::{SettingError, SettingErrors, SettingWarning};
use super::settings::{
    AdaptiveSettings, AlertSettings, ArmMode, BalancingSettings, BudgetSettings, CacheSettings,
    DashboardSettings, ProbeMode, ProbeSettings, ProviderSettings, Recovery, Role, RouteSettings,
    ServerSettings, Settings, StoreSettings, Strategy, StreamingSettings, TokenSettings,
    WeightSettings,
};
use super::source::Sources;
use super::vendors::{self, GatewayKeyMode};
use super::{Loaded, address, enums, model, provider, route, unsupported};
use crate::secrets::Secret;
use std::time::Duration;

/// What checks read, and where they report.
pub(super) struct Report<'a> {
    pub entries: &'a [ResolvedSetting],
    pub mistakes: Vec<SettingError>,
    pub warnings: Vec<SettingWarning>,
}

impl Report<'_> {
    pub fn mistake(&mut self, key: &str, value: Option<String>, problem: impl Into<String>) {
        let mut mistake = SettingError::new(resolved::origin_of(self.entries, key), key, problem);
        mistake.value = value;
        self.mistakes.push(mistake);
    }

    pub fn warn(&mut self, key: &str, message: impl Into<String>) {
        let origin = resolved::origin_of(self.entries, key);
        self.warnings
            .push(SettingWarning::new(origin, key, message));
    }

    /// Whether a mistake was made below that key, so that what follows from it is not one more.
    pub fn is_mistaken(&self, key: &str) -> bool {
        self.mistakes
            .iter()
            .any(|mistake| mistake.key.starts_with(key))
    }
}

/// Checks the whole.
pub(super) fn check(layered: Layered, sources: &Sources) -> Result<Loaded, SettingErrors> {
    let Layered {
        tree,
        origins,
        entries,
        files,
        environs,
        mistakes,
        mut warnings,
    } = layered;
    warnings.extend(unsupported::warnings(&entries));
    let mut report = Report {
        entries: &entries,
        mistakes,
        warnings,
    };
    let repeated = provider::repeated_names(&tree, &origins);
    let file: File = match tree.try_deserialize() {
        Ok(file) => file,
        Err(error) => {
            // The rules let nothing through that does not fit the shape; a test holds them together.
            report.mistake(
                "",
                None,
                format!("does not fit the shape of the configuration: {error}"),
            );
            return Err(SettingErrors::sorted(report.mistakes));
        }
    };

    report.mistakes.extend(repeated);
    check_sum(&file.balancing.weights, &mut report);
    let mode = GatewayKeyMode::of(&environs);
    let timeouts = model::Timeouts::new(&file.balancing, &entries);
    let around = provider::ProviderContext {
        environs: &environs,
        mode: &mode,
        sources,
    };
    let providers = provider::providers(&file, &around, &timeouts, &mut report);
    let routes = route::routes(&file.routes, &providers, &mut report);
    let tokens = tokens(&file.auth.tokens, &mut report);
    let server = server(&file, &mut report);

    let Report {
        mistakes, warnings, ..
    } = report;
    let Some(server) = server.filter(|_| mistakes.is_empty()) else {
        return Err(SettingErrors::sorted(mistakes));
    };
    let client_token = match mode {
        GatewayKeyMode::Token(token) => Some(token),
        _ => None,
    };
    let settings = settings(file, server, providers, routes, tokens, client_token);
    let looked_for = vendors::looked_for();
    Ok(Loaded {
        settings,
        entries,
        warnings,
        files,
        looked_for,
        home_file: sources.home_file(),
    })
}

fn settings(
    file: File,
    server: ServerSettings,
    providers: Vec<ProviderSettings>,
    routes: Vec<RouteSettings>,
    tokens: Vec<TokenSettings>,
    client_token: Option<Secret>,
) -> Settings {
    let retention = u64::from(file.store.retention_days) * 24 * 60 * 60;
    Settings {
        server,
        balancing: balancing(&file.balancing),
        streaming: StreamingSettings {
            recovery: Recovery::parse_name(&file.streaming.recovery).unwrap_or(Recovery::Error),
        },
        probe: ProbeSettings {
            interval: Duration::from_secs(file.probe.interval_seconds),
            mode: in_force("probe.mode", &file.probe.mode)
                .and_then(ProbeMode::parse_name)
                .unwrap_or(ProbeMode::Models),
            usd_per_day: file.probe.usd_per_day,
        },
        providers,
        routes,
        budget: BudgetSettings {
            usd_per_day: file.budget.usd_per_day,
            usd_per_month: file.budget.usd_per_month,
            is_cheapest_on_limit: file.budget.on_limit == "cheapest",
        },
        alerts: AlertSettings {
            error_rate_percent: file.alerts.error_rate_percent,
            latency: Duration::from_millis(file.alerts.latency_ms),
            webhook_url: Secret::new(&file.alerts.webhook_url),
        },
        store: StoreSettings {
            url: Secret::of(&file.store.url),
            retention: Duration::from_secs(retention),
        },
        cache: CacheSettings {
            enabled: file.cache.enabled,
            ttl: Duration::from_secs(file.cache.ttl_seconds),
            max_bytes: file.cache.max_mb << 20,
            shared: file.cache.shared,
        },
        dashboard: dashboard(file.dashboard),
        tokens,
        client_token,
    }
}

/// The word, unless it is one that is not built yet.
fn in_force<'a>(pattern: &str, word: &'a str) -> Option<&'a str> {
    unsupported::is_built(pattern, word).then_some(word)
}

fn balancing(file: &file::Balancing) -> BalancingSettings {
    let weights = &file.weights;
    BalancingSettings {
        strategy: Strategy::parse_name(&file.strategy).unwrap_or(Strategy::Adaptive),
        max_retries: file.max_retries,
        timeout: Duration::from_millis(file.timeout_ms),
        connect_timeout: Duration::from_millis(file.connect_timeout_ms),
        first_token_timeout: Duration::from_millis(file.first_token_timeout_ms),
        idle_timeout: Duration::from_millis(file.idle_timeout_ms),
        stream_timeout: Duration::from_millis(file.stream_timeout_ms),
        adaptive: AdaptiveSettings {
            temperature_points: file.adaptive.temperature_points,
            exploration_percent: file.adaptive.exploration_percent,
            first_token_reference: milliseconds(file.adaptive.first_token_reference_ms),
            token_reference: milliseconds(file.adaptive.token_reference_ms),
            guard: file.adaptive.guard,
        },
        weights: WeightSettings {
            cost: weights.cost,
            latency: weights.latency,
            reliability: weights.reliability,
            load: weights.load,
            priority: weights.priority,
        },
    }
}

fn milliseconds(number: f64) -> Duration {
    Duration::try_from_secs_f64(number / 1e3).unwrap_or_default()
}

fn dashboard(file: file::Dashboard) -> DashboardSettings {
    DashboardSettings {
        refresh: Duration::from_millis(file.refresh_ms),
        window: enums::window(&file.window).unwrap_or(Duration::from_mins(15)),
        theme: file.theme,
        arm: ArmMode::parse_name(&file.arm).unwrap_or(ArmMode::Auto),
        bell: file.bell,
        keys: file.keys,
    }
}

/// The three weights that share 100 between them, after all layers.
fn check_sum(weights: &file::Weights, report: &mut Report<'_>) {
    const TOLERANCE: f64 = 1e-6;
    let shares = [
        ("cost", weights.cost),
        ("latency", weights.latency),
        ("reliability", weights.reliability),
    ];
    let sum: f64 = shares.iter().map(|(_, share)| share).sum();
    if (sum - 100.0).abs() < TOLERANCE || report.is_mistaken("balancing.weights") {
        return;
    }
    let key = |name: &str| format!("balancing.weights.{name}");
    let origin = |name: &str| resolved::origin_of(report.entries, &key(name));
    let parts: Vec<String> = shares
        .iter()
        .map(|(name, share)| format!("{name} = {share} ({})", origin(name)))
        .collect();
    let problem = format!(
        "cost + latency + reliability must be 100: {}",
        parts.join(", ")
    );
    // The place that somebody can mend, the latest layer first.
    let set = shares.iter().map(|(name, _)| origin(name));
    let place = set.max_by_key(|origin| (origin.outranks_files().is_some(), origin.is_set()));
    let mut mistake = SettingError::new(
        place.unwrap_or(origin("cost")),
        "balancing.weights",
        problem,
    );
    mistake.value = Some(sum.to_string());
    report.mistakes.push(mistake);
}

fn server(file: &File, report: &mut Report<'_>) -> Option<ServerSettings> {
    let listen = address::listen(&file.server.listen)?;
    if !listen.ip().is_loopback() && file.auth.tokens.is_empty() {
        let problem = "must be a loopback address while there is no [[auth.tokens]]: anybody who \
                       reaches it could spend your keys";
        report.mistake("server.listen", Some(format!("\"{listen}\"")), problem);
    }
    Some(ServerSettings {
        listen,
        max_body_bytes: usize::try_from(file.server.max_body_mb).unwrap_or(usize::MAX >> 20) << 20,
        max_in_flight: file.server.max_in_flight,
        drain: Duration::from_secs(file.server.drain_seconds),
        max_connections: file.server.max_connections,
        keep_alive: Duration::from_secs(file.server.keep_alive_seconds),
        environment: file.server.environment.clone(),
    })
}

fn tokens(tokens: &[file::Token], report: &mut Report<'_>) -> Vec<TokenSettings> {
    let mut settings: Vec<TokenSettings> = Vec::with_capacity(tokens.len());
    for token in tokens {
        // Where a part is missing or wrong, that was reported as it was read.
        let Some((sha256, role)) = sha256(&token.sha256).zip(Role::parse_name(&token.role)) else {
            continue;
        };
        let key = |name: &str| format!("auth.tokens[{}].{name}", token.name);
        if settings.iter().any(|known| known.name == token.name) {
            let problem = "is the name of another token too, but must be unique";
            report.mistake(&key("name"), Some(format!("\"{}\"", token.name)), problem);
        } else if let Some(known) = settings.iter().find(|known| known.sha256 == sha256) {
            let problem = format!(
                "is the hash of the token {:?} too, but must be unique",
                known.name
            );
            report.mistake(&key("sha256"), None, problem);
        }
        settings.push(TokenSettings {
            name: token.name.clone(),
            sha256,
            role,
            usd_per_day: token.usd_per_day,
        });
    }
    settings
}

fn sha256(hexadecimal: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if hexadecimal.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(hexadecimal.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).ok()?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(bytes)
}

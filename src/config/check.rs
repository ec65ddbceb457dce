//! Validates the merged values as a whole.
//!
//! Single values were checked as they were read. These checks need the whole configuration: sums,
//! names that must be unique, names that must exist, addresses that need tokens.

use super::file::{self, File};
use super::key_store::KeyStoreSettings;
use super::layers::{self, Layered};
use super::loaded::Loaded;
use super::origin::Origin;
use super::provider_context::ProviderContext;
use super::report::Report;
use super::resolved;
use super::secret_reader::SecretReader;
use super::setting_error::{SettingError, SettingErrors};
use super::settings::{
    AlertSettings, ArmMode, BalancingSettings, CacheSettings, DashboardSettings, ProbeMode,
    ProbeSettings, ProviderSettings, RouteSettings, ServerSettings, Settings, StoreSettings,
    StreamingSettings,
};
use super::source::Sources;
use super::time_zone::time_zone;
use super::vendors::{self, GatewayKeyMode};
use super::{
    address, alerts, enums, key_store, model, provider, route, schedule, tokens, unsupported,
};
use crate::domain::{
    BreakerSettings, BudgetConfig, HedgePoint, HedgePolicy, Money, OverBudgetPolicy, Strategy,
    Tuning, Weights, WeightsSchedule,
};
use crate::secrets::Secret;
use jiff::tz::TimeZone;
use std::time::Duration;

/// Reads all layers and validates them.
///
/// # Errors
///
/// All errors of all layers at once.
pub fn load(sources: &Sources) -> Result<Loaded, SettingErrors> {
    validate(layers::layer(sources)?, sources)
}

fn validate(layered: Layered, sources: &Sources) -> Result<Loaded, SettingErrors> {
    let Layered {
        tree,
        origins,
        entries,
        files,
        env_vars,
        errors,
        mut warnings,
    } = layered;
    warnings.extend(unsupported::warnings(&entries));
    let mut report = Report {
        entries: &entries,
        errors,
        warnings,
    };
    let repeated = provider::repeated_names(&tree, &origins);
    let file: File = match tree.try_deserialize() {
        Ok(file) => file,
        Err(source) => {
            report.errors.push(misshapen(source));
            return Err(SettingErrors::sorted(report.errors));
        }
    };

    report.errors.extend(repeated);
    check_sum(&file.balancing.weights, &mut report);
    let mode = GatewayKeyMode::new(&env_vars);
    let timeouts = model::Timeouts::new(&file.balancing, &entries);
    let keystore = key_store::settings(&file.keystore, sources, &mut report);
    let secrets = SecretReader::new(&env_vars, sources, &keystore);
    let context = ProviderContext {
        env_vars: &env_vars,
        mode: &mode,
        sources,
        secrets: &secrets,
    };
    let providers = provider::providers(&file, &context, &timeouts, &mut report);
    let routes = route::routes(&file.routes, &providers, &mut report);
    let schedules = schedule::schedules(&file.schedules, &mut report);
    let clients = tokens::clients(&file.auth, &mut report);
    let server = server(&file, &mut report);
    let needs_stored_token = needs_stored_token(&file, &mut report);
    let alerts = alerts::alerts(&file.alerts, &env_vars, &mut report);
    let Report {
        errors, warnings, ..
    } = report;
    let Some(server) = server.filter(|_| errors.is_empty()) else {
        return Err(SettingErrors::sorted(errors));
    };
    let clients = (clients, mode.into_token(), keystore.clone());
    let settings = settings(
        file,
        server,
        (providers, routes, schedules),
        clients,
        alerts,
    );
    Ok(Loaded {
        settings,
        needs_passphrase: secrets.needs_passphrase(),
        key_files: secrets.into_files(),
        entries,
        warnings,
        files,
        needs_stored_token,
        looked_for: vendors::provider_variables(),
        home_file: sources.home_file(),
    })
}

/// The constraints reject what does not fit the shape; a test compares the two.
fn misshapen(source: ::config::ConfigError) -> SettingError {
    let problem = format!("does not fit the shape of the configuration: {source}");
    SettingError::new(Origin::BuiltIn, "", problem).caused_by(source)
}

fn settings(
    file: File,
    server: ServerSettings,
    (providers, routes, schedules): (
        Vec<ProviderSettings>,
        Vec<RouteSettings>,
        Vec<WeightsSchedule>,
    ),
    ((tokens, groups), client_token, keystore): (tokens::Clients, Option<Secret>, KeyStoreSettings),
    alerts: AlertSettings,
) -> Settings {
    Settings {
        server,
        balancing: balancing(&file.balancing),
        streaming: StreamingSettings {
            recovery: file.streaming.recovery.parse().unwrap_or_default(),
            keep_alive: Some(Duration::from_secs(file.streaming.keepalive_seconds))
                .filter(|silence| !silence.is_zero()),
            early_headers: file.streaming.early_headers != "never",
        },
        probe: ProbeSettings {
            interval: Duration::from_secs(file.probe.interval_seconds),
            mode: built_name("probe.mode", &file.probe.mode)
                .and_then(ProbeMode::parse_name)
                .unwrap_or(ProbeMode::Models),
            usd_per_day: file.probe.usd_per_day,
        },
        providers,
        routes,
        schedules,
        budget: budget(&file),
        alerts,
        store: StoreSettings {
            url: Secret::from(file.store.url.as_str()),
            rows_days: file.store.retention_days.unwrap_or(file.store.rows_days),
            rollup_days: file.store.rollup_days,
            audit_days: file.store.audit_days,
        },
        cache: CacheSettings {
            enabled: file.cache.enabled,
            ttl: Duration::from_secs(file.cache.ttl_seconds),
            max_bytes: file.cache.max_mb << 20,
            shared: file.cache.shared,
        },
        dashboard: dashboard(file.dashboard),
        tokens,
        groups,
        client_token,
        keystore,
    }
}

/// The name, unless its value is not built yet.
fn built_name<'a>(pattern: &str, word: &'a str) -> Option<&'a str> {
    unsupported::is_built(pattern, word).then_some(word)
}

fn budget(file: &File) -> BudgetConfig {
    BudgetConfig {
        per_day: file.budget.usd_per_day.map(Money::from_usd),
        per_week: file.budget.usd_per_week.map(Money::from_usd),
        per_month: file.budget.usd_per_month.map(Money::from_usd),
        on_limit: match file.budget.on_limit.as_str() {
            "cheapest" => OverBudgetPolicy::Cheapest,
            _ => OverBudgetPolicy::Reject,
        },
        zone: time_zone(&file.budget.zone).unwrap_or(TimeZone::UTC),
        providers: file
            .providers
            .iter()
            .filter_map(|provider| {
                let limit = provider.usd_per_day.map(Money::from_usd)?;
                Some((provider.name.as_str().into(), limit))
            })
            .collect(),
    }
}

fn balancing(file: &file::Balancing) -> BalancingSettings {
    let weights = &file.weights;
    BalancingSettings {
        strategy: file.strategy.parse().unwrap_or(Strategy::Adaptive),
        max_retries: file.max_retries,
        timeout: Duration::from_millis(file.timeout_ms),
        connect_timeout: Duration::from_millis(file.connect_timeout_ms),
        first_token_timeout: Duration::from_millis(file.first_token_timeout_ms),
        idle_timeout: Duration::from_millis(file.idle_timeout_ms),
        stream_timeout: Duration::from_millis(file.stream_timeout_ms),
        cache_affinity: file.cache_affinity,
        prompt_cache: Duration::from_millis(file.prompt_cache_ms),
        tuning: tuning(file),
        breaker: BreakerSettings {
            failures: file.breaker.failures,
            max_open_s: file.breaker.max_open_seconds,
        },
        weights: Weights {
            cost: weights.cost,
            latency: weights.latency,
            reliability: weights.reliability,
            load: weights.load,
            priority: weights.priority,
        },
    }
}

/// Points and percent of the file become fractions, milliseconds become seconds.
fn tuning(file: &file::Balancing) -> Tuning {
    let mut points = HedgePoint::ALL.into_iter();
    let point = points.find(|point| point.as_str() == file.hedge);
    let hedge = point.map(|point| HedgePolicy {
        point,
        usd_per_hour: Money::from_usd(file.hedge_usd_per_hour),
    });
    let file = &file.adaptive;
    Tuning {
        temperature: file.temperature_points / 100.0,
        exploration: file.exploration_percent / 100.0,
        first_token_reference: file.first_token_reference_ms / 1e3,
        token_reference: file.token_reference_ms / 1e3,
        guard: file.guard,
        hedge,
    }
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

/// Checks that cost + latency + reliability are 100 after all layers.
fn check_sum(weights: &file::Weights, report: &mut Report<'_>) {
    const TOLERANCE: f64 = 1e-6;
    let shares = [
        ("cost", weights.cost),
        ("latency", weights.latency),
        ("reliability", weights.reliability),
    ];
    let sum: f64 = shares.iter().map(|(_, share)| share).sum();
    if (sum - 100.0).abs() < TOLERANCE || report.has_error("balancing.weights") {
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
    // The origin that the operator can edit, the latest layer first.
    let set = shares.iter().map(|(name, _)| origin(name));
    let origin_to_edit =
        set.max_by_key(|origin| (origin.outranks_files().is_some(), origin.is_set()));
    let mut error = SettingError::new(
        origin_to_edit.unwrap_or(origin("cost")),
        "balancing.weights",
        problem,
    );
    error.value = Some(sum.to_string());
    report.errors.push(error);
}

/// The error of an address that others reach without a token; reported at once where nothing can hold
/// a token, or where there are other errors.
fn needs_stored_token(file: &File, report: &mut Report<'_>) -> Option<SettingError> {
    let listen = address::listen(&file.server.listen)?;
    if listen.ip().is_loopback() || !file.auth.tokens.is_empty() {
        return None;
    }
    let problem = "must be a loopback address while there is no token: any client that reaches it could \
                   spend your keys; add [[auth.tokens]], or run `aibal-tui tokens create NAME --offline`";
    let error = report.error_of("server.listen", Some(format!("\"{listen}\"")), problem);
    if matches!(file.store.url.as_str(), "off" | "memory:") || !report.errors.is_empty() {
        report.errors.push(error);
        return None;
    }
    Some(error)
}

fn server(file: &File, report: &mut Report<'_>) -> Option<ServerSettings> {
    let listen = address::listen(&file.server.listen)?;
    if !listen.ip().is_loopback() {
        let message = "clients' tokens and prompts reach it without encryption; put a proxy with TLS in \
                       front of it";
        report.warn("server.listen", message);
    }
    Some(ServerSettings {
        listen,
        max_body_bytes: usize::try_from(file.server.max_body_mb).unwrap_or(usize::MAX >> 20) << 20,
        max_in_flight: file.server.max_in_flight,
        drain: Duration::from_secs(file.server.drain_seconds),
        pre_stop: Duration::from_secs(file.server.pre_stop_seconds),
        max_connections: file.server.max_connections,
        keep_alive: Duration::from_secs(file.server.keep_alive_seconds),
        allowed_hosts: file.server.allowed_hosts.clone(),
        cors_origins: file.server.cors_origins.clone(),
        metrics_cache: Duration::from_millis(file.server.metrics_cache_ms),
        environment: file.server.environment.clone(),
        requested_model_in_answer: file.server.model_in_answer == "requested",
        default_model: Some(file.server.default_model.clone()).filter(|name| !name.is_empty()),
    })
}

//! An instance of the configuration.

use super::InstanceConfig;
use super::catalogue;
use crate::access::{Sites, Token, TokenAuth};
use crate::app::config_sources::sources;
use crate::app::exit_error::ExitError;
use crate::app::keys_command::asked;
use crate::app::local_servers::{self, OllamaSearch};
use crate::app::{dashboard_thread, persist};
use crate::cli::arguments::Globals;
use crate::client::TokenGroups;
use crate::config::{self, Loaded, ProbeMode, Settings, Sources};
use crate::domain::{Catalogue, ClientTerms, GlobalLimits, Role, TokenDefinition};
use crate::gateway::CacheLimits;
use crate::logs::Logs;
use crate::server;
use crate::tui::Options;
use crate::webhooks::Webhook;
use aws_lc_rs::digest::{SHA256, digest};
use std::io::IsTerminal;
use std::net::SocketAddr;

/// All that the start of a configured instance needs.
#[derive(Debug)]
pub(in crate::app) struct StartupPlan {
    pub instance: InstanceConfig,
    pub dashboard: Options,
    pub listen: SocketAddr,
    pub sources: Sources,
    pub loaded: Loaded,
    /// For the operator, at the start.
    pub warnings: Vec<String>,
}

/// No configured provider can serve: why, what to do next, and the warnings.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(in crate::app) struct NoProviderError(String);

/// Reads files, environment and flags.
///
/// # Errors
///
/// The errors of the configuration; or, without a usable provider, what was looked for and the two
/// ways to continue.
pub(in crate::app) async fn from_configuration(
    globals: &Globals,
    logs: &Logs,
) -> Result<StartupPlan, ExitError> {
    let (sources, loaded, search) =
        local_servers::load(with_passphrase(sources(globals)?)?).await?;
    let mut warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    warnings.extend(search.used());
    let known = Catalogue::default();
    let instance = build_instance_config(&loaded, globals.no_save, &known, &mut warnings).await;
    let instance = instance.map_err(|error| {
        let error = error.with_search(&search);
        ExitError::usage_caused_by(error.to_string(), error)
    })?;
    let settings = &loaded.settings;
    let address = settings.server.listen.to_string();
    let options = dashboard_thread::options(globals, true, false, address, logs.recent.clone());
    let dashboard = dashboard_thread::configured(options, globals, &loaded)?;
    Ok(StartupPlan {
        instance,
        dashboard,
        listen: settings.server.listen,
        warnings,
        sources,
        loaded,
    })
}

/// Asks for the passphrase of the key store, where a key is in it and nothing else gives the passphrase.
fn with_passphrase(mut sources: Sources) -> Result<Sources, ExitError> {
    if !std::io::stdin().is_terminal() {
        return Ok(sources);
    }
    let needs_passphrase =
        |sources: &Sources| config::load(sources).is_ok_and(|loaded| loaded.needs_passphrase);
    if needs_passphrase(&sources) {
        sources.passphrase = Some(asked("passphrase of the key store: ")?);
    }
    Ok(sources)
}

/// Builds the instance that a configuration describes. `known` is the catalogue in force: a provider
/// that lists its own models and does not answer keeps those of the catalogue.
pub(in crate::app) async fn build_instance_config(
    loaded: &Loaded,
    no_save: bool,
    known: &Catalogue,
    warnings: &mut Vec<String>,
) -> Result<InstanceConfig, NoProviderError> {
    let settings = &loaded.settings;
    let (catalogue, endpoints, gateway) = catalogue::build(settings, known, warnings).await;
    if !endpoints.endpoints.iter().any(Option::is_some) {
        return Err(no_usable_provider(loaded, warnings));
    }
    let tokens = tokens(settings);
    let sites = Sites::new(
        &settings.server.allowed_hosts,
        &settings.server.cors_origins,
    );
    Ok(InstanceConfig {
        catalogue,
        endpoints,
        strategy: settings.balancing.strategy,
        tuning: settings.balancing.tuning,
        weights: settings.balancing.weights,
        gateway,
        connect_timeout: settings.balancing.connect_timeout,
        cache: settings.cache.enabled.then_some(CacheLimits {
            ttl: settings.cache.ttl,
            max_bytes: settings.cache.max_bytes,
            shared: settings.cache.shared,
        }),
        probe_interval: (settings.probe.mode != ProbeMode::Off).then_some(settings.probe.interval),
        limits: GlobalLimits {
            max_in_flight: Some(settings.server.max_in_flight),
            budget: settings.budget.clone(),
            clients: client_terms(settings),
            breaker: settings.balancing.breaker,
            alerts: settings.alerts.rules.clone(),
        },
        access: TokenAuth::new(tokens.clone()).with_sites(sites.clone()),
        gateway_access: TokenAuth::new(tokens.into_iter().chain(client_token(settings)).collect())
            .with_sites(sites),
        webhooks: settings.alerts.webhooks.iter().map(webhook).collect(),
        environment: settings.server.environment.clone(),
        server: connection_limits(&settings.server),
        drain: settings.server.drain,
        schedules: settings.schedules.clone(),
        pre_stop: settings.server.pre_stop,
        metrics_cache: settings.server.metrics_cache,
        token_groups: token_groups(settings),
        groups: settings.groups.clone(),
        saved: persist::saved_to(loaded, no_save),
        seed: crate::clock::now().micros(),
        prepared: None,
    })
}

impl NoProviderError {
    /// The error of a configuration without a usable provider; `None` where one can be used.
    pub fn of(loaded: &Loaded) -> Option<Self> {
        loaded.no_provider()?;
        let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
        Some(no_usable_provider(loaded, &warnings))
    }

    /// The same with the result of a search on this machine, where there was one, and the third way to
    /// continue.
    pub fn with_search(self, search: &OllamaSearch) -> Self {
        let Some(missing) = search.missing() else {
            return self;
        };
        let offer = "`aibal-tui config init` looks for keys and local model servers, and writes a \
                     configuration";
        Self(format!("{self}\n  {missing}\n  {offer}"))
    }
}

fn no_usable_provider(loaded: &Loaded, warnings: &[String]) -> NoProviderError {
    let reason = loaded
        .no_provider()
        .unwrap_or_else(|| "no provider can be used".to_owned());
    let variable = loaded
        .looked_for
        .first()
        .map_or("its variable", String::as_str);
    let text = format!("{reason}; set a key, for example {variable}, or try `aibal-tui demo`");
    let lines = [text].into_iter().chain(warnings.iter().cloned());
    NoProviderError(lines.collect::<Vec<_>>().join("\n  "))
}

fn connection_limits(settings: &config::ServerSettings) -> server::ConnectionLimits {
    server::ConnectionLimits::new(
        server::clamp_to_rlimit(settings.max_connections),
        settings.keep_alive,
        settings.drain,
    )
}

fn webhook(settings: &config::WebhookSettings) -> Webhook {
    Webhook {
        url: settings.url.clone(),
        format: settings.format.parse().unwrap_or_default(),
        secret: settings.secret.clone(),
    }
}

fn tokens(settings: &Settings) -> Vec<Token> {
    let token = |token: &config::TokenSettings| {
        Token::new(token.definition.clone(), token.sha256, &settings.groups)
    };
    settings.tokens.iter().map(token).collect()
}

fn client_terms(settings: &Settings) -> ClientTerms {
    let tokens = settings.tokens.iter();
    let groups = settings.groups.iter();
    ClientTerms {
        tokens: tokens.map(|token| token.definition.terms.clone()).collect(),
        groups: groups.map(|group| group.terms.clone()).collect(),
    }
}

fn token_groups(settings: &Settings) -> TokenGroups {
    let mut groups = TokenGroups::new();
    for token in &settings.tokens {
        let terms = &token.definition.terms;
        if let Some(group) = &terms.group {
            let names = groups.entry(group.to_string()).or_default();
            names.push(terms.name.to_string());
        }
    }
    groups
}

/// The token of `AI_GATEWAY_API_KEY`, which clients of /v1 must send.
fn client_token(settings: &Settings) -> Option<Token> {
    let secret = settings.client_token.as_ref()?;
    let sha256 = digest(&SHA256, secret.expose().as_bytes())
        .as_ref()
        .try_into()
        .ok()?;
    let definition = TokenDefinition::new("AI_GATEWAY_API_KEY", Role::Client);
    Some(Token::new(definition, sha256, &[]))
}

//! A reload of the configuration: all layers are read and validated, then applied as a whole or not
//! at all. Every way to request one ends here.

use super::dashboard_thread;
use super::instance_config::{self, NoProviderError};
use super::reloadable_state::{CatalogueUpdate, ReloadableState};
use super::service_notifier::ServiceNotifier;
use crate::client::ApiError;
use crate::config::{
    self, KeySource, Loaded, ProviderSettings, SettingDiff, SettingError, SettingErrors, Settings,
    SettingsDiff, Sources, read_bytes,
};
use crate::contract::{FieldProblem, Problem, ReloadReport, SettingChange};
use crate::domain::{
    Catalogue, CatalogueMerge, ConfigUpdate, EndpointChange, GlobalSetting, Objective, ProviderIdx,
    ProviderSetting,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Identity of an upstream: when any part changes, the statistics of the provider no longer apply.
#[derive(Debug, Clone, PartialEq)]
struct EndpointIdentity {
    kind: String,
    base_url: String,
    unix_socket: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    /// Content of `ca_file`: a new certificate may come under the old name.
    authorities: Option<Vec<u8>>,
    /// Project and location of Vertex AI.
    vertex: Option<(String, String)>,
}

/// The configuration in force.
#[derive(Debug)]
pub(super) struct ActiveConfig {
    pub loaded: Loaded,
    /// Endpoints of all providers that were ever configured.
    endpoints: BTreeMap<String, EndpointIdentity>,
    notifier: ServiceNotifier,
}

/// The actor and the reason of a reload.
#[derive(Debug, Clone)]
pub(super) struct ReloadTrigger {
    pub who: String,
    pub reason: Option<String>,
    /// Whether providers are asked for their model lists even where no setting differs.
    pub is_manual: bool,
}

/// A reload that failed; the configuration in force stays.
#[derive(Debug)]
pub(super) enum ReloadError {
    Invalid(SettingErrors),
    NoProvider(NoProviderError),
    Failed(anyhow::Error),
}

impl ActiveConfig {
    pub fn new(loaded: Loaded, notifier: ServiceNotifier) -> Self {
        let endpoints = endpoints(&loaded.settings).collect();
        Self {
            loaded,
            endpoints,
            notifier,
        }
    }

    /// Reads the configuration and applies it.
    pub async fn reload(
        &mut self,
        state: &ReloadableState,
        (sources, no_save): (&Sources, bool),
        trigger: ReloadTrigger,
    ) -> Result<ReloadReport, ReloadError> {
        // A file that was only touched is no reload.
        let begin = || self.notifier.reloading();
        let mut reloading = trigger.is_manual.then(begin);
        let loaded = read(sources).await?;
        let mut diff = loaded.difference(&self.loaded);
        let endpoints: BTreeMap<_, _> = endpoints(&loaded.settings).collect();
        self.add_authorities(&mut diff, &endpoints);
        let mut warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
        if diff.is_empty() && !trigger.is_manual {
            return Ok(report(&diff, state, warnings));
        }
        if let Some(error) = loaded.needs_stored_token.clone()
            && !state.access.has_stored()
        {
            return Err(ReloadError::Invalid(SettingErrors(vec![error])));
        }
        let _until_the_end = reloading.take().unwrap_or_else(begin);
        let current = state.catalogue();
        let mut config =
            instance_config::build_instance_config(&loaded, no_save, &current, &mut warnings)
                .await
                .map_err(ReloadError::NoProvider)?;
        let catalogue = std::mem::take(&mut config.catalogue);
        let merge = current.merged_with(catalogue);
        add_listed(&mut diff, &loaded.settings, &current, &merge);
        if !diff.is_empty() {
            let update = ConfigUpdate {
                catalogue: merge.catalogue.clone(),
                strategy: config.strategy,
                tuning: config.tuning,
                weights: config.weights,
                allowances: config.limits.clone(),
                objectives: changed_objectives(&diff),
                global_settings: changed_global_settings(&diff),
                settings: changed_settings(&diff, &merge.catalogue),
                renewals: self.endpoint_changes(&loaded.settings, &endpoints, &merge.catalogue),
                changes: diff.descriptions(),
                who: trigger.who.clone(),
                reason: trigger.reason.clone(),
            };
            let changes = CatalogueUpdate { merge, update };
            let applied = state.apply(config, changes).await;
            applied.map_err(ReloadError::Failed)?;
        }
        if trigger.is_manual {
            // A key that a command prints may have changed without any file.
            state.upstreams.load().registry.refresh_keys();
        }
        self.endpoints.extend(endpoints);
        self.loaded = loaded;
        Ok(report(&diff, state, warnings))
    }

    /// Adds files of certificates whose content changed: their setting did not.
    fn add_authorities(&self, diff: &mut SettingsDiff, next: &BTreeMap<String, EndpointIdentity>) {
        for (name, now) in next {
            let before = self.endpoints.get(name);
            let same = before.filter(|before| before.ca_file == now.ca_file);
            if same.is_some_and(|before| before.authorities != now.authorities) {
                let path = now
                    .ca_file
                    .as_ref()
                    .map(|path| format!("{:?}", path.display().to_string()));
                diff.add(SettingDiff {
                    key: format!("providers[{name}].ca_file"),
                    from: path.clone(),
                    to: path,
                    note: Some("its certificates changed".to_owned()),
                });
            }
        }
    }

    /// Providers whose address or key changed since they were configured last.
    fn endpoint_changes(
        &self,
        next: &Settings,
        endpoints: &BTreeMap<String, EndpointIdentity>,
        catalogue: &Catalogue,
    ) -> Vec<(ProviderIdx, EndpointChange)> {
        let changes = next.providers.iter().filter_map(|provider| {
            let name = &provider.name;
            let index = catalogue.provider(name)?;
            if self.endpoints.get(name)? != endpoints.get(name)? {
                return Some((index, EndpointChange::Address));
            }
            let mut known = self.loaded.settings.providers.iter();
            let known = known.find(|known| known.name == *name);
            // The keys of removed providers are not kept.
            let is_same = known.is_some_and(|known| has_same_key(known, provider));
            (!is_same).then_some((index, EndpointChange::Key))
        });
        changes.collect()
    }
}

async fn read(sources: &Sources) -> Result<Loaded, ReloadError> {
    let own = sources.clone();
    let loaded = tokio::task::spawn_blocking(move || config::load(&own)).await;
    let loaded = loaded.map_err(|error| ReloadError::Failed(error.into()))?;
    let loaded = loaded.map_err(ReloadError::Invalid)?;
    dashboard_thread::keymap(&loaded).map_err(ReloadError::Invalid)?;
    Ok(loaded)
}

fn endpoints(settings: &Settings) -> impl Iterator<Item = (String, EndpointIdentity)> {
    settings.providers.iter().map(|provider| {
        let vertex = provider.vertex.as_ref();
        let endpoint = EndpointIdentity {
            kind: provider.kind.clone(),
            base_url: provider.base_url.clone(),
            unix_socket: provider.unix_socket.clone(),
            ca_file: provider.ca_file.clone(),
            authorities: provider
                .ca_file
                .as_ref()
                .and_then(|file| read_bytes(file).ok()),
            vertex: vertex.map(|vertex| (vertex.project.clone(), vertex.location.clone())),
        };
        (provider.name.clone(), endpoint)
    })
}

fn has_same_key(before: &ProviderSettings, now: &ProviderSettings) -> bool {
    let credentials = |provider: &ProviderSettings| {
        let vertex = provider.vertex.as_ref();
        vertex.and_then(|vertex| vertex.credentials.clone())
    };
    let keys = |provider: &ProviderSettings| -> Vec<(String, KeySource)> {
        let keys = provider.key_pool.iter();
        keys.map(|key| (key.name.clone(), key.source.clone()))
            .collect()
    };
    before.key == now.key
        && keys(before) == keys(now)
        && before.shares_quota == now.shares_quota
        && credentials(before) == credentials(now)
}

/// Adds changes of the model lists that providers give themselves.
fn add_listed(
    diff: &mut SettingsDiff,
    settings: &Settings,
    current: &Catalogue,
    next: &CatalogueMerge,
) {
    for provider in settings.providers.iter().filter(|it| it.lists_models()) {
        let (from, to) = (
            models(current, &provider.name),
            models(&next.catalogue, &provider.name),
        );
        if from != to {
            diff.add(SettingDiff {
                key: format!("providers[{}].models", provider.name),
                from,
                to,
                note: Some("as the provider lists them".to_owned()),
            });
        }
    }
}

fn models(catalogue: &Catalogue, provider: &str) -> Option<String> {
    let own = catalogue.active_targets();
    let own = own.filter(|(_, target)| &*target.id.provider == provider);
    let names: Vec<&str> = own.map(|(_, target)| &*target.id.model).collect();
    (!names.is_empty()).then(|| format!("{names:?}"))
}

fn changed_objectives(diff: &SettingsDiff) -> Vec<Objective> {
    let is_changed =
        |objective: &Objective| diff.touches(&format!("balancing.weights.{}", objective.as_str()));
    Objective::ALL.into_iter().filter(is_changed).collect()
}

fn changed_global_settings(diff: &SettingsDiff) -> Vec<GlobalSetting> {
    let all = GlobalSetting::ALL.into_iter();
    all.filter(|setting| diff.touches(setting.key())).collect()
}

/// Changes of provider settings that an operator can also change at run time.
fn changed_settings(diff: &SettingsDiff, next: &Catalogue) -> Vec<(ProviderIdx, ProviderSetting)> {
    const NAMES: [(&str, ProviderSetting); 4] = [
        ("enabled", ProviderSetting::Enabled),
        ("priority", ProviderSetting::Priority),
        ("max_concurrent", ProviderSetting::MaxConcurrent),
        ("weights", ProviderSetting::Weights),
    ];
    let of = |(index, provider): (ProviderIdx, &crate::domain::Provider)| {
        let name = provider.name.clone();
        NAMES.into_iter().filter_map(move |(key, setting)| {
            let key = format!("providers[{name}].{key}");
            diff.touches(&key).then_some((index, setting))
        })
    };
    next.active_providers().flat_map(of).collect()
}

fn report(diff: &SettingsDiff, state: &ReloadableState, warnings: Vec<String>) -> ReloadReport {
    let change = |change: &SettingDiff| SettingChange {
        key: change.key.clone(),
        from: value(change.from.as_ref()),
        to: value(change.to.as_ref()),
        note: change.note.clone(),
    };
    ReloadReport {
        changed: diff.changes.iter().map(change).collect(),
        revision: state.handle.routing_table().revision,
        warnings,
    }
}

/// The value as JSON where TOML and JSON write it alike, else its text.
fn value(shown: Option<&String>) -> Value {
    shown.map_or(Value::Null, |shown| {
        serde_json::from_str(shown).unwrap_or_else(|_| shown.as_str().into())
    })
}

impl ReloadError {
    /// All errors, one line each.
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Invalid(errors) => errors.0.iter().map(ToString::to_string).collect(),
            Self::NoProvider(error) => vec![error.to_string()],
            Self::Failed(error) => vec![format!("{error:#}")],
        }
    }

    fn headline(&self) -> String {
        let problem = match self {
            Self::Invalid(SettingErrors(errors)) if errors.len() == 1 => "has an error".to_owned(),
            Self::Invalid(SettingErrors(errors)) => format!("has {} errors", errors.len()),
            Self::NoProvider(_) => "leaves no usable provider".to_owned(),
            Self::Failed(_) => "could not be applied".to_owned(),
        };
        format!("the configuration {problem}, so nothing changed")
    }
}

/// One sentence with the first error, for events.
impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.lines();
        let first = lines.first().map(String::as_str).unwrap_or_default();
        write!(f, "{}: {first}", self.headline())?;
        match lines.len() {
            0 | 1 => Ok(()),
            several => write!(
                f,
                " (and {} more; `aibal-tui config check` lists all)",
                several - 1
            ),
        }
    }
}

impl std::error::Error for ReloadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(match self {
            Self::Invalid(errors) => errors,
            Self::NoProvider(error) => error,
            Self::Failed(error) => error.as_ref(),
        })
    }
}

impl From<&ReloadError> for ApiError {
    fn from(error: &ReloadError) -> Self {
        let detail = format!("{}:\n{}", error.headline(), error.lines().join("\n"));
        match error {
            ReloadError::Invalid(errors) => Problem {
                errors: errors.0.iter().map(field_problem).collect(),
                ..Problem::new(422, detail)
            }
            .into(),
            ReloadError::NoProvider(_) => Problem::new(422, detail).into(),
            ReloadError::Failed(_) => Self::Other {
                problem: Problem::new(503, detail),
                retry_after: Some(Duration::from_secs(1)),
            },
        }
    }
}

fn field_problem(error: &SettingError) -> FieldProblem {
    FieldProblem {
        place: error.origin.as_ref().map(ToString::to_string),
        ..FieldProblem::new(&error.key, value(error.value.as_ref()), &error.problem)
    }
}

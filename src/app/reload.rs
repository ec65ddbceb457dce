//! Reading the configuration again: all layers, the whole checked, and then all of it at once or
//! nothing. Every way to ask for it ends here.

use super::instance_config;
use super::reloadable_state::{CatalogueUpdate, ReloadableState};
use crate::client::ApiError;
use crate::config::{
    self, Loaded, ProviderSettings, SettingDiff, SettingError, SettingErrors, Settings,
    SettingsDiff, Sources,
};
use crate::contract::{FieldProblem, Problem, ReloadReport, SettingChange};
use crate::domain::ProviderIdx;
use crate::domain::{
    Catalogue, CatalogueMerge, ConfigUpdate, EndpointChange, Objective, ProviderSetting,
};
use crate::tui::Keymap;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Where a provider is; another place means that nothing that was learnt of it holds.
#[derive(Debug, Clone, PartialEq)]
struct EndpointIdentity {
    kind: String,
    base_url: String,
    unix_socket: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    /// What stands in it: a new certificate may come under the old name.
    authorities: Option<Vec<u8>>,
    /// Project and location.
    place: Option<(String, String)>,
}

/// The configuration in force.
#[derive(Debug)]
pub(super) struct ActiveConfig {
    pub loaded: Loaded,
    /// Of everybody who was ever configured.
    residences: BTreeMap<String, EndpointIdentity>,
}

/// Who asks, and why.
#[derive(Debug, Clone)]
pub(super) struct ReloadTrigger {
    pub who: String,
    pub reason: Option<String>,
    /// Whether models that providers list themselves are asked for though no setting differs.
    pub is_asked: bool,
}

/// Why the configuration in force stays.
#[derive(Debug)]
pub(super) enum ReloadError {
    Mistakes(SettingErrors),
    /// Nobody could serve.
    Nobody(String),
    Failed(anyhow::Error),
}

impl ActiveConfig {
    pub fn new(loaded: Loaded) -> Self {
        let residences = residences(&loaded.settings).collect();
        Self { loaded, residences }
    }

    /// Reads the configuration again and puts it in force.
    pub async fn reload(
        &mut self,
        controls: &ReloadableState,
        (sources, no_save): (&Sources, bool),
        occasion: ReloadTrigger,
    ) -> Result<ReloadReport, ReloadError> {
        let loaded = read(sources).await?;
        let mut difference = loaded.difference(&self.loaded);
        let residences: BTreeMap<_, _> = residences(&loaded.settings).collect();
        self.add_authorities(&mut difference, &residences);
        let mut warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
        if difference.is_empty() && !occasion.is_asked {
            return Ok(report(&difference, controls, warnings));
        }
        let earlier = controls.catalogue();
        let mut blueprint =
            instance_config::build_instance_config(&loaded, no_save, &earlier, &mut warnings)
                .await
                .map_err(ReloadError::Nobody)?;
        let catalogue = std::mem::take(&mut blueprint.catalogue);
        let succession = earlier.merged_with(catalogue);
        add_listed(&mut difference, &loaded.settings, &earlier, &succession);
        if !difference.is_empty() {
            let reconfiguration = ConfigUpdate {
                catalogue: succession.catalogue.clone(),
                strategy: blueprint.strategy,
                tuning: blueprint.tuning,
                weights: blueprint.weights,
                allowances: blueprint.allowances.clone(),
                objectives: objectives(&difference),
                settings: settings(&difference, &succession.catalogue),
                renewals: self.renewals(&loaded.settings, &residences, &succession.catalogue),
                changes: difference.told(),
                who: occasion.who,
                reason: occasion.reason,
            };
            let news = CatalogueUpdate {
                succession,
                reconfiguration,
            };
            let taken = controls.apply(blueprint, news).await;
            taken.map_err(ReloadError::Failed)?;
        }
        self.residences.extend(residences);
        self.loaded = loaded;
        Ok(report(&difference, controls, warnings))
    }

    /// Certificates that came under the old name: no setting tells of them.
    fn add_authorities(
        &self,
        difference: &mut SettingsDiff,
        next: &BTreeMap<String, EndpointIdentity>,
    ) {
        for (name, now) in next {
            let before = self.residences.get(name);
            let same = before.filter(|before| before.ca_file == now.ca_file);
            if same.is_some_and(|before| before.authorities != now.authorities) {
                let path = now
                    .ca_file
                    .as_ref()
                    .map(|path| format!("{:?}", path.display().to_string()));
                difference.add(SettingDiff {
                    key: format!("providers[{name}].ca_file"),
                    from: path.clone(),
                    to: path,
                    note: Some("other certificates stand in it".to_owned()),
                });
            }
        }
    }

    /// Who is reached in another way than when they were configured last.
    fn renewals(
        &self,
        next: &Settings,
        residences: &BTreeMap<String, EndpointIdentity>,
        catalogue: &Catalogue,
    ) -> Vec<(ProviderIdx, EndpointChange)> {
        let renewals = next.providers.iter().filter_map(|provider| {
            let name = &provider.name;
            let place = catalogue.provider(name)?;
            if self.residences.get(name)? != residences.get(name)? {
                return Some((place, EndpointChange::Address));
            }
            let mut known = self.loaded.settings.providers.iter();
            let known = known.find(|known| known.name == *name);
            // Of those that were removed no key is kept.
            let is_same = known.is_some_and(|known| has_same_key(known, provider));
            (!is_same).then_some((place, EndpointChange::Key))
        });
        renewals.collect()
    }
}

async fn read(sources: &Sources) -> Result<Loaded, ReloadError> {
    let own = sources.clone();
    let loaded = tokio::task::spawn_blocking(move || config::load(&own)).await;
    let loaded = loaded.map_err(|error| ReloadError::Failed(error.into()))?;
    let loaded = loaded.map_err(ReloadError::Mistakes)?;
    // The one check that the configuration cannot make itself: which actions there are.
    Keymap::with(&loaded.settings.dashboard.keys).map_err(|problem| {
        ReloadError::Mistakes(SettingErrors(vec![SettingError {
            origin: None,
            key: "dashboard.keys".to_owned(),
            value: None,
            problem,
        }]))
    })?;
    Ok(loaded)
}

fn residences(settings: &Settings) -> impl Iterator<Item = (String, EndpointIdentity)> {
    settings.providers.iter().map(|provider| {
        let vertex = provider.vertex.as_ref();
        let residence = EndpointIdentity {
            kind: provider.kind.clone(),
            base_url: provider.base_url.clone(),
            unix_socket: provider.unix_socket.clone(),
            ca_file: provider.ca_file.clone(),
            authorities: provider
                .ca_file
                .as_ref()
                .and_then(|file| std::fs::read(file).ok()),
            place: vertex.map(|vertex| (vertex.project.clone(), vertex.location.clone())),
        };
        (provider.name.clone(), residence)
    })
}

fn has_same_key(before: &ProviderSettings, now: &ProviderSettings) -> bool {
    let credentials = |provider: &ProviderSettings| {
        let vertex = provider.vertex.as_ref();
        vertex.and_then(|vertex| vertex.credentials.clone())
    };
    before.key == now.key && credentials(before) == credentials(now)
}

/// What providers list otherwise than before, where that alone says which models they have.
fn add_listed(
    difference: &mut SettingsDiff,
    settings: &Settings,
    earlier: &Catalogue,
    next: &CatalogueMerge,
) {
    for provider in settings.providers.iter().filter(|it| it.models.is_empty()) {
        let (from, to) = (
            models(earlier, &provider.name),
            models(&next.catalogue, &provider.name),
        );
        if from != to {
            difference.add(SettingDiff {
                key: format!("providers[{}].models", provider.name),
                from,
                to,
                note: Some("as it lists them itself".to_owned()),
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

fn objectives(difference: &SettingsDiff) -> Vec<Objective> {
    let is_changed = |objective: &Objective| {
        difference.touches(&format!("balancing.weights.{}", objective.as_str()))
    };
    Objective::ALL.into_iter().filter(is_changed).collect()
}

/// What changed of providers that may be changed while running too.
fn settings(difference: &SettingsDiff, next: &Catalogue) -> Vec<(ProviderIdx, ProviderSetting)> {
    const NAMES: [(&str, ProviderSetting); 4] = [
        ("enabled", ProviderSetting::Enabled),
        ("priority", ProviderSetting::Priority),
        ("max_concurrent", ProviderSetting::MaxConcurrent),
        ("weights", ProviderSetting::Weights),
    ];
    let of = |(place, provider): (ProviderIdx, &crate::domain::Provider)| {
        let name = provider.name.clone();
        NAMES.into_iter().filter_map(move |(key, setting)| {
            let key = format!("providers[{name}].{key}");
            difference.touches(&key).then_some((place, setting))
        })
    };
    next.active_providers().flat_map(of).collect()
}

fn report(
    difference: &SettingsDiff,
    controls: &ReloadableState,
    warnings: Vec<String>,
) -> ReloadReport {
    let change = |change: &SettingDiff| SettingChange {
        key: change.key.clone(),
        from: value(change.from.as_ref()),
        to: value(change.to.as_ref()),
        note: change.note.clone(),
    };
    ReloadReport {
        changed: difference.changes.iter().map(change).collect(),
        revision: controls.handle.routing_table().revision,
        warnings,
    }
}

/// A value that TOML would write as JSON does, or else its text.
fn value(shown: Option<&String>) -> Value {
    shown.map_or(Value::Null, |shown| {
        serde_json::from_str(shown).unwrap_or_else(|_| shown.as_str().into())
    })
}

impl ReloadError {
    /// All that is wrong, a line for each.
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Mistakes(mistakes) => mistakes.0.iter().map(ToString::to_string).collect(),
            Self::Nobody(text) => vec![text.clone()],
            Self::Failed(error) => vec![format!("{error:#}")],
        }
    }

    /// In one sentence, for the events.
    pub fn sentence(&self) -> String {
        let lines = self.lines();
        let more = match lines.len() {
            0 | 1 => String::new(),
            several => format!(" (and {} more)", several - 1),
        };
        let first = lines.first().map(String::as_str).unwrap_or_default();
        format!("{}: {first}{more}", self.headline())
    }

    fn headline(&self) -> String {
        let what = match self {
            Self::Mistakes(SettingErrors(mistakes)) if mistakes.len() == 1 => {
                "has a mistake".to_owned()
            }
            Self::Mistakes(SettingErrors(mistakes)) => format!("has {} mistakes", mistakes.len()),
            Self::Nobody(_) => "leaves nobody who could serve".to_owned(),
            Self::Failed(_) => "could not be put in force".to_owned(),
        };
        format!("the configuration {what}, so nothing changed")
    }
}

impl From<&ReloadError> for ApiError {
    fn from(refusal: &ReloadError) -> Self {
        let detail = format!("{}:\n{}", refusal.headline(), refusal.lines().join("\n"));
        match refusal {
            ReloadError::Mistakes(mistakes) => Problem {
                errors: mistakes.0.iter().map(field).collect(),
                ..Problem::new(422, detail)
            }
            .into(),
            ReloadError::Nobody(_) => Problem::new(422, detail).into(),
            ReloadError::Failed(_) => Self {
                problem: Problem::new(503, detail),
                retry_after: Some(Duration::from_secs(1)),
            },
        }
    }
}

fn field(mistake: &SettingError) -> FieldProblem {
    FieldProblem {
        place: mistake.origin.as_ref().map(ToString::to_string),
        ..FieldProblem::new(
            &mistake.key,
            value(mistake.value.as_ref()),
            &mistake.problem,
        )
    }
}

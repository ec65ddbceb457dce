//! Changes of weights and providers as edits of the configuration file.

use crate::config::{Edit, Loaded, ProviderEdit, WeightEdit};
use crate::domain::{Effect, Weights};
use crate::engine::EngineHandle;

/// Where changes of weights are stored, for the responses to those who make them.
pub(super) fn saved_to(loaded: &Loaded, no_save: bool) -> String {
    if no_save {
        return "in memory: started with --no-save".to_owned();
    }
    let overridden_by = loaded.entries.iter().find_map(|entry| {
        let variable = entry
            .key
            .starts_with("balancing.weights.")
            .then(|| entry.origin.outranks_files())?;
        variable.map(str::to_owned)
    });
    let file = loaded.files.last().or(loaded.home_file.as_ref());
    match (overridden_by, file) {
        (Some(name), _) => format!("in memory: {name} sets it"),
        (None, Some(path)) => format!("in {}", path.display()),
        (None, None) => "in memory: there is no home directory for a configuration file".to_owned(),
    }
}

/// The edit that persists an effect; `None` where there is nothing to write.
pub(super) async fn edit(effect: &Effect, handle: &EngineHandle) -> Option<Edit> {
    match effect {
        Effect::PersistWeights(weights) => Some(Edit::Weights(weight_edit(weights))),
        Effect::PersistSettings(settings) => Some(Edit::Settings(*settings)),
        Effect::PersistProvider(index) => {
            let name = handle
                .routing_table()
                .catalogue
                .providers
                .get(index.get())?
                .name
                .clone();
            let snapshot = handle.snapshot(60).await.ok()?;
            let provider = snapshot.providers.iter().find(|it| it.name == name)?;
            let own = provider.weights;
            Some(Edit::Provider(ProviderEdit {
                name: provider.name.to_string(),
                enabled: Some(provider.enabled),
                priority: Some(provider.priority),
                max_concurrent: provider.max_concurrent,
                weights: Some(WeightEdit {
                    cost: own.cost,
                    latency: own.latency,
                    reliability: own.reliability,
                    ..WeightEdit::default()
                }),
            }))
        }
        Effect::Emit(_) => None,
    }
}

fn weight_edit(weights: &Weights) -> WeightEdit {
    WeightEdit {
        cost: Some(weights.cost),
        latency: Some(weights.latency),
        reliability: Some(weights.reliability),
        load: Some(weights.load),
        priority: Some(weights.priority),
    }
}

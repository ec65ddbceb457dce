//! Changes of weights and providers, on their way to the configuration file.

use super::instance::Instance;
use crate::config::{self, Edit, Loaded, ProviderEdit, WeightEdit};
use crate::domain::{Effect, Weights};
use crate::engine::Handle;
use std::sync::Arc;

/// Where changes of weights live, for those who make them.
pub(super) fn place(loaded: &Loaded, no_save: bool) -> String {
    if no_save {
        return "in memory: started with --no-save".to_owned();
    }
    let held = loaded.entries.iter().find_map(|entry| {
        let outranked = entry
            .key
            .starts_with("balancing.weights.")
            .then(|| entry.origin.outranks_files())?;
        outranked.map(str::to_owned)
    });
    let file = loaded.files.last().or(loaded.home_file.as_ref());
    match (held, file) {
        (Some(by), _) => format!("in memory: {by} sets it"),
        (None, Some(path)) => format!("in {}", path.display()),
        (None, None) => "in memory: there is no home for a configuration file".to_owned(),
    }
}

/// Starts the task that writes what shall stay. It ends with the engine.
pub(super) fn spawn(instance: &mut Instance, loaded: Loaded, no_save: bool) {
    let Some(mut keepsakes) = instance.keepsakes.take() else {
        return;
    };
    let (handle, loaded) = (instance.handle.clone(), Arc::new(loaded));
    tokio::spawn(async move {
        while let Some(effect) = keepsakes.recv().await {
            if no_save {
                continue;
            }
            let Some(edit) = edit(&effect, &handle).await else {
                continue;
            };
            let loaded = Arc::clone(&loaded);
            let written =
                tokio::task::spawn_blocking(move || config::write_back(&loaded, &[edit])).await;
            match written {
                Ok(Ok(report)) => {
                    for held in report.held {
                        tracing::info!("{held}");
                    }
                }
                Ok(Err(error)) => {
                    handle.inform(format!("a change stays in memory: could not {error}"), true)
                }
                Err(error) => tracing::error!("a change was not written: {error}"),
            }
        }
    });
}

async fn edit(effect: &Effect, handle: &Handle) -> Option<Edit> {
    match effect {
        Effect::KeepWeights(weights) => Some(Edit::Weights(weight_edit(weights))),
        Effect::KeepProvider(place) => {
            let picture = handle.snapshot(60).await.ok()?;
            let provider = picture.providers.get(*place)?;
            let own = provider.weights;
            Some(Edit::Provider(ProviderEdit {
                name: provider.name.to_string(),
                enabled: Some(provider.enabled),
                priority: Some(provider.priority),
                max_concurrent: provider.max_concurrent,
                weights: WeightEdit {
                    cost: own.cost,
                    latency: own.latency,
                    reliability: own.reliability,
                    ..WeightEdit::default()
                },
            }))
        }
        Effect::Announce(_) => None,
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

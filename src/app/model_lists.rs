//! Compares the models that providers list with those of the catalogue.

use crate::config::{ProviderSettings, Settings};
use crate::domain::{Catalogue, ProviderIdx};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// Models of one provider in the catalogue, removed ones included: their indices are never used again.
const MAX_MODELS: usize = 5_000;
/// Time between two reloads because of one provider's list.
const MIN_INTERVAL: Duration = Duration::from_mins(1);

/// The times at which lists led to a reload.
#[derive(Debug, Default)]
pub(super) struct ModelLists {
    reloaded_at: BTreeMap<ProviderIdx, Instant>,
}

/// What a list means for the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ListChange {
    None,
    /// The provider of this name lists other models.
    Other(String),
    /// It does, but the catalogue has no room for them.
    TooMany(String),
}

impl ModelLists {
    /// Compares a provider's list with the catalogue. A list that changes all the time counts once a
    /// minute.
    pub fn compare(
        &mut self,
        settings: &Settings,
        catalogue: &Catalogue,
        (provider, names): (ProviderIdx, &[String]),
    ) -> ListChange {
        let Some(name) = catalogue.providers.get(provider.get()) else {
            return ListChange::None;
        };
        let name = &*name.name;
        let mut own = settings.providers.iter();
        let own = own.find(|own| own.name == name && own.lists_models());
        let Some(own) = own else {
            return ListChange::None;
        };
        let active = catalogue.active_targets();
        let active = active.filter(|(_, target)| target.provider == provider);
        let served: BTreeSet<&str> = active.map(|(_, target)| &*target.id.model).collect();
        let wanted = wanted(own, names);
        let now = Instant::now();
        let last = self.reloaded_at.get(&provider);
        let is_soon = last.is_some_and(|last| now.duration_since(*last) < MIN_INTERVAL);
        if served == wanted || is_soon {
            return ListChange::None;
        }
        let known = catalogue.targets.iter();
        let known = known.filter(|target| target.provider == provider);
        let known: BTreeSet<&str> = known.map(|target| &*target.id.model).collect();
        let all = known.union(&wanted).count();
        if all > MAX_MODELS {
            return ListChange::TooMany(format!(
                "{name} has listed {all} models, but at most {MAX_MODELS} are remembered; restart to \
                 serve its newest ones, or name them in [[providers.models]]"
            ));
        }
        self.reloaded_at.insert(provider, now);
        ListChange::Other(name.to_owned())
    }
}

/// The models that are served with such a list.
fn wanted<'a>(provider: &'a ProviderSettings, names: &'a [String]) -> BTreeSet<&'a str> {
    let listed = names.iter().map(String::as_str);
    let listed = listed.filter(|name| provider.serves_listed(name));
    let configured = provider.models.iter().map(|model| model.id.as_str());
    configured.chain(listed).collect()
}

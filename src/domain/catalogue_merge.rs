//! Merge of a new configuration into the catalogue.
//!
//! Attempts, leases, observations and recorded decisions refer to indices, and some of them outlive
//! a change of the configuration. So an index is never assigned twice.

use super::target::{Catalogue, Provider, RemovedEntries, Route, Target};
use crate::domain::index::{ProviderIdx, TargetIdx};
use std::collections::{BTreeMap, BTreeSet};

/// Catalogue that keeps all indices of an earlier one.
#[derive(Debug, Clone, PartialEq)]
pub struct CatalogueMerge {
    /// Merged catalogue.
    pub catalogue: Catalogue,
    /// Index of each provider of the new configuration, in the order of the configuration.
    pub providers: Vec<ProviderIdx>,
    /// Index of each target of the new configuration, in the order of the configuration.
    pub targets: Vec<TargetIdx>,
}

impl Catalogue {
    /// Merges a new configuration. Known entries keep their indices, including retired ones that
    /// return; new entries are appended; entries missing in `next` are retired. Indices inside `next`
    /// refer to `next` itself.
    pub fn merged_with(&self, next: Self) -> CatalogueMerge {
        let (mut providers, mut targets) = (self.providers.clone(), self.targets.clone());
        let names = self.providers.iter().map(|provider| &*provider.name);
        let provider_indices: Vec<ProviderIdx> = merge_items(
            next.providers,
            |provider: &Provider| provider.name.to_string(),
            &mut providers,
            names.map(str::to_owned),
        );
        let moved = next.targets.into_iter().map(|target| Target {
            provider: provider_indices[target.provider.get()],
            ..target
        });
        let target_indices: Vec<TargetIdx> = merge_items(
            moved.collect(),
            |target: &Target| target.id.clone(),
            &mut targets,
            self.targets.iter().map(|target| target.id.clone()),
        );
        let routes = next.routes.into_iter().map(|route| Route {
            targets: route
                .targets
                .iter()
                .map(|&at| target_indices[at.get()])
                .collect(),
            ..route
        });
        CatalogueMerge {
            catalogue: Self {
                routes: routes.collect(),
                default_model: next.default_model,
                retired: RemovedEntries {
                    providers: without(ProviderIdx::all(providers.len()), &provider_indices),
                    targets: without(TargetIdx::all(targets.len()), &target_indices),
                },
                providers,
                targets,
            },
            providers: provider_indices,
            targets: target_indices,
        }
    }

    /// Returns true if all entries of `earlier` have the same index here.
    pub(super) fn continues(&self, earlier: &Self) -> bool {
        let name =
            |catalogue: &Self, at: usize| catalogue.providers.get(at).map(|p| p.name.clone());
        let target_id =
            |catalogue: &Self, at: usize| catalogue.targets.get(at).map(|t| t.id.clone());
        (0..earlier.providers.len()).all(|at| name(self, at) == name(earlier, at))
            && (0..earlier.targets.len()).all(|at| target_id(self, at) == target_id(earlier, at))
    }
}

/// Returns the indices that are not in `named`.
fn without<I: Ord>(all: impl Iterator<Item = I>, named: &[I]) -> BTreeSet<I> {
    let mut left: BTreeSet<I> = all.collect();
    for index in named {
        left.remove(index);
    }
    left
}

/// Stores each item of `next` at the position of the item with the same identity in `all`, or at the
/// end; returns the indices.
fn merge_items<T, K: Ord, I: From<usize>>(
    next: Vec<T>,
    identity: impl Fn(&T) -> K,
    all: &mut Vec<T>,
    known: impl Iterator<Item = K>,
) -> Vec<I> {
    let mut known: BTreeMap<K, usize> = known.enumerate().map(|(at, key)| (key, at)).collect();
    let put = |item: T| {
        let at = known.remove(&identity(&item)).unwrap_or(all.len());
        if at < all.len() {
            all[at] = item;
        } else {
            all.push(item);
        }
        I::from(at)
    };
    next.into_iter().map(put).collect()
}

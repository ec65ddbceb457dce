//! Merge of a new configuration into the catalogue.
//!
//! Places are what attempts, leases, observations and records of decisions speak of, and some of
//! them are under way while the configuration changes. So an index is never assigned twice.

use super::target::{Catalogue, Provider, RemovedEntries, Route, Target};
use crate::domain::index::{ProviderIdx, TargetIdx};
use std::collections::{BTreeMap, BTreeSet};

/// A catalogue that continues an earlier one.
#[derive(Debug, Clone, PartialEq)]
pub struct CatalogueMerge {
    pub catalogue: Catalogue,
    /// The place in it of each provider of the new configuration, in the configuration's order.
    pub providers: Vec<ProviderIdx>,
    /// The same for targets.
    pub targets: Vec<TargetIdx>,
}

impl Catalogue {
    /// `next` with everybody who is known in the place where they were: retired ones that come back
    /// included. Who is new comes at the end; whom `next` does not name is retired. Places in `next`
    /// are its own.
    pub fn merged_with(&self, next: Self) -> CatalogueMerge {
        let (mut providers, mut targets) = (self.providers.clone(), self.targets.clone());
        let names = self.providers.iter().map(|provider| &*provider.name);
        let provider_places: Vec<ProviderIdx> = placed(
            next.providers,
            |provider: &Provider| provider.name.to_string(),
            &mut providers,
            names.map(str::to_owned),
        );
        let moved = next.targets.into_iter().map(|target| Target {
            provider: provider_places[target.provider.get()],
            ..target
        });
        let target_places: Vec<TargetIdx> = placed(
            moved.collect(),
            |target: &Target| target.id.clone(),
            &mut targets,
            self.targets.iter().map(|target| target.id.clone()),
        );
        let routes = next.routes.into_iter().map(|route| Route {
            targets: route
                .targets
                .iter()
                .map(|&at| target_places[at.get()])
                .collect(),
            ..route
        });
        CatalogueMerge {
            catalogue: Self {
                routes: routes.collect(),
                retired: RemovedEntries {
                    providers: without(ProviderIdx::all(providers.len()), &provider_places),
                    targets: without(TargetIdx::all(targets.len()), &target_places),
                },
                providers,
                targets,
            },
            providers: provider_places,
            targets: target_places,
        }
    }

    /// Whether everybody of `earlier` has their place here.
    pub(super) fn continues(&self, earlier: &Self) -> bool {
        let named =
            |catalogue: &Self, at: usize| catalogue.providers.get(at).map(|p| p.name.clone());
        let called = |catalogue: &Self, at: usize| catalogue.targets.get(at).map(|t| t.id.clone());
        (0..earlier.providers.len()).all(|at| named(self, at) == named(earlier, at))
            && (0..earlier.targets.len()).all(|at| called(self, at) == called(earlier, at))
    }
}

/// The indices of a table that `named` leaves out.
fn without<I: Ord>(all: impl Iterator<Item = I>, named: &[I]) -> BTreeSet<I> {
    let mut left: BTreeSet<I> = all.collect();
    for index in named {
        left.remove(index);
    }
    left
}

/// Puts each of `next` where one of the same identity is in `all`, or at the end; says where.
fn placed<T, K: Ord, I: From<usize>>(
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

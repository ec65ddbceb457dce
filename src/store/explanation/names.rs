//! The targets that a stored decision names.

use crate::domain::{Catalogue, ProviderIdx, TargetIdx};

/// Targets in the order in which they are named first.
pub(super) struct Names<'c> {
    catalogue: &'c Catalogue,
    known: Vec<TargetIdx>,
}

impl<'c> Names<'c> {
    pub(super) fn of(catalogue: &'c Catalogue) -> Self {
        Self {
            catalogue,
            known: Vec::new(),
        }
    }

    /// Place of a target; the next one where it has none.
    pub(super) fn place(&mut self, target: TargetIdx) -> usize {
        let place = self.known.iter().position(|known| *known == target);
        place.unwrap_or_else(|| {
            self.known.push(target);
            self.known.len() - 1
        })
    }

    /// Place of a target of a provider.
    pub(super) fn one_of(&mut self, provider: ProviderIdx) -> Option<usize> {
        let mut targets = TargetIdx::enumerate(&self.catalogue.targets);
        let (target, _) = targets.find(|(_, target)| target.provider == provider)?;
        Some(self.place(target))
    }

    /// Provider and model of each target.
    pub(super) fn texts(&self) -> Vec<(String, String)> {
        let text = |target: &TargetIdx| match self.catalogue.targets.get(target.get()) {
            Some(target) => (target.id.provider.to_string(), target.id.model.to_string()),
            None => Default::default(),
        };
        self.known.iter().map(text).collect()
    }
}

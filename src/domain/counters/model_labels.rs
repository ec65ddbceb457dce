//! Names of models as labels. Only configured names become labels, so that clients cannot make more.

use crate::domain::model_resolution::model_names;
use crate::domain::target::Catalogue;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Label of every name that is not configured.
const OTHER: &str = "other";

/// The label of a model's name as clients write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ModelLabel(usize);

impl ModelLabel {
    /// The label of every name that is not configured.
    pub const OTHER: Self = Self(0);
}

/// All labels. A name that is no longer configured keeps its label.
#[derive(Debug, Clone)]
pub(super) struct ModelLabels {
    names: Vec<Arc<str>>,
    labels: BTreeMap<Arc<str>, ModelLabel>,
}

impl Default for ModelLabels {
    fn default() -> Self {
        Self {
            names: vec![OTHER.into()],
            labels: BTreeMap::new(),
        }
    }
}

impl ModelLabels {
    /// Adds the names of a configuration.
    pub fn add(&mut self, catalogue: &Catalogue) {
        for name in model_names(catalogue) {
            if !self.labels.contains_key(name.as_str()) {
                let name: Arc<str> = name.into();
                let label = ModelLabel(self.names.len());
                self.names.push(Arc::clone(&name));
                self.labels.insert(name, label);
            }
        }
    }

    /// Returns the label of a name that a client wrote.
    pub fn of(&self, name: &str) -> ModelLabel {
        self.labels.get(name).copied().unwrap_or(ModelLabel::OTHER)
    }

    /// Returns the text of a label.
    pub fn name(&self, label: ModelLabel) -> &str {
        self.names.get(label.0).map_or(OTHER, |name| name)
    }
}

//! The selections of a decision as short JSON, and back. Targets stand by name, so that another
//! process finds them in another catalogue; numbers have nine digits.

mod exclusion;
mod names;
mod read;
mod shape;
mod terms;
#[cfg(test)]
mod tests;
mod write;

pub use read::{NamedTargets, StoredExplanation, read_explanation};

use crate::domain::{Catalogue, DecisionRecord};
use std::borrow::Cow;
use std::sync::Arc;

/// What explains a decision.
#[derive(Debug, Clone)]
pub enum Explanation {
    /// Already written; for tests and generated data.
    Json(String),
    /// A decision, written only when its row is, so that no request pays for it.
    Decision(Arc<DecisionRecord>, Arc<Catalogue>),
}

impl Default for Explanation {
    fn default() -> Self {
        Self::Json(String::new())
    }
}

impl Explanation {
    /// The JSON; empty where there is nothing to explain.
    pub fn json(&self) -> Cow<'_, str> {
        match self {
            Self::Json(json) => Cow::Borrowed(json),
            Self::Decision(decision, catalogue) => Cow::Owned(write::decision(decision, catalogue)),
        }
    }
}

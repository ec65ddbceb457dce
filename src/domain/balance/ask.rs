//! What is asked of the balancer.

use crate::domain::target::{Class, ModelType};

/// Which targets a request's model name allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope<'a> {
    /// All that serve a type of work.
    Type(ModelType),
    /// These, by their places in the catalogue.
    Only(&'a [usize]),
}

/// What is known of a request before it is sent.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    pub scope: Scope<'a>,
    /// Its sort, which says how long its answer may be.
    pub class: Class,
    /// Estimated tokens of the prompt.
    pub input: f64,
    pub max_tokens: Option<f64>,
    /// Place of the preferred provider in the catalogue.
    pub preferred: Option<usize>,
    /// USD per token.
    pub max_cost: Option<f64>,
    /// Seconds.
    pub max_latency: Option<f64>,
    /// Seconds that are left for the whole answer.
    pub remaining: Option<f64>,
    /// Targets that failed this request already.
    pub tried: &'a [usize],
}

impl Ask<'_> {
    /// A usual request of a type.
    pub fn usual(kind: ModelType) -> Self {
        Self {
            scope: Scope::Type(kind),
            class: Class::new(kind, true),
            input: 500.0,
            max_tokens: None,
            preferred: None,
            max_cost: None,
            max_latency: None,
            remaining: None,
            tried: &[],
        }
    }
}

//! What a request asked for besides its sizes, as it is recorded and replayed.

use super::capability::RequiredCapabilities;
use super::index::{ProviderIdx, TargetIdx};
use super::key_pool::KeyScope;
use super::model_type::{ModelType, RequestClass};
use super::selection::{RequestProfile, TargetScope};
use super::target::RouteOrder;
use std::sync::Arc;

/// Properties of a request besides its sizes; equal for most requests of one client.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestTerms {
    /// Targets that the model name allows; `None` for all of the model type.
    pub only: Option<Vec<TargetIdx>>,
    /// The model type for which targets are selected.
    pub kind: ModelType,
    /// How one of the targets is selected.
    pub order: RouteOrder,
    /// Capabilities that a target must have.
    pub needs: RequiredCapabilities,
    /// True if the client named the target.
    pub pinned: bool,
    /// Maximum output tokens of each choice.
    pub max_tokens: Option<f64>,
    /// Number of choices.
    pub choices: f64,
    /// Preferred provider.
    pub preferred: Option<ProviderIdx>,
    /// Maximum price, in USD per token.
    pub max_cost: Option<f64>,
    /// Maximum predicted latency, in seconds.
    pub max_latency: Option<f64>,
    /// Seconds that the client leaves for the whole response.
    pub time_limit: Option<f64>,
    /// Name of the token whose budget it counts against.
    pub payer: Option<Arc<str>>,
}

impl RequestTerms {
    /// Returns the terms of a request at its first selection.
    pub fn of(profile: &RequestProfile<'_>, payer: Option<&Arc<str>>) -> Self {
        let (only, kind) = match profile.scope {
            TargetScope::Type(kind) => (None, kind),
            TargetScope::Only(targets) => (Some(targets.to_vec()), profile.class.kind()),
        };
        Self {
            only,
            kind,
            order: profile.order.clone(),
            needs: profile.needs,
            pinned: profile.pinned,
            max_tokens: profile.max_tokens,
            choices: profile.choices,
            preferred: profile.preferred,
            max_cost: profile.max_cost,
            max_latency: profile.max_latency,
            // What the request took before its selection differs from one to the next.
            time_limit: profile.remaining.map(|left| (left * 10.0).round() / 10.0),
            payer: payer.map(Arc::clone),
        }
    }

    /// Returns the profile of such a request for its next selection.
    pub fn profile<'t>(
        &'t self,
        class: RequestClass,
        input: f64,
        tried: &'t [TargetIdx],
    ) -> RequestProfile<'t> {
        let scope = match &self.only {
            None => TargetScope::Type(self.kind),
            Some(targets) => TargetScope::Only(targets),
        };
        RequestProfile {
            scope,
            order: &self.order,
            class,
            needs: self.needs,
            pinned: self.pinned,
            input,
            max_tokens: self.max_tokens,
            choices: self.choices,
            preferred: self.preferred,
            max_cost: self.max_cost,
            max_latency: self.max_latency,
            remaining: self.time_limit,
            means: None,
            tried,
            is_hedge: false,
            keys: KeyScope::default(),
            outgrown: &[],
            cached: &[],
        }
    }
}

//! The models that a client's token allows.

use super::error::GatewayError;
use super::request::ParsedRequest;
use crate::domain::{
    AllowedModels, Catalogue, ModelResolution, RouteOrder, TargetIdx, model_names, resolve,
};
use crate::protocols::ForwardCall;

fn allows_target(allowed: &AllowedModels, catalogue: &Catalogue, target: TargetIdx) -> bool {
    let id = &catalogue.targets[target].id;
    allowed.allows(&id.model) || allowed.allows(&id.to_string())
}

/// The names of a model list that a client with these models may use; `None`: all.
pub(super) fn visible_names(catalogue: &Catalogue, allowed: Option<&AllowedModels>) -> Vec<String> {
    let mut names = model_names(catalogue);
    let Some(allowed) = allowed else {
        return names;
    };
    let may_use = |place| allows_target(allowed, catalogue, place);
    let is_visible = |name: &str| match resolve(catalogue, name) {
        Ok(ModelResolution::Targets { places, .. }) => places.into_iter().any(may_use),
        Ok(ModelResolution::Auto(kind)) => {
            let mut active = catalogue.active_targets();
            active.any(|(place, target)| {
                kind.is_none_or(|kind| target.types.contains(kind)) && may_use(place)
            })
        }
        Err(_) => false,
    };
    names.retain(|name| allowed.allows(name) || is_visible(name));
    names
}

impl ParsedRequest {
    /// Leaves the targets that a client with these models may use: all where the name that it asked
    /// for fits, else those whose own names do.
    pub fn allow_models(
        mut self,
        catalogue: &Catalogue,
        allowed: Option<&AllowedModels>,
    ) -> Result<Self, GatewayError> {
        let Some(allowed) = allowed else {
            return Ok(self);
        };
        let name: Option<String> = self.fields.object().read("model");
        let is_named = name.as_deref().is_some_and(|name| {
            allowed.allows(name)
                || name
                    .strip_suffix(":latest")
                    .is_some_and(|name| allowed.allows(name))
        });
        if is_named {
            return Ok(self);
        }
        let refused = || GatewayError::ModelNotAllowed {
            name: name.clone().unwrap_or_default(),
        };
        let names_target = |call: &ForwardCall| call.names_target;
        if !self.forward.as_ref().is_none_or(names_target) {
            return Err(refused());
        }
        let is_allowed = |place: &TargetIdx| allows_target(allowed, catalogue, *place);
        let (places, pinned, order) = match &self.resolution {
            ModelResolution::Auto(_) => {
                let active = catalogue.active_targets();
                let serving = active.filter(|(_, target)| target.types.contains(self.model_type));
                let serving = serving.map(|(index, _)| index);
                (serving.collect(), false, RouteOrder::Balanced)
            }
            ModelResolution::Targets {
                places,
                pinned,
                order,
            } => (places.clone(), *pinned, order.clone()),
        };
        let order = match order {
            RouteOrder::Weighted(weights) => {
                let weights = places.iter().zip(weights);
                let left = weights.filter(|(place, _)| is_allowed(place));
                RouteOrder::Weighted(left.map(|(_, weight)| weight).collect())
            }
            order => order,
        };
        let places: Vec<TargetIdx> = places.into_iter().filter(is_allowed).collect();
        if places.is_empty() {
            return Err(refused());
        }
        self.resolution = ModelResolution::Targets {
            places,
            pinned,
            order,
        };
        Ok(self)
    }
}

//! Resolution of a client's model name to targets. The first match in this order wins:
//!
//! 1. `auto` or `auto:TYPE`: all targets that serve that type of work.
//! 2. A route's name: the route's targets.
//! 3. `provider/model` where that provider serves that model: that target only.
//! 4. A bare model id: every provider that serves it.

use super::model_type::ModelType;
use super::target::{Catalogue, RouteOrder};
use crate::domain::index::TargetIdx;

/// Maximum number of suggested names.
const MAX_SUGGESTIONS: usize = 3;
/// Minimum similarity (Jaro-Winkler, 0..1) of a suggested name.
const MIN_SIMILARITY: f64 = 0.8;

/// Meaning of a model name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelResolution {
    /// All targets of a type; `None` if the type is inferred from the request.
    Auto(Option<ModelType>),
    /// Only these targets.
    Targets {
        /// Targets in the order of the catalogue or the route; empty only for a route without
        /// targets.
        places: Vec<TargetIdx>,
        /// True if the client insists on this target: there is no fallback.
        pinned: bool,
        /// How one of them is selected.
        order: RouteOrder,
    },
}

/// Error: no model or route has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("model {name:?} is unknown; {}", hint(near))]
pub struct UnknownModel {
    /// Requested name.
    pub name: String,
    /// Similar names, most similar first; at most three.
    pub near: Vec<String>,
}

fn hint(near: &[String]) -> String {
    if near.is_empty() {
        "no known name is similar".to_owned()
    } else {
        format!("similar names: {}", near.join(", "))
    }
}

/// Resolves a model name.
///
/// # Errors
///
/// The name is unknown; the error suggests similar names.
pub fn resolve(catalogue: &Catalogue, name: &str) -> Result<ModelResolution, UnknownModel> {
    let found = auto(name)
        .or_else(|| route(catalogue, name))
        .or_else(|| pinned(catalogue, name))
        .or_else(|| bare(catalogue, name));
    found.ok_or_else(|| UnknownModel {
        name: name.to_owned(),
        near: near(catalogue, name),
    })
}

/// Returns all names for clients in the order of the model list: `auto`, `auto:TYPE` if a target
/// serves the type, routes, bare ids, `provider/model`.
pub fn model_names(catalogue: &Catalogue) -> Vec<String> {
    let served = |kind: &ModelType| {
        let mut targets = catalogue.active_targets();
        targets.any(|(_, target)| target.types.contains(*kind))
    };
    let mut names = vec!["auto".to_owned()];
    names.extend(
        ModelType::ALL
            .iter()
            .filter(|kind| served(kind))
            .map(|kind| format!("auto:{kind}")),
    );
    let routes = catalogue.routes.iter().map(|route| route.model.to_string());
    let bare = catalogue
        .active_targets()
        .map(|(_, t)| t.id.model.to_string());
    let full = catalogue.active_targets().map(|(_, t)| t.id.to_string());
    for name in routes.chain(bare).chain(full) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn auto(name: &str) -> Option<ModelResolution> {
    if name == "auto" {
        return Some(ModelResolution::Auto(None));
    }
    let kind = name.strip_prefix("auto:")?.parse().ok()?;
    Some(ModelResolution::Auto(Some(kind)))
}

fn route(catalogue: &Catalogue, name: &str) -> Option<ModelResolution> {
    let route = catalogue
        .routes
        .iter()
        .find(|route| &*route.model == name)?;
    Some(ModelResolution::Targets {
        places: route.targets.clone(),
        pinned: false,
        order: route.order.clone(),
    })
}

fn pinned(catalogue: &Catalogue, name: &str) -> Option<ModelResolution> {
    // Names of providers and models may contain slashes, so every slash may be the separator.
    let target = name
        .match_indices('/')
        .find_map(|(at, _)| catalogue.target(&name[..at], &name[at + 1..]))?;
    Some(ModelResolution::Targets {
        places: vec![target],
        pinned: true,
        order: RouteOrder::Balanced,
    })
}

fn bare(catalogue: &Catalogue, name: &str) -> Option<ModelResolution> {
    let places: Vec<TargetIdx> = catalogue
        .active_targets()
        .filter(|(_, target)| &*target.id.model == name)
        .map(|(index, _)| index)
        .collect();
    (!places.is_empty()).then_some(ModelResolution::Targets {
        places,
        pinned: false,
        order: RouteOrder::Balanced,
    })
}

fn near(catalogue: &Catalogue, name: &str) -> Vec<String> {
    let wanted = name.to_lowercase();
    let mut similar: Vec<(f64, String)> = model_names(catalogue)
        .into_iter()
        .map(|known| (strsim::jaro_winkler(&wanted, &known.to_lowercase()), known))
        .filter(|(similarity, _)| MIN_SIMILARITY <= *similarity)
        .collect();
    // Stable, so that equally similar names keep the order of the list.
    similar.sort_by(|a, b| b.0.total_cmp(&a.0));
    similar
        .into_iter()
        .take(MAX_SUGGESTIONS)
        .map(|(_, known)| known)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Capabilities, ModelTypes, Provider, Route, Target, TargetId};

    fn catalogue() -> Catalogue {
        let provider = |name: &str| Provider::new(name, "openai");
        let target = |provider: usize, name: &str, model: &str| Target {
            id: TargetId::new(name, model),
            provider: provider.into(),
            types: ModelTypes::CHAT,
            capabilities: Capabilities::default(),
            price: None,
            max_concurrent: None,
        };
        Catalogue {
            providers: vec![provider("openai"), provider("relay")],
            targets: vec![
                target(0, "openai", "gpt-4o"),
                target(1, "relay", "gpt-4o"),
                target(1, "relay", "openai/gpt-4o-mini"),
            ],
            routes: vec![Route {
                model: "fast".into(),
                targets: vec![2.into(), 0.into()],
                order: RouteOrder::Balanced,
            }],
            ..Catalogue::default()
        }
    }

    fn targets(places: &[usize], pinned: bool) -> ModelResolution {
        ModelResolution::Targets {
            places: places.iter().copied().map(Into::into).collect(),
            pinned,
            order: RouteOrder::Balanced,
        }
    }

    #[test]
    fn every_kind_of_name_is_resolved() {
        let catalogue = catalogue();
        let cases = [
            ("auto", ModelResolution::Auto(None)),
            (
                "auto:vision",
                ModelResolution::Auto(Some(ModelType::Vision)),
            ),
            ("fast", targets(&[2, 0], false)),
            ("relay/gpt-4o", targets(&[1], true)),
            ("relay/openai/gpt-4o-mini", targets(&[2], true)),
            ("gpt-4o", targets(&[0, 1], false)),
            ("openai/gpt-4o-mini", targets(&[2], false)),
        ];

        for (name, meaning) in cases {
            assert_eq!(resolve(&catalogue, name), Ok(meaning), "{name}");
        }
    }

    #[test]
    fn a_route_comes_before_a_model_of_the_same_name() {
        let mut catalogue = catalogue();
        catalogue.routes.push(Route {
            model: "gpt-4o".into(),
            targets: vec![2.into()],
            order: RouteOrder::Balanced,
        });

        assert_eq!(resolve(&catalogue, "gpt-4o"), Ok(targets(&[2], false)));
    }

    #[test]
    fn an_unknown_name_gets_similar_suggestions() {
        let error = resolve(&catalogue(), "GPT-40").unwrap_err();

        assert_eq!(error.near[0], "gpt-4o");
        assert!(error.near.len() <= MAX_SUGGESTIONS);
        assert!(
            error
                .to_string()
                .starts_with("model \"GPT-40\" is unknown; similar names: gpt-4o")
        );
    }

    #[test]
    fn a_name_without_similar_ones_gets_no_suggestions() {
        let error = resolve(&catalogue(), "zzz").unwrap_err();

        assert_eq!(
            error.to_string(),
            "model \"zzz\" is unknown; no known name is similar"
        );
        assert!(resolve(&catalogue(), "auto:poetry").is_err());
        assert!(resolve(&catalogue(), "").is_err());
    }

    #[test]
    fn every_listed_name_can_be_resolved() {
        let catalogue = catalogue();

        let names = model_names(&catalogue);

        assert_eq!(
            names,
            [
                "auto",
                "auto:chat",
                "auto:artifact",
                "fast",
                "gpt-4o",
                "openai/gpt-4o-mini",
                "openai/gpt-4o",
                "relay/gpt-4o",
                "relay/openai/gpt-4o-mini",
            ]
        );
        assert!(names.iter().all(|name| resolve(&catalogue, name).is_ok()));
    }
}

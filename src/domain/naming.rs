//! What a model's name means, in this order: `auto` and `auto:TYPE`; a route's name;
//! `provider/model`, which is pinned to that provider; a bare id, served by all who have it.

use super::target::{Catalogue, ModelType};

/// How alike a name must be to be offered instead (Jaro-Winkler, 0..1), and how many are.
const ALIKE: f64 = 0.75;
const OFFERED: usize = 3;

/// A name, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Naming {
    /// The balancer chooses among all of a type; without one, the request tells it.
    Auto(Option<ModelType>),
    /// These targets, by their places in the catalogue.
    Targets { places: Vec<usize>, pinned: bool },
}

/// Nobody serves a model of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the model {name:?} does not exist here")]
pub struct UnknownModel {
    pub name: String,
    /// Names that look like it, best first.
    pub near: Vec<String>,
}

/// Understands a name.
pub fn resolve(catalogue: &Catalogue, name: &str) -> Result<Naming, UnknownModel> {
    if name == "auto" {
        return Ok(Naming::Auto(None));
    }
    if let Some(kind) = name
        .strip_prefix("auto:")
        .and_then(|word| word.parse().ok())
    {
        return Ok(Naming::Auto(Some(kind)));
    }
    if let Some(route) = catalogue.routes.iter().find(|route| &*route.model == name) {
        return Ok(Naming::Targets {
            places: route.targets.clone(),
            pinned: false,
        });
    }
    let places = |wanted: &dyn Fn(usize) -> bool| {
        (0..catalogue.targets.len())
            .filter(|&at| wanted(at))
            .collect::<Vec<_>>()
    };
    let pinned = places(&|at| catalogue.targets[at].id.to_string() == name);
    if !pinned.is_empty() {
        return Ok(Naming::Targets {
            places: pinned,
            pinned: true,
        });
    }
    let bare = places(&|at| &*catalogue.targets[at].id.model == name);
    if !bare.is_empty() {
        return Ok(Naming::Targets {
            places: bare,
            pinned: false,
        });
    }
    Err(UnknownModel {
        name: name.to_owned(),
        near: near(catalogue, name),
    })
}

fn near(catalogue: &Catalogue, name: &str) -> Vec<String> {
    let autos = ModelType::ALL.iter().map(|kind| format!("auto:{kind}"));
    let routes = catalogue.routes.iter().map(|route| route.model.to_string());
    let bare = catalogue
        .targets
        .iter()
        .map(|target| target.id.model.to_string());
    let full = catalogue.targets.iter().map(|target| target.id.to_string());
    let mut known: Vec<(f64, String)> = autos
        .chain(routes)
        .chain(bare)
        .chain(full)
        .map(|known| (strsim::jaro_winkler(name, &known), known))
        .filter(|(alike, _)| *alike >= ALIKE)
        .collect();
    known.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    known.dedup_by(|a, b| a.1 == b.1);
    known
        .into_iter()
        .take(OFFERED)
        .map(|(_, known)| known)
        .collect()
}

//! Routes: model names for clients, and the targets that serve them.

use super::file;
use super::report::Report;
use super::setting_error::did_you_mean;
use super::settings::{ModelPattern, ProviderSettings, RouteSettings, RouteTarget};
use super::vendors;
use crate::domain::{RouteOrder, matches_glob};

pub(super) fn routes(
    routes: &[file::Route],
    providers: &[ProviderSettings],
    report: &mut Report<'_>,
) -> Vec<RouteSettings> {
    let mut settings: Vec<RouteSettings> = Vec::with_capacity(routes.len());
    for route in routes.iter().filter(|route| !route.model.is_empty()) {
        let key = format!("routes[{}].model", route.model);
        let value = Some(format!("{:?}", route.model));
        if route.model == "auto" || route.model.starts_with("auto:") {
            report.error(
                &key,
                value,
                "is reserved: the balancer selects among all models for it",
            );
        } else if settings.iter().any(|known| known.model == route.model) {
            report.error(
                &key,
                value,
                "is also the name of another route, but must be unique",
            );
        }
        let is_weighted = is_weighted(route, report);
        let weights = route.weights.as_deref().unwrap_or_default();
        let (mut targets, mut own_weights) = (Vec::new(), Vec::new());
        for (index, text) in route.targets.iter().enumerate() {
            if let Some(target) = target(route, text, providers, report) {
                targets.push(target);
                own_weights.push(weights.get(index).copied().unwrap_or_default());
            }
        }
        settings.push(RouteSettings {
            model: route.model.clone(),
            targets,
            order: match route.order.as_deref() {
                _ if is_weighted => RouteOrder::Weighted(own_weights),
                Some("strict") => RouteOrder::Strict,
                _ => RouteOrder::Balanced,
            },
        });
    }
    settings
}

/// Whether the route has fixed shares; reports weights that do not fit to its order or its targets.
fn is_weighted(route: &file::Route, report: &mut Report<'_>) -> bool {
    let key = |name: &str| format!("routes[{}].{name}", route.model);
    let order = route.order.as_deref();
    let Some(weights) = &route.weights else {
        if order == Some("weighted") {
            let problem = "needs weights, one whole number for each target, such as [90, 10]";
            report.error(&key("order"), Some("\"weighted\"".to_owned()), problem);
        }
        return false;
    };
    let value = Some(format!("{weights:?}"));
    if order.is_some_and(|order| order != "weighted") {
        let problem = "has an effect with order = \"weighted\" only; remove one of them";
        report.error(&key("weights"), value, problem);
        return false;
    }
    if weights.len() != route.targets.len() {
        let problem = format!(
            "must have one number for each of the {} targets",
            route.targets.len()
        );
        report.error(&key("weights"), value, problem);
        return false;
    }
    if weights.iter().all(|weight| *weight == 0) {
        report.error(&key("weights"), value, "must have a number above 0");
        return false;
    }
    true
}

fn target(
    route: &file::Route,
    text: &str,
    providers: &[ProviderSettings],
    report: &mut Report<'_>,
) -> Option<RouteTarget> {
    let key = format!("routes[{}].targets", route.model);
    let value = Some(format!("{text:?}"));
    let Some((name, model)) = text.split_once('/').filter(|(_, model)| !model.is_empty()) else {
        report.error(&key, value, "must be provider/model");
        return None;
    };
    let Some(provider) = providers.iter().find(|provider| provider.name == name) else {
        if report.has_error(&format!("providers[{name}]")) {
            return None;
        }
        // The file is valid and the environment lacks a key, so this is only a warning.
        let variables = vendors::variables_of(name);
        if !variables.is_empty() {
            let variables = variables.join(" nor ");
            let message =
                format!("{text:?} is left out: {name} is not configured, nor is {variables} set");
            report.warn(&key, message);
            return None;
        }
        let names: Vec<&str> = providers
            .iter()
            .map(|provider| provider.name.as_str())
            .collect();
        let near = match (did_you_mean(name, names.iter().copied()), names.is_empty()) {
            (_, true) => "; none is configured".to_owned(),
            (near, false) if near.is_empty() => format!("; known: {}", names.join(", ")),
            (near, false) => near,
        };
        report.error(&key, value, format!("there is no provider {name:?}{near}"));
        return None;
    };
    let mut patterns = provider.patterns.iter();
    let has_model = provider.models.iter().any(|known| known.id == model)
        || patterns.any(|pattern| matches_glob(pattern.text(), model));
    let has_error = report.has_error(&format!("providers[{name}].models"));
    let names_models = !provider.models.is_empty() || !provider.patterns.is_empty();
    if !has_model && names_models && !has_error {
        let patterns = provider.patterns.iter().map(ModelPattern::text);
        let ids = provider.models.iter().map(|known| known.id.as_str());
        let ids = ids.chain(patterns);
        let near = match did_you_mean(model, ids.clone()) {
            near if near.is_empty() => {
                format!("; known: {}", ids.collect::<Vec<&str>>().join(", "))
            }
            near => near,
        };
        report.error(&key, value, format!("{name} has no model {model:?}{near}"));
        return None;
    }
    Some(RouteTarget {
        provider: name.to_owned(),
        model: model.to_owned(),
    })
}

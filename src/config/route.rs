//! Routes: model names for clients, and the targets that serve them.

use super::file;
use super::report::Report;
use super::setting_error::did_you_mean;
use super::settings::{ProviderSettings, RouteSettings, RouteTarget};
use super::vendors;

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
        let targets = route.targets.iter();
        let targets = targets
            .filter_map(|text| target(route, text, providers, report))
            .collect();
        settings.push(RouteSettings {
            model: route.model.clone(),
            targets,
        });
    }
    settings
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
    let has_model = provider.models.iter().any(|known| known.id == model);
    let has_error = report.has_error(&format!("providers[{name}].models"));
    if !has_model && !provider.models.is_empty() && !has_error {
        let ids = provider.models.iter().map(|known| known.id.as_str());
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

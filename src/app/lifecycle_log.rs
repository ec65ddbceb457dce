//! The log lines of an instance's start and stop.

use super::instance::Instance;
use crate::cli::build_info;
use crate::config::{Loaded, Sources};
use crate::domain::Catalogue;
use std::net::SocketAddr;
use std::time::Duration;

/// Logs what an instance runs with: program, address, files, providers, store.
pub(super) fn started(instance: &Instance, sources: &Sources, loaded: &Loaded, store: &str) {
    let files: Vec<String> = loaded
        .files
        .iter()
        .map(|file| sources.shown(file))
        .collect();
    let files = if files.is_empty() {
        "none".to_owned()
    } else {
        files.join(", ")
    };
    tracing::info!(
        version = build_info::VERSION,
        commit = build_info::COMMIT,
        address = %instance.address,
        files = %files,
        providers = %providers(&instance.handle.routing_table().catalogue),
        store = %store,
        environment = %loaded.settings.server.environment,
        "started"
    );
}

/// What an instance does while nothing is wrong, in one line.
pub(super) fn serving(address: SocketAddr) -> String {
    format!("serving on http://{address}")
}

/// Logs that an instance begins to stop, and why.
pub(super) fn stopping(instance: &Instance, cause: &str, time: Duration) {
    tracing::info!(
        address = %instance.address,
        in_flight = instance.handle.routing_table().crowd.in_flight(),
        seconds_at_most = time.as_secs(),
        "stopping: {cause}"
    );
}

/// Every configured provider with the number of its models, or why it is not used.
fn providers(catalogue: &Catalogue) -> String {
    let described = catalogue.active_providers().map(|(index, provider)| {
        let targets = catalogue.active_targets();
        let models = targets
            .filter(|(_, target)| target.provider == index)
            .count();
        let state = match &provider.off {
            Some(why) => format!("not used: {why}"),
            None if !provider.enabled => "disabled".to_owned(),
            None if models == 1 => "1 model".to_owned(),
            None => format!("{models} models"),
        };
        format!("{} ({state})", provider.name)
    });
    let described: Vec<String> = described.collect();
    described.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Capabilities, ModelTypes, Provider, ProviderIdx, Target, TargetId};

    #[test]
    fn every_provider_says_what_it_offers_or_why_it_is_not_used() {
        let provider = |name: &str, off: Option<&str>| Provider {
            off: off.map(Into::into),
            ..Provider::new(name, "openai-compatible")
        };
        let target = |model: &str| Target {
            id: TargetId::new("a", model),
            provider: ProviderIdx::from(0),
            types: ModelTypes::CHAT,
            capabilities: Capabilities::default(),
            price: None,
            max_concurrent: None,
        };
        let mut off = provider("c", None);
        off.enabled = false;
        let catalogue = Catalogue {
            providers: vec![provider("a", None), provider("b", Some("no key")), off],
            targets: vec![target("m"), target("n")],
            ..Catalogue::default()
        };

        assert_eq!(
            providers(&catalogue),
            "a (2 models), b (not used: no key), c (disabled)"
        );
    }
}

//! From what was configured to what can be built.

use super::instance::Blueprint;
use super::screen;
use crate::access::Access;
use crate::cli::arguments::Globals;
use crate::contract::Window;
use crate::demo::Vendors;
use crate::domain::{
    Catalogue, Price, Provider, Strategy, Target, TargetId, WeightOverride, Weights,
};
use crate::gateway::Limits;
use crate::protocols::{Directory, Endpoint, by_kind};
use crate::tui::Options;
use std::time::Duration;

/// The demo's vendors are probed more often than the world's: theirs cost nobody anything.
const DEMO_PROBES: Duration = Duration::from_secs(5);

/// The demo: simulated vendors, built-in limits, nothing saved.
pub(super) fn of_demo(
    vendors: &Vendors,
    seed: u64,
    globals: &Globals,
    port: u16,
) -> (Blueprint, Options) {
    let (mut catalogue, mut directory) = (Catalogue::default(), Directory::default());
    for (place, vendor) in vendors.endpoints().iter().enumerate() {
        catalogue.providers.push(Provider {
            name: vendor.name.into(),
            kind: vendor.kind.into(),
            priority: 50,
            max_concurrent: Some(vendor.max_concurrent),
            enabled: true,
            off: None,
            weights: WeightOverride::default(),
        });
        catalogue.targets.push(Target {
            id: TargetId::new(vendor.name, vendor.model),
            provider: place,
            types: vendor
                .types
                .iter()
                .filter_map(|word| word.parse().ok())
                .collect(),
            price: Some(Price::flat(
                vendor.input_usd_per_1m,
                vendor.output_usd_per_1m,
            )),
        });
        let protocol = by_kind(vendor.kind);
        directory.endpoints.push(
            protocol.and_then(|protocol| Endpoint::new(&vendor.base_url, vendor.api_key, protocol)),
        );
    }
    let blueprint = Blueprint {
        catalogue,
        directory,
        strategy: Strategy::default(),
        weights: Weights::default(),
        limits: Limits {
            max_body: 20 * 1024 * 1024,
            max_retries: 3,
            timeout: Duration::from_secs(30),
            first_token_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(15),
            stream_timeout: Duration::from_mins(10),
            targets: Vec::new(),
        },
        connect_timeout: Duration::from_secs(5),
        probe_interval: Some(DEMO_PROBES),
        access: Access::default(),
        gateway_access: Access::default(),
        environment: "demo".to_owned(),
        drain: Duration::from_secs(30),
        saved: "in memory: a demo saves nothing".to_owned(),
        seed,
    };
    let options = screen::options(globals, true, false, format!("127.0.0.1:{port}"));
    // A minute shows a movement at once.
    (
        blueprint,
        Options {
            window: Window::Minute,
            ..options
        },
    )
}

//! Changes of operators that no configuration file holds, so that a restart does not lose them.

use super::global_settings::GlobalSettings;
use super::units::UnixTime;
use super::weights::{WeightOverride, Weights};
use std::sync::Arc;

/// Drains, pins, and changes that revert at their time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HeldChanges {
    /// Providers that get no new requests, by name.
    pub draining: Vec<Arc<str>>,
    /// Ends of drains, by the provider's name.
    pub drain_ends: Vec<(Arc<str>, UnixTime)>,
    /// Pinned provider, and the end of its pin.
    pub pin: Option<(Arc<str>, UnixTime)>,
    /// Changes that revert together unless they are confirmed.
    pub pending: Option<PendingChanges>,
}

/// Changes that revert together.
#[derive(Debug, Clone, PartialEq)]
pub struct PendingChanges {
    /// Time of the revert.
    pub until: UnixTime,
    /// Global weights.
    pub weights: Option<PendingChange<Weights>>,
    /// Settings of the whole instance.
    pub settings: Option<PendingChange<GlobalSettings>>,
    /// Settings of providers.
    pub providers: Vec<PendingProviderChanges>,
}

/// A value that reverts to the one before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PendingChange<T> {
    /// Value before, which the configuration holds.
    pub before: T,
    /// Value in effect until the revert.
    pub after: T,
}

/// Settings of one provider that revert.
#[derive(Debug, Clone, PartialEq)]
pub struct PendingProviderChanges {
    /// Name of the provider.
    pub name: Arc<str>,
    /// Enabled or disabled.
    pub enabled: Option<PendingChange<bool>>,
    /// Draining or not.
    pub draining: Option<PendingChange<bool>>,
    /// Priority, 0..100.
    pub priority: Option<PendingChange<u8>>,
    /// Limit on concurrent requests; `None` inside is no limit.
    pub max_concurrent: Option<PendingChange<Option<u32>>>,
    /// Weight override.
    pub weights: Option<PendingChange<WeightOverride>>,
}

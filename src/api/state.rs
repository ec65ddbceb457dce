use super::feeds::Feeds;
use super::needed_permissions::NeededPermissions;
use super::recent_selections::RecentSelections;
use crate::access::{Principal, TokenAuth};
use crate::client::LocalClient;
use crate::store::AuditSample;
use crate::telemetry::Metrics;
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;

/// Dependencies of the management API.
#[derive(Debug)]
pub struct Api {
    /// The instance in this process.
    pub local: LocalClient,
    /// What Prometheus scrapes.
    pub metrics: Arc<Metrics>,
    /// Tokens and roles.
    pub access: TokenAuth,
    /// Says that the instance is not ready any more.
    pub leaving: CancellationToken,
    /// Ends the event streams, which would otherwise last as long as their readers.
    pub stop: CancellationToken,
    /// Event streams at once over TCP, and as many over the Unix socket.
    pub max_feeds: usize,
}

/// State of the router.
#[derive(Debug)]
pub(super) struct ApiState {
    pub api: Api,
    pub selections: RecentSelections,
    pub feeds: Feeds,
    /// The permission that each call needs.
    pub needed: NeededPermissions,
    /// Bounds the refused calls in the audit log.
    pub refusals: Mutex<AuditSample>,
}

impl ApiState {
    /// The instance as this client changes it: revisions and the audit log name it.
    pub fn acting_as(&self, principal: &Principal) -> LocalClient {
        self.api
            .local
            .acting_as(&principal.actor(), &principal.origin())
    }
}

/// Extractor of the router's state.
pub(super) type SharedState = axum::extract::State<Arc<ApiState>>;

//! The parts and limits of an instance.

use crate::access::TokenAuth;
use crate::client::TokenGroups;
use crate::domain::{
    BalancerState, Catalogue, GlobalLimits, GroupDefinition, Strategy, Tuning, Weights,
    WeightsSchedule,
};
use crate::gateway::{CacheLimits, GatewayConfig};
use crate::protocols::EndpointRegistry;
use crate::server::ConnectionLimits;
use crate::webhooks::Webhook;
use std::time::Duration;

/// All that an instance is started with.
#[derive(Debug)]
pub(in crate::app) struct InstanceConfig {
    pub catalogue: Catalogue,
    pub endpoints: EndpointRegistry,
    pub strategy: Strategy,
    pub tuning: Tuning,
    pub weights: Weights,
    /// Weights at given hours.
    pub schedules: Vec<WeightsSchedule>,
    pub gateway: GatewayConfig,
    pub limits: GlobalLimits,
    pub connect_timeout: Duration,
    /// `None`: responses are not cached.
    pub cache: Option<CacheLimits>,
    /// `None`: probes are switched off.
    pub probe_interval: Option<Duration>,
    /// Tokens of the management API.
    pub access: TokenAuth,
    /// Tokens of the model API.
    pub gateway_access: TokenAuth,
    /// Receivers of alerts.
    pub webhooks: Vec<Webhook>,
    pub environment: String,
    pub server: ConnectionLimits,
    pub drain: Duration,
    /// Time between "not ready" and the drain.
    pub pre_stop: Duration,
    pub metrics_cache: Duration,
    pub token_groups: TokenGroups,
    /// What the tokens of a group share.
    pub groups: Vec<GroupDefinition>,
    /// Where changes are stored, for the responses to those who make them.
    pub saved: String,
    pub seed: u64,
    /// A balancer with a history, in place of a new one; its catalogue is that of this
    /// configuration.
    pub prepared: Option<Box<BalancerState>>,
}

//! Time limits and sizes of the gateway, for all targets and for single ones.

use super::recovery::StreamRecovery;
use crate::domain::{PerTarget, TargetIdx};
use std::time::Duration;

/// Limits on time and size of a request.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// Largest request body, in bytes.
    pub max_body: usize,
    /// Attempts after the first one, including those at other targets.
    pub max_retries: u32,
    /// Without streaming: for the whole request. With streaming: until the first content.
    pub timeout: Duration,
    /// Until the first content, for each attempt at a stream.
    pub first_token_timeout: Duration,
    /// Between two chunks of a stream.
    pub idle_timeout: Duration,
    /// For a whole stream.
    pub stream_timeout: Duration,
    /// Silence after which the client of a stream gets bytes that say nothing; `None`: never.
    pub keep_alive: Option<Duration>,
    /// Whether a client that waits long for the first content of a stream gets headers before it.
    pub early_headers: bool,
    /// Whether responses name the model as the client did, and not as the provider does.
    pub requested_model_in_answer: bool,
    /// Handling of streams that break after their first content.
    pub recovery: StreamRecovery,
    /// Whether the prompt caches of providers are considered.
    pub cache_affinity: bool,
    /// How long they hold a prompt.
    pub prompt_cache: Duration,
    /// Overrides for single targets, by their index in the catalogue.
    pub targets: Vec<TargetTimeouts>,
}

/// Time limits of one target that override the general ones.
#[derive(Debug, Clone, Copy, Default)]
pub struct TargetTimeouts {
    pub timeout: Option<Duration>,
    pub first_token_timeout: Option<Duration>,
    pub prompt_cache: Option<Duration>,
}

impl PerTarget for TargetTimeouts {}

/// The values of a configuration that sets none of them.
impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            max_body: 20 * 1024 * 1024,
            max_retries: 3,
            timeout: Duration::from_secs(30),
            first_token_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(15),
            stream_timeout: Duration::from_mins(10),
            keep_alive: Some(Duration::from_secs(10)),
            early_headers: true,
            requested_model_in_answer: false,
            recovery: StreamRecovery::Error,
            cache_affinity: true,
            prompt_cache: Duration::from_mins(5),
            targets: Vec::new(),
        }
    }
}

impl GatewayConfig {
    /// The request timeout that applies to `target`.
    pub(super) fn timeout(&self, target: TargetIdx) -> Duration {
        self.targets
            .get(target.get())
            .and_then(|timeouts| timeouts.timeout)
            .unwrap_or(self.timeout)
    }

    /// How long the prompt cache of `target` holds a prompt.
    pub(super) fn prompt_cache(&self, target: TargetIdx) -> Duration {
        self.targets
            .get(target.get())
            .and_then(|timeouts| timeouts.prompt_cache)
            .unwrap_or(self.prompt_cache)
    }

    /// The limit on the time to the first token that applies to `target`.
    pub(super) fn first_token_timeout(&self, target: TargetIdx) -> Duration {
        self.targets
            .get(target.get())
            .and_then(|timeouts| timeouts.first_token_timeout)
            .unwrap_or(self.first_token_timeout)
    }
}

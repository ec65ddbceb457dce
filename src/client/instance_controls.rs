use super::ApiError;
use crate::contract::{CacheReport, DeliveryReport, ProbeReport, ReloadReport, WebhookReport};
use crate::domain::{AlertNotice, ProviderIdx, TokenDefinition, UnixTime};
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Parts of the instance in this process that the engine does not own. The application implements
/// it; the defaults stand for parts that are missing.
pub trait InstanceControls: fmt::Debug + Send + Sync {
    /// Probes a provider now; `None` where no probe can be made.
    fn probe(&self, provider: ProviderIdx) -> BoxFuture<'_, Option<ProbeReport>> {
        let _ = provider;
        Box::pin(std::future::ready(None))
    }

    /// Reads the configuration again on behalf of `who`; `None` where there is none to read.
    fn reload(&self, who: String) -> BoxFuture<'_, Option<Result<ReloadReport, ApiError>>> {
        let _ = who;
        Box::pin(std::future::ready(None))
    }

    /// Waits until all changes so far are written; returns where they are saved, or why they stay in
    /// memory. `None` where nothing writes them.
    fn saved(&self) -> BoxFuture<'_, Option<String>> {
        Box::pin(std::future::ready(None))
    }

    /// Webhooks that alerts are sent to.
    fn webhooks(&self) -> Vec<WebhookReport> {
        Vec::new()
    }

    /// Sends a notice to all webhooks, once each, and waits for their answers.
    fn send_to_webhooks(&self, notice: AlertNotice) -> BoxFuture<'_, Vec<DeliveryReport>> {
        let _ = notice;
        Box::pin(std::future::ready(Vec::new()))
    }

    /// The tokens of the configuration.
    fn configured_tokens(&self) -> Vec<Arc<TokenDefinition>> {
        Vec::new()
    }

    /// When each token was last used in this process, by name.
    fn token_uses(&self) -> BTreeMap<Arc<str>, UnixTime> {
        BTreeMap::new()
    }

    /// Whether this machine is an operator without a token.
    fn trusts_loopback(&self) -> bool {
        false
    }

    /// Puts the tokens of the store in force, and waits for it.
    fn apply_tokens(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Counts of the response cache; `None` where it is off.
    fn cache_counts(&self) -> Option<CacheReport> {
        None
    }
}

/// An instance without these parts, as in a test.
#[derive(Debug)]
pub(super) struct NoControls;

impl InstanceControls for NoControls {}

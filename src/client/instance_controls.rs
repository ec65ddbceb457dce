use super::ApiError;
use crate::contract::{CacheReport, DeliveryReport, ProbeReport, ReloadReport, WebhookReport};
use crate::domain::{AlertNotice, ProviderIdx};
use futures_util::future::BoxFuture;
use std::fmt;

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

    /// Counts of the response cache; `None` where it is off.
    fn cache_counts(&self) -> Option<CacheReport> {
        None
    }
}

/// An instance without these parts, as in a test.
#[derive(Debug)]
pub(super) struct NoControls;

impl InstanceControls for NoControls {}

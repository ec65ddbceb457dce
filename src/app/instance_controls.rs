//! Probes, reload and cache of the running instance, for its client.

use super::reloadable_state::{ReloadRequest, SaveQuery};
use super::token_task::TokenControls;
use crate::client::{ApiError, InstanceControls};
use crate::contract::{
    self, CacheReport, DeliveryReport, ProbeReport, ReloadReport, WebhookReport,
};
use crate::domain::{AlertNotice, ProbeVerdict, ProviderIdx, TokenDefinition, UnixTime};
use crate::gateway::{Cache, CacheCounts};
use crate::probe;
use crate::webhooks::Webhooks;
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Senders to the tasks that probe and reload, and the cache where it is on.
#[derive(Debug)]
pub(super) struct RunningInstance {
    pub probes: mpsc::Sender<probe::ManualProbe>,
    pub reloads: mpsc::Sender<ReloadRequest>,
    pub saves: mpsc::Sender<SaveQuery>,
    pub cache: Option<Arc<Cache>>,
    pub webhooks: Webhooks,
    pub tokens: TokenControls,
}

impl InstanceControls for RunningInstance {
    fn probe(&self, provider: ProviderIdx) -> BoxFuture<'_, Option<ProbeReport>> {
        Box::pin(async move {
            let (reply, result) = oneshot::channel();
            self.probes.try_send((provider, reply)).ok()?;
            let result = result.await.ok()?;
            Some(ProbeReport {
                ok: result.end.verdict == ProbeVerdict::Good,
                status: result.end.detail,
                latency_ms: result.end.latency.as_secs_f64() * 1e3,
                at: contract::rfc3339(result.end.at),
            })
        })
    }

    fn reload(&self, who: String) -> BoxFuture<'_, Option<Result<ReloadReport, ApiError>>> {
        Box::pin(async move {
            let (reply, report) = oneshot::channel();
            let request = ReloadRequest {
                who,
                reason: None,
                reply: Some(reply),
            };
            self.reloads.send(request).await.ok()?;
            report.await.ok()
        })
    }

    fn saved(&self) -> BoxFuture<'_, Option<String>> {
        Box::pin(async move {
            let (reply, saved) = oneshot::channel();
            self.saves.send(reply).await.ok()?;
            saved.await.ok()
        })
    }

    fn webhooks(&self) -> Vec<WebhookReport> {
        self.webhooks.report()
    }

    fn send_to_webhooks(&self, notice: AlertNotice) -> BoxFuture<'_, Vec<DeliveryReport>> {
        Box::pin(async move { self.webhooks.send_once(&notice).await })
    }

    fn configured_tokens(&self) -> Vec<Arc<TokenDefinition>> {
        self.tokens.configured()
    }

    fn token_uses(&self) -> BTreeMap<Arc<str>, UnixTime> {
        self.tokens.last_uses()
    }

    fn trusts_loopback(&self) -> bool {
        self.tokens.trusts_loopback()
    }

    fn apply_tokens(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.tokens.apply())
    }

    fn cache_counts(&self) -> Option<CacheReport> {
        let CacheCounts {
            hits,
            misses,
            coalesced,
            entries,
            bytes,
        } = self.cache.as_ref()?.counts();
        Some(CacheReport {
            hits,
            misses,
            coalesced,
            entries,
            bytes,
        })
    }
}

use crate::contract::ProbeReport;
use crate::domain::ProviderIdx;
use futures_util::future::BoxFuture;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A probe that takes longer is not waited for.
const PROBE_TIMEOUT: Duration = Duration::from_secs(30);

type Probe = dyn Fn(ProviderIdx) -> BoxFuture<'static, Option<ProbeReport>> + Send + Sync;

/// The way to have a provider probed now; whoever builds the door knows how.
#[derive(Clone)]
pub struct ProbeCallback(Arc<Probe>);

impl ProbeCallback {
    /// `probe` takes a provider's place in the catalogue, and answers nothing where no probe could
    /// be made.
    pub fn new<F, R>(probe: F) -> Self
    where
        F: Fn(ProviderIdx) -> R + Send + Sync + 'static,
        R: Future<Output = Option<ProbeReport>> + Send + 'static,
    {
        Self(Arc::new(move |provider| Box::pin(probe(provider))))
    }

    pub async fn probe(&self, provider: ProviderIdx) -> Option<ProbeReport> {
        let probe = (self.0)(provider);
        tokio::time::timeout(PROBE_TIMEOUT, probe)
            .await
            .ok()
            .flatten()
    }
}

impl fmt::Debug for ProbeCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prober")
    }
}

//! Probes on a schedule: free requests to every provider, which find an outage and its end without
//! traffic. Probes share no limits with client requests.

use crate::clock;
use crate::domain::{
    KeyIdx, Observation, ProbeEnd, ProbeVerdict, ProviderIdx, RoutingState, RoutingTable, UnixTime,
    probe_due,
};
use crate::engine::EngineHandle;
use crate::foreign::read_body;
use crate::protocols::{Endpoint, Transport, UpstreamSet};
use arc_swap::ArcSwap;
use futures_util::future::join_all;
use http::{HeaderMap, StatusCode};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{interval, timeout};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::{IntervalStream, ReceiverStream};
use tokio_util::sync::CancellationToken;

/// Time between two checks for due probes.
const SCHEDULE_INTERVAL: Duration = Duration::from_millis(500);
/// Time for a provider to respond to a probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes that are read of a response; a list of models is much shorter.
const MAX_RESPONSE_BYTES: usize = 4 * 1024 * 1024;
/// Age at which a list of models is read again, although traffic shows that the provider is well.
const MAX_LIST_AGE: Duration = Duration::from_mins(1);
/// Manual probes that wait.
const MANUAL_PROBE_QUEUE: usize = 16;

/// A manual probe: the provider's index in the catalogue, and the channel for the result.
pub type ManualProbe = (ProviderIdx, oneshot::Sender<ProbeResult>);

/// The names that a provider lists now, and its index in the catalogue.
pub type ModelListUpdate = (ProviderIdx, Vec<String>);

/// The result of a probe.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeResult {
    pub end: ProbeEnd,
    /// The models that the response names, where the provider's own list counts.
    pub models: Option<Vec<String>>,
}

/// The task that sends probes.
#[derive(Debug)]
pub struct Probe {
    schedule: ProbeSchedule,
    requests: mpsc::Receiver<ManualProbe>,
}

#[derive(Debug)]
struct ProbeSchedule {
    handle: EngineHandle,
    upstreams: Arc<ArcSwap<UpstreamSet>>,
    /// `None` while scheduled probes are switched off; manual ones still run.
    interval: watch::Receiver<Option<Duration>>,
    /// Time of each provider's last probe.
    probed_at: Vec<Option<UnixTime>>,
    /// Receives lists of models; one that finds the queue full is read again with the next probe.
    lists: Option<mpsc::Sender<ModelListUpdate>>,
}

/// What makes the task send probes.
enum ProbeTrigger {
    Manual(ManualProbe),
    Schedule,
}

impl Probe {
    /// The task, and the queue for manual probes.
    pub fn new(
        handle: EngineHandle,
        upstreams: Arc<ArcSwap<UpstreamSet>>,
        interval: watch::Receiver<Option<Duration>>,
    ) -> (Self, mpsc::Sender<ManualProbe>) {
        let (sender, requests) = mpsc::channel(MANUAL_PROBE_QUEUE);
        let schedule = ProbeSchedule {
            handle,
            upstreams,
            interval,
            probed_at: Vec::new(),
            lists: None,
        };
        (Self { schedule, requests }, sender)
    }

    /// Sends the lists of models that probes read.
    #[must_use]
    pub fn with_lists(mut self, lists: mpsc::Sender<ModelListUpdate>) -> Self {
        self.schedule.lists = Some(lists);
        self
    }

    /// Runs until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let Self {
            mut schedule,
            requests,
        } = self;
        let manual = ReceiverStream::new(requests).map(ProbeTrigger::Manual);
        let ticks = IntervalStream::new(interval(SCHEDULE_INTERVAL));
        let mut triggers = manual.merge(ticks.map(|_| ProbeTrigger::Schedule));
        // The ticks never end, so the loop ends at `stop` only.
        while let Some(Some(trigger)) = stop.run_until_cancelled(triggers.next()).await {
            match trigger {
                ProbeTrigger::Manual((provider, reply)) => {
                    schedule.probe_manually(provider, reply).await;
                }
                ProbeTrigger::Schedule => schedule.probe_due().await,
            }
        }
    }
}

impl ProbeSchedule {
    /// Probes all providers that are due, at the same time.
    async fn probe_due(&mut self) {
        let Some(interval) = *self.interval.borrow() else {
            return;
        };
        let now = clock::now();
        // The table before the upstreams: every provider in it has an endpoint by then.
        let table = self.handle.routing_table();
        let upstreams = self.upstreams.load_full();
        let catalogue = &table.catalogue;
        self.make_room(catalogue.providers.len());
        let providers = catalogue.active_providers().map(|(provider, _)| provider);
        let due: Vec<ProviderIdx> = providers
            .filter(|&provider| upstreams.registry.endpoint(provider).is_some())
            .filter(|&provider| {
                let candidates = || {
                    catalogue
                        .active_targets()
                        .filter(|(_, target)| target.provider == provider)
                        .map(|(target, _)| &table.candidates[target])
                };
                let down = candidates().any(|candidate| candidate.standing == RoutingState::Down);
                let off = candidates()
                    .any(|candidate| matches!(candidate.standing, RoutingState::Off(_)));
                let success = candidates()
                    .filter_map(|candidate| candidate.succeeded_at)
                    .max();
                let probed = self.probed_at[provider.get()];
                let is_list_old = || {
                    let endpoint = upstreams.registry.endpoint(provider);
                    let age = probed.map(|at| now.since(at));
                    endpoint.is_some_and(|endpoint| endpoint.lists_models)
                        && age.is_none_or(|age| age >= MAX_LIST_AGE.max(interval))
                };
                !off && (probe_due(now, probed, success, down, interval) || is_list_old())
            })
            .collect();
        for &provider in &due {
            self.probed_at[provider.get()] = Some(now);
        }
        let results = join_all(due.iter().filter_map(|&provider| {
            let endpoint = upstreams.registry.endpoint(provider)?;
            let key = usable_key(&table, provider, now);
            Some(probe(&upstreams.transport, provider, (endpoint, key)))
        }));
        for result in results.await {
            self.report(result);
        }
    }

    fn report(&self, result: ProbeResult) {
        let provider = result.end.provider;
        if let (Some(lists), Some(models)) = (&self.lists, result.models) {
            let _is_read_again = lists.try_send((provider, models));
        }
        self.handle.observe(Observation::Probe(result.end));
    }

    /// Extends the list to at least `providers`: a reload may have added some since the last scheduled
    /// probes, which may be switched off.
    fn make_room(&mut self, providers: usize) {
        if self.probed_at.len() < providers {
            self.probed_at.resize(providers, None);
        }
    }

    async fn probe_manually(&mut self, provider: ProviderIdx, reply: oneshot::Sender<ProbeResult>) {
        let upstreams = self.upstreams.load_full();
        let Some(endpoint) = upstreams.registry.endpoint(provider) else {
            return;
        };
        let key = usable_key(&self.handle.routing_table(), provider, clock::now());
        let result = probe(&upstreams.transport, provider, (endpoint, key)).await;
        self.make_room(provider.get() + 1);
        self.probed_at[provider.get()] = Some(clock::now());
        self.report(result.clone());
        let _requester_may_be_gone = reply.send(result);
    }
}

/// The first of several keys that the provider does not refuse at all of its models.
fn usable_key(table: &RoutingTable, provider: ProviderIdx, now: UnixTime) -> Option<KeyIdx> {
    let mut own = table
        .indexed()
        .filter(|(_, candidate)| candidate.provider == provider);
    own.find_map(|(_, candidate)| candidate.keys.unblocked(now))
}

/// Sends one probe.
async fn probe(
    transport: &Transport,
    provider: ProviderIdx,
    (endpoint, key): (&Endpoint, Option<KeyIdx>),
) -> ProbeResult {
    let endpoint = &*endpoint.with_key(key);
    let started = clock::now();
    let response = timeout(PROBE_TIMEOUT, async {
        let ready = endpoint.with_credentials(None).await;
        let endpoint = ready.map_err(|error| error.message)?;
        let mut request = endpoint.protocol.build_probe(&endpoint);
        endpoint.add_headers(&mut request.headers, &HeaderMap::new());
        let sent = transport.send(provider, request).await;
        let response = sent.map_err(|error| error.to_string())?;
        let status = response.status();
        let body = read_body(response, MAX_RESPONSE_BYTES).await;
        let body = body.map_err(|error| error.to_string())?;
        Ok::<_, String>((status, body))
    });
    let (mut context_windows, mut models) = (Vec::new(), None);
    let (verdict, detail) = match response.await {
        Err(_) => (
            ProbeVerdict::Bad,
            format!("no response within {} s", PROBE_TIMEOUT.as_secs()),
        ),
        Ok(Err(reason)) => (ProbeVerdict::Bad, reason),
        Ok(Ok((status, body))) => {
            let verdict = if endpoint.protocol.is_probe_ok(status, &body) {
                context_windows = endpoint.protocol.context_windows(&body);
                let names = || endpoint.protocol.model_names(&body);
                models = endpoint.lists_models.then(names).flatten();
                ProbeVerdict::Good
            } else if status.is_server_error() && status != StatusCode::INTERNAL_SERVER_ERROR {
                ProbeVerdict::Bad
            } else {
                // A server that cannot list its models may well serve them: requests decide.
                ProbeVerdict::Inconclusive
            };
            (verdict, status.as_u16().to_string())
        }
    };
    let at = clock::now();
    ProbeResult {
        end: ProbeEnd {
            provider,
            at,
            latency: at.since(started),
            verdict,
            detail,
            context_windows,
        },
        models,
    }
}

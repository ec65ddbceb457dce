//! ASKING ON A SCHEDULE: free questions to every provider, so that a dead one and its return are
//! found without traffic. Probes share no limits and no fate with paying requests.

use crate::clock;
use crate::domain::ProviderIdx;
use crate::domain::{Observation, ProbeEnd, ProbeVerdict, RoutingState, UnixTime, probe_due};
use crate::engine::EngineHandle;
use crate::protocols::{Endpoint, Transport, UpstreamSet, read_body};
use arc_swap::ArcSwap;
use futures_util::future::join_all;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

/// How often it is looked up who is due.
const SCHEDULE_INTERVAL: Duration = Duration::from_millis(500);
/// A free question that takes longer is not answered.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// As much of an answer is read; a list of models is far shorter.
const MAX_RESPONSE_BYTES: usize = 4 * 1024 * 1024;
/// Probes that were asked for by hand and wait for their turn.
const MANUAL_PROBE_QUEUE: usize = 16;

/// A probe asked for by hand: the provider's place in the catalogue, and where to answer.
pub type ManualProbe = (ProviderIdx, oneshot::Sender<ProbeResult>);

/// What a probe found.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeResult {
    pub end: ProbeEnd,
    pub latency: Duration,
}

/// The task's parts.
#[derive(Debug)]
pub struct Probe {
    handle: EngineHandle,
    upstreams: Arc<ArcSwap<UpstreamSet>>,
    /// Nothing where probes are switched off; those asked for by hand run all the same.
    interval: watch::Receiver<Option<Duration>>,
    requests: mpsc::Receiver<ManualProbe>,
    /// When each provider was asked last.
    asked: Vec<Option<UnixTime>>,
}

impl Probe {
    /// The task, and the way to ask it for a probe by hand.
    pub fn new(
        handle: EngineHandle,
        upstreams: Arc<ArcSwap<UpstreamSet>>,
        interval: watch::Receiver<Option<Duration>>,
    ) -> (Self, mpsc::Sender<ManualProbe>) {
        let (sender, requests) = mpsc::channel(MANUAL_PROBE_QUEUE);
        (
            Self {
                handle,
                upstreams,
                interval,
                requests,
                asked: Vec::new(),
            },
            sender,
        )
    }

    /// Runs until told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut look = tokio::time::interval(SCHEDULE_INTERVAL);
        let mut by_hand = true;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                request = self.requests.recv(), if by_hand => match request {
                    Some((provider, reply)) => self.on_request(provider, reply).await,
                    None => by_hand = false,
                },
                _ = look.tick() => self.round().await,
            }
        }
    }

    /// Asks all who are due, at once.
    async fn round(&mut self) {
        let Some(interval) = *self.interval.borrow() else {
            return;
        };
        let now = clock::now();
        // The table first: whoever it knows has an address by then.
        let table = self.handle.routing_table();
        let upstreams = self.upstreams.load_full();
        let catalogue = &table.catalogue;
        self.know(catalogue.providers.len());
        let places = catalogue.active_providers().map(|(place, _)| place);
        let due: Vec<ProviderIdx> = places
            .filter(|&provider| upstreams.registry.endpoint(provider).is_some())
            .filter(|&provider| {
                let targets = || catalogue.active_targets();
                let own = || {
                    targets()
                        .filter(|(_, target)| target.provider == provider)
                        .map(|(place, _)| &table.candidates[place])
                };
                let down = own().any(|candidate| candidate.standing == RoutingState::Down);
                let off = own().any(|candidate| matches!(candidate.standing, RoutingState::Off(_)));
                let success = own().filter_map(|candidate| candidate.succeeded_at).max();
                !off && probe_due(now, self.asked[provider.get()], success, down, interval)
            })
            .collect();
        for &provider in &due {
            self.asked[provider.get()] = Some(now);
        }
        let findings = join_all(due.iter().filter_map(|&provider| {
            let endpoint = upstreams.registry.endpoint(provider)?;
            Some(ask(&upstreams.transport, provider, endpoint))
        }));
        for finding in findings.await {
            self.handle.observe(Observation::Probe(finding.end));
        }
    }

    /// There are at least so many providers: those with an address may be more than were looked at
    /// in the last round, and without a schedule there are no rounds.
    fn know(&mut self, providers: usize) {
        if self.asked.len() < providers {
            self.asked.resize(providers, None);
        }
    }

    async fn on_request(&mut self, provider: ProviderIdx, reply: oneshot::Sender<ProbeResult>) {
        let upstreams = self.upstreams.load_full();
        let Some(endpoint) = upstreams.registry.endpoint(provider) else {
            return;
        };
        let finding = ask(&upstreams.transport, provider, endpoint).await;
        self.know(provider.get() + 1);
        self.asked[provider.get()] = Some(clock::now());
        self.handle.observe(Observation::Probe(finding.end.clone()));
        let _who_asked_may_have_left = reply.send(finding);
    }
}

async fn ask(transport: &Transport, provider: ProviderIdx, endpoint: &Endpoint) -> ProbeResult {
    let started = clock::now();
    let answered = tokio::time::timeout(PROBE_TIMEOUT, async {
        let ready = endpoint.with_credentials(false).await;
        let endpoint = ready.map_err(|upset| upset.message)?;
        let question = endpoint.protocol.build_probe(&endpoint);
        let sent = transport.send(provider, question).await;
        let answer = sent.map_err(|error| error.failure.as_str().to_owned())?;
        let status = answer.status();
        let body = read_body(answer, MAX_RESPONSE_BYTES).await;
        let body = body.map_err(|error| error.to_string())?;
        Ok::<_, String>((status, body))
    });
    let (verdict, detail) = match answered.await {
        Err(_) => (
            ProbeVerdict::Bad,
            format!("no answer within {} s", PROBE_TIMEOUT.as_secs()),
        ),
        Ok(Err(reason)) => (ProbeVerdict::Bad, reason),
        Ok(Ok((status, body))) => {
            let verdict = if endpoint.protocol.is_probe_ok(status, &body) {
                ProbeVerdict::Good
            } else if status.is_server_error() {
                ProbeVerdict::Bad
            } else {
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
            verdict,
            detail,
        },
        latency: at.since(started),
    }
}

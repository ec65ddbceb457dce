//! All receivers: from the events of the engine to the queues.

use super::delivery::{DeliveryContext, DeliveryQueue, RetryPolicy};
use super::message::Sender;
use super::webhook::Webhook;
use crate::contract::{DeliveryReport, WebhookReport};
use crate::domain::{AlertChange, AlertNotice};
use crate::engine::EngineHandle;
use arc_swap::ArcSwap;
use futures_util::future::join_all;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Sends the alerts of an engine to webhooks; cheap to clone.
#[derive(Debug, Clone)]
pub struct Webhooks {
    handle: EngineHandle,
    client: reqwest::Client,
    policy: RetryPolicy,
    instance: Arc<str>,
    sender: Arc<ArcSwap<Sender>>,
    queues: Arc<Mutex<Vec<Arc<DeliveryQueue>>>>,
    stop: CancellationToken,
}

impl Webhooks {
    /// A sender without receivers; `instance` names this instance in messages.
    pub fn new(
        handle: EngineHandle,
        instance: &str,
        policy: RetryPolicy,
        stop: CancellationToken,
    ) -> Result<Self, reqwest::Error> {
        // A redirect could lead a signed message, or a token in the path, to a stranger.
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("aibal-tui/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            handle,
            client,
            policy,
            instance: instance.into(),
            sender: Arc::default(),
            queues: Arc::default(),
            stop,
        })
    }

    /// Replaces the receivers; unchanged ones keep what they have queued. Spawns the tasks of new ones
    /// on the current runtime.
    pub fn configure(&self, webhooks: Vec<Webhook>, environment: &str) {
        self.sender.store(Arc::new(Sender {
            environment: environment.to_owned(),
            instance: self.instance.to_string(),
        }));
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *queues);
        for webhook in webhooks {
            let known = before.iter().position(|queue| queue.webhook == webhook);
            queues.push(match known {
                Some(at) => before.swap_remove(at),
                None => self.start(webhook),
            });
        }
        for removed in before {
            removed.stop.cancel();
        }
    }

    fn start(&self, webhook: Webhook) -> Arc<DeliveryQueue> {
        let queue = Arc::new(DeliveryQueue::new(webhook, self.stop.child_token()));
        let (task, context) = (Arc::clone(&queue), self.context());
        let handle = self.handle.clone();
        tokio::spawn(async move { task.run(context, handle).await });
        queue
    }

    fn context(&self) -> DeliveryContext {
        DeliveryContext {
            client: self.client.clone(),
            policy: self.policy,
            sender: Arc::clone(&self.sender),
        }
    }

    /// Queues every notice of the engine for every receiver, until it is stopped.
    pub async fn run(self) {
        let mut events = self.handle.events();
        loop {
            let event = tokio::select! {
                () = self.stop.cancelled() => return,
                event = events.recv() => event,
            };
            match event {
                // A test is sent by the call that waits for its result.
                Ok(event) => match event.alert {
                    Some(notice) if notice.change != AlertChange::Test => self.queue(&notice),
                    _ => {}
                },
                // Most of them were no alerts, but which is not known any more.
                Err(RecvError::Lagged(count)) => self.handle.missed_events(count),
                Err(RecvError::Closed) => return,
            }
        }
    }

    pub(super) fn queue(&self, notice: &AlertNotice) {
        for queue in self.queues() {
            queue.push(notice.clone(), &self.handle);
        }
    }

    fn queues(&self) -> Vec<Arc<DeliveryQueue>> {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.clone()
    }

    /// Sends a notice to all receivers, once each, and waits for their answers.
    pub async fn send_once(&self, notice: &AlertNotice) -> Vec<DeliveryReport> {
        let (context, queues) = (self.context(), self.queues());
        join_all(queues.iter().map(|queue| queue.try_once(notice, &context))).await
    }

    /// All receivers with their counts.
    pub fn report(&self) -> Vec<WebhookReport> {
        self.queues().iter().map(|queue| queue.report()).collect()
    }
}

//! The queue of one receiver, and the task that empties it.

use super::message::{self, Sender};
use super::webhook::{Webhook, WebhookFormat};
use crate::clock;
use crate::contract::{DeliveryReport, WebhookReport};
use crate::domain::{AlertChange, AlertNotice, AlertRule};
use crate::engine::EngineHandle;
use crate::foreign::read_body;
use arc_swap::ArcSwap;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Notices that wait for one receiver; the oldest is dropped for a newer one.
const MAX_QUEUED: usize = 64;
/// Bytes that are read of an answer, which is not used.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// Time for the rest of an answer whose status arrived.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
const SIGNATURE: &str = "x-aibal-signature";

/// How often and how long a delivery is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Time for one attempt.
    pub timeout: Duration,
    /// Pause after the first failure; it doubles.
    pub first_pause: Duration,
    /// Longest pause.
    pub max_pause: Duration,
    /// Attempts in all.
    pub attempts: u32,
}

impl Default for RetryPolicy {
    /// Gives up after some five minutes.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            first_pause: Duration::from_secs(1),
            max_pause: Duration::from_mins(1),
            attempts: 10,
        }
    }
}

/// A failed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Failure {
    text: String,
    /// Whether another attempt may succeed.
    is_temporary: bool,
    /// Pause that the receiver asks for.
    retry_after: Option<Duration>,
}

/// One receiver with its queue and its counts.
#[derive(Debug)]
pub(super) struct DeliveryQueue {
    pub webhook: Webhook,
    waiting: Mutex<VecDeque<AlertNotice>>,
    wake: Notify,
    delivered: AtomicU64,
    lost: AtomicU64,
    last_error: Mutex<Option<String>>,
    /// Ends the task.
    pub stop: CancellationToken,
}

/// What a task needs to send.
#[derive(Debug, Clone)]
pub(super) struct DeliveryContext {
    pub client: reqwest::Client,
    pub policy: RetryPolicy,
    pub sender: Arc<ArcSwap<Sender>>,
}

impl DeliveryQueue {
    pub fn new(webhook: Webhook, stop: CancellationToken) -> Self {
        Self {
            webhook,
            waiting: Mutex::default(),
            wake: Notify::new(),
            delivered: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            last_error: Mutex::default(),
            stop,
        }
    }

    /// Queues a notice; never waits. Where the queue is full, the oldest is dropped for it.
    pub fn push(&self, notice: AlertNotice, handle: &EngineHandle) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let dropped = if waiting.len() >= MAX_QUEUED {
            waiting.pop_front()
        } else {
            None
        };
        waiting.push_back(notice);
        drop(waiting);
        self.wake.notify_one();
        if let Some(dropped) = dropped {
            self.count_lost(&dropped, handle);
        }
    }

    /// A lost notice of lost data raises no alert, which would be lost too, without end.
    fn count_lost(&self, notice: &AlertNotice, handle: &EngineHandle) {
        self.lost.fetch_add(1, Ordering::Relaxed);
        if notice.alert.rule != AlertRule::DataLost {
            handle.count_lost_deliveries(1);
        }
    }

    fn pop(&self) -> Option<AlertNotice> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.pop_front()
    }

    pub fn report(&self) -> WebhookReport {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let last_error = self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        WebhookReport {
            url: self.webhook.shown_url(),
            format: self.webhook.format.as_str().to_owned(),
            queued: waiting.len() as u64,
            delivered: self.delivered.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
            last_error: last_error.clone(),
        }
    }

    /// Delivers what is queued, in order, until it is stopped.
    pub async fn run(&self, context: DeliveryContext, handle: EngineHandle) {
        loop {
            let Some(notice) = self.pop() else {
                tokio::select! {
                    () = self.stop.cancelled() => return,
                    () = self.wake.notified() => continue,
                }
            };
            tokio::select! {
                () = self.stop.cancelled() => return,
                is_delivered = self.deliver(&notice, &context) => {
                    if !is_delivered {
                        self.count_lost(&notice, &handle);
                    }
                }
            }
        }
    }

    async fn deliver(&self, notice: &AlertNotice, context: &DeliveryContext) -> bool {
        let policy = context.policy;
        let mut pause = policy.first_pause;
        for attempt in 1..=policy.attempts {
            let Err(failure) = self.attempt(notice, context).await else {
                return true;
            };
            let url = self.webhook.shown_url();
            if !failure.is_temporary || attempt == policy.attempts {
                tracing::warn!(
                    url,
                    attempt,
                    "an alert was not delivered: {}; given up",
                    failure.text
                );
                return false;
            }
            tracing::debug!(url, attempt, "an alert was not delivered: {}", failure.text);
            let asked = failure.retry_after.unwrap_or_default();
            tokio::time::sleep(pause.max(asked).min(policy.max_pause)).await;
            pause = (pause * 2).min(policy.max_pause);
        }
        false
    }

    /// Sends a notice once and reports the result.
    pub async fn try_once(
        &self,
        notice: &AlertNotice,
        context: &DeliveryContext,
    ) -> DeliveryReport {
        let mut result = self.attempt(notice, context).await;
        // A test must leave no open incident.
        if result.is_ok() && self.webhook.format == WebhookFormat::PagerDuty {
            let end = AlertNotice {
                change: AlertChange::Resolved,
                alert: notice.alert.clone(),
            };
            result = self.attempt(&end, context).await;
        }
        DeliveryReport {
            url: self.webhook.shown_url(),
            format: self.webhook.format.as_str().to_owned(),
            ok: result.is_ok(),
            result: result.map_or_else(|failure| failure.text, |status| status.to_string()),
        }
    }

    async fn attempt(
        &self,
        notice: &AlertNotice,
        context: &DeliveryContext,
    ) -> Result<StatusCode, Failure> {
        let result = self.send(notice, context).await;
        let error = result.as_ref().err().map(|failure| failure.text.clone());
        let mut last_error = self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *last_error = error;
        drop(last_error);
        if result.is_ok() {
            self.delivered.fetch_add(1, Ordering::Relaxed);
        }
        result
    }

    async fn send(
        &self,
        notice: &AlertNotice,
        context: &DeliveryContext,
    ) -> Result<StatusCode, Failure> {
        let body = message::body(notice, &self.webhook, &context.sender.load());
        let mut request = context
            .client
            .post(self.webhook.url.expose())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let is_signed = self.webhook.format != WebhookFormat::PagerDuty;
        if let Some(secret) = self.webhook.secret.as_ref().filter(|_| is_signed) {
            let signature = message::signature(secret, &body, clock::now());
            request = request.header(SIGNATURE, signature);
        }
        let response = timeout(context.policy.timeout, request.body(body).send()).await;
        let response = response
            .map_err(|_| temporary(format!("no answer in {:?}", context.policy.timeout)))?
            // Its address may hold a token.
            .map_err(|error| temporary(root_cause(&error.without_url())))?;
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
        // Only so that the connection can be used again: the status says all.
        let _unused = timeout(ANSWER_TIMEOUT, read_body(response, MAX_ANSWER_BYTES)).await;
        if status.is_success() {
            return Ok(status);
        }
        let is_temporary = status.is_server_error()
            || matches!(
                status,
                StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
            );
        let more = if status.is_redirection() {
            ", and redirects are not followed"
        } else {
            ""
        };
        Err(Failure {
            text: format!("the receiver answers {status}{more}"),
            is_temporary,
            retry_after: retry_after.map(Duration::from_secs),
        })
    }
}

fn temporary(text: String) -> Failure {
    Failure {
        text,
        is_temporary: true,
        retry_after: None,
    }
}

/// The innermost cause, for example `Connection refused`.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

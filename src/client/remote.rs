//! An instance in another process, over HTTP.

use super::backoff::Backoff;
use super::{Address, ClientError, Update};
use crate::contract::{Problem, Status, Window};
use futures_util::StreamExt;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sse_stream::{Sse, SseByteStream};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// A connect and a call that take longer are given up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Deltas come every second, so a line that is silent for longer is in trouble; people know of it
/// within two seconds.
const SILENCE_TIMEOUT: Duration = Duration::from_millis(1_800);
/// So many silences running, and the line is given up and made anew.
const MAX_SILENCES: u32 = 5;

/// The way to an instance; cheap to clone.
#[derive(Debug, Clone)]
pub struct RemoteClient {
    address: Arc<Address>,
    client: reqwest::Client,
}

impl RemoteClient {
    /// Connects to nothing yet. The token is sent with every call.
    pub fn new(address: Address, token: Option<&str>) -> Result<Self, ClientError> {
        let mut headers = HeaderMap::new();
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| unanswered("the token holds characters that no header can carry"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .default_headers(headers)
            .user_agent(concat!("aibal-tui/", env!("CARGO_PKG_VERSION")));
        if address.is_loopback() {
            builder = builder.no_proxy();
        }
        // On the same machine there is nothing to gain.
        builder = builder.gzip(!address.is_loopback());
        if let Address::Unix(path) = &address {
            builder = builder.unix_socket(path.clone());
        }
        let client = builder.build().map_err(|error| {
            unanswered(&format!("no client could be made: {}", innermost(&error)))
        })?;
        Ok(Self {
            address: Arc::new(address),
            client,
        })
    }

    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Asks, and reads the answer.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.call(self.request(Method::GET, path)).await
    }

    /// Sends a body, and reads the answer.
    pub async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        self.call(self.request(method, path).json(body)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.address.base()))
    }

    async fn call<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ClientError> {
        let response = request.timeout(CALL_TIMEOUT).send().await;
        let response = self.accepted(response).await?;
        let status = response.status().as_u16();
        response.json().await.map_err(|error| ClientError {
            status,
            detail: format!(
                "the answer of {} cannot be read: {}",
                self.address,
                innermost(&error)
            ),
        })
    }

    /// The answer where it is one, else why not.
    async fn accepted(
        &self,
        response: Result<Response, reqwest::Error>,
    ) -> Result<Response, ClientError> {
        let response = response.map_err(|error| {
            unanswered(&format!(
                "no answer from {}: {}",
                self.address,
                innermost(&error)
            ))
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let problem = timeout(CALL_TIMEOUT, response.json::<Problem>()).await;
        let detail = match problem {
            Ok(Ok(problem)) => problem.detail,
            _ => format!("{} answers {status}", self.address),
        };
        Err(ClientError {
            status: status.as_u16(),
            detail,
        })
    }

    /// Sends updates until nobody listens; reconnects by itself.
    pub(super) async fn watch(self, window: Window, updates: mpsc::Sender<Update>) {
        let mut backoff = Backoff::default();
        loop {
            let error = tokio::select! {
                () = updates.closed() => return,
                error = self.listen(window, &updates, &mut backoff) => error,
            };
            // Said with patience, unlike a status: no next one makes up for it.
            if updates
                .send(Update::Disconnected(error.detail))
                .await
                .is_err()
            {
                return;
            }
            tokio::select! {
                () = updates.closed() => return,
                () = tokio::time::sleep(backoff.pause()) => {}
            }
        }
    }

    /// One line until it breaks; says how.
    async fn listen(
        &self,
        window: Window,
        updates: &mpsc::Sender<Update>,
        backoff: &mut Backoff,
    ) -> ClientError {
        let path = format!("/api/events?window={}", window.as_str());
        // No limit on the whole: the line stays open as long as both ends live.
        let connecting = timeout(CALL_TIMEOUT, self.request(Method::GET, &path).send());
        let Ok(response) = connecting.await else {
            return unanswered(&format!("no answer from {}", self.address));
        };
        let response = match self.accepted(response).await {
            Ok(response) => response,
            Err(error) => return error,
        };
        let mut lines = SseByteStream::new(response.bytes_stream());
        let mut last: Option<Status> = None;
        let mut silences = 0;
        loop {
            let line = match timeout(SILENCE_TIMEOUT, lines.next()).await {
                Ok(line) => line,
                Err(_) if silences < MAX_SILENCES => {
                    silences += 1;
                    let text = format!("{} says nothing", self.address);
                    let _next_comes = updates.try_send(Update::Disconnected(text));
                    continue;
                }
                Err(_) => return unanswered(&format!("{} says nothing", self.address)),
            };
            let event = match line {
                Some(Ok(event)) => event,
                Some(Err(error)) => {
                    let text = format!("the line to {} broke: {error}", self.address);
                    return unanswered(&text);
                }
                None => return unanswered(&format!("{} closed the line", self.address)),
            };
            match follow(&mut last, &event) {
                Ok(true) => {
                    silences = 0;
                    backoff.reset();
                    if let Some(status) = &last {
                        let update = Update::Status(Arc::new(status.clone()));
                        let _next_comes = updates.try_send(update);
                    }
                }
                Ok(false) => silences = 0,
                Err(error) => {
                    return unanswered(&format!("{} cannot be understood: {error}", self.address));
                }
            }
        }
    }
}

/// Brings the last status up to date; false for an event that changes nothing of it.
fn follow(last: &mut Option<Status>, event: &Sse) -> Result<bool, serde_json::Error> {
    let data = event.data.as_deref().unwrap_or_default();
    match (event.event.as_deref(), last) {
        (Some("snapshot"), last) => *last = Some(serde_json::from_str(data)?),
        (Some("delta"), Some(last)) => last.apply(serde_json::from_str(data)?),
        _ => return Ok(false),
    }
    Ok(true)
}

fn unanswered(detail: &str) -> ClientError {
    ClientError {
        status: 0,
        detail: detail.to_owned(),
    }
}

/// What is really wrong; the outer sentences repeat the address.
fn innermost(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it took too long".to_owned();
    }
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

use super::address::Address;
use super::control::{Call, Control};
use super::error::{ApiError, ClientError};
use super::remote_feed::send_updates;
use super::update::{UPDATE_QUEUE, Update};
use super::validation;
use crate::contract::{
    DecisionDetail, DecisionList, DecisionReport, Performance, ProbeReport, Problem,
    ProviderChange, ProviderReport, ReloadReport, RevisionList, RevisionReport, SelectRequest,
    Selection, Status, WeightsChange, WeightsReport, WhatIfReport, WhatIfRequest, Window,
};
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Longest time to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest time of one call; for an event stream, until its headers arrive.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// An instance that is reached over HTTP; cheap to clone.
#[derive(Debug, Clone)]
pub struct RemoteClient {
    address: Arc<Address>,
    client: reqwest::Client,
}

impl RemoteClient {
    /// Connects with the first call. The token is sent with every call.
    pub fn new(address: Address, token: Option<&str>) -> Result<Self, ClientError> {
        let mut headers = HeaderMap::new();
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| ClientError::InvalidToken)?;
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
        // Compression gains nothing on the same machine.
        builder = builder.gzip(!address.is_loopback());
        if let Address::Unix(path) = &address {
            builder = builder.unix_socket(path.clone());
        }
        let client = builder
            .build()
            .map_err(|error| ClientError::Setup(Arc::new(error)))?;
        Ok(Self {
            address: Arc::new(address),
            client,
        })
    }

    /// Address of the instance.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Request without body; `path` begins with a slash.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.address.base()))
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &impl Serialize,
    ) -> Result<T, ClientError> {
        self.call(self.request(Method::GET, path).query(query))
            .await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        self.call(self.request(method, path).json(body)).await
    }

    async fn call<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ClientError> {
        let response = request.timeout(CALL_TIMEOUT).send().await;
        let response = self.accepted(response).await?;
        let status = response.status().as_u16();
        response
            .json()
            .await
            .map_err(|error| ClientError::Unreadable {
                address: self.address.to_string(),
                status,
                source: Arc::new(error),
            })
    }

    /// The response if it is a success, else the reason why not.
    pub(super) async fn accepted(
        &self,
        response: Result<Response, reqwest::Error>,
    ) -> Result<Response, ClientError> {
        let response = response.map_err(|error| self.no_answer(Some(error)))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let retry_after = response.headers().get(RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
        match timeout(CALL_TIMEOUT, response.json::<Problem>()).await {
            Ok(Ok(problem)) => Err(ApiError::Other {
                problem,
                retry_after: retry_after.map(Duration::from_secs),
            }
            .into()),
            _ => Err(ClientError::Status {
                address: self.address.to_string(),
                status,
            }),
        }
    }

    /// Error of a call without an answer; without a cause, the time limit was reached.
    pub(super) fn no_answer(&self, cause: Option<reqwest::Error>) -> ClientError {
        ClientError::NoAnswer {
            address: self.address.to_string(),
            source: cause.map(Arc::new),
        }
    }
}

impl Control for RemoteClient {
    fn is_remote(&self) -> bool {
        true
    }

    fn display_address(&self) -> String {
        self.address.to_string()
    }

    fn watch(&self, window: Window) -> mpsc::Receiver<Update> {
        let (sender, updates) = mpsc::channel(UPDATE_QUEUE);
        tokio::spawn(send_updates(self.clone(), window, sender));
        updates
    }

    fn status(&self, window: Window) -> Call<'_, Status> {
        Box::pin(async move {
            let query = [("window", window.as_str())];
            self.get("/api/status", &query).await
        })
    }

    fn performance(&self, hours: u32) -> Call<'_, Performance> {
        Box::pin(async move {
            let query = [("hours", hours)];
            self.get("/api/monitoring/performance", &query).await
        })
    }

    fn select(&self, request: SelectRequest) -> Call<'_, Selection> {
        Box::pin(async move {
            // JSON has no NaN: it would become `null`, and the constraint would be lost.
            validation::selection(&request)?;
            let path = "/api/load-balancing/select";
            self.send(Method::POST, path, &request).await
        })
    }

    fn what_if(&self, request: WhatIfRequest) -> Call<'_, WhatIfReport> {
        Box::pin(async move { self.send(Method::POST, "/api/what-if", &request).await })
    }

    fn set_weights(&self, change: WeightsChange) -> Call<'_, WeightsReport> {
        Box::pin(async move { self.send(Method::PUT, "/api/weights", &change).await })
    }

    fn confirm_weights(&self) -> Call<'_, WeightsReport> {
        Box::pin(async move {
            let path = "/api/weights/keep";
            self.send(Method::POST, path, &json!({})).await
        })
    }

    fn change_provider<'a>(
        &'a self,
        name: &'a str,
        change: ProviderChange,
    ) -> Call<'a, ProviderReport> {
        Box::pin(async move {
            let path = format!("/api/providers/{}", escaped(name));
            self.send(Method::PATCH, &path, &change).await
        })
    }

    fn decisions<'a>(
        &'a self,
        limit: usize,
        provider: Option<&'a str>,
    ) -> Call<'a, Vec<DecisionReport>> {
        Box::pin(async move {
            let limit = limit.to_string();
            let mut query = vec![("limit", &*limit)];
            query.extend(provider.map(|name| ("provider", name)));
            let list: DecisionList = self.get("/api/decisions", &query).await?;
            Ok(list.decisions)
        })
    }

    fn decision<'a>(&'a self, id: &'a str) -> Call<'a, DecisionDetail> {
        Box::pin(async move {
            let path = format!("/api/decisions/{}", escaped(id));
            self.get(&path, &()).await
        })
    }

    fn revisions(&self) -> Call<'_, Vec<RevisionReport>> {
        Box::pin(async move {
            let list: RevisionList = self.get("/api/revisions", &()).await?;
            Ok(list.revisions)
        })
    }

    fn reload(&self) -> Call<'_, ReloadReport> {
        Box::pin(async move { self.send(Method::POST, "/api/reload", &json!({})).await })
    }

    fn probe<'a>(&'a self, name: &'a str) -> Call<'a, ProbeReport> {
        Box::pin(async move {
            let path = format!("/api/providers/{}/probe", escaped(name));
            self.send(Method::POST, &path, &json!({})).await
        })
    }
}

/// A name as one segment of a path.
fn escaped(name: &str) -> String {
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let escape = |byte: u8| {
        if is_unreserved(byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    name.bytes().map(escape).collect()
}

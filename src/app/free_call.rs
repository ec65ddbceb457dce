//! The free call of a provider: its list of models.

use crate::foreign::{BodyError, ConnectionFault, read_body};
use crate::protocols::{Endpoint, Transport, TransportOptions};
use http::header::DATE;
use http::{HeaderMap, StatusCode};
use std::time::Duration;
use tokio::time::timeout;

/// Largest model list that is read; it has room for tens of thousands of models.
pub(super) const MAX_LIST_BYTES: usize = 4 * 1024 * 1024;

/// The answer to a free call.
#[derive(Debug)]
pub(super) struct FreeAnswer {
    pub status: StatusCode,
    /// Whether the provider can list its models for this key.
    pub is_ok: bool,
    /// The names of the provider's models.
    pub models: Option<Vec<String>>,
    /// Its clock, as its header says it.
    pub date: Option<String>,
}

/// A free call without an answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum FreeCallError {
    /// The connection failed.
    #[error("{0}")]
    Connection(ConnectionFault),
    /// The key or the access token could not be had.
    #[error("{0}")]
    Credentials(String),
    /// The answer is too large for a list of models.
    #[error("the list of models is too large")]
    TooLarge,
    /// Something else answers.
    #[error("what answers there lists no models")]
    NoList,
}

/// Asks a provider for its models, with its first key. `limit` bounds the whole call.
pub(super) async fn free_call(
    endpoint: &Endpoint,
    limit: Duration,
) -> Result<FreeAnswer, FreeCallError> {
    let answer = timeout(limit, call(endpoint, limit)).await;
    answer.unwrap_or(Err(FreeCallError::Connection(ConnectionFault::Timeout)))
}

async fn call(endpoint: &Endpoint, limit: Duration) -> Result<FreeAnswer, FreeCallError> {
    let options = TransportOptions::new(limit);
    let transport = Transport::over(std::slice::from_ref(&endpoint.connection), options);
    let transport =
        transport.map_err(|error| FreeCallError::Connection(ConnectionFault::of(&error)))?;
    let ready = endpoint.with_credentials(None).await;
    let endpoint = ready.map_err(|error| FreeCallError::Credentials(error.message))?;
    let mut request = endpoint.protocol.build_probe(&endpoint);
    endpoint.add_headers(&mut request.headers, &HeaderMap::new());
    let response = transport.send(0.into(), request).await;
    let response = response.map_err(|error| FreeCallError::Connection(error.fault))?;
    let status = response.status();
    let date = response.headers().get(DATE);
    let date = date.and_then(|value| Some(value.to_str().ok()?.to_owned()));
    let body = read_body(response, MAX_LIST_BYTES).await;
    let body = body.map_err(|error| match error {
        BodyError::TooLarge => FreeCallError::TooLarge,
        BodyError::Interrupted(error) => FreeCallError::Connection(ConnectionFault::of(&error)),
    })?;
    Ok(FreeAnswer {
        status,
        is_ok: endpoint.protocol.is_probe_ok(status, &body),
        date,
        models: endpoint.protocol.model_names(&body),
    })
}

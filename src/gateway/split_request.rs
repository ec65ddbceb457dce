//! Further requests of an operation that its provider takes only in several.

use crate::clock;
use crate::domain::ProviderIdx;
use crate::foreign::read_body;
use crate::protocols::{
    Endpoint, OutboundRequest, ResponseAdapter, Transport, UpstreamError, add_date,
};
use bytes::Bytes;

/// Bytes that are read of the body of an error.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// The requests that follow the first one.
pub(super) struct SplitRequest<'c> {
    pub endpoint: &'c Endpoint,
    pub transport: &'c Transport,
    pub provider: ProviderIdx,
    /// The first request, whose URL and headers all of them have.
    pub request: OutboundRequest,
    /// Largest answer in bytes.
    pub largest: usize,
}

impl SplitRequest<'_> {
    /// Sends the further requests, one after the other. `body` is the answer to the first one;
    /// returns the last one, and gives the adapter all others.
    pub async fn send_all(
        &self,
        adapter: &mut dyn ResponseAdapter,
        mut body: Bytes,
    ) -> Result<Bytes, UpstreamError> {
        while let Some(next) = adapter.next_body() {
            adapter.part(&body)?;
            body = self.send(next).await?;
        }
        Ok(body)
    }

    async fn send(&self, body: Bytes) -> Result<Bytes, UpstreamError> {
        let request = OutboundRequest {
            body,
            ..self.request.clone()
        };
        let response = self.transport.send(self.provider, request).await?;
        if response.status().is_success() {
            return Ok(read_body(response, self.largest).await?);
        }
        let (status, mut headers) = (response.status(), response.headers().clone());
        add_date(&mut headers, clock::now());
        let body = read_body(response, MAX_ERROR_BYTES).await;
        let body = body.unwrap_or_default();
        Err(self
            .endpoint
            .protocol
            .classify_error(status, &headers, &body))
    }
}

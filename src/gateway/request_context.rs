//! A checked request with all that an attempt needs.

use super::operation::Operation;
use super::relay::KeepAlive;
use super::request::ParsedRequest;
use super::state::Gateway;
use crate::clock;
use crate::domain::BudgetScope;
use crate::protocols::ClientApi;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue};
use tokio::time::Instant;

/// A checked request, ready to be sent to a target.
#[derive(Debug)]
pub(super) struct RequestContext<'g> {
    pub gateway: &'g Gateway,
    pub request: &'g ParsedRequest<'g>,
    /// The client's headers.
    pub headers: &'g HeaderMap,
    /// The decision's id; unique to the request.
    pub id: &'g str,
    pub budget_scope: &'g BudgetScope,
    /// When the request began to wait for a response, including the wait for an identical request.
    pub started: Instant,
}

impl RequestContext<'_> {
    /// What breaks the client's silence; `None` where the response is no stream of events, or where
    /// the operator does not want it.
    pub fn keep_alive(&self) -> Option<KeepAlive> {
        let api = self.streaming_api()?;
        let after = self.gateway.config.load().keep_alive?;
        let created = clock::now().unix_seconds();
        Some(KeepAlive {
            after,
            bytes: api.keep_alive(&self.request.object, created),
        })
    }

    /// The same before there is content; `None` where such a response must not begin early.
    pub fn early_keep_alive(&self) -> Option<KeepAlive> {
        let api = self.streaming_api()?;
        let is_allowed = api.may_open_early(&self.request.object);
        is_allowed.then(|| self.keep_alive()).flatten()
    }

    /// The header with the type of the stream that the client wants.
    pub fn stream_type(&self) -> HeaderMap {
        let api = self.streaming_api();
        let kind = api.map(|api| api.stream_type(&self.request.object));
        let header = kind.map(|kind| (CONTENT_TYPE, HeaderValue::from_static(kind)));
        header.into_iter().collect()
    }

    /// The client's protocol, where it wants a stream of events.
    fn streaming_api(&self) -> Option<&'static dyn ClientApi> {
        match self.request.operation {
            Operation::Generate(dialect) if self.request.stream => Some(dialect.client_api()),
            _ => None,
        }
    }
}

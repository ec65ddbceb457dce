//! A checked request with all that an attempt needs.

use super::answer_memory::ClientMemory;
use super::relay::KeepAlive;
use super::request::ParsedRequest;
use super::state::Gateway;
use crate::domain::BudgetScope;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue};
use std::sync::Arc;
use tokio::time::Instant;

/// A checked request, ready to be sent to a target.
#[derive(Debug)]
pub(super) struct RequestContext<'g> {
    pub gateway: &'g Gateway,
    pub request: &'g Arc<ParsedRequest>,
    /// The client's headers.
    pub headers: &'g Arc<HeaderMap>,
    /// The decision's id; unique to the request.
    pub id: &'g str,
    /// Name of the client, for what is remembered for it.
    pub owner: &'g str,
    /// The client's share of the memory for answers.
    pub memory: ClientMemory,
    pub budget_scope: &'g BudgetScope,
    /// When the request began to wait for a response, including the wait for an identical request.
    pub started: Instant,
}

impl RequestContext<'_> {
    /// What breaks the client's silence; `None` where the response is no stream of events, or where
    /// the operator does not want it.
    pub fn keep_alive(&self) -> Option<KeepAlive> {
        let form = self.request.stream_form.as_ref()?;
        let after = self.gateway.config.load().keep_alive?;
        let bytes = form.keep_alive.clone();
        Some(KeepAlive { after, bytes })
    }

    /// The same before there is content; `None` where such a response must not begin early.
    pub fn early_keep_alive(&self) -> Option<KeepAlive> {
        let form = self.request.stream_form.as_ref()?;
        form.may_open_early.then(|| self.keep_alive()).flatten()
    }

    /// The header with the type of the stream that the client wants.
    pub fn stream_type(&self) -> HeaderMap {
        let form = self.request.stream_form.as_ref();
        let header = form.map(|form| (CONTENT_TYPE, HeaderValue::from_static(form.kind)));
        header.into_iter().collect()
    }
}

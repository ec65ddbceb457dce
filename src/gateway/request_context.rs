//! A checked request with all that an attempt needs.

use super::answer_memory::ClientMemory;
use super::relay::KeepAlive;
use super::request::ParsedRequest;
use super::state::Gateway;
use crate::clock;
use crate::domain::{BudgetScope, CachedPrompt, PromptCaches, ServedPrompt, TargetIdx};
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
    /// What the prompt caches of targets are expected to hold of the prompt.
    pub fn cached(&self) -> Vec<CachedPrompt> {
        let input = self.request.input as f64;
        let caches = &self.gateway.prompt_caches;
        let session = self.request.session;
        session.map_or_else(Vec::new, |session| {
            caches.expected(session, input, clock::now())
        })
    }

    /// What a target holds once it has served the request.
    pub fn served(&self, target: TargetIdx) -> Option<(Arc<PromptCaches>, ServedPrompt)> {
        let served = ServedPrompt {
            session: self.request.session?,
            target,
            input: self.request.input as f64,
            usage: None,
            lifetime: self.gateway.config.load().prompt_cache(target),
        };
        Some((Arc::clone(&self.gateway.prompt_caches), served))
    }

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

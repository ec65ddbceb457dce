//! What the store of responses adds to a request that continues a conversation.

use super::error::{GatewayError, InvalidRequest};
use super::operation::Operation;
use crate::protocols::{ApiDialect, PendingResponse, RawObject, ResponseStore, compaction_request};
use std::sync::Arc;

/// What the store of responses adds to a request.
pub(super) struct StoredConversation {
    /// The body with the whole conversation; `None` where the client sent it.
    pub body: Option<Vec<u8>>,
    /// What is stored with the response.
    pub pending: Option<PendingResponse>,
}

impl StoredConversation {
    /// Reads the request's fields.
    pub fn new(
        store: &ResponseStore,
        operation: Operation,
        owner: &Arc<str>,
        object: &RawObject<'_>,
    ) -> Result<Self, GatewayError> {
        if operation.dialect() != ApiDialect::Responses {
            return Ok(Self {
                body: None,
                pending: None,
            });
        }
        let whole = store.expand(owner, object);
        let whole = whole.map_err(InvalidRequest::Field)?;
        if operation != Operation::Compact {
            return Ok(Self {
                body: whole,
                pending: store.pending(owner, object),
            });
        }
        let expanded = whole
            .as_deref()
            .and_then(|body| serde_json::from_slice(body).ok());
        Ok(Self {
            body: Some(compaction_request(expanded.as_ref().unwrap_or(object))),
            pending: None,
        })
    }
}

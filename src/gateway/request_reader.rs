//! Reads a client's request: everything about it that takes time in proportion to its body.

use super::error::{GatewayError, InvalidRequest};
use super::operation::Operation;
use super::owned_id::without_owned_ids;
use super::request::ParsedRequest;
use super::request_fields::RequestFields;
use super::session_key::session_key;
use super::stored_conversation::StoredConversation;
use crate::domain::{AllowedModels, Catalogue};
use crate::protocols::{PathFields, ResponseStore, check_json_size};
use axum::http::HeaderMap;
use bytes::Bytes;
use std::sync::Arc;

/// A request as it came, with what is needed to read it.
pub(super) struct RequestReader {
    pub operation: Operation,
    pub catalogue: Arc<Catalogue>,
    pub responses: ResponseStore,
    /// Name of the client.
    pub owner: Arc<str>,
    /// The models that it may use; `None`: all.
    pub models: Option<AllowedModels>,
    pub path: Arc<PathFields>,
    pub headers: Arc<HeaderMap>,
    pub body: Bytes,
    /// Whether the conversation is looked for that the request continues.
    pub wants_session: bool,
}

/// A request that was read.
pub(super) enum ReadRequest {
    /// It asks for nothing that a provider is needed for.
    Answered(Bytes),
    Parsed(Arc<ParsedRequest>),
}

impl RequestReader {
    pub fn read(self) -> Result<ReadRequest, GatewayError> {
        check_json_size(&self.body).map_err(InvalidRequest::TooMuch)?;
        let operation = self.operation;
        let with_files = without_owned_ids(&self.body, &self.owner);
        let (body, holder) = match with_files {
            Some((body, provider)) => (body.into(), Some(provider)),
            None => (self.body, None),
        };
        let translated = operation.embeddings_request(&body).transpose();
        let translated = translated.map_err(InvalidRequest::Field)?;
        let body = translated.map_or(body, Bytes::from);
        let mut fields = RequestFields::new(body, self.path)?;
        let object = fields.object();
        let stored = StoredConversation::new(&self.responses, operation, &self.owner, &object)?;
        if let Some(body) = stored.body {
            drop(object);
            fields = fields.with_body(body)?;
        }
        let object = fields.object();
        if let Some(body) = operation.answer_without_prompt(&object) {
            return Ok(ReadRequest::Answered(body));
        }
        drop(object);
        let request = ParsedRequest::read(operation, &self.headers, fields, &self.catalogue)?;
        let mut request = request.allow_models(&self.catalogue, self.models.as_ref())?;
        request.pending = stored.pending;
        if self.wants_session && matches!(operation, Operation::Generate(_)) {
            request.session = session_key(&self.owner, &self.headers, &request);
        }
        if let Some(provider) = holder {
            request.hold_to(&self.catalogue, &provider);
        }
        Ok(ReadRequest::Parsed(Arc::new(request)))
    }
}

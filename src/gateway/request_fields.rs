//! The fields of a client's request.

use super::error::{GatewayError, InvalidRequest};
use crate::protocols::{PathFields, RawObject};
use bytes::Bytes;
use std::sync::Arc;

/// The fields of a request: those of its body, and those that its path states. Cheap to clone, so that
/// work on them can go to another thread.
#[derive(Debug, Clone)]
pub(super) struct RequestFields {
    body: Bytes,
    path: Arc<PathFields>,
}

impl RequestFields {
    /// Checks that the body is a JSON object.
    pub fn new(body: Bytes, path: Arc<PathFields>) -> Result<Self, GatewayError> {
        serde_json::from_slice::<RawObject<'_>>(&body).map_err(InvalidRequest::NotJson)?;
        Ok(Self { body, path })
    }

    /// The fields. Those of the path outrank those of the body.
    pub fn object(&self) -> RawObject<'_> {
        let mut object: RawObject<'_> = serde_json::from_slice(&self.body).unwrap_or_default();
        self.path.add_to(&mut object);
        object
    }

    /// The same fields with those of another body.
    pub fn with_body(&self, body: Vec<u8>) -> Result<Self, GatewayError> {
        Self::new(body.into(), Arc::clone(&self.path))
    }

    pub fn body(&self) -> &Bytes {
        &self.body
    }
}
